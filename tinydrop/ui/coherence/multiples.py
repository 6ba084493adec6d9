"""Small multiples: the same K chosen or placed in different ways, with what the target says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.numbers import percent
from tinydrop.core.results import Answer, Truth
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.ui.kit.agreement import agreement
from tinydrop.ui.kit.markup import data_uri, escape
from tinydrop.ui.kit.stage import outline_path

EMPTY = (138, 147, 159)
"""A grey that stands apart from light and dark pages alike."""


@dataclass(frozen=True, eq=False)
class Multiple:
    """One tile.

    Attributes:
        key: what a click on it sends.
        title: its name on the page.
        note: its name in one sentence.
        chosen: whether it is on the stage.
        selection: the kept patches.
        answer: what the target says; None while it is running.
        picture: the patches as the target places them; None for the kept set over the photograph.
    """

    key: str
    title: str
    note: str
    chosen: bool
    selection: TokenSelection
    answer: Answer | None
    picture: Image.Image | None = None


def photo_part(thumb: Image.Image) -> str:
    """Return what gives all tiles and cells their photograph, sent once and kept in css."""
    return (
        f'<i class="ch-photo" hidden data-photo="{data_uri(thumb, "JPEG")}" '
        f'data-shape="{thumb.width}/{thumb.height}"></i>'
    )


def multiples(
    tiles: Sequence[Multiple],
    full: Answer | None,
    label: str,
    *,
    stopped: bool,
    truth: Truth | None = None,
) -> str:
    """Return the tiles as buttons, each with class, confidence and whether it agrees.

    Args:
        tiles: what is compared.
        full: the full target's answer, the yardstick.
        label: what the group is, for those who cannot see it.
        stopped: True where missing answers will not come.
        truth: what the picture shows, where that is known.
    """
    buttons = "".join(_button(tile, full, stopped=stopped, truth=truth) for tile in tiles)
    return f'<div class="ch-tiles" role="group" aria-label="{escape(label)}">{buttons}</div>'


def thumb_mask(selection: TokenSelection) -> str:
    """Return a kept set over the photograph: dropped patches faded, kept ones outlined."""
    grid = selection.grid
    path = f"M0 0H{grid.cols}V{grid.rows}H0Z{outline_path(selection)}"
    return (
        f'<span class="ch-thumb"><svg viewBox="0 0 {grid.cols} {grid.rows}" '
        f'preserveAspectRatio="none" aria-hidden="true"><path fill-rule="evenodd" d="{path}"/>'
        "</svg></span>"
    )


def placed_image(
    thumb: Image.Image,
    selection: TokenSelection,
    cells: npt.NDArray[np.int64] | None,
) -> Image.Image:
    """Return the kept patches where the target believes them to be.

    Args:
        thumb: the region that the models see, a whole number of pixels per patch.
        selection: the kept patches.
        cells: (K,) the cell each of them is placed at; None draws them loose, each with a gap
            around it, since the target knows no place.
    """
    grid = selection.grid
    height, width = thumb.height // grid.rows, thumb.width // grid.cols
    pixels = np.asarray(thumb.convert("RGB"))
    placed = np.empty_like(pixels)
    placed[:] = EMPTY
    loose = cells is None
    targets = np.arange(selection.num_keep) if cells is None else cells
    for patch, cell in zip(selection.keep_indices.tolist(), targets.tolist(), strict=True):
        tile = pixels[_area(grid, patch, height, width)]
        room = _area(grid, cell, height, width)
        if loose:
            gap = max(1, height // 6), max(1, width // 6)
            rows, cols = room
            room = slice(rows.start + gap[0], rows.stop), slice(cols.start + gap[1], cols.stop)
            tile = tile[gap[0] :, gap[1] :]
        placed[room] = tile
    return Image.fromarray(placed)


def _area(grid: PatchGrid, index: int, height: int, width: int) -> tuple[slice, slice]:
    row, col = grid.position(index)
    return slice(row * height, (row + 1) * height), slice(col * width, (col + 1) * width)


def _button(tile: Multiple, full: Answer | None, *, stopped: bool, truth: Truth | None) -> str:
    kind, mark, word = agreement(tile.answer, full, truth)
    name = sure = ""
    if tile.answer is not None:
        name, sure = tile.answer.name, percent(tile.answer.confidence)
    elif stopped:
        mark, word = "–", "no answer"
    spoken = f"{tile.title}: " + (f"{name}, {sure}, " if name else "") + word
    if kind in ("ch-same", "ch-other"):
        spoken += " as with every patch" if kind == "ch-same" else " from every patch"
    picture = (
        thumb_mask(tile.selection)
        if tile.picture is None
        else f'<span class="ch-thumb"><img src="{data_uri(tile.picture, "JPEG")}" alt=""></span>'
    )
    return (
        f'<button type="button" class="ch-tile" data-key="{escape(tile.key)}" '
        f'aria-pressed="{str(tile.chosen).lower()}" aria-label="{escape(spoken)}" '
        f'title="{escape(tile.note)}">{picture}<b>{escape(tile.title)}</b>'
        f'<span class="ch-name">{escape(name) or "&nbsp;"}</span>'
        f'<span class="ch-fate"><i class="{kind}">{mark} {word}</i> {sure}</span></button>'
    )
