"""BEiT and BEiTv2 as targets: a relative position bias in every block, or one for all of them.

timm's blocks can only take the bias of the whole grid, so their parts are called in order here, on
the rows and columns of the kept patches.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.beit import Attention, Beit, Block, RelativePositionBias
from torch import nn
from torch.nn import functional as F

from tinydrop.data import InputSpec
from tinydrop.models.backbones.dense import (
    attend,
    bias_of_pairs,
    dense_spec,
    kept_tokens,
    masked_keys,
    moved,
    visible_rows,
)
from tinydrop.models.backbones.family import Family, grid_facts, spec_input_of
from tinydrop.models.backbones.parity import placed_like
from tinydrop.models.backbones.structure import (
    MLPS,
    why_not_blocks,
    why_not_embedding,
    why_not_head,
)
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec

_PREFIX = 1  # its class always has the class token and no other


class BeitTarget(Target):
    """The adapter of timm's ``Beit``."""

    def __init__(self, spec: TargetSpec, module: Beit) -> None:
        super().__init__(spec, module)
        self._model = module

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model = self._model
        patches = model.patch_embed(placed_like(model, pixels))  # (B, N, C)
        x = _with_positions(model, moved(patches, kept))
        x = kept_tokens(x, patches, kept, _PREFIX)  # (B, 1 + K, C)
        shared = _bias(model.rel_pos_bias, kept)
        for block in model.blocks:
            own = _bias(block.attn, kept)
            bias = shared if own is None else own if shared is None else own + shared
            x = _run_block(block, x, bias)
        logits: torch.Tensor = model.forward_head(model.norm(x))
        return logits


def _with_positions(model: Any, patches: torch.Tensor) -> torch.Tensor:
    """Return the class token before the patches, (B, 1 + N, C), and the table added if any."""
    x = torch.cat((model.cls_token.expand(patches.shape[0], -1, -1), patches), dim=1)
    return x if model.pos_embed is None else x + model.pos_embed


def _bias(holder: Any, kept: Kept | None) -> torch.Tensor | None:
    """Return the bias that an attention or the model itself holds, None if it holds none."""
    table = getattr(holder, "relative_position_bias_table", None)
    if table is None:
        return None
    return bias_of_pairs(table, holder.relative_position_index, kept, _PREFIX)


def _run_block(block: Any, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Run one block; in evaluation its drop path does nothing."""
    x = x + _scaled(block.gamma_1, _run_attention(block.attn, block.norm1(x), bias))
    return x + _scaled(block.gamma_2, block.mlp(block.norm2(x)))


def _run_attention(attn: Any, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    added = None if attn.q_bias is None else torch.cat((attn.q_bias, attn.k_bias, attn.v_bias))
    qkv = F.linear(x, attn.qkv.weight, added)
    q, k, v = qkv.reshape(*x.shape[:2], 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    projected: torch.Tensor = attn.proj(attend(q, k, v, bias))
    return projected


def _scaled(gamma: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    return x if gamma is None else gamma * x


def _why_not(module: Beit) -> str | None:
    return (
        why_not_embedding(module.patch_embed)
        or why_not_blocks(module.blocks, nn.ModuleList, _why_not_block)
        or _why_not_positions(module)
        or why_not_head(module, ("token", "avg"))
    )


def _why_not_positions(module: Beit) -> str | None:
    if type(module.rel_pos_bias) not in (RelativePositionBias, type(None)):
        return f"its shared bias is a {type(module.rel_pos_bias).__name__}"
    if module.pos_embed is None and not _biases(module):
        return "it has neither a position table nor a relative bias"
    return None


def _why_not_block(block: Any, index: int) -> str | None:
    where = f"block {index} has"
    if type(block) is not Block:
        return f"block {index} is a {type(block).__name__}, not BEiT's own block"
    if type(block.attn) is not Attention:
        return f"{where} {type(block.attn).__name__} instead of BEiT's attention"
    if type(block.mlp) not in MLPS:
        return f"{where} {type(block.mlp).__name__} instead of a plain MLP"
    if any(type(part) is not nn.Linear for part in (block.attn.qkv, block.attn.proj)):
        return f"{where} projections that are not plain linear layers"
    if block.attn.qkv.bias is not None:
        return f"{where} a bias of the projection beside those of query and value"
    return None


def _biases(module: Beit) -> list[str]:
    """Name the relative biases that a model has."""
    shared = module.rel_pos_bias is not None
    own = any(block.attn.relative_position_bias_table is not None for block in module.blocks)
    return ["shared by all blocks"] * shared + ["one per block"] * own


def _describe(module: Beit, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    grid, patch_size = grid_facts(module.patch_embed)
    biases = _biases(module)
    kinds = ["absolute"] * (module.pos_embed is not None) + ["relative bias"] * bool(biases)
    words = ["absolute table, prefix and patches"] * (module.pos_embed is not None)
    words += [f"relative bias, {' and '.join(biases)}, with class entries"] * bool(biases)
    return dense_spec(
        module,
        name,
        positions=PositionScheme(" and ".join(kinds), "; ".join(words)),
        grid=grid,
        patch_size=patch_size,
        input_spec=spec_input_of(module, name, input_spec),
        patch_macs=int(module.patch_embed.proj.weight.numel()),
        widths=[int(block.attn.qkv.out_features) // 3 for block in module.blocks],
    )


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run timm's own blocks on every token; the mask goes in as part of the shared bias."""
    model: Any = target.module
    x = _with_positions(model, model.patch_embed(pixels))
    hidden = masked_keys(target, keep, x)
    if model.rel_pos_bias is not None:
        hidden = hidden + model.rel_pos_bias()
    for block in model.blocks:
        x = block(x, shared_rel_pos_bias=hidden)
    logits: torch.Tensor = model.forward_head(model.norm(x)[:, visible_rows(target, keep)])
    return logits


BEIT = Family(
    name="beit",
    classes=(Beit,),
    why_not=_why_not,
    describe=_describe,
    adapter=BeitTarget,
    masked_logits=_masked_logits,
)
