"""How the lines of charts look: one table of colours, dashes and markers for every page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

HERE = "here"
"""The line of one point that moves without the chart being drawn again."""
DASHES: Mapping[str, str] = MappingProxyType(
    {"solid": "", "dash": "7 4", "dot": "1.5 4", "dashdot": "9 3 2 3", "longdash": "12 4"}
)
"""Dash -> lengths of its strokes and gaps, in pixels."""
MARKERS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "none": ("circle", ""),
        "dot": ("circle", "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0Z"),
        "ring": ("circle", "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0Z"),
        "square": ("square", "M-3 -3H3V3H-3Z"),
        "box": ("square", "M-3.2 -3.2H3.2V3.2H-3.2Z"),
        "diamond": ("diamond", "M0 -4.2L4.2 0L0 4.2L-4.2 0Z"),
        "up": ("triangle-up", "M0 -4.2L4 3.2H-4Z"),
        "down": ("triangle-down", "M0 4.2L4 -3.2H-4Z"),
        "cross": ("x-thin", "M-3 -3L3 3M-3 3L3 -3"),
        "plus": ("cross-thin", "M-3.8 0H3.8M0 -3.8V3.8"),
        "star": ("star", "M0 -5L1.4 -1.5H5L2.1 .8L3.2 4.4L0 2.3L-3.2 4.4L-2.1 .8L-5 -1.5H-1.4Z"),
        "pentagon": ("pentagon", "M0 -4.6L4.4 -1.4L2.7 3.7H-2.7L-4.4 -1.4Z"),
    }
)
"""Marker -> plotly's name of it, and its outline in the legend."""
HOLLOW = frozenset(("ring", "box", "cross", "plus", "pentagon"))


@dataclass(frozen=True)
class Style:
    """How a line is drawn: never told by its colour alone."""

    colour: str
    dash: str = "solid"
    marker: str = "dot"
    joined: bool = True
    size: int = 7
    width: float = 2.0


STYLES: Mapping[str, Style] = MappingProxyType(
    {
        "gradcam": Style("accent"),
        "coverage": Style("ink", marker="square"),
        "random": Style("mute", "dash", "ring"),
        "uniform": Style("warn", marker="up"),
        "centre": Style("mute", "dot", "cross"),
        "inverse": Style("warn", marker="down"),
        "coherent": Style("mute", "dashdot", "diamond"),
        "scattered": Style("mute", "longdash", "plus"),
        "gradcam++": Style("accent", "dash", "box"),
        "hirescam": Style("accent", "dot", "diamond"),
        "layercam": Style("ink", "dashdot", "ring"),
        "eigencam": Style("ink", "dashdot", "cross"),
        "object box": Style("accent", "dashdot", "up"),
        "target": Style("ink", "dash", "square", size=9),
        "gradcam+exit": Style("accent", "dash", "up"),
        "gradcam@1/4": Style("ink", marker="square"),
        "gradcam@1/2": Style("ink", "dot", "box"),
        "random@1/4": Style("mute", "dash", "ring"),
        "random@1/2": Style("mute", "dot", "cross"),
        "attention@1/4": Style("warn", marker="up"),
        "attention@1/2": Style("warn", "dot", "plus"),
        "hybrid": Style("accent", "dash", "diamond"),
        "merge": Style("ink", marker="square"),
        "merge-plain": Style("ink", "dash", "box"),
        "prune": Style("warn", marker="up"),
        "prune-fused": Style("warn", "dash", "plus"),
        "tinydrop": Style("accent", marker="star", size=11),
        "guidance": Style("mute", "dot", "ring", size=9),
        "full": Style("mute", "dot", "box"),
        "right": Style("accent"),
        "first": Style("ink", marker="square"),
        "shuffled": Style("mute", "dash", "ring"),
        "none": Style("warn", marker="up"),
        "before": Style("mute", "dot", "box"),
        "ideal": Style("mute", "dash", "none", width=1.2),
        "curve": Style("accent", marker="none"),
        "context": Style("bar", marker="none", width=1.4),
        "settings": Style("bar", marker="dot", joined=False, size=5),
        "frontier": Style("accent", size=5, width=2.4),
        "cascade": Style("ink", "dash", "diamond", size=6, width=1.6),
        "no_exit": Style("mute", "dot", "box", size=6, width=1.4),
        "knee": Style("accent", marker="pentagon", joined=False, size=15),
        "chosen": Style("warn", marker="ring", joined=False, size=13),
        HERE: Style("accent", "longdash", "ring", joined=False, size=15),
    }
)
"""Role -> how it is drawn, the same on every page."""
SPARE: Sequence[Style] = tuple(
    Style("warn", dash, marker)
    for dash, marker in (
        ("solid", "diamond"), ("longdash", "square"), ("longdash", "down"), ("dashdot", "box"),
        ("longdash", "ring"), ("dashdot", "plus"), ("dash", "cross"), ("longdash", "diamond"),
    )
)  # fmt: skip
"""For roles that are no names of ours, such as students: the first one, the second, ..."""
