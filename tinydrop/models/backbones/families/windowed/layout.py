"""Attention inside windows for any set of tokens: who shares a window, and how they attend.

Tokens come as a flat list with coordinates. They are sorted by window, and windows that hold the
same number of kept tokens are computed together, so that no dropped token is ever multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from tinydrop.models.backbones.costs import WindowGrid

# What timm adds to the scores of two regions that only the cyclic shift brought together. It is
# finite there, so it is here: both must give the same answer, however unlikely the difference.
_APART = -100.0


@dataclass(frozen=True, eq=False)
class Places:
    """Where the tokens of a flat list lie.

    Attributes:
        picture: (T,) int64, the picture of the batch.
        row: (T,) int64, on the map of the whole picture.
        col: (T,) int64.
        pictures: B.
    """

    picture: torch.Tensor
    row: torch.Tensor
    col: torch.Tensor
    pictures: int


@dataclass(frozen=True, eq=False)
class Scores:
    """What an attention compares and mixes.

    Attributes:
        queries: (T, heads, head size).
        keys: (T, heads, head size).
        values: (T, heads, head size).
        table: (entries, heads): the bias of two tokens by how they lie to each other.
        scale: of the products of queries and keys.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    table: torch.Tensor
    scale: float


@dataclass(frozen=True, eq=False)
class _Group:
    """Windows with the same number of tokens, side by side in the sorted list.

    Attributes:
        tokens: their part of the sorted list.
        windows: G.
        size: n, tokens per window.
        pairs: (G, n, n) int64, or (1, n, n) where all windows agree: for every query and key the
            row of the bias table, plus its length where the shift keeps the two apart.
    """

    tokens: slice
    windows: int
    size: int
    pairs: torch.Tensor


@dataclass(frozen=True, eq=False)
class Layout:
    """The tokens of a flat list, sorted by window.

    Attributes:
        order: (T,) int64, sorted list -> flat list.
        back: (T,) int64, flat list -> sorted list.
        groups: windows of equal size, covering the sorted list.
    """

    order: torch.Tensor
    back: torch.Tensor
    groups: tuple[_Group, ...]


def group_by_window(grid: WindowGrid, places: Places, relative_index: torch.Tensor) -> Layout:
    """Return who attends to whom in the blocks that cut the map as ``grid`` says.

    Args:
        grid: the windows.
        places: where the tokens lie.
        relative_index: (area, area) int64, the model's own: two places in a window -> the row of
            its bias table.
    """
    entries = (2 * grid.height - 1) * (2 * grid.width - 1)
    area = grid.height * grid.width
    row = (places.row - grid.shift_rows) % grid.rows
    col = (places.col - grid.shift_cols) % grid.cols
    window = (row // grid.height) * (grid.cols // grid.width) + col // grid.width
    place = (row % grid.height) * grid.width + col % grid.width
    number = places.picture * grid.num_windows + window
    size = torch.bincount(number, minlength=places.pictures * grid.num_windows)[number]
    # Windows that the shift glued together from both ends of the map hold up to four regions.
    region = _region(row, grid.rows, grid.height, grid.shift_rows) * 3
    region = region + _region(col, grid.cols, grid.width, grid.shift_cols)
    glued = _last(row, grid.rows, grid.height, grid.shift_rows)
    glued = glued | _last(col, grid.cols, grid.width, grid.shift_cols)
    # Whole windows without such a border are all alike, so they share one bias.
    kind = size + ((size == area) & glued).to(size.dtype)
    count = places.pictures * grid.num_windows
    order = torch.argsort((kind * count + number) * area + place)
    kinds, lengths = torch.unique_consecutive(kind[order], return_counts=True)
    place, region = place[order], region[order]
    groups, start = [], 0
    for found, length in zip(kinds.tolist(), lengths.tolist(), strict=True):
        tokens = slice(start, start + length)
        start += length
        if found == area:
            groups.append(_Group(tokens, length // area, area, relative_index[None]))
            continue
        own = min(found, area)
        at = place[tokens].view(-1, own)
        side = region[tokens].view(-1, own)
        pairs = relative_index[at[:, :, None], at[:, None, :]]
        pairs = pairs + entries * (side[:, :, None] != side[:, None, :])
        groups.append(_Group(tokens, length // own, own, pairs))
    back = torch.empty_like(order)
    back[order] = torch.arange(order.numel(), device=order.device)
    return Layout(order, back, tuple(groups))


def attend_in_windows(scores: Scores, layout: Layout, *, bias: bool = True) -> torch.Tensor:
    """Return what every token gathers in its window, (T, heads * head size), in sorted order.

    Args:
        scores: of the tokens in sorted order.
        layout: who shares a window.
        bias: without it tokens are not told how they lie to each other.
    """
    tokens, heads, size = scores.queries.shape
    table = scores.table if bias else torch.zeros_like(scores.table)
    both = torch.cat((table, table + _APART)).t().contiguous()  # (heads, 2 * entries)
    mixed = scores.queries.new_empty((tokens, heads * size))
    for group in layout.groups:
        shape = (group.windows, group.size, heads, size)
        q, k, v = (
            part[group.tokens].view(shape).permute(2, 0, 1, 3)  # (heads, G, n, head size)
            for part in (scores.queries, scores.keys, scores.values)
        )
        added = both[:, group.pairs]  # (heads, G or 1, n, n)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=scores.scale)
        mixed[group.tokens] = out.permute(1, 2, 0, 3).reshape(-1, heads * size)
    return mixed


def _region(at: torch.Tensor, length: int, window: int, shift: int) -> torch.Tensor:
    """Return which of the three stretches along one side a shifted token lies in, 0 to 2."""
    return (at >= length - window).long() + (at >= length - shift).long()


def _last(at: torch.Tensor, length: int, window: int, shift: int) -> torch.Tensor:
    """Return whether a shifted token's window joins the two ends of the map."""
    return at >= length - window if shift else torch.zeros_like(at, dtype=torch.bool)
