"""Orders of the patches that read a saliency map: its top first, and other ways to read it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.selection.geometric import GEOMETRIC_ORDERS, Order, uniform_order
from tinydrop.core.tokens import Saliency

COVERAGE_SHARE = 0.25
"""Share of K that ``coverage`` gives to the most salient patches.

Chosen with the pair of 24 classes on one half of its validation pictures, as the share of 0.25, 0.5
and 0.75 with the highest accuracy over levels 1 to 15 (42.8, 42.1 and 41.4 %; 42.2 % for 0, which
is ``uniform``, and 40.0 % for 1, which is the map alone)."""

MAP_ORDER_METHOD = "gradcam"
"""Whose map the selectors of ``MAP_ORDERS`` read."""


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


def inverse_order(saliency: Saliency) -> Order:
    """Return all patches from least to most salient, (N,) int64: ``saliency_order`` reversed.

    So K patches of this order are exactly those that N - K of the other one leave out.

    Raises:
        SettingError: if the map cannot be ranked.
    """
    order: Order = saliency_order(saliency)[::-1].copy()
    return order


def coherent_order(saliency: Saliency) -> Order:
    """Return the order of a region that grows from the most salient patch, (N,) int64.

    The next patch is always the most salient of those that touch the region, corners included, so
    that every beginning is one piece; ties go to the lowest index.

    Raises:
        SettingError: if the map cannot be ranked.
    """
    rows, cols = saliency.grid.rows, saliency.grid.cols
    rank = np.empty(rows * cols, dtype=np.int64)
    rank[saliency_order(saliency)] = np.arange(rank.size)
    reached = np.zeros((rows, cols), dtype=np.bool_)
    start = int(rank.argmin())
    reached[divmod(start, cols)] = True
    edge = [(0, start)]
    order = []
    while edge:
        _, patch = heapq.heappop(edge)
        order.append(patch)
        row, col = divmod(patch, cols)
        top, left = max(row - 1, 0), max(col - 1, 0)
        around = reached[top : row + 2, left : col + 2]  # a view: the patch and its neighbours
        for down, right in np.argwhere(~around):
            near = int((top + down) * cols + left + right)
            heapq.heappush(edge, (int(rank[near]), near))
        around[:] = True
    return np.array(order, dtype=np.int64)


def coverage_order(saliency: Saliency, share: float = COVERAGE_SHARE) -> Order:
    """Return the most salient patches interleaved with an even spread over the rest, (N,) int64.

    Every beginning of K patches holds the ``ceil(share * K)`` most salient ones. The others come in
    the order of ``uniform_order``, without those that are there already: evenly spread over what
    is left. A share of 1 is ``saliency_order``, a share of 0 is ``uniform_order``.

    Args:
        saliency: the map.
        share: part of every K that follows the map, from 0 to 1.

    Raises:
        SettingError: if the share is out of range or the map cannot be ranked.
    """
    if not 0.0 <= share <= 1.0:
        raise SettingError(
            f"The share of the most salient patches is a number from 0 to 1, got {quoted(share)}."
        )
    grid = saliency.grid
    # Rounded first: in floating point 0.1 * 30 lies above 3, and its ceil would be 4.
    salient = np.ceil(np.round(share * np.arange(grid.num_patches + 1), 9)).astype(np.int64)
    queues = (iter(uniform_order(grid).tolist()), iter(saliency_order(saliency).tolist()))
    taken: dict[int, None] = {}
    for by_map in np.diff(salient):
        taken[next(patch for patch in queues[by_map] if patch not in taken)] = None
    return np.fromiter(taken, dtype=np.int64)


MAP_ORDERS: Mapping[str, Callable[[Saliency], Order]] = MappingProxyType(
    {"coverage": coverage_order, "coherent": coherent_order, "inverse": inverse_order}
)
"""Selectors that read the Grad-CAM map in another way than from its top."""


def map_method(selector: str) -> str | None:
    """Return the saliency method whose map a selector reads; None for one that looks at none.

    Whoever asks whether a map is made, paid for or stored asks here.
    """
    if selector in GEOMETRIC_ORDERS:
        return None
    return MAP_ORDER_METHOD if selector in MAP_ORDERS else selector


def map_order(selector: str, saliency: Saliency) -> Order | None:
    """Return the order that a selector makes of its map, (N,) int64; None if it has a problem.

    Args:
        selector: a name in ``MAP_ORDERS`` or a saliency method.
        saliency: the map of ``map_method(selector)`` on the target's grid.
    """
    if saliency.problem is not None:
        return None
    return MAP_ORDERS.get(selector, saliency_order)(saliency)
