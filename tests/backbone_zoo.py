"""Shrunk models of every proved family, with every weight awake.

timm's own initialisation hides bugs: LayerScale starts near zero, position tables and class tokens
near zero too, so that wrong positions change nothing. Here every parameter and every statistic of
a norm is drawn again.
"""

from __future__ import annotations

import timm
from timm.layers import SwiGLU
from torch import nn

from tinydrop.backbones import Guidance, model_input, wrap_guidance
from tinydrop.check import redraw_weights
from tinydrop.images import InputSpec

__all__ = ["GUIDANCES", "TARGETS", "awake", "make_guidance", "make_target"]

SMALL = {"embed_dim": 48, "depth": 3, "num_heads": 3, "num_classes": 10}

# Variant -> timm name and arguments on top of SMALL; 8x8 patches of 8 pixels unless said otherwise.
TARGETS: dict[str, tuple[str, dict[str, object]]] = {
    "vit": ("vit_tiny_patch16_224", {}),
    "deit": ("deit_tiny_patch16_224", {}),
    "distilled": ("deit_tiny_distilled_patch16_224", {}),
    "deit3": ("deit3_small_patch16_224", {}),
    "dinov2": ("vit_small_patch14_dinov2", {}),
    "registers": ("vit_small_patch14_reg4_dinov2", {}),
    "swiglu": ("vit_giant_patch14_dinov2", {}),
    "siglip": ("vit_base_patch16_siglip_224", {}),
    "clip": ("vit_base_patch16_clip_224", {}),
    "clip-quickgelu": ("vit_base_patch16_clip_quickgelu_224", {}),
    "average": ("vit_tiny_patch16_224", {"global_pool": "avg"}),
    "average-max": ("vit_tiny_patch16_224", {"global_pool": "avgmax"}),
    "max": ("vit_tiny_patch16_224", {"global_pool": "max"}),
    "average-with-prefix": (
        "vit_tiny_patch16_224",
        {"global_pool": "avg", "pool_include_prefix": True},
    ),
    "map": ("vit_tiny_patch16_224", {"global_pool": "map"}),
    "map-with-prefix": (
        "vit_tiny_patch16_224",
        {"global_pool": "map", "pool_include_prefix": True},
    ),
    "no-class-token": ("vit_tiny_patch16_224", {"global_pool": "avg", "class_token": False}),
    "non-square": ("vit_tiny_patch16_224", {"img_size": (64, 32)}),
    "large-patches": ("vit_tiny_patch16_224", {"patch_size": 16}),
    "qk-norm": ("vit_tiny_patch16_224", {"qk_norm": True}),
    "scaled-norms": ("vit_tiny_patch16_224", {"scale_attn_norm": True, "scale_mlp_norm": True}),
    "swiglu-unpacked": ("vit_tiny_patch16_224", {"mlp_layer": SwiGLU}),
    "norm-after-token": ("vit_tiny_patch16_224", {"fc_norm": True}),
}

GUIDANCES: dict[str, tuple[str, dict[str, object]]] = {
    "resnet": ("resnet10t", {"channels": [16, 16, 32, 48], "stem_width": 8}),
    "efficientformer": ("efficientformer_l1", {"embed_dims": (16, 24, 32, 48)}),
    "efficientformerv2": ("efficientformerv2_s0", {"img_size": 64}),
    "efficientnet": ("efficientnet_b0", {}),
    "mobilenetv3": ("mobilenetv3_small_050", {}),
    "mobilenetv4": ("mobilenetv4_conv_small_050", {}),
    "convnext": ("convnext_atto", {"dims": (16, 24, 32, 48), "depths": (1, 1, 2, 1)}),
    "fastvit": ("fastvit_t8", {"layers": (1, 1, 1, 1)}),
    "vit-token": ("vit_tiny_patch16_224", {**SMALL, "img_size": 64, "patch_size": 8}),
    "vit-average": (
        "vit_tiny_patch16_224",
        {**SMALL, "img_size": 64, "patch_size": 8, "global_pool": "avg"},
    ),
}


def awake(module: nn.Module) -> nn.Module:
    """Draw every weight and statistic again; return the module in eval mode."""
    redraw_weights(module)
    return module.eval()


def make_target(variant: str) -> nn.Module:
    """Return a shrunk target of a proved variant, in float64 so that tolerances can be tight."""
    name, arguments = TARGETS[variant]
    settings = {**SMALL, "img_size": 64, "patch_size": 8, **arguments}
    module = awake(timm.create_model(name, **settings)).double()
    return module.requires_grad_(requires_grad=False)


def make_guidance(variant: str) -> Guidance:
    """Return a shrunk guidance of a proved family, in float64."""
    name, arguments = GUIDANCES[variant]
    module = awake(timm.create_model(name, **{"num_classes": 10, **arguments})).double()
    module.requires_grad_(requires_grad=False)
    side = arguments.get("img_size")
    size = model_input(module).size if side is None else (side, side)
    spec = InputSpec(size=size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    return wrap_guidance(module, variant, spec)
