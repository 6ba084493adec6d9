"""The orders that look at no map, each seeded by the picture it is for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydrop.core.selection import GEOMETRIC_ORDERS
from tinydrop.core.tokens import PatchGrid


def geometric_order(
    grid: PatchGrid, selector: str, digest: str, seed: int
) -> npt.NDArray[np.int64]:
    """Return the order of a selector that uses no map, (N,) int64.

    The seeded ones mix the seed with the digest of the picture's pixels, so that pictures differ.
    """
    mixed = (int(digest[:12], 16) + seed) % 2**63
    return GEOMETRIC_ORDERS[selector](grid, mixed)
