"""Orders of the patches that do not look at the picture: random, scattered, uniform, centre."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.tokens import PatchGrid

Order = npt.NDArray[np.int64]
"""(N,) int64, every patch once, the most important first."""

VOID_SPREAD = 0.7
"""Standard deviation, in patches, of the Gaussian that measures crowding in ``scattered_order``.

Ulichney takes 1.5, for fine grey ramps. So wide a bell hardly tells a neighbour from the patch
after it once half of the patches are kept: Moran's I at half of 14x14 is then -0.25, with 0.7 it is
-0.58, and the nearest neighbours are at least as far apart at every level.
"""


class GeometricOrder(Protocol):
    """An order of the patches that does not look at the picture."""

    def __call__(self, grid: PatchGrid, seed: int) -> Order:
        """Return all patches of the grid, (N,) int64."""


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise SettingError(
            f"A seed is a whole number from 0 on, got {quoted(seed)}; use for example 0."
        )
    return np.random.default_rng(seed)


def random_order(grid: PatchGrid, seed: int) -> Order:
    """Return a random order of all patches, (N,) int64, the same for the same seed.

    Raises:
        SettingError: if the seed is negative.
    """
    return _generator(seed).permutation(grid.num_patches).astype(np.int64)


def scattered_order(grid: PatchGrid, seed: int) -> Order:
    """Return an order whose beginnings are scattered without a pattern (blue noise), (N,) int64.

    The kept patches keep away from each other at every K, where random ones form clumps and
    ``uniform_order`` forms a lattice. Opposite edges count as neighbours, so that no edge is
    favoured. Source: R. Ulichney, "The void-and-cluster method for dither array generation",
    Proc. SPIE 1913 (1993): some random patches are moved from the tightest cluster into the largest
    void until that is the same place, then ranked by taking the tightest cluster away; from there
    on every patch fills the largest void.

    Raises:
        SettingError: if the seed is negative.
    """
    n = grid.num_patches
    rng = _generator(seed)
    first = -(-n // 16)  # of the lowest budget level; a start of one patch would give a lattice
    kept = np.zeros(n, dtype=np.bool_)
    kept[rng.permutation(n)[:first]] = True
    # A hair of crowding per patch, by which ties are broken: by the seed and not by the index.
    crowding = _Crowding(grid, 1e-12 * rng.random(n), kept)
    for _ in range(n):  # each move lowers the total crowding, so this ends long before
        cluster = crowding.cluster()
        crowding.take(cluster)
        void = crowding.void()
        crowding.put(void)
        if void == cluster:
            break
    order = np.empty(n, dtype=np.int64)
    start = crowding.kept.copy()
    for place in range(first - 1, -1, -1):
        order[place] = cluster = crowding.cluster()
        crowding.take(cluster)
    for patch in np.flatnonzero(start):
        crowding.put(int(patch))
    for place in range(first, n):
        order[place] = void = crowding.void()
        crowding.put(void)
    return order


class _Crowding:
    """How crowded each patch is by the kept ones: a sum of Gaussians on the wrapped grid."""

    def __init__(
        self, grid: PatchGrid, ties: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_]
    ) -> None:
        self.grid = grid
        rows, cols = (
            np.minimum(np.arange(side), side - np.arange(side)) for side in (grid.rows, grid.cols)
        )
        squares = rows[:, None] ** 2 + cols[None, :] ** 2
        # Four copies of the wrapped Gaussian, so that one around any patch is a window of them.
        self._bells = np.tile(np.exp(-squares / (2 * VOID_SPREAD**2)), (2, 2))
        self.kept = np.zeros_like(kept)
        self._total = ties.copy()
        for patch in np.flatnonzero(kept):
            self.put(int(patch))

    def cluster(self) -> int:
        """Return the most crowded kept patch."""
        return int(np.where(self.kept, self._total, -np.inf).argmax())

    def void(self) -> int:
        """Return the least crowded patch that is not kept."""
        return int(np.where(self.kept, np.inf, self._total).argmin())

    def put(self, patch: int) -> None:
        """Keep a patch."""
        self.kept[patch] = True
        self._total += self._bell(patch)

    def take(self, patch: int) -> None:
        """Drop a patch."""
        self.kept[patch] = False
        self._total -= self._bell(patch)

    def _bell(self, patch: int) -> npt.NDArray[np.float64]:
        rows, cols = self.grid.rows, self.grid.cols
        row, col = divmod(patch, cols)
        window = self._bells[rows - row : 2 * rows - row, cols - col : 2 * cols - col]
        return window.reshape(-1)


def centre_order(grid: PatchGrid, seed: int = 0) -> Order:  # noqa: ARG001 - one signature for all
    """Return the patches from the centre outwards, (N,) int64; ties go to the lowest index.

    Distance is measured on the unit square, so that a non-square grid is covered evenly.
    """
    rows = (np.arange(grid.rows) + 0.5) / grid.rows - 0.5
    cols = (np.arange(grid.cols) + 0.5) / grid.cols - 0.5
    # Rounded, so that cells at the same distance tie exactly whatever the order of the sums.
    distance = np.round(rows[:, None] ** 2 + cols[None, :] ** 2, 12)
    return np.argsort(distance.reshape(-1), kind="stable").astype(np.int64)


def uniform_order(grid: PatchGrid, seed: int = 0) -> Order:  # noqa: ARG001 - one signature for all
    """Return an order whose every beginning is spread evenly over the grid, (N,) int64.

    This is the threshold order of a Bayer matrix: half of the patches are a checkerboard, a quarter
    is every second patch of every second row.
    """
    bayer = np.zeros((1, 1), dtype=np.int64)
    while bayer.shape[0] < max(grid.rows, grid.cols):
        bayer = np.block([[4 * bayer, 4 * bayer + 2], [4 * bayer + 3, 4 * bayer + 1]])
    cropped = bayer[: grid.rows, : grid.cols].reshape(-1)
    return np.argsort(cropped, kind="stable").astype(np.int64)


GEOMETRIC_ORDERS: Mapping[str, GeometricOrder] = MappingProxyType(
    {
        "random": random_order,
        "scattered": scattered_order,
        "uniform": uniform_order,
        "centre": centre_order,
    }
)
SEEDED_ORDERS: frozenset[str] = frozenset({"random", "scattered"})
"""Those of them that a seed changes."""
