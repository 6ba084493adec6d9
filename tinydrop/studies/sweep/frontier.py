"""The points of a cloud that no other beats, and the bend among them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError

Ints = npt.NDArray[np.int64]


def frontier(macs: npt.ArrayLike, accuracy: npt.ArrayLike) -> Ints:
    """Return the points that no other beats, by rising MACs and then strictly rising accuracy.

    A point is beaten by one that costs no more and is at least as accurate, one of the two
    strictly; of equal points the first stays.

    Args:
        macs: any shape, flattened.
        accuracy: the same shape.

    Returns:
        (F,) int64 positions in the flattened arrays.
    """
    cost, right = np.ravel(np.asarray(macs)), np.ravel(np.asarray(accuracy))
    order = np.lexsort((np.arange(cost.size), -right, cost))
    best_before = np.append(-np.inf, np.maximum.accumulate(right[order])[:-1])
    result: Ints = order[right[order] > best_before]
    return result


def knee(macs: npt.ArrayLike, accuracy: npt.ArrayLike) -> int:
    """Return the position, among frontier points, of the bend after which accuracy gets dear.

    Both axes are scaled to 0..1 between the frontier's ends; the knee is the point farthest above
    the straight line that joins the ends (Kneedle's definition for a concave curve, Satopää et
    al. 2011, without its smoothing). The first of equals; 0 where there are fewer than 3 points.

    Args:
        macs: (F,), rising, as ``frontier`` orders them.
        accuracy: (F,), rising.

    Raises:
        SettingError: if there is no point.
    """
    x, y = np.asarray(macs, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if not x.size:
        raise SettingError("A knee needs at least one point of a frontier, got none.")
    if x.size < 3:
        return 0
    return int(np.argmax((y - y[0]) / (y[-1] - y[0]) - (x - x[0]) / (x[-1] - x[0])))
