"""Is a kept set in one piece? Shape measures of a mask, beside random sets of the same size.

A share or a count alone says little: at half of a 14x14 grid a *random* set already has 88 % of its
patches in one 8-connected piece. So every measure comes with its percentile among random sets of
the same K on the same grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tinydrop.errors import SettingError
from tinydrop.tokens import TokenSelection

__all__ = [
    "COHERENCE_METRICS",
    "border_share",
    "centroid_offset",
    "component_count",
    "describe_coherence",
    "hole_count",
    "largest_component_share",
    "morans_i",
]

Masks = npt.NDArray[np.bool_]
"""(M, rows, cols) bool, True = kept; every mask keeps at least one patch."""
Values = npt.NDArray[np.float64]
"""(M,) float64, one value per mask; NaN where the measure has no meaning."""

# Masks lie along the first axis, which nothing connects.
_NEIGHBOURS = {
    4: np.stack([np.zeros((3, 3)), ndimage.generate_binary_structure(2, 1), np.zeros((3, 3))]),
    8: np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))]),
}


def _label(cells: Masks, connectivity: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return pieces numbered from 1 over the whole stack, (M, rows, cols), and their number."""
    if connectivity not in _NEIGHBOURS:
        raise SettingError(f"Patches connect to 4 or to 8 neighbours, got {connectivity!r}.")
    labels, count = ndimage.label(cells, _NEIGHBOURS[connectivity])
    return labels.astype(np.int64), int(count)


