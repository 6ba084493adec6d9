"""The markers of points in a chart, as SVG paths around (0, 0)."""

from __future__ import annotations

from collections.abc import Mapping

MARKERS: Mapping[str, str] = {
    "dot": "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0Z",
    "ring": "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0Z",
    "square": "M-3 -3H3V3H-3Z",
    "box": "M-3.2 -3.2H3.2V3.2H-3.2Z",
    "diamond": "M0 -4.2L4.2 0L0 4.2L-4.2 0Z",
    "up": "M0 -4.2L4 3.2H-4Z",
    "down": "M0 4.2L4 -3.2H-4Z",
    "cross": "M-3 -3L3 3M-3 3L3 -3",
    "plus": "M-3.8 0H3.8M0 -3.8V3.8",
}

HOLLOW = ("ring", "box", "cross", "plus")
