"""Accuracy against kept patches, and by tenths of coherence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from tinydrop.studies.quality import CoherenceTable
from tinydrop.ui.kit.chart import Axis, Chart, Line, Point
from tinydrop.ui.kit.templates import draw

Values = npt.NDArray[np.float64]
ACCURACY = Axis("accuracy", "%")
Said = Callable[[str, int, float, float, float], str]
"""A point in words: of its line's name, K, the value and the ends of its interval, in percent."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One line of a chart.

    Attributes:
        key: names it in the page.
        name: what the legend says.
        role: how it is drawn, the same as on every page.
        accuracy: (16,) float64, 0 to 1.
        low: (16,) lower end of its 95 % interval.
        high: (16,) upper end.
        shown: whether it is drawn before anybody asks for it.
    """

    key: str
    name: str
    role: str
    accuracy: Values
    low: Values
    high: Values
    shown: bool = True


def accuracy_chart(
    key: str, curves: Sequence[Curve], kept: Sequence[int], levels: Mapping[str, float], label: str
) -> Markup:
    """Return a chart of accuracy against K, with a legend whose entries hide and show lines.

    Args:
        key: names the chart in its page.
        curves: the first is the yardstick, whose interval is always shown.
        kept: K at the 16 levels.
        levels: name -> accuracy of what keeps no patches: a line across the whole chart.
        label: what the chart is, for those who cannot see it.
    """

    def said(name: str, k: int, value: float, low: float, high: float) -> str:
        return f"{name}, {k} patches: {value:.1f} % right ({low:.1f} to {high:.1f})"

    lines = tuple(_line(one, kept, said, band=one is curves[0]) for one in curves)
    above = tuple((name, 100 * value) for name, value in levels.items())
    return Chart(key, label, _kept_axis(kept), ACCURACY, lines, above, height=440).html()


def gain_chart(
    key: str, gains: Sequence[Curve], kept: Sequence[int], reference: str, label: str
) -> Markup:
    """Return a chart of differences to the reference on the same pictures, in points.

    Args:
        key: names the chart in its page.
        gains: their ``accuracy`` holds the differences, with paired 95 % intervals.
        kept: K at the 16 levels.
        reference: what the differences are to.
        label: what the chart is.
    """

    def said(name: str, k: int, value: float, low: float, high: float) -> str:
        return f"{name}, {k} patches: {value:+.1f} points ({low:+.1f} to {high:+.1f})"

    lines = tuple(_line(one, kept, said) for one in gains)
    up = Axis(f"gain on {reference}", "points")
    return Chart(key, label, _kept_axis(kept), up, lines, height=380).html()


def tenths_chart(table: CoherenceTable, level: int) -> Markup:
    """Return accuracy by tenths of coherence at a level, the full target beside it.

    Args:
        table: the measured tenths.
        level: 1 to 16; at the last one all kept sets are the same and there is nothing to draw.
    """
    at = level - 1
    there = np.flatnonzero(table.pictures[at]).tolist()
    if not there:
        return draw("coherence/charts.html", "nothing")
    own, full = 100 * table.accuracy[at], 100 * table.full_accuracy[at]
    low, high = (100 * end[at] for end in table.interval)

    def said(tenth: int) -> str:
        return (
            f"tenth {tenth + 1}: {table.pictures[at, tenth]:,} pictures, mean percentile "
            f"{table.percentile[at, tenth]:.0f}\nkept patches {own[tenth]:.1f} % right "
            f"({low[tenth]:.1f} to {high[tenth]:.1f})\nevery patch {full[tenth]:.1f} %"
        )

    kept = tuple(Point(t + 1, float(own[t]), said(t), float(low[t]), float(high[t])) for t in there)
    every = tuple(Point(t + 1, float(full[t]), said(t)) for t in there)
    lines = (
        Line("kept", "kept patches, with 95 % interval", "right", kept, band=True),
        Line("every", "every patch, same pictures", "full", every),
    )
    across = Axis("tenth, from the least coherent to the most", "", 0.5, 10.5, tuple(range(1, 11)))
    label = f"Accuracy by tenths of coherence at level {level} of 16"
    return Chart("tenths", label, across, ACCURACY, lines).html()


def _line(curve: Curve, kept: Sequence[int], said: Said, *, band: bool = False) -> Line:
    values, lows, highs = (
        (100 * part).tolist() for part in (curve.accuracy, curve.low, curve.high)
    )
    points = tuple(
        Point(k, value, said(curve.name, k, value, low, high), low, high)
        for k, value, low, high in zip(kept, values, lows, highs, strict=True)
    )
    return Line(curve.key, curve.name, curve.role, points, curve.shown, band=band, labelled=True)


def _kept_axis(kept: Sequence[int]) -> Axis:
    return Axis(f"patches kept, of {kept[-1]}", ticks=tuple(float(k) for k in kept[1::2]))
