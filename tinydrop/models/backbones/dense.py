"""What the families share whose every block attends over all its tokens.

Patches are embedded on the whole grid; the kept ones go on behind the prefix tokens. Three kinds of
positions follow them: rows of a table that is added, angles by which queries and keys are turned,
and rows and columns of a bias on the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import DenseCost, PoolCost, linear_macs
from tinydrop.models.backbones.parity import num_classes_of
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec, gather_rows


def moved(patches: torch.Tensor, kept: Kept | None) -> torch.Tensor:
    """Return the grid's patches (B, N, C) with every kept one at the cell it is believed to be at.

    The model's own stage then gives it the position of that cell, right or wrong.
    """
    if kept is None or kept.cells is None or kept.in_place:
        return patches
    rows = kept.cells[:, :, None].expand(-1, -1, patches.shape[-1])
    return patches.scatter(1, rows, gather_rows(patches, kept.indices))


def kept_tokens(
    x: torch.Tensor, patches: torch.Tensor, kept: Kept | None, prefix: int
) -> torch.Tensor:
    """Return prefix and kept patches, (B, P + K, C).

    Args:
        x: (B, P + N, C), what the model made of ``moved`` patches: prefix and positions added.
        patches: (B, N, C), before that, taken where there are to be no positions.
        kept: which patches go on; None for all.
        prefix: P. Prefix tokens keep what their own rows of the table add: it is the same
            whatever is kept.
    """
    if kept is None:
        return x
    if kept.cells is None:
        rows = gather_rows(patches, kept.indices)
    else:
        rows = gather_rows(x[:, prefix:], kept.cells)
    return torch.cat((x[:, :prefix], rows), dim=1)


def rotations(
    angles: torch.Tensor | None, kept: Kept | None, depth: int
) -> Sequence[torch.Tensor | None]:
    """Return for every block the rotations of the kept cells; None where nothing is turned.

    Args:
        angles: sines and cosines of the whole grid: (N, A) for all blocks and heads, or
            (D, H, N, A) with a set of their own for each block and head; None without rotation.
        kept: whose cells count; None keeps the whole grid.
        depth: D.
    """
    if angles is None or (kept is not None and kept.cells is None):
        return [None] * depth
    if angles.dim() == 2:
        return [angles if kept is None else angles[kept.cells][:, None]] * depth  # (B, 1, K, A)
    return list(angles if kept is None else angles[:, :, kept.cells].transpose(1, 2))


def token_rows(cells: torch.Tensor, prefix: int) -> torch.Tensor:
    """Return the rows of prefix and cells in a table of all tokens, (B, P + K), of (B, K)."""
    own = torch.arange(prefix, device=cells.device).expand(cells.shape[0], -1)
    return torch.cat((own, prefix + cells), dim=1)


def bias_of_pairs(
    table: torch.Tensor, index: torch.Tensor, kept: Kept | None, prefix: int
) -> torch.Tensor:
    """Return the bias on the scores of every pair of tokens, (B or 1, H, T, T).

    Without positions the pairs of patches get none; pairs with a prefix token keep theirs, which
    is the same for every patch and says nothing about where it is.

    Args:
        table: (entries, H).
        index: (P + N, P + N) int64, for every query and key the entry.
        kept: whose cells count; None keeps the whole grid.
        prefix: P.
    """
    if kept is None:
        pairs = index[None]
    else:
        cells = torch.zeros_like(kept.indices) if kept.cells is None else kept.cells
        rows = token_rows(cells, prefix)
        pairs = index[rows[:, :, None], rows[:, None, :]]
    bias = table[pairs].permute(0, 3, 1, 2).contiguous()
    if kept is not None and kept.cells is None:
        bias[:, :, prefix:, prefix:] = 0.0
    return bias


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Return attention with a bias on the scores, heads joined: (B, H, T, A) -> (B, T, H * A)."""
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    return mixed.transpose(1, 2).flatten(2)


def visible_rows(target: Target, keep: torch.Tensor) -> torch.Tensor:
    """Return the rows of prefix and kept patches (K,) among all tokens, (P + K,)."""
    return token_rows(keep[None], target.spec.num_prefix_tokens)[0]


def masked_keys(target: Target, keep: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return what hides all but the prefix and ``keep`` (K,) as keys, (1, 1, T, T) typed alike."""
    tokens = target.spec.num_prefix_tokens + target.spec.grid.num_patches
    mask = like.new_full((tokens,), float("-inf"))
    mask[visible_rows(target, keep)] = 0.0
    return mask.expand(1, 1, tokens, tokens)


def dense_spec(
    module: Any,
    name: str,
    *,
    positions: PositionScheme,
    grid: PatchGrid,
    patch_size: tuple[int, int],
    input_spec: InputSpec,
    patch_macs: int,
    widths: Sequence[int],
    pools_prefix: bool = False,
    pool_cost: PoolCost | None = None,
    fixed: int = 0,
    num_prefix_tokens: int | None = None,
) -> TargetSpec:
    """Return the facts of a target; those that timm names alike everywhere are read off ``module``.

    Args:
        module: the model, possibly on the meta device.
        name: what it was asked for as.
        positions: how positions enter.
        grid: its patch grid.
        patch_size: (height, width) of a patch in pixels.
        input_spec: the input it wants.
        patch_macs: MACs to embed one patch.
        widths: MACs of every block for one pair of tokens, halved: heads x head size, and what else
            is done with a score.
        pools_prefix: whether prefix tokens are pooled with the patches.
        pool_cost: of pooling by attention, if it does.
        fixed: MACs that no kept set changes.
        num_prefix_tokens: prefix tokens in its blocks, if these are not all that it has.
    """
    blocks = list(module.blocks)
    return TargetSpec(
        name=name,
        family=type(module).__name__,
        positions=positions,
        grid=grid,
        patch_size=patch_size,
        num_prefix_tokens=(
            int(module.num_prefix_tokens) if num_prefix_tokens is None else num_prefix_tokens
        ),
        pooling=str(module.global_pool),
        pools_prefix=pools_prefix,
        num_classes=num_classes_of(module),
        input=input_spec,
        depth=len(blocks),
        embed_dim=int(module.embed_dim),
        num_heads=int(blocks[-1].attn.num_heads),
        parameters=sum(int(p.numel()) for p in module.parameters()),
        cost=DenseCost(
            patch_macs=patch_macs,
            token_macs=sum(_block_macs(block) for block in blocks),
            attention_width=sum(widths),
            pool_cost=pool_cost or PoolCost(),
            head_macs=linear_macs(module.head),
            fixed=fixed,
        ),
    )


def _block_macs(block: Any) -> int:
    """MACs of a block's linear layers for one token; those for pairs of tokens count elsewhere."""
    parts = (getattr(block.attn, name, None) for name in ("rel_pos", "proj_l", "proj_w"))
    return linear_macs(block) - sum(linear_macs(part) for part in parts if part is not None)
