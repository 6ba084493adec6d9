"""Shrunk models of every proved family, with every weight awake.

timm's own initialisation hides bugs: LayerScale starts near zero, position tables and class tokens
near zero too, so that wrong positions change nothing. Here every parameter and every statistic of
a norm is drawn again.
"""

from __future__ import annotations

import timm
from timm.layers import SwiGLU
from torch import nn

from tinydrop.data.view import InputSpec
from tinydrop.models.backbones import Guidance, model_input, wrap_guidance
from tinydrop.studies.check import redraw_weights

__all__ = ["DENSE_TARGETS", "GUIDANCES", "TARGETS", "awake", "make_guidance", "make_target"]

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

# Families beside the plain ViT that attend over all tokens; two blocks each, otherwise as above.
_SIZE_64 = {"pretrained_cfg_overlay": {"input_size": (3, 64, 64)}}
_BIAS_OFF = {"use_rel_pos_bias": False, "use_abs_pos_emb": False}
_ROPE_NAFLEX = {**_SIZE_64, "rope_type": "axial", "rope_grid_offset": 0.5}
DENSE_TARGETS: dict[str, tuple[str, dict[str, object]]] = {
    "beit": ("beit_base_patch16_224", {}),
    "beit-token": ("beit_base_patch16_224", {"global_pool": "token"}),
    "beit-absolute": ("beit_base_patch16_224", {**_BIAS_OFF, "use_abs_pos_emb": True}),
    "beitv2": ("beitv2_base_patch16_224", {"img_size": (64, 32)}),
    "beitv2-shared": ("beitv2_base_patch16_224", {**_BIAS_OFF, "use_shared_rel_pos_bias": True}),
    "beitv2-everything": (
        "beitv2_large_patch16_224",
        {"use_shared_rel_pos_bias": True, "use_abs_pos_emb": True, "swiglu_mlp": True},
    ),
    "eva-giant": ("eva_giant_patch14_224", {}),
    "eva-post-norm": ("eva02_enormous_patch14_clip_224", {}),
    "eva02": ("eva02_base_patch14_224", {}),
    "eva02-tall": ("eva02_tiny_patch14_224", {"img_size": (64, 32)}),
    "eva02-clip": ("eva02_base_patch16_clip_224", {}),
    "dinov3": ("vit_base_patch16_dinov3", {}),
    "dinov3-tall": ("vit_base_patch16_dinov3_qkvb", {"img_size": (64, 32)}),
    "rope": ("vit_base_patch16_rope_224", {}),
    "rope-absolute": ("vit_base_patch16_rope_ape_224", {}),
    "rope-mixed": ("vit_base_patch16_rope_mixed_224", {}),
    "rope-mixed-absolute": ("vit_base_patch16_rope_mixed_ape_224", {"img_size": (64, 32)}),
    "rope-registers": ("vit_betwixt_patch16_rope_reg4_gap_256", {}),
    "perception": ("vit_pe_core_base_patch16_224", {}),
    "perception-no-class-token": ("vit_pe_core_gigantic_patch14_448", {}),
    "relpos-mlp": ("vit_relpos_base_patch16_224", {"img_size": (64, 32)}),
    "relpos-mlp-class-token": ("vit_relpos_base_patch16_cls_224", {}),
    "relpos-mlp-swin": ("vit_relpos_base_patch16_cls_224", {"rel_pos_type": "mlp-swin"}),
    "relpos-mlp-shared": ("vit_srelpos_small_patch16_224", {}),
    "relpos-post-norm": ("vit_relpos_base_patch16_rpn_224", {}),
    "relpos-bias": ("vit_relpos_base_patch16_clsgap_224", {"rel_pos_type": "bias"}),
    "relpos-bias-shared": ("vit_srelpos_small_patch16_224", {"rel_pos_type": "bias"}),
    "cait": ("cait_xxs24_224", {}),
    "cait-average": ("cait_xxs24_224", {"global_pool": "avg", "img_size": (64, 32)}),
    "naflex": ("naflexvit_base_patch16_gap", _SIZE_64),
    "naflex-map": ("naflexvit_base_patch16_map", _SIZE_64),
    "naflex-factorised": ("naflexvit_base_patch16_parfac_gap", _SIZE_64),
    "naflex-keeps-aspect": (
        "naflexvit_base_patch16_par_gap",
        {"pretrained_cfg_overlay": {"input_size": (3, 64, 32)}},
    ),
    "naflex-rope": ("naflexvit_base_patch16_gap", {**_ROPE_NAFLEX, "pos_embed": "none"}),
    "naflex-rope-absolute": ("naflexvit_base_patch16_gap", _ROPE_NAFLEX),
    "naflex-rope-mixed": ("naflexvit_base_patch16_gap", {**_SIZE_64, "rope_type": "mixed"}),
}
if timm.is_model("vit_base_patch16_sapiens2"):  # and what else timm 1.0.22 does not have
    DENSE_TARGETS |= {
        "grouped-keys": ("vit_base_patch16_sapiens2", {"num_kv_heads": 1, "img_size": (64, 48)}),
        "naflex-rope-interleaved": (
            "naflexvit_base_patch16_gap",
            {**_SIZE_64, "rope_type": "mrope", "rope_mrope_section": (2, 3, 3)},
        ),
        "naflex-rope-centred": (
            "naflexvit_base_patch16_gap",
            {**_SIZE_64, "rope_type": "dinov3", "rope_rotate_half": True},
        ),
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
    dense = variant in DENSE_TARGETS
    name, arguments = (DENSE_TARGETS if dense else TARGETS)[variant]
    settings = {**SMALL, "img_size": 64, "patch_size": 8, **({"depth": 2} if dense else {})}
    module = awake(timm.create_model(name, **settings | arguments)).double()
    for part in module.modules():
        # Older releases of timm turn by learned angles in float32 alone, whatever the model is.
        if getattr(part, "t_x", None) is not None:
            part.t_x, part.t_y = part.t_x.float(), part.t_y.float()
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
