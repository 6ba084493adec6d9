"""SwinV2 as targets: cosine attention in shifted windows, its bias made by a small network."""

from __future__ import annotations

import math
from typing import Any

import torch
from timm.models.swin_transformer_v2 import (
    PatchMerging,
    SwinTransformerV2,
    SwinTransformerV2Block,
    SwinTransformerV2Stage,
    WindowAttention,
)
from torch.nn import functional as F

from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import linear_macs
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

_LARGEST_SCALE = math.log(100.0)
_LARGEST_BIAS = 16.0


class SwinV2Target(WindowedTarget):
    """The adapter of timm's ``SwinTransformerV2``: norms come after attention and MLP."""

    def run_block(self, block: Any, x: torch.Tensor, attend: Attend) -> torch.Tensor:
        """Return a block's output for tokens (..., C), with ``attend`` as its attention."""
        x = x + block.norm1(attend(x))
        result: torch.Tensor = x + block.norm2(block.mlp(x))
        return result

    def _scores(self, attn: Any, x: torch.Tensor) -> Scores:
        qkv = attn.qkv(x)
        if attn.q_bias is not None:
            qkv = qkv + torch.cat((attn.q_bias, attn.k_bias, attn.v_bias))
        q, k, v = qkv.view(x.shape[0], 3, attn.num_heads, -1).unbind(1)
        sharpness = attn.logit_scale.clamp(max=_LARGEST_SCALE).exp().view(-1, 1)  # (heads, 1)
        q, k = F.normalize(q, dim=-1) * sharpness, F.normalize(k, dim=-1)
        table = attn.cpb_mlp(attn.relative_coords_table).view(-1, attn.num_heads)
        return Scores(q, k, v, _LARGEST_BIAS * table.sigmoid(), scale=1.0)


def _describe(module: Any, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    return describe_windowed(
        module,
        name,
        input_spec,
        "continuous relative bias inside shifted windows",
        fixed=sum(_bias_macs(block.attn) for stage in module.layers for block in stage.blocks),
    )


def _bias_macs(attn: Any) -> int:
    """MACs of the network that turns every difference of two places into a bias."""
    _, rows, cols, _ = attn.relative_coords_table.shape
    return int(rows) * int(cols) * linear_macs(attn.cpb_mlp)


def _why_not(module: Any) -> str | None:
    return why_not_windowed(
        module, SwinTransformerV2Stage, PatchMerging, SwinTransformerV2Block, WindowAttention
    )


SWIN_V2 = Family(
    name="swinv2",
    classes=(SwinTransformerV2,),
    why_not=_why_not,
    describe=_describe,
    adapter=SwinV2Target,
    masked_logits=masked_windowed_logits,
)
