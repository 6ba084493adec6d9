"""Does a map lie on the object? Two measures on a box, beside maps that know nothing.

Both are taken on the target's patch grid, where the map is used; the box comes as the share of
every patch that it covers (``View.box_coverage``). Arrays hold M pictures and N patches.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid, covered_patches

Floats = npt.NDArray[np.float64]

CENTRE_SPREAD = 0.25
"""Standard deviation of the centre prior, as a share of each side of the picture."""


def pointing_game(maps: npt.ArrayLike, coverage: npt.ArrayLike) -> Floats:
    """Return whether the largest value of each map lies in its box, (M,) float64 from 0 to 1.

    A patch is in the box from half of it on; in a box smaller than that, the patches most covered
    (``covered_patches``). Several patches with the same largest value count as equally likely: the
    hit is the share of them in the box. NaN where the crop shows nothing of the box.

    Args:
        maps: (M, N), finite; larger = more salient.
        coverage: (M, N), share of every patch in the box.

    Source: Zhang et al., "Top-down neural attention by excitation backprop" (arXiv:1608.00507),
        which allows 15 pixels around the box; here nothing is allowed.
    """
    values, shares = _checked(maps, coverage)
    top = values == values.max(axis=1, keepdims=True)
    hits = (top & _boxes(shares)).sum(axis=1) / top.sum(axis=1)
    return np.where(shares.any(axis=1), hits, np.nan)


def energy_in_box(maps: npt.ArrayLike, coverage: npt.ArrayLike) -> Floats:
    """Return the share of the positive mass of each map in its box, (M,) float64 from 0 to 1.

    Mass is the signed map after a ReLU; the min-max scale is not used, since it turns the least
    salient patch into zero and every other into mass. A patch on the box's edge counts with the
    share of it that the box covers. NaN where nothing is positive, or the crop shows nothing of
    the box.

    Args:
        maps: (M, N), signed and finite.
        coverage: (M, N), share of every patch in the box.

    Source: Wang et al., "Score-CAM" (arXiv:1910.01279), energy-based pointing game.
    """
    values, shares = _checked(maps, coverage)
    mass = np.maximum(values, 0.0)
    total = mass.sum(axis=1)
    usable = (total > 0.0) & shares.any(axis=1)
    inside = (mass * shares).sum(axis=1)
    energy: Floats = np.divide(inside, total, out=np.full(len(mass), np.nan), where=usable)
    return energy


def expected_hit(coverage: npt.ArrayLike) -> Floats:
    """Return the pointing game's mean for a random patch, exactly, (M,) float64.

    It is the share of the patches in the box, which is also what a uniform map gets by its ties.
    """
    shares = np.asarray(coverage, np.float64)
    return np.where(shares.any(axis=1), _boxes(shares).mean(axis=1), np.nan)


def expected_energy(coverage: npt.ArrayLike) -> Floats:
    """Return the energy's mean for a random patch, exactly, (M,) float64.

    It is the share of the crop in the box: that of a uniform map, and the mean of every map over
    all shuffles of its values.
    """
    shares = np.asarray(coverage, np.float64)
    return np.where(shares.any(axis=1), shares.mean(axis=1), np.nan)


def centre_cells(grid: PatchGrid) -> Floats:
    """Return the map that is 1 on the patches nearest the centre (1, 2 or 4), (N,) float64."""
    rows, cols = (
        (np.abs(2 * np.arange(side) - side + 1) <= 1).astype(np.float64)
        for side in (grid.rows, grid.cols)
    )
    cells: Floats = (rows[:, None] * cols).reshape(-1)
    return cells


def centre_prior(grid: PatchGrid) -> Floats:
    """Return a Gaussian around the centre of the picture, (N,) float64, 1 at its top."""
    # Twice the distance in whole patches first, so that opposite patches tie exactly.
    rows, cols = (
        np.exp(-(((2 * np.arange(side) + 1 - side) / (2 * side)) ** 2) / (2 * CENTRE_SPREAD**2))
        for side in (grid.rows, grid.cols)
    )
    prior = (rows[:, None] * cols).reshape(-1)
    scaled: Floats = prior / prior.max()
    return scaled


def object_order(grid: PatchGrid, coverage: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the patches from those most in the box to those farthest from it, (N,) int64.

    The order of somebody who knows where the object is: by the share that the box covers, equal
    shares by the distance from the middle of what is covered, then in index order.

    Args:
        grid: the target's.
        coverage: (N,), share of every patch in the box, of which at least one is above 0.

    Raises:
        SettingError: if nothing is covered.
    """
    shares = np.asarray(coverage, np.float64)
    if shares.shape != (grid.num_patches,) or not shares.sum() > 0.0:
        raise SettingError(
            f"An object's order needs a box that covers something of {grid.num_patches} patches, "
            f"got shares of shape {shares.shape} that sum to {shares.sum():g}."
        )
    rows, cols = np.divmod(np.arange(grid.num_patches), grid.cols)
    weight = shares / shares.sum()
    far = (rows - (weight * rows).sum()) ** 2 + (cols - (weight * cols).sum()) ** 2
    # Rounded, so that a few bits do not decide between patches that are equally far.
    return np.lexsort((far.round(9), -shares.round(9))).astype(np.int64)


def _boxes(coverage: Floats) -> npt.NDArray[np.bool_]:
    """Return the patches of every box, (M, N) bool."""
    if not len(coverage):
        return np.zeros(coverage.shape, dtype=np.bool_)
    return np.stack([covered_patches(shares) for shares in coverage])


def _checked(maps: npt.ArrayLike, coverage: npt.ArrayLike) -> tuple[Floats, Floats]:
    values, shares = np.asarray(maps, np.float64), np.asarray(coverage, np.float64)
    if values.ndim != 2 or values.shape != shares.shape or not np.isfinite(values).all():
        raise SettingError(
            f"Maps and boxes have one shape (pictures, patches) and maps are finite, got "
            f"{values.shape} and {shares.shape}."
        )
    return values, shares
