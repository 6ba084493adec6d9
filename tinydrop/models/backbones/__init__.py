"""Adapters of timm's models, the only door to timm.

A guidance gives logits and a feature map; a target classifies from any set of patches. Both are
proved against the model's own forward pass when they are made, and refused with a reason otherwise.
"""

from __future__ import annotations

from tinydrop.models.backbones.build import (
    build_model,
    download_megabytes,
    imagenet_class_names,
    list_architectures,
    model_input,
)
from tinydrop.models.backbones.costs import (
    DenseCost,
    PoolCost,
    TargetCost,
    WindowedCost,
    WindowGrid,
    WindowStage,
    linear_macs,
)
from tinydrop.models.backbones.cut import map_layer, meta_copy
from tinydrop.models.backbones.dense import attend
from tinydrop.models.backbones.features import Features
from tinydrop.models.backbones.guidance import Guidance, GuidanceSpec, load_guidance, wrap_guidance
from tinydrop.models.backbones.heads import LinearHead
from tinydrop.models.backbones.hub import DownloadProgress
from tinydrop.models.backbones.own_map import OWN_MAP_METHOD, target_own_maps, why_no_own_map
from tinydrop.models.backbones.parity import (
    check_pixels,
    largest_difference,
    placed_like,
    probe_pixels,
    tolerance,
)
from tinydrop.models.backbones.registry import (
    FAMILIES,
    describe_target,
    family_of,
    load_target,
    masked_logits,
    why_not_target,
    wrap_target,
)
from tinydrop.models.backbones.synsets import imagenet_synonyms, imagenet_wnids
from tinydrop.models.backbones.target import (
    POSITION_MODES,
    PositionScheme,
    Target,
    TargetSpec,
    gather_rows,
    place_kept,
)

__all__ = [
    "FAMILIES",
    "OWN_MAP_METHOD",
    "POSITION_MODES",
    "DenseCost",
    "DownloadProgress",
    "Features",
    "Guidance",
    "GuidanceSpec",
    "LinearHead",
    "PoolCost",
    "PositionScheme",
    "Target",
    "TargetCost",
    "TargetSpec",
    "WindowGrid",
    "WindowStage",
    "WindowedCost",
    "attend",
    "build_model",
    "check_pixels",
    "describe_target",
    "download_megabytes",
    "family_of",
    "gather_rows",
    "imagenet_class_names",
    "imagenet_synonyms",
    "imagenet_wnids",
    "largest_difference",
    "linear_macs",
    "list_architectures",
    "load_guidance",
    "load_target",
    "map_layer",
    "masked_logits",
    "meta_copy",
    "model_input",
    "place_kept",
    "placed_like",
    "probe_pixels",
    "target_own_maps",
    "tolerance",
    "why_no_own_map",
    "why_not_target",
    "wrap_guidance",
    "wrap_target",
]
