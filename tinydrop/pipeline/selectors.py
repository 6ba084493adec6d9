"""The names of every way to choose patches, and the orders that look at no map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.selection import GEOMETRIC_ORDERS, MAP_ORDERS
from tinydrop.core.tokens import PatchGrid
from tinydrop.models.saliency import SALIENCY_METHODS

SELECTORS: tuple[str, ...] = (*SALIENCY_METHODS, *MAP_ORDERS, *GEOMETRIC_ORDERS)
"""Every name that ``selector=`` takes: saliency methods first, then other ways to read Grad-CAM's
map, then the plain baselines."""


def check_selector(selector: str) -> None:
    """Refuse a selector that is not in ``SELECTORS``, with a SettingError that lists them."""
    if selector not in SELECTORS:
        raise SettingError(
            f"Unknown selector {quoted(selector)}; choose one of {', '.join(SELECTORS)}."
        )


def geometric_order(
    grid: PatchGrid, selector: str, digest: str, seed: int
) -> npt.NDArray[np.int64]:
    """Return the order of a selector that uses no map, (N,) int64.

    The seeded ones mix the seed with the digest of the picture's pixels, so that pictures differ.
    """
    mixed = (int(digest[:12], 16) + seed) % 2**63
    return GEOMETRIC_ORDERS[selector](grid, mixed)
