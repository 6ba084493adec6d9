"""timm's ``vit_relpos_*`` and ``vit_srelpos_*`` as targets: a relative bias, learned or computed.

The bias comes from a table, or a small network computes it from the distance of two patches; each
block has its own or all share one. timm's blocks can only take the bias of the whole grid, so their
parts are called in order here, on the rows and columns of the kept patches.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import LayerScale, RelPosBias, RelPosMlp
from timm.models.vision_transformer_relpos import (
    RelPosAttention,
    RelPosBlock,
    ResPostRelPosBlock,
    VisionTransformerRelPos,
)
from torch import nn

from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import linear_macs
from tinydrop.models.backbones.dense import (
    attend,
    bias_of_pairs,
    dense_spec,
    masked_keys,
    token_rows,
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
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec, gather_rows


class RelPosTarget(Target):
    """The adapter of timm's ``VisionTransformerRelPos``."""

    def __init__(self, spec: TargetSpec, module: VisionTransformerRelPos) -> None:
        super().__init__(spec, module)
        self._model = module

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model, prefix = self._model, self.spec.num_prefix_tokens
        patches = model.patch_embed(placed_like(model, pixels))  # (B, N, C)
        if kept is not None:
            patches = gather_rows(patches, kept.indices)
        x = _with_prefix(model, patches)  # (B, P + K, C)
        shared = _bias(model.shared_rel_pos, kept, prefix)
        for block in model.blocks:
            own = _bias(block.attn.rel_pos, kept, prefix)
            x = _run_block(block, x, shared if own is None else own)
        logits: torch.Tensor = model.forward_head(model.norm(x))
        return logits


def _with_prefix(model: Any, patches: torch.Tensor) -> torch.Tensor:
    if model.cls_token is None:
        return patches
    return torch.cat((model.cls_token.expand(patches.shape[0], -1, -1), patches), dim=1)


def _bias(maker: Any, kept: Kept | None, prefix: int) -> torch.Tensor | None:
    """Return the bias on the scores of every pair of tokens, (B or 1, H, T, T), if there is one."""
    if maker is None:
        return None
    if type(maker) is RelPosBias:
        index = maker.relative_position_index.view(maker.bias_shape[:2])
        return bias_of_pairs(maker.relative_position_bias_table, index, kept, prefix)
    bias: torch.Tensor = maker.get_bias()  # (1, H, P + N, P + N), none for a prefix token
    if kept is None:
        return bias
    if kept.cells is None:
        return None
    rows = token_rows(kept.cells, prefix)
    return bias[0][:, rows[:, :, None], rows[:, None, :]].transpose(0, 1).contiguous()


def _run_block(block: Any, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Run one block; in evaluation its drop path does nothing."""
    if type(block) is ResPostRelPosBlock:
        x = x + block.norm1(_run_attention(block.attn, x, bias))
        branch: torch.Tensor = block.norm2(block.mlp(x))
    else:
        x = x + block.ls1(_run_attention(block.attn, block.norm1(x), bias))
        branch = block.ls2(block.mlp(block.norm2(x)))
    return x + branch


def _run_attention(attn: Any, x: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    qkv = attn.qkv(x).reshape(*x.shape[:2], 3, attn.num_heads, -1)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, head size)
    projected: torch.Tensor = attn.proj(attend(attn.q_norm(q), attn.k_norm(k), v, bias))
    return projected


def _why_not(module: VisionTransformerRelPos) -> str | None:
    return (
        why_not_embedding(module.patch_embed)
        or why_not_blocks(module.blocks, nn.ModuleList, _why_not_block)
        or _why_not_positions(module)
        or why_not_head(module, ("token", "avg"))
    )


def _why_not_block(block: Any, index: int) -> str | None:
    where = f"block {index} has"
    if type(block) not in (RelPosBlock, ResPostRelPosBlock):
        return f"block {index} is a {type(block).__name__}, not a block with a relative bias"
    if type(block.attn) is not RelPosAttention:
        return f"{where} {type(block.attn).__name__} instead of attention with a relative bias"
    if type(block.mlp) not in MLPS:
        return f"{where} {type(block.mlp).__name__} instead of a plain MLP"
    if any(type(part) is not nn.Linear for part in (block.attn.qkv, block.attn.proj)):
        return f"{where} projections that are not plain linear layers"
    if type(block) is RelPosBlock and any(
        type(scale) not in (nn.Identity, LayerScale) for scale in (block.ls1, block.ls2)
    ):
        return f"{where} an unknown scale on its branches"
    return None


def _why_not_positions(module: VisionTransformerRelPos) -> str | None:
    own = [block.attn.rel_pos for block in module.blocks if block.attn.rel_pos is not None]
    shared = module.shared_rel_pos
    if len(own) != (len(module.blocks) if shared is None else 0):
        return "its blocks have neither one relative bias each nor one that all of them share"
    strange = [maker for maker in (own or [shared]) if type(maker) not in (RelPosBias, RelPosMlp)]
    if strange:
        return f"its relative bias comes from {type(strange[0]).__name__}"
    return None


def _makers(module: Any) -> list[Any]:
    """Return what makes the biases: one for all blocks or one for each."""
    shared = module.shared_rel_pos
    return [block.attn.rel_pos for block in module.blocks] if shared is None else [shared]


def _network_macs(maker: Any) -> int:
    """MACs to compute a bias for every distance on the grid; none for one that is looked up."""
    if type(maker) is not RelPosMlp:
        return 0
    rows, cols, _ = maker.rel_coords_log.shape
    return int(rows * cols) * linear_macs(maker.mlp)


def _describe(
    module: VisionTransformerRelPos, name: str, input_spec: InputSpec | None = None
) -> TargetSpec:
    grid, patch_size = grid_facts(module.patch_embed)
    makers = _makers(module)
    computed = any(type(maker) is RelPosMlp for maker in makers)
    whose = "one per block" if module.shared_rel_pos is None else "shared by all blocks"
    how = "computed by a small network" if computed else "from a table"
    return dense_spec(
        module,
        name,
        positions=PositionScheme("relative bias", f"relative bias, {whose}, {how}"),
        grid=grid,
        patch_size=patch_size,
        input_spec=spec_input_of(module, name, input_spec),
        patch_macs=int(module.patch_embed.proj.weight.numel()),
        widths=[int(block.attn.qkv.out_features) // 3 for block in module.blocks],
        fixed=sum(_network_macs(maker) for maker in makers),
    )


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run every block on every token with the dropped patches masked as keys.

    timm's own blocks take no mask beside a bias of their own, so their parts are called here too;
    that they are called rightly is what keeping all of the patches shows.
    """
    model: Any = target.module
    x = _with_prefix(model, model.patch_embed(pixels))
    hidden = masked_keys(target, keep, x)
    for block in model.blocks:
        maker = block.attn.rel_pos or model.shared_rel_pos
        x = _run_block(block, x, maker.get_bias() + hidden)
    logits: torch.Tensor = model.forward_head(model.norm(x)[:, visible_rows(target, keep)])
    return logits


RELPOS = Family(
    name="relpos",
    classes=(VisionTransformerRelPos,),
    why_not=_why_not,
    describe=_describe,
    adapter=RelPosTarget,
    masked_logits=_masked_logits,
)
