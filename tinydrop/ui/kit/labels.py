"""Labels beside the ends of lines, moved apart where they would lie on each other."""

from __future__ import annotations

from collections.abc import Sequence


def spread_out(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Return rising positions at least ``gap`` apart, as near to the wanted ones as that allows.

    Args:
        wanted: rising positions.
        gap: between two neighbours.
        low: the lowest one that is allowed.
        high: the highest one; passed only where there is no room for all.
    """
    # Neighbours that are too close form a block around their common middle, until none are.
    blocks: list[list[float]] = []  # sum of the wanted starts, how many
    for place, at in enumerate(wanted):
        blocks.append([at - place * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    starts = [total / count for total, count in blocks for _ in range(int(count))]
    last = max(low, high - gap * (len(wanted) - 1))
    return [min(max(start, low), last) + place * gap for place, start in enumerate(starts)]
