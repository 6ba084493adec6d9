"""The stage in three layers that change at different times: picture, map and kept set.

A slider moves only the last one, a few kB; the picture itself is sent once.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection, mask_outline
from tinydrop.pipeline.render import heat_colours
from tinydrop.ui.kit.markup import data_uri, escape, number_list

SPAN = 560
"""Length of the grid's longer side in the layers' own coordinates; the page stretches them."""
MAX_RANKS = 1024
"""Ranks are not written on finer grids: nobody could read them."""


def picture_layer(crop: Image.Image, name: str) -> str:
    """Return the region that the models see as an ``<img>``."""
    shape = f"{crop.width} / {crop.height}"
    kind = "PNG" if max(crop.size) <= 128 else "JPEG"
    return (
        f'<img class="td-photo" src="{data_uri(crop, kind)}" style="aspect-ratio:{shape}" '
        f'alt="{escape(name)}, the part that the models see">'
    )


def map_layer(
    grid: PatchGrid, saliency: Saliency | None, order: npt.NDArray[np.int64] | None
) -> str:
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
    heat = ""
    if scores is not None:
        picture = Image.fromarray(heat_colours(scores))
        heat = f'<img class="td-heat" src="{data_uri(picture)}" alt="">'
    listed = "" if scores is None else number_list(f"{v:.3f}" for v in scores.reshape(-1))
    return (
        f'<div class="td-map" data-rows="{grid.rows}" data-cols="{grid.cols}" '
        f'data-scores="{listed}" data-ranks="{number_list(ranks)}">{heat}'
        f"{_ranks_svg(grid, ranks) if order is not None else ''}</div>"
    )


def mask_layer(
    grid: PatchGrid,
    selection: TokenSelection | None,
    forced_in: Collection[int] = (),
    forced_out: Collection[int] = (),
    hatching: str = "td-hatching",
) -> str:
    """Return the kept set as SVG: dropped patches faded and hatched, kept ones outlined.

    Args:
        grid: the target's grid.
        selection: the kept set; None after an early exit, which keeps nothing and fades nothing.
        forced_in: patches that a person forced in.
        forced_out: patches that a person forced out.
        hatching: the pattern's id; each stage of a page has its own, since one that lies in a
            hidden part of the page draws nothing.
    """
    mask = np.zeros(grid.num_patches, dtype=np.bool_) if selection is None else selection.token_mask
    unit = _unit(grid)
    width, height = grid.cols * unit, grid.rows * unit
    if selection is None:
        label, body = "Early exit: no patch is kept", ""
    else:
        label = f"{selection.num_keep} of {grid.num_patches} patches kept"
        outline = outline_path(selection, unit)
        dropped = f"M0 0H{width}V{height}H0Z{outline}"
        body = (
            f'<path class="td-veil" fill-rule="evenodd" d="{dropped}"/>'
            f'<path fill="url(#{hatching})" class="td-hatch" fill-rule="evenodd" d="{dropped}"/>'
            f'<path class="td-casing" d="{outline}"/><path class="td-edge" d="{outline}"/>'
        )
    marks = "".join(
        _mark(grid, patch, kind)
        for kind, patches in (("in", forced_in), ("out", forced_out))
        for patch in sorted(patches)
    )
    lines = "".join(f"M{x * unit} 0V{height}" for x in range(1, grid.cols)) + "".join(
        f"M0 {y * unit}H{width}" for y in range(1, grid.rows)
    )
    return (
        f'<svg class="td-mask" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}" data-exited="{int(selection is None)}" '
        f'data-kept="{"".join("01"[int(kept)] for kept in mask)}" '
        f'data-in="{number_list(sorted(forced_in))}" '
        f'data-out="{number_list(sorted(forced_out))}">'
        f'<defs><pattern id="{hatching}" width="10" height="10" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path class="td-stroke" d="M0 0V10"/></pattern></defs>'
        f'<path class="td-grid" d="{lines}"/>{body}{marks}</svg>'
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


def _mark(grid: PatchGrid, patch: int, kind: str) -> str:
    """Return the sign in a forced patch's corner: a plus for in, a minus for out."""
    row, col = grid.position(patch)
    unit = _unit(grid)
    x, y, arm = (col + 0.24) * unit, (row + 0.24) * unit, min(7.0, 0.11 * unit)
    upright = f"M{x:g} {y - arm:g}V{y + arm:g}" if kind == "in" else ""
    return (
        f'<g class="td-forced td-forced-{kind}"><circle cx="{x:g}" cy="{y:g}" r="{1.8 * arm:g}"/>'
        f'<path d="M{x - arm:g} {y:g}H{x + arm:g}{upright}"/></g>'
    )


def _ranks_svg(grid: PatchGrid, ranks: npt.NDArray[np.int64]) -> str:
    if grid.num_patches > MAX_RANKS:
        return ""
    unit = _unit(grid)
    words = "".join(
        f'<text x="{(i % grid.cols + 0.5) * unit:g}" '
        f'y="{(i // grid.cols + 0.5) * unit:g}" dy=".35em">{rank}</text>'
        for i, rank in enumerate(ranks)
    )
    return (
        f'<svg class="td-ranks" viewBox="0 0 {grid.cols * unit} {grid.rows * unit}" '
        f'font-size="{min(17.0, 0.4 * unit):g}" preserveAspectRatio="none" aria-hidden="true">'
        f"{words}</svg>"
    )
