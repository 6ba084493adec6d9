"""Swin transformers as targets: shifted windows with a table of relative bias in every block."""

from __future__ import annotations

from typing import Any

import torch
from timm.models.swin_transformer import (
    PatchMerging,
    SwinTransformer,
    SwinTransformerBlock,
    SwinTransformerStage,
    WindowAttention,
)

from tinydrop.data import InputSpec
from tinydrop.models.backbones.families.windowed.check import why_not_windowed
from tinydrop.models.backbones.families.windowed.layout import Scores
from tinydrop.models.backbones.families.windowed.run import (
    Attend,
    WindowedTarget,
    describe_windowed,
    masked_windowed_logits,
)
from tinydrop.models.backbones.family import Family
from tinydrop.models.backbones.target import TargetSpec


class SwinTarget(WindowedTarget):
    """The adapter of timm's ``SwinTransformer``: norms come before attention and MLP."""

    def run_block(self, block: Any, x: torch.Tensor, attend: Attend) -> torch.Tensor:
        """Return a block's output for tokens (..., C), with ``attend`` as its attention."""
        x = x + attend(block.norm1(x))
        result: torch.Tensor = x + block.mlp(block.norm2(x))
        return result

    def _scores(self, attn: Any, x: torch.Tensor) -> Scores:
        q, k, v = attn.qkv(x).view(x.shape[0], 3, attn.num_heads, -1).unbind(1)
        return Scores(q, k, v, attn.relative_position_bias_table, float(attn.scale))


def _describe(module: Any, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    return describe_windowed(module, name, input_spec, "relative bias inside shifted windows")


def _why_not(module: Any) -> str | None:
    return why_not_windowed(
        module, SwinTransformerStage, PatchMerging, SwinTransformerBlock, WindowAttention
    )


SWIN = Family(
    name="swin",
    classes=(SwinTransformer,),
    why_not=_why_not,
    describe=_describe,
    adapter=SwinTarget,
    masked_logits=masked_windowed_logits,
)
