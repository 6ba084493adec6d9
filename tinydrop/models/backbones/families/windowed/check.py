"""Is a module one of the windowed transformers that the adapters are proved for?"""

from __future__ import annotations

from typing import Any

from timm.layers import ClassifierHead, Mlp, PatchEmbed
from torch import nn

from tinydrop.core.errors import quoted

_POOLINGS = ("avg", "avgmax", "max")


def why_not_windowed(
    module: Any,
    stage: type[nn.Module],
    merging: type[nn.Module],
    block: type[nn.Module],
    attention: type[nn.Module],
) -> str | None:
    """Return why a windowed transformer is not one that is proved, or None.

    Args:
        module: the model.
        stage: timm's class of its stages; the others likewise.
        merging: of what joins four patches into one.
        block: of its blocks.
        attention: of the attention inside them.
    """
    reason = _why_not_input(module)
    if reason is not None:
        return reason
    if not _is(module.layers, nn.Sequential) or len(module.layers) == 0:
        return "its stages are not a plain sequence"
    rows, cols = (int(side) for side in module.patch_embed.grid_size)
    scale = 2 ** (len(module.layers) - 1)
    if rows % scale or cols % scale:
        return f"its {rows}x{cols} patches cannot be merged {scale} by {scale} without padding"
    for index, part in enumerate(module.layers):
        if not _is(part, stage) or not _is(part.downsample, merging if index else nn.Identity):
            return f"stage {index} is not timm's own"
        resolution = (rows >> index, cols >> index)
        for each in part.blocks:
            if tuple(each.input_resolution) != resolution:
                return f"stage {index} was built for another size of input"
            reason = _why_not_block(each, block, attention)
            if reason is not None:
                return f"a block of stage {index} {reason}"
    if not _is(module.head, ClassifierHead):
        return f"its head is a {type(module.head).__name__}, not a plain pooled classifier"
    if module.head.global_pool.pool_type not in _POOLINGS or module.head.use_conv:
        return f"its pooling {quoted(module.head.global_pool.pool_type)} is not proved"
    if type(module.head.fc) not in (nn.Linear, nn.Identity):
        return "its classifier is not a plain linear layer"
    return None


def _why_not_input(module: Any) -> str | None:
    embed = module.patch_embed
    if not _is(embed, PatchEmbed):
        return f"its patches come from {type(embed).__name__}, not from a plain patch embedding"
    if embed.dynamic_img_pad or not embed.strict_img_size or embed.img_size is None:
        return "it accepts any input size, so its windows are not fixed"
    if embed.proj.in_channels != 3:
        return f"it takes {embed.proj.in_channels} channels instead of red, green and blue"
    return None


def _why_not_block(each: Any, block: type[nn.Module], attention: type[nn.Module]) -> str | None:
    if not (_is(each, block) and _is(each.attn, attention) and _is(each.mlp, Mlp)):
        return "is not timm's own windowed block"
    if not (_is(each.attn.qkv, nn.Linear) and _is(each.attn.proj, nn.Linear)):
        return "has projections that are not plain linear layers"
    (rows, cols), (height, width) = each.input_resolution, each.window_size
    if rows % height or cols % width:
        return (
            f"would pad its {rows}x{cols} tokens to fill windows of {height}x{width}; build the "
            "model with an img_size or window_size that divides evenly"
        )
    return None


def _is(part: Any, kind: type[nn.Module]) -> bool:
    """Tell whether a part is of exactly that class; a function, so that no type is narrowed."""
    return type(part) is kind
