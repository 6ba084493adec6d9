"""Which patches the target gets: a saliency map or a plain geometric order -> TokenSelection."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tinydrop.errors import SettingError
from tinydrop.tokens import PatchGrid, Saliency, TokenSelection

__all__ = [
    "GEOMETRIC_ORDERS",
    "centre_order",
    "random_order",
    "saliency_order",
    "select_tokens",
    "uniform_order",
]

Order = npt.NDArray[np.int64]


class GeometricOrder(Protocol):
    """An order of the patches that does not look at the picture."""

    def __call__(self, grid: PatchGrid, seed: int) -> Order: ...


def saliency_order(saliency: Saliency) -> Order:
    """Return all patches from most to least salient, (N,) int64; ties go to the lowest index.

    The signed map is ranked: a ReLU would tie every negative cell and leave their order to chance.

    Raises:
        SettingError: if the map is flat, zero or not finite; such a map is never ranked.
    """
    if saliency.problem is not None:
        raise SettingError(f"No patch can be ranked: {saliency.problem}; keep every patch.")
    order: Order = np.argsort(-saliency.values.reshape(-1), kind="stable").astype(np.int64)
    return order


def random_order(grid: PatchGrid, seed: int) -> Order:
    """Return a random order of all patches, (N,) int64, the same for the same seed.

    Raises:
        SettingError: if the seed is negative.
    """
    if seed < 0:
        raise SettingError(f"A seed is a whole number from 0 on, got {seed!r}; use for example 0.")
    return np.random.default_rng(seed).permutation(grid.num_patches).astype(np.int64)


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
    {"random": random_order, "uniform": uniform_order, "centre": centre_order}
)


def select_tokens(order: Order, grid: PatchGrid, num_keep: int, selector: str) -> TokenSelection:
    """Return the first ``num_keep`` patches of an order as a sorted selection.

    Args:
        order: (N,) int64, every patch once, the most important first.
        grid: the target's grid.
        num_keep: K, from 1 to N.
        selector: the name that the selection carries.

    Raises:
        SettingError: if K is out of range or the order is not one of this grid.
    """
    n = grid.num_patches
    if not 1 <= num_keep <= n:
        raise SettingError(f"The target keeps between 1 and {n} patches, got {num_keep!r}.")
    if order.shape != (n,) or not np.array_equal(np.sort(order), np.arange(n)):
        raise SettingError(f"An order of a {grid.rows}x{grid.cols} grid names each patch once.")
    return TokenSelection(grid, np.sort(order[:num_keep]), selector)
