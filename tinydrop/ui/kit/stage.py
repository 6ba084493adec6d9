"""The patch board in three layers that change at different times: picture, map and kept set.

A slider moves only the last one, a few kB; the picture itself is sent once.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image

from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection, mask_outline
from tinydrop.pipeline.render import heat_colours
from tinydrop.ui.kit.markup import data_uri, number_list
from tinydrop.ui.kit.templates import draw

SPAN = 560
"""Length of the grid's longer side in the layers' own coordinates; the page stretches them."""
MAX_RANKS = 1024
"""Ranks are not written on finer grids: nobody could read them."""
BOARD = "kit/board.html"


def picture_layer(crop: Image.Image, name: str) -> Markup:
    """Return the region that the models see as an ``<img>``."""
    kind = "PNG" if max(crop.size) <= 128 else "JPEG"
    shape = f"{crop.width} / {crop.height}"
    return draw(BOARD, "picture", source=data_uri(crop, kind), shape=shape, alt=name)


def map_layer(
    grid: PatchGrid, saliency: Saliency | None, order: npt.NDArray[np.int64] | None
) -> Markup:
    """Return the heat as a tiny picture of one pixel per patch, the ranks, and both as data.

    Args:
        grid: the target's grid.
        saliency: the map on that grid; None for selectors that look at none.
        order: (N,) int64, patches from first to last kept; None for a map that cannot be ranked.
    """
    ranks = np.zeros(grid.num_patches, dtype=np.int64)
    if order is not None:
        ranks[order] = np.arange(1, grid.num_patches + 1)
    usable = saliency is not None and saliency.problem is None
    scores = saliency.normalised() if saliency is not None and usable else None
    unit = _unit(grid)
    return draw(
        BOARD,
        "map",
        rows=grid.rows,
        cols=grid.cols,
        scores="" if scores is None else number_list(f"{v:.3f}" for v in scores.reshape(-1)),
        ranks=number_list(ranks),
        heat="" if scores is None else data_uri(Image.fromarray(heat_colours(scores))),
        width=grid.cols * unit,
        height=grid.rows * unit,
        size=f"{min(17.0, 0.4 * unit):g}",
        words=() if order is None or grid.num_patches > MAX_RANKS else _rank_words(grid, ranks),
    )


def mask_layer(
    grid: PatchGrid,
    selection: TokenSelection | None,
    forced_in: Collection[int] = (),
    forced_out: Collection[int] = (),
) -> Markup:
    """Return the kept set as SVG: dropped patches dimmed, kept ones outlined.

    Args:
        grid: the target's grid.
        selection: the kept set; None after an early exit, which keeps nothing and dims nothing.
        forced_in: patches that a person forced in.
        forced_out: patches that a person forced out.
    """
    mask = np.zeros(grid.num_patches, dtype=np.bool_) if selection is None else selection.token_mask
    unit = _unit(grid)
    width, height = grid.cols * unit, grid.rows * unit
    label = "Early exit: no patch is kept"
    if selection is not None:
        label = f"{selection.num_keep} of {grid.num_patches} patches kept"
    return draw(
        BOARD,
        "mask",
        width=width,
        height=height,
        label=label,
        exited=int(selection is None),
        kept="".join("01"[int(kept)] for kept in mask),
        forced_in=number_list(sorted(forced_in)),
        forced_out=number_list(sorted(forced_out)),
        lines="".join(f"M{x * unit} 0V{height}" for x in range(1, grid.cols))
        + "".join(f"M0 {y * unit}H{width}" for y in range(1, grid.rows)),
        outline="" if selection is None else outline_path(selection, unit),
        marks=[
            _mark(grid, patch, kind)
            for kind, patches in (("in", forced_in), ("out", forced_out))
            for patch in sorted(patches)
        ],
    )


def outline_path(selection: TokenSelection, unit: int = 1) -> str:
    """Return the borders of the kept patches as SVG path data, ``unit`` long per patch.

    The loops turn at right angles, so each side after the first corner is one number.
    """
    grid = selection.grid
    loops = mask_outline(selection.token_mask.reshape(grid.rows, grid.cols))
    return "".join(_loop([(col * unit, row * unit) for col, row in loop]) for loop in loops)


def _loop(corners: list[tuple[int, int]]) -> str:
    sides = "".join(
        f"H{x}" if y == last else f"V{y}" for (_, last), (x, y) in itertools.pairwise(corners)
    )
    return f"M{corners[0][0]} {corners[0][1]}{sides}Z"


def _unit(grid: PatchGrid) -> int:
    """Return the length of a patch in the layers' coordinates."""
    return max(4, SPAN // max(grid.rows, grid.cols))


def _mark(grid: PatchGrid, patch: int, kind: str) -> tuple[str, str, str, str, str]:
    """Return kind, place, radius and sign of a forced patch: a plus for in, a minus for out."""
    row, col = grid.position(patch)
    unit = _unit(grid)
    x, y, arm = (col + 0.24) * unit, (row + 0.24) * unit, min(7.0, 0.11 * unit)
    upright = f"M{x:g} {y - arm:g}V{y + arm:g}" if kind == "in" else ""
    sign = f"M{x - arm:g} {y:g}H{x + arm:g}{upright}"
    return kind, f"{x:g}", f"{y:g}", f"{1.8 * arm:g}", sign


def _rank_words(grid: PatchGrid, ranks: npt.NDArray[np.int64]) -> tuple[tuple[str, str, int], ...]:
    """Return where each patch's rank is written, and the rank."""
    unit = _unit(grid)
    return tuple(
        (f"{(i % grid.cols + 0.5) * unit:g}", f"{(i // grid.cols + 0.5) * unit:g}", int(rank))
        for i, rank in enumerate(ranks)
    )