def _mask_of_label(labels: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return the mask that each piece lies in, (count + 1,) int64; entry 0 means nothing."""
    owner = np.zeros(count + 1, dtype=np.int64)
    owner[labels] = np.arange(len(labels))[:, None, None]
    return owner


def component_count(masks: Masks, connectivity: int = 8) -> Values:
    """Return the number of connected pieces of kept patches; corners connect unless told 4.

    Args:
        masks: (M, rows, cols) bool.
        connectivity: 8 counts patches that touch at a corner as one piece, 4 does not.

    Returns:
        (M,) float64.
    """
    labels, count = _label(masks, connectivity)
    return np.bincount(_mask_of_label(labels, count)[1:], minlength=len(masks)).astype(np.float64)


def largest_component_share(masks: Masks, connectivity: int = 8) -> Values:
    """Return the share (0 to 1) of the kept patches that lie in the largest piece, (M,) float64.

    Args:
        masks: (M, rows, cols) bool.
        connectivity: as in ``component_count``.
    """
    labels, count = _label(masks, connectivity)
    sizes = np.bincount(labels.reshape(-1), minlength=count + 1)
    largest = np.zeros(len(masks), dtype=np.int64)
    np.maximum.at(largest, _mask_of_label(labels, count)[1:], sizes[1:])
    share: Values = largest / masks.sum(axis=(1, 2))
    return share


def hole_count(masks: Masks) -> Values:
    """Return the number of holes: pieces of dropped patches shut in by kept ones, (M,) float64.

    Dropped patches connect through sides alone (4), the counterpart of kept patches that connect
    through corners (8); a piece that reaches the edge of the grid is no hole.
    """
    labels, count = _label(~masks, 4)
    open_piece = np.zeros(count + 1, dtype=np.bool_)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        open_piece[edge] = True
    owner = _mask_of_label(labels, count)[1:]
    return np.bincount(owner[~open_piece[1:]], minlength=len(masks)).astype(np.float64)


def morans_i(masks: Masks) -> Values:
    """Return Moran's I of kept (1) and dropped (0) with rook neighbours, (M,) float64.

    1 is one solid block's limit, -1 a checkerboard, -1/(N-1) what chance gives; NaN when every
    patch is kept or there is one patch. Source: P. A. P. Moran, Biometrika 37 (1950) 17-23;
    binary symmetric weights, not row-standardised.
    """
    deviation = masks - masks.mean(axis=(1, 2), keepdims=True)
    products = (deviation[:, 1:] * deviation[:, :-1]).sum(axis=(1, 2))
    products += (deviation[:, :, 1:] * deviation[:, :, :-1]).sum(axis=(1, 2))
    _, rows, cols = masks.shape
    pairs = (rows - 1) * cols + rows * (cols - 1)
    variance = (deviation**2).mean(axis=(1, 2))
    result = np.full(len(masks), np.nan)
    # Each pair counts twice in the sum and twice in the weights.
    np.divide(products, pairs * variance, out=result, where=(variance > 0) & (pairs > 0))
    return result


def border_share(masks: Masks) -> Values:
    """Return the share (0 to 1) of the kept patches on the outermost ring, (M,) float64."""
    inner = masks[:, 1:-1, 1:-1].sum(axis=(1, 2))
    share: Values = 1.0 - inner / masks.sum(axis=(1, 2))
    return share


def centroid_offset(masks: Masks) -> Values:
    """Return how far the kept patches' centroid lies from the centre, (M,) float64.

    Measured on the unit square, whatever the grid's proportions: 0 in the centre, 1 in a corner.
    """
    _, rows, cols = masks.shape
    kept = masks.sum(axis=(1, 2))
    down = masks.sum(axis=2) @ ((np.arange(rows) + 0.5) / rows - 0.5) / kept
    right = masks.sum(axis=1) @ ((np.arange(cols) + 0.5) / cols - 0.5) / kept
    offset: Values = np.hypot(down, right) / np.hypot(0.5, 0.5)
    return offset


COHERENCE_METRICS: Mapping[str, Callable[[Masks], Values]] = MappingProxyType(
    {
        "components": component_count,
        "components_4": lambda masks: component_count(masks, connectivity=4),
        "largest_component_share": largest_component_share,
        "largest_component_share_4": lambda masks: largest_component_share(masks, connectivity=4),
        "holes": hole_count,
        "morans_i": morans_i,
        "border_share": border_share,
        "centroid_offset": centroid_offset,
    }
)
"""Name -> measure. Names without a number connect through corners (8), ``_4`` through sides."""


@lru_cache(maxsize=256)  # 16 values of K for each of 16 grids; about 30 kB each at 500 draws
def _random_values(
    rows: int, cols: int, num_keep: int, draws: int, seed: int
) -> Mapping[str, Values]:
    """Return each measure on ``draws`` random sets of K patches, sorted, (draws,) float64."""
    order = np.random.default_rng(seed).random((draws, rows * cols)).argsort(axis=1)
    masks = (order < num_keep).reshape(draws, rows, cols)
    return {name: np.sort(measure(masks)) for name, measure in COHERENCE_METRICS.items()}


def describe_coherence(
    selection: TokenSelection, *, draws: int = 500, seed: int = 0
) -> Mapping[str, Mapping[str, float | None]]:
    """Return metric -> {value, percentile} of a kept set, in the order of ``COHERENCE_METRICS``.

    The percentile (0 to 100) is the mid-rank among random sets of the same K on the same grid: the
    share of them with a smaller value, plus half of the share with the same value. It is None where
    it has no meaning, as when every patch is kept: there is one such set.

    Args:
        selection: the kept set.
        draws: how many random sets; they are drawn once per grid, K and seed.
        seed: of the draws.

    Raises:
        SettingError: if ``draws`` is not positive.
    """
    if draws < 1:
        raise SettingError(f"A percentile needs at least one random set, got draws={draws!r}.")
    grid, num_keep = selection.grid, selection.num_keep
    mask = selection.token_mask.reshape(1, grid.rows, grid.cols)
    values = {name: float(measure(mask)[0]) for name, measure in COHERENCE_METRICS.items()}
    if num_keep == grid.num_patches:
        return {name: _entry(value, None) for name, value in values.items()}
    random = _random_values(grid.rows, grid.cols, num_keep, draws, seed)
    return {name: _entry(value, random[name]) for name, value in values.items()}


def _entry(value: float, sorted_draws: Values | None) -> Mapping[str, float | None]:
    if not np.isfinite(value):
        return {"value": None, "percentile": None}
    if sorted_draws is None:
        return {"value": value, "percentile": None}
    # Sums of the same numbers in another order differ in the last bits; they are the same value.
    slack = 1e-9 * max(1.0, abs(value))
    below = int(np.searchsorted(sorted_draws, value - slack, side="left"))
    up_to = int(np.searchsorted(sorted_draws, value + slack, side="right"))
    return {"value": value, "percentile": 50.0 * (below + up_to) / sorted_draws.size}
