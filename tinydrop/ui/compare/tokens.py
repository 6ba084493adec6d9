"""What a method made of a picture's tokens: dropped ones faded, joined ones in one colour."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid

VEIL_OPACITY = 0.74
MIXED_OPACITY = 0.8
BORDER = (255, 255, 255)


def tokens_image(
    crop: Image.Image,
    grid: PatchGrid,
    groups: npt.NDArray[np.int64],
    blocks_run: npt.NDArray[np.int64],
    depth: int,
    *,
    cell: int = 24,
) -> Image.Image:
    """Return the picture as the target's tokens at the end, ``cell`` pixels per patch.

    A patch alone in its token stays as it is. Patches that were joined take the mean colour of all
    of them, and a line runs between different tokens there. A dropped patch is veiled, the more
    the earlier it was dropped, and hatched, so that nothing hangs on colour alone.

    Args:
        crop: the region that the models see, RGB.
        grid: the target's patches.
        groups: (N,) the token that holds each patch; -1 where it was dropped.
        blocks_run: (N,) how many blocks attended to each patch.
        depth: D, the number of blocks.
        cell: pixels per patch, at least 4.

    Raises:
        SettingError: if groups or blocks are not one per patch, or a cell is too small to draw.
    """
    shape = (grid.num_patches,)
    if groups.shape != shape or blocks_run.shape != shape or cell < 4:
        raise SettingError(
            f"A picture of tokens needs {grid.num_patches} groups and blocks and cells of at least "
            f"4 pixels, got shapes {groups.shape} and {blocks_run.shape} and {cell!r} pixels."
        )
    size = (grid.cols * cell, grid.rows * cell)
    pixels = np.asarray(crop.convert("RGB").resize(size, Image.Resampling.LANCZOS)) / 255.0
    colours = pixels.reshape(grid.rows, cell, grid.cols, cell, 3).mean(axis=(1, 3)).reshape(-1, 3)
    kept = groups >= 0
    sizes = np.bincount(groups[kept], minlength=1)
    joined = np.zeros(shape, dtype=np.bool_)
    joined[kept] = sizes[groups[kept]] > 1
    total = np.zeros((sizes.size, 3))
    np.add.at(total, groups[kept], colours[kept])
    mean = np.where(kept[:, None], total[groups] / np.maximum(sizes, 1)[groups][:, None], 1.0)
    veil = VEIL_OPACITY * (1.0 - 0.6 * blocks_run / depth)
    opacity = np.where(kept, np.where(joined, MIXED_OPACITY, 0.0), veil)
    share = _spread(opacity[:, None], grid, cell)
    pixels = pixels * (1.0 - share) + _spread(mean, grid, cell) * share
    hatch = np.add.outer(np.arange(size[1]), np.arange(size[0])) % 7 < 1
    dropped = _spread(~kept[:, None], grid, cell)[..., 0]
    pixels[dropped & hatch] *= 0.8
    pixels[_borders(groups, joined, grid, cell)] = np.array(BORDER) / 255.0
    return Image.fromarray(np.rint(255 * pixels).clip(0, 255).astype(np.uint8))


def _borders(
    groups: npt.NDArray[np.int64], joined: npt.NDArray[np.bool_], grid: PatchGrid, cell: int
) -> npt.NDArray[np.bool_]:
    """Return (height, width) bool, True on lines between tokens of which one at least is joined."""
    token = groups.reshape(grid.rows, grid.cols)
    mixed = joined.reshape(grid.rows, grid.cols)
    line = np.zeros((grid.rows * cell, grid.cols * cell), dtype=np.bool_)
    for axis in (0, 1):
        first, second = (slice(None), slice(-1)), (slice(None), slice(1, None))
        if axis == 0:
            first, second = first[::-1], second[::-1]
        edge = (token[first] != token[second]) & (mixed[first] | mixed[second])
        for row, col in np.argwhere(edge):
            top, left = row * cell, col * cell
            if axis == 0:
                line[top + cell - 1 : top + cell + 1, left : left + cell] = True
            else:
                line[top : top + cell, left + cell - 1 : left + cell + 1] = True
    return line


def _spread(values: npt.NDArray[Any], grid: PatchGrid, cell: int) -> npt.NDArray[Any]:
    """Return (N, k) values as (height, width, k), sharp at the borders of the cells."""
    cells = values.reshape(grid.rows, grid.cols, -1)
    return cells.repeat(cell, axis=0).repeat(cell, axis=1)
