"""Adapters of timm's models, the only door to timm.

A guidance gives logits and a feature map; a target classifies from any set of patches. Both are
proved against the model's own forward pass when they are made, and refused with a reason otherwise.
"""

from __future__ import annotations

from tinydrop.backbones.build import (
    build_model,
    download_megabytes,
    imagenet_class_names,
    model_input,
)
from tinydrop.backbones.cut import meta_copy
from tinydrop.backbones.features import Features
from tinydrop.backbones.guidance import Guidance, GuidanceSpec, load_guidance, wrap_guidance
from tinydrop.backbones.hub import DownloadProgress
from tinydrop.backbones.vit import PoolCost, Target, TargetSpec, load_target, wrap_target

__all__ = [
    "DownloadProgress",
    "Features",
    "Guidance",
    "GuidanceSpec",
    "PoolCost",
    "Target",
    "TargetSpec",
    "build_model",
    "download_megabytes",
    "imagenet_class_names",
    "load_guidance",
    "load_target",
    "meta_copy",
    "model_input",
    "wrap_guidance",
    "wrap_target",
]
