"""Is a module one of the plain vision transformers that the adapters are proved for?

A list of what is known to be right, not of what is known to be wrong: whatever is not listed is
refused with the reason.
"""

from __future__ import annotations

from timm.layers import (
    Attention,
    AttentionPoolLatent,
    GluMlp,
    Mlp,
    PatchDropout,
    PatchEmbed,
    SwiGLU,
)
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import Block, LayerScale, VisionTransformer
from torch import nn

__all__ = ["POOLINGS", "is_plain_transformer", "why_not_plain"]

POOLINGS = ("token", "avg", "avgmax", "max", "map")
_TRANSFORMERS = (VisionTransformer, VisionTransformerDistilled)
_MLPS = (Mlp, GluMlp, SwiGLU)


def is_plain_transformer(module: nn.Module) -> bool:
    """Return whether the module is exactly one of the two transformer classes that are proved."""
    return type(module) in _TRANSFORMERS


def why_not_plain(module: nn.Module) -> str | None:
    """Return why one of the two proved classes is not a plain transformer, or None.

    The reason reads as the end of a sentence.
    """
    for check in (_why_not_embedding, _why_not_blocks, _why_not_pooling):
        reason = check(module)
        if reason is not None:
            return reason
    return None


def _why_not_embedding(module: VisionTransformer) -> str | None:
    embed = module.patch_embed
    if type(embed) is not PatchEmbed:
        return f"its patches come from {type(embed).__name__}, not from a plain patch embedding"
    if module.dynamic_img_size or embed.dynamic_img_pad or not embed.strict_img_size:
        return "it accepts any input size, so its patch grid is not fixed"
    if not embed.flatten or embed.img_size is None:
        return "its patch embedding has no fixed grid"
    if embed.proj.in_channels != 3:
        return f"it takes {embed.proj.in_channels} channels instead of red, green and blue"
    if module.pos_embed is None:
        return "it has no position table"
    if type(module.patch_drop) not in (nn.Identity, PatchDropout):
        return f"its patch_drop was replaced by {type(module.patch_drop).__name__}"
    return None


def _why_not_blocks(module: VisionTransformer) -> str | None:
    if type(module.blocks) is not nn.Sequential or len(module.blocks) == 0:
        return "its blocks are not a plain sequence"
    for index, block in enumerate(module.blocks):
        where = f"block {index} has"
        if type(block) is not Block:
            return f"block {index} is a {type(block).__name__}, not a plain pre-norm block"
        if type(block.attn) is not Attention:
            return f"{where} {type(block.attn).__name__} instead of plain attention"
        if getattr(block.attn, "gate", None) is not None:
            return f"{where} gated attention"
        if type(block.mlp) not in _MLPS:
            return f"{where} {type(block.mlp).__name__} instead of a plain MLP"
        if any(type(scale) not in (nn.Identity, LayerScale) for scale in (block.ls1, block.ls2)):
            return f"{where} an unknown scale on its branches"
        attention: Attention = block.attn
        if not all(type(part) is nn.Linear for part in (attention.qkv, attention.proj)):
            return f"{where} projections that are not plain linear layers"
    return None


def _why_not_pooling(module: VisionTransformer) -> str | None:
    if module.global_pool not in POOLINGS:
        return f"its pooling {module.global_pool!r} is not proved"
    if (module.attn_pool is not None) != (module.global_pool == "map"):
        return "its attention pooling does not match its configuration"
    if module.attn_pool is not None:
        if type(module.attn_pool) is not AttentionPoolLatent:
            return f"it pools with {type(module.attn_pool).__name__}"
        if module.attn_pool.pos_embed is not None:
            return "its attention pooling has a position table of its own"
    heads = [module.head, module.head_dist] if hasattr(module, "head_dist") else [module.head]
    if any(type(head) not in (nn.Linear, nn.Identity) for head in heads):
        return "its classifier is not a plain linear layer"
    return None
