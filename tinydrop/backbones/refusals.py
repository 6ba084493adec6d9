"""Why a model that people try is no target here: one reason per class of timm."""

from __future__ import annotations

from timm.models.vision_transformer import VisionTransformer
from torch import nn

__all__ = ["why_no_family"]

# By the name of timm's class; whatever is not named is refused in general words.
_KNOWN_OTHERS = {
    "SwinTransformer": "attends inside windows, which a free choice of patches would break",
    "SwinTransformerV2": "attends inside windows, which a free choice of patches would break",
    "SwinTransformerV2Cr": "attends inside windows, which a free choice of patches would break",
    "Beit": "adds a relative position bias in every block, which is not yet gathered",
    "Eva": "rotates queries and keys by position, which is not yet gathered",
    "NaFlexVit": "takes patches of its own choosing, which is not yet supported",
    "VisionTransformerRelPos": "adds a relative position bias in every block",
    "VisionTransformerSAM": "keeps its patches in a two-dimensional grid with windows",
    "Cait": "adds the class token after the patch blocks, which is not yet supported",
    "EfficientFormer": "mixes patches by convolution, so patches cannot be left out",
}


def why_no_family(module: nn.Module) -> str:
    """Return why a module of no proved family cannot be a target, as the end of a sentence."""
    kind = type(module).__name__
    if kind in _KNOWN_OTHERS:
        return f"{kind} {_KNOWN_OTHERS[kind]}"
    if isinstance(module, VisionTransformer):
        return f"{kind} changes timm's VisionTransformer in ways that are not proved"
    return f"{kind} is not timm's VisionTransformer, the only class proved so far"
