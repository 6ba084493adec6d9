"""Which patches the target gets: a saliency map or a plain geometric order -> TokenSelection.

Every order is one permutation of the patches and a larger K takes more of its beginning, so the
kept sets are nested and 16 levels of one order say all that a trace needs.
"""

from __future__ import annotations

import numpy as np

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.selection.geometric import (
    GEOMETRIC_ORDERS,
    SEEDED_ORDERS,
    Order,
    centre_order,
    random_order,
    scattered_order,
    uniform_order,
)
from tinydrop.core.selection.maps import (
    COVERAGE_SHARE,
    MAP_ORDERS,
    coherent_order,
    coverage_order,
    inverse_order,
    map_method,
    map_order,
    saliency_order,
)
from tinydrop.core.selection.names import SALIENCY_METHODS, SELECTORS, check_selector
from tinydrop.core.selection.titles import (
    METHOD_TITLES,
    RULE_TITLES,
    SELECTOR_TITLES,
    YARDSTICK_TITLES,
    Title,
    label_of,
)
from tinydrop.core.tokens import PatchGrid, TokenSelection

__all__ = [
    "COVERAGE_SHARE",
    "GEOMETRIC_ORDERS",
    "MAP_ORDERS",
    "METHOD_TITLES",
    "RULE_TITLES",
    "SALIENCY_METHODS",
    "SEEDED_ORDERS",
    "SELECTORS",
    "SELECTOR_TITLES",
    "YARDSTICK_TITLES",
    "Order",
    "Title",
    "centre_order",
    "check_selector",
    "coherent_order",
    "coverage_order",
    "inverse_order",
    "label_of",
    "map_method",
    "map_order",
    "random_order",
    "reversed_order",
    "saliency_order",
    "scattered_order",
    "select_tokens",
    "uniform_order",
]


def reversed_order(order: Order) -> Order:
    """Return the order whose beginnings are what deletion by ``order`` leaves; along the last axis.

    Its first K patches are all but the first N - K of ``order``.
    """
    return np.ascontiguousarray(order[..., ::-1])


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
        raise SettingError(f"The target keeps between 1 and {n} patches, got {quoted(num_keep)}.")
    if order.shape != (n,) or not np.array_equal(np.sort(order), np.arange(n)):
        raise SettingError(f"An order of a {grid.rows}x{grid.cols} grid names each patch once.")
    return TokenSelection(grid, np.sort(order[:num_keep]), selector)
