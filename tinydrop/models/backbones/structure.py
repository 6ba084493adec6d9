"""Is a module one of the plain vision transformers that the adapters are proved for?

A list of what is known to be right, not of what is known to be wrong: whatever is not listed is
refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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

from tinydrop.core.errors import quoted

POOLINGS = ("token", "avg", "avgmax", "max", "map")
_TRANSFORMERS = (VisionTransformer, VisionTransformerDistilled)
MLPS = (Mlp, GluMlp, SwiGLU)


def is_plain_transformer(module: nn.Module) -> bool:
    """Return whether the module is exactly one of the two transformer classes that are proved."""
    return type(module) in _TRANSFORMERS


def why_not_plain(module: nn.Module) -> str | None:
    """Return why one of the two proved classes is not a plain transformer, or None.

    The reason reads as the end of a sentence.
    """
    return (
        _why_not_positions(module)
        or why_not_blocks(module.blocks, nn.Sequential, why_not_block)
        or why_not_head(module, POOLINGS)
    )


def why_not_embedding(embed: Any) -> str | None:
    """Return why a patch embedding is not timm's plain one with three channels, or None."""
    if type(embed) is not PatchEmbed:
        return f"its patches come from {type(embed).__name__}, not from a plain patch embedding"
    if embed.dynamic_img_pad or embed.img_size is None:
        return "its patch embedding has no fixed grid"
    if embed.proj.in_channels != 3:
        return f"it takes {embed.proj.in_channels} channels instead of red, green and blue"
    return None


def _why_not_positions(module: VisionTransformer) -> str | None:
    embed = module.patch_embed
    if type(embed) is PatchEmbed and (
        module.dynamic_img_size or embed.dynamic_img_pad or not embed.strict_img_size
    ):
        return "it accepts any input size, so its patch grid is not fixed"
    reason = why_not_embedding(embed)
    if reason is not None:
        return reason
    if not embed.flatten:
        return "its patch embedding has no fixed grid"
    if module.pos_embed is None:
        return "it has no position table"
    if type(module.patch_drop) not in (nn.Identity, PatchDropout):
        return f"its patch_drop was replaced by {type(module.patch_drop).__name__}"
    return None


def why_not_blocks(
    blocks: Any, container: type[nn.Module], why_not: Callable[[Any, int], str | None]
) -> str | None:
    """Return the first reason that ``why_not`` has against a block (block, its index), or None."""
    kind = type(blocks)
    if kind is not container or len(blocks) == 0:
        return f"its blocks are not a plain {container.__name__}"
    reasons = (why_not(block, index) for index, block in enumerate(blocks))
    return next((reason for reason in reasons if reason is not None), None)


def why_not_block(block: nn.Module, index: int) -> str | None:
    """Return why a block is not the plain pre-norm block of timm's ViT, or None."""
    where = f"block {index} has"
    if type(block) is not Block:
        return f"block {index} is a {type(block).__name__}, not a plain pre-norm block"
    if type(block.attn) is not Attention:
        return f"{where} {type(block.attn).__name__} instead of plain attention"
    if getattr(block.attn, "gate", None) is not None:
        return f"{where} gated attention"
    if type(block.mlp) not in MLPS:
        return f"{where} {type(block.mlp).__name__} instead of a plain MLP"
    if any(type(scale) not in (nn.Identity, LayerScale) for scale in (block.ls1, block.ls2)):
        return f"{where} an unknown scale on its branches"
    attention: Attention = block.attn
    if not all(type(part) is nn.Linear for part in (attention.qkv, attention.proj)):
        return f"{where} projections that are not plain linear layers"
    return None


def why_not_head(module: Any, poolings: Sequence[str]) -> str | None:
    """Return why a module's pooling or classifier is not one of those that are proved, or None."""
    if module.global_pool not in poolings:
        return f"its pooling {quoted(module.global_pool)} is not proved"
    pool = getattr(module, "attn_pool", None)
    if (pool is not None) != (module.global_pool == "map"):
        return "its attention pooling does not match its configuration"
    if pool is not None:
        if type(pool) is not AttentionPoolLatent:
            return f"it pools with {type(pool).__name__}"
        if pool.pos_embed is not None:
            return "its attention pooling has a position table of its own"
    heads = [module.head, module.head_dist] if hasattr(module, "head_dist") else [module.head]
    if any(type(head) not in (nn.Linear, nn.Identity) for head in heads):
        return "its classifier is not a plain linear layer"
    return None
