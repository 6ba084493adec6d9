"""Where a measure stands among chance: random sets of the same K, shuffles of the same map."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import comb

import numpy as np
import numpy.typing as npt

from tinydrop.core.coherence.metrics import COHERENCE_METRICS, MAP_METRICS, Values
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import mid_percentiles
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection

Entry = Mapping[str, float | None]
"""``{value, percentile}`` of one measure; None where it has no meaning."""

DRAWS = 500
"""Random sets per grid and K: a percentile of 50 is then known to 2 points, one of 95 to 1."""

_NOTHING: Entry = {"value": None, "percentile": None}


def describe_coherence(
    selection: TokenSelection, *, draws: int = DRAWS, seed: int = 0
) -> Mapping[str, Entry]:
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
    _check_draws(draws)
    grid, num_keep = selection.grid, selection.num_keep
    mask = selection.token_mask.reshape(1, grid.rows, grid.cols)
    values = {name: measure(mask) for name, measure in COHERENCE_METRICS.items()}
    if num_keep == grid.num_patches:
        return {name: _entry(value, None) for name, value in values.items()}
    random = _random_values(grid.rows, grid.cols, num_keep, draws, seed)
    return {name: _entry(value, random[name]) for name, value in values.items()}


def coherence_percentiles(
    metric: str,
    values: npt.ArrayLike,
    grid: PatchGrid,
    num_keep: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Values:
    """Return the percentiles of many kept sets of one size, as a trace holds them, (M,) float64.

    They are those of ``describe_coherence``; NaN where a value is, or where every patch is kept.

    Args:
        metric: a name in ``COHERENCE_METRICS``.
        values: (M,) of that measure, for sets of ``num_keep`` patches each.
        grid: the target's grid.
        num_keep: K, the same for all.
        draws: how many random sets.
        seed: of the draws.

    Raises:
        SettingError: if the metric is unknown, K is out of range or ``draws`` is not positive.
    """
    if metric not in COHERENCE_METRICS:
        raise SettingError(
            f"Unknown measure {quoted(metric)}; choose one of {', '.join(COHERENCE_METRICS)}."
        )
    _check_draws(draws)
    if not 1 <= num_keep <= grid.num_patches:
        raise SettingError(
            f"The target keeps between 1 and {grid.num_patches} patches, got {quoted(num_keep)}."
        )
    given = np.asarray(values, dtype=np.float64)
    if num_keep == grid.num_patches:
        return np.full(given.shape, np.nan)
    return mid_percentiles(
        given, _random_values(grid.rows, grid.cols, num_keep, draws, seed)[metric]
    )


def describe_map(saliency: Saliency, *, draws: int = DRAWS, seed: int = 0) -> Mapping[str, Entry]:
    """Return metric -> {value, percentile} of a map, in the order of ``MAP_METRICS``.

    The percentile (0 to 100) is the mid-rank among random permutations of the map's own values. A
    map that cannot be ranked has None everywhere. Give the map on the grid on which the guidance
    made it: one that was resized is smooth because it was resized.

    Args:
        saliency: the map.
        draws: how many permutations.
        seed: of the permutations.

    Raises:
        SettingError: if ``draws`` is not positive.
    """
    _check_draws(draws)
    if saliency.problem is not None:
        return dict.fromkeys(MAP_METRICS, _NOTHING)
    rows, cols = saliency.values.shape
    values = saliency.values.astype(np.float64)
    shuffled = values.reshape(-1)[_permutations(values.size, draws, seed)]
    random = shuffled.reshape(draws, rows, cols)
    return {
        name: _entry(measure(values[None]), np.sort(measure(random)))
        for name, measure in MAP_METRICS.items()
    }


def describe_box(selection: TokenSelection, box: npt.NDArray[np.bool_]) -> Entry:
    """Return {value, percentile} of the share (0 to 1) of the kept patches that lie in a box.

    The percentile (0 to 100) is the mid-rank among all sets of the same K, exactly: the number of
    their patches in the box is hypergeometric. It is None where every set has the same share.

    Args:
        selection: the kept set.
        box: (N,) or (rows, cols) bool, True = the patch belongs to the object.

    Raises:
        SettingError: if the box has another shape.
    """
    grid = selection.grid
    if box.shape not in {(grid.num_patches,), (grid.rows, grid.cols)}:
        raise SettingError(
            f"A box on a {grid.rows}x{grid.cols} grid is a mask of shape ({grid.num_patches},) or "
            f"({grid.rows}, {grid.cols}), got {box.shape}."
        )
    inside = box.reshape(-1).astype(np.bool_)
    hits = int(inside[selection.keep_indices].sum())
    size, k = int(inside.sum()), selection.num_keep
    return {"value": hits / k, "percentile": _box_percentile(hits, size, k, grid.num_patches)}


def box_percentiles(
    masks: npt.NDArray[np.bool_], boxes: npt.NDArray[np.bool_]
) -> tuple[Values, Values]:
    """Return what ``describe_box`` says of many sets: shares and percentiles, (M,) float64 each.

    Args:
        masks: (M, N) bool, True = kept, at least one in every row.
        boxes: (M, N) bool, True = the patch belongs to the object.

    Returns:
        The share of the kept patches in the box, 0 to 1, and its percentile, NaN where every set
        of as many patches has the same share.

    Raises:
        SettingError: if the two differ in shape, or a set is empty.
    """
    if masks.ndim != 2 or masks.shape != boxes.shape or not masks.any(axis=1).all():
        raise SettingError(
            f"Sets and boxes have one shape (pictures, patches), and no set is empty; got "
            f"{masks.shape} and {boxes.shape}."
        )
    hits, sizes, kept = (found.sum(axis=1) for found in (masks & boxes, boxes, masks))
    known = (
        _box_percentile(int(hit), int(size), int(k), masks.shape[1])
        for hit, size, k in zip(hits, sizes, kept, strict=True)
    )
    return hits / kept, np.array([np.nan if one is None else one for one in known], np.float64)


@lru_cache(maxsize=4096)
def _box_percentile(hits: int, size: int, num_keep: int, num_patches: int) -> float | None:
    """Return the mid-rank of ``hits`` patches in a box of ``size``, 0 to 100; None if all tie."""
    if not (0 < size < num_patches and num_keep < num_patches):
        return None
    rest = num_patches - size
    ways = [comb(size, x) * comb(rest, num_keep - x) for x in range(min(hits, num_keep) + 1)]
    return float(100 * (2 * sum(ways) - ways[-1]) / (2 * comb(num_patches, num_keep)))


def _check_draws(draws: int) -> None:
    if draws < 1:
        raise SettingError(
            f"A percentile needs at least one random set, got draws={quoted(draws)}."
        )


@lru_cache(maxsize=256)  # 16 values of K for each of 16 grids; about 45 kB each at 500 draws
def _random_values(
    rows: int, cols: int, num_keep: int, draws: int, seed: int
) -> Mapping[str, Values]:
    """Return each measure on ``draws`` random sets of K patches, sorted, (draws,) float64."""
    order = np.random.default_rng(seed).random((draws, rows * cols)).argsort(axis=1)
    masks = (order < num_keep).reshape(draws, rows, cols)
    return {name: np.sort(measure(masks)) for name, measure in COHERENCE_METRICS.items()}


@lru_cache(maxsize=16)  # one per grid of a guidance's map; about 800 kB for 14x14 at 500 draws
def _permutations(size: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Return random permutations of the patches, (draws, N) int64, read-only."""
    order = np.random.default_rng(seed).random((draws, size)).argsort(axis=1)
    order.setflags(write=False)
    return order


def _entry(value: Values, sorted_draws: Values | None) -> Entry:
    """Return the entry of one value, (1,), beside its draws."""
    if not np.isfinite(value[0]):
        return _NOTHING
    if sorted_draws is None:
        return {"value": float(value[0]), "percentile": None}
    return {
        "value": float(value[0]),
        "percentile": float(mid_percentiles(value, sorted_draws)[0]),
    }
