"""CaiT as a target: heads that talk before and after the softmax, the class token only at the end.

The patch blocks run on the kept patches alone; then a few blocks let the class token read them.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.cait import (
    Cait,
    ClassAttn,
    LayerScaleBlock,
    LayerScaleBlockClassAttn,
    TalkingHeadAttn,
)
from torch import nn

from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import PoolCost, linear_macs
from tinydrop.models.backbones.dense import dense_spec, kept_tokens, moved
from tinydrop.models.backbones.family import Family, grid_facts, spec_input_of
from tinydrop.models.backbones.parity import placed_like
from tinydrop.models.backbones.structure import (
    MLPS,
    why_not_blocks,
    why_not_embedding,
    why_not_head,
)
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec


class CaitTarget(Target):
    """The adapter of timm's ``Cait``."""

    def __init__(self, spec: TargetSpec, module: Cait) -> None:
        super().__init__(spec, module)
        self._model = module

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model = self._model
        patches = model.patch_embed(placed_like(model, pixels))  # (B, N, C)
        x = kept_tokens(moved(patches, kept) + model.pos_embed, patches, kept, prefix=0)
        return _classified(model, model.blocks(x))


def _classified(model: Any, patches: torch.Tensor) -> torch.Tensor:
    """Let the class token read the patches (B, K, C) and return the logits."""
    token = model.cls_token.expand(patches.shape[0], -1, -1)
    for block in model.blocks_token_only:
        token = block(patches, token)
    logits: torch.Tensor = model.forward_head(model.norm(torch.cat((token, patches), dim=1)))
    return logits


def _why_not(module: Cait) -> str | None:
    return (
        why_not_embedding(module.patch_embed)
        or why_not_blocks(module.blocks, nn.Sequential, _why_not_block)
        or why_not_blocks(module.blocks_token_only, nn.ModuleList, _why_not_class_block)
        or why_not_head(module, ("token", "avg"))
    )


def _why_not_block(block: Any, index: int) -> str | None:
    if type(block) is not LayerScaleBlock:
        return f"block {index} is a {type(block).__name__}, not CaiT's own block"
    if type(block.attn) is not TalkingHeadAttn:
        return f"block {index} has {type(block.attn).__name__} instead of talking heads"
    return _why_not_parts(block, f"block {index}")


def _why_not_class_block(block: Any, index: int) -> str | None:
    if type(block) is not LayerScaleBlockClassAttn or type(block.attn) is not ClassAttn:
        return f"class block {index} is not CaiT's own"
    return _why_not_parts(block, f"class block {index}")


def _why_not_parts(block: Any, where: str) -> str | None:
    if type(block.mlp) not in MLPS:
        return f"{where} has {type(block.mlp).__name__} instead of a plain MLP"
    if any(type(part) is not nn.Linear for part in block.attn.children() if _is_layer(part)):
        return f"{where} has projections that are not plain linear layers"
    return None


def _is_layer(part: nn.Module) -> bool:
    return type(part) is not nn.Dropout


def _describe(module: Cait, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    grid, patch_size = grid_facts(module.patch_embed)
    return dense_spec(
        module,
        name,
        positions=PositionScheme("absolute", "absolute table, patches only"),
        grid=grid,
        patch_size=patch_size,
        input_spec=spec_input_of(module, name, input_spec),
        patch_macs=int(module.patch_embed.proj.weight.numel()),
        widths=[_pair_macs(block.attn) for block in module.blocks],
        pool_cost=_class_cost(module),
        num_prefix_tokens=0,  # the class token comes after the patch blocks
    )


def _pair_macs(attn: Any) -> int:
    """MACs for one pair of tokens, halved: its score and share, and both mixes of the heads."""
    return int(attn.proj.in_features) + (linear_macs(attn.proj_l) + linear_macs(attn.proj_w)) // 2


def _class_cost(module: Any) -> PoolCost:
    """What the class token's own blocks multiply: keys and values of all, the rest for itself."""
    fixed = per_token = 0
    for block in module.blocks_token_only:
        attn = block.attn
        read = linear_macs(attn.k) + linear_macs(attn.v) + 2 * int(attn.proj.in_features)
        per_token += read
        fixed += read + linear_macs(attn.q) + linear_macs(attn.proj) + linear_macs(block.mlp)
    return PoolCost(fixed, per_token)


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run the patch blocks on every patch, the dropped ones hidden where heads cannot see them.

    The heads' second mix adds a bias to the weights, so hiding before the softmax is not enough:
    the dropped patches' values are zero as well.
    """
    model: Any = target.module
    x = model.patch_embed(pixels) + model.pos_embed
    seen = torch.zeros(x.shape[1], dtype=torch.bool, device=x.device)
    seen[keep] = True
    for block in model.blocks:
        x = x + block.gamma_1 * _hidden_attention(block.attn, block.norm1(x), seen)
        x = x + block.gamma_2 * block.mlp(block.norm2(x))
    return _classified(model, x[:, seen])


def _hidden_attention(attn: Any, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    qkv = attn.qkv(x).reshape(*x.shape[:2], 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    q, k, v = qkv[0] * attn.scale, qkv[1], qkv[2] * seen[:, None]
    scores = attn.proj_l((q @ k.transpose(-2, -1)).permute(0, 2, 3, 1))  # (B, T, T, H)
    weights = scores.masked_fill(~seen[:, None], float("-inf")).softmax(dim=2)
    mixed = attn.proj_w(weights).permute(0, 3, 1, 2) @ v
    projected: torch.Tensor = attn.proj(mixed.transpose(1, 2).flatten(2))
    return projected


CAIT = Family(
    name="cait",
    classes=(Cait,),
    why_not=_why_not,
    describe=_describe,
    adapter=CaitTarget,
    masked_logits=_masked_logits,
)
