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
from tinydrop.backbones.costs import DenseCost, PoolCost, TargetCost
from tinydrop.backbones.cut import meta_copy
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
from tinydrop.backbones.hub import DownloadProgress
from tinydrop.backbones.target import POSITION_MODES, PositionScheme, Target, TargetSpec

__all__ = [
    "FAMILIES",
    "POSITION_MODES",
    "DenseCost",
    "DownloadProgress",
    "Features",
    "Guidance",
    "GuidanceSpec",
    "PoolCost",
    "PositionScheme",
    "Target",
    "TargetCost",
    "TargetSpec",
    "build_model",
    "describe_target",
    "download_megabytes",
    "family_of",
    "imagenet_class_names",
    "list_architectures",
    "load_guidance",
    "load_target",
    "masked_logits",
    "meta_copy",
    "model_input",
    "why_not_target",
    "wrap_guidance",
    "wrap_target",
]
