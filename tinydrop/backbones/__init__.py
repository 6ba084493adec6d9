"""Adapters of timm's models, the only door to timm.

A guidance gives logits and a feature map; a target classifies from any set of patches. Both are
proved against the model's own forward pass when they are made, and refused with a reason otherwise.
"""

from __future__ import annotations

from tinydrop.backbones.build import (
    build_model,
    download_megabytes,
    imagenet_class_names,
    list_architectures,
    model_input,
)
from tinydrop.backbones.costs import (
    DenseCost,
    PoolCost,
    TargetCost,
    WindowedCost,
    WindowGrid,
    WindowStage,
)
from tinydrop.backbones.cut import map_layer, meta_copy
from tinydrop.backbones.families import (
    FAMILIES,
    describe_target,
    family_of,
    load_target,
    masked_logits,
    why_not_target,
    wrap_target,
)
from tinydrop.backbones.features import Features
from tinydrop.backbones.guidance import Guidance, GuidanceSpec, load_guidance, wrap_guidance
from tinydrop.backbones.heads import LinearHead
from tinydrop.backbones.hub import DownloadProgress
from tinydrop.backbones.own_map import OWN_MAP_METHOD, target_own_maps, why_no_own_map
from tinydrop.backbones.target import POSITION_MODES, PositionScheme, Target, TargetSpec

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
    "build_model",
    "describe_target",
    "download_megabytes",
    "family_of",
    "imagenet_class_names",
    "list_architectures",
    "load_guidance",
    "load_target",
    "map_layer",
    "masked_logits",
    "meta_copy",
    "model_input",
    "target_own_maps",
    "why_no_own_map",
    "why_not_target",
    "wrap_guidance",
    "wrap_target",
]
