"""Accuracy against kept patches, and by tenths of coherence, as inline SVG without a script.

A line is never told by its colour alone: each has its own dash and marker, repeated in the legend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.studies.quality import CoherenceTable
from tinydrop.ui.kit.markers import HOLLOW, MARKERS
from tinydrop.ui.kit.markup import escape

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 44, 748, 30, 354
Values = npt.NDArray[np.float64]

LOOKS: Sequence[tuple[str, str, str]] = (
    ("accent", "", "dot"), ("ink", "", "up"), ("ink", "7 4", "square"), ("mute", "1.5 4", "cross"),
    ("warn", "", "down"), ("mute", "9 3 2 3", "ring"), ("mute", "5 3", "diamond"),
    ("mute", "2 2", "plus"), ("accent", "7 4", "box"), ("accent", "1.5 4", "diamond"),
    ("ink", "1.5 4", "ring"), ("ink", "9 3 2 3", "cross"), ("warn", "5 3", "plus"),
    ("warn", "1.5 4", "box"), ("accent", "9 3 2 3", "up"), ("mute", "12 3", "down"),
)  # fmt: skip
"""(colour, dash, marker) of the first line, the second, ...; no two are the same."""


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a chart.

    Attributes:
        key: names it in the page.
        name: what the legend says.
        accuracy: (16,) float64, 0 to 1.
        low: (16,) lower end of its 95 % interval.
        high: (16,) upper end.
        shown: whether it is drawn before anybody asks for it.
    """

    key: str
    name: str
    accuracy: Values
    low: Values
    high: Values
    shown: bool = True


def accuracy_chart(
    lines: Sequence[Line], kept: Sequence[int], levels: Mapping[str, float], label: str
) -> str:
    """Return a chart of accuracy against K, with a legend whose entries hide and show lines.

    Args:
        lines: at most as many as there are ``LOOKS``.
        kept: K at the 16 levels.
        levels: name -> accuracy of what keeps no patches: a line across the whole chart.
        label: what the chart is, for those who cannot see it.
    """
    lowest = min([float(one.low.min()) for one in lines] + list(levels.values()))
    highest = max([float(one.high.max()) for one in lines] + list(levels.values()))
    axis = _Axis(kept[0], kept[-1], lowest, highest)
    across = "".join(
        _across(name, value, axis, place) for place, (name, value) in enumerate(levels.items())
    )
    ticks = "".join(
        f'<text x="{axis.x(k):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{k}</text>'
        for k in kept[1::2]
    )
    body = "".join(_drawn(one, look, axis, kept) for one, look in zip(lines, LOOKS, strict=False))
    return (
        f'<div class="cg-plot"><svg class="cg-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}; a table beside it holds the same figures.">'
        f"{axis.rules()}{ticks}<text x='{(LEFT + RIGHT) / 2:.0f}' y='{HEIGHT - 6}' "
        f"text-anchor='middle'>patches kept, of {kept[-1]}</text>{across}{body}</svg>"
        f'<div class="cg-legend" role="group" aria-label="Lines of the chart">'
        f"{''.join(_key(one, look) for one, look in zip(lines, LOOKS, strict=False))}</div></div>"
    )


def accuracy_table(lines: Sequence[Line], kept: Sequence[int]) -> str:
    """Return the same figures as a table: accuracy in % and its 95 % interval."""
    head = "".join(f"<th scope='col'>{k}</th>" for k in kept)
    rows = "".join(
        f"<tr><th scope='row'>{escape(one.name)}</th>"
        + "".join(
            f"<td>{100 * value:.1f}<small>{100 * low:.1f}–{100 * high:.1f}</small></td>"
            for value, low, high in zip(one.accuracy, one.low, one.high, strict=True)
        )
        + "</tr>"
        for one in lines
    )
    return (
        '<div class="tn-scroll"><table class="tn-table cg-table cg-wide"><thead><tr><th>accuracy '
        f"in % with K patches kept</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def tenths_chart(table: CoherenceTable, level: int) -> str:
    """Return accuracy by tenths of coherence at a level, the full target beside it, as SVG.

    Args:
        table: the measured tenths.
        level: 1 to 16; at the last one all kept sets are the same and there is nothing to draw.
    """
    at = level - 1
    there = np.flatnonzero(table.pictures[at])
    if not there.size:
        return (
            '<p class="td-waiting">At this level every patch is kept: all kept sets are equally '
            "coherent. Choose a lower level.</p>"
        )
    own, full = table.accuracy[at], table.full_accuracy[at]
    low, high = (end[at] for end in table.interval)
    lowest = float(min(low[there].min(), full[there].min()))
    highest = float(max(high[there].max(), full[there].max()))
    axis = _Axis(0.5, 10.5, lowest, highest)
    marks = ""
    for tenth in there.tolist():
        x = axis.x(tenth + 1)
        rank = table.percentile[at, tenth]
        marks += (
            f"<g><title>tenth {tenth + 1}: {table.pictures[at, tenth]:,} pictures, mean percentile "
            f"{rank:.0f}; kept patches {100 * own[tenth]:.1f} % right "
            f"({100 * low[tenth]:.1f} to {100 * high[tenth]:.1f}), every patch "
            f"{100 * full[tenth]:.1f} %</title>"
            f'<path class="cg-whisker" d="M{x:.1f} {axis.y(low[tenth]):.1f}V'
            f'{axis.y(high[tenth]):.1f}"/>'
            f'<path class="cg-dot" d="{MARKERS["dot"]}" '
            f'transform="translate({x:.1f} {axis.y(own[tenth]):.1f}) scale(1.3)"/>'
            f'<path class="cg-full" d="{MARKERS["box"]}" '
            f'transform="translate({x:.1f} {axis.y(full[tenth]):.1f}) scale(1.2)"/></g>'
            f'<text x="{x:.1f}" y="{BOTTOM + 18}" text-anchor="middle">{tenth + 1}</text>'
        )
    paths = "".join(
        f'<path class="{kind}" d="M{points}"/>'
        for kind, values in (("cg-own-line", own), ("cg-full-line", full))
        if (points := "L".join(f"{axis.x(t + 1):.1f} {axis.y(values[t]):.1f}" for t in there))
    )
    return (
        f'<svg class="cg-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Accuracy by '
        f'tenths of coherence at level {level} of 16; each point says its figures.">{axis.rules()}'
        f"{paths}{marks}<text x='{LEFT}' y='{HEIGHT - 6}'>◂ least coherent tenth</text>"
        f"<text x='{RIGHT}' y='{HEIGHT - 6}' text-anchor='end'>most coherent tenth ▸</text></svg>"
        '<p class="cg-legend"><span><svg class="cg-sample" viewBox="-14 -7 28 14">'
        f'<path class="cg-own-line" d="M-14 0H14"/><path class="cg-dot" d="{MARKERS["dot"]}"/>'
        '</svg>kept patches, with 95 % interval</span><span><svg class="cg-sample" '
        'viewBox="-14 -7 28 14"><path class="cg-full-line" d="M-14 0H14"/>'
        f'<path class="cg-full" d="{MARKERS["box"]}"/></svg>every patch, same pictures</span></p>'
    )


class _Axis:
    """Where figures lie on the chart; accuracy from a round number below to one above."""

    def __init__(self, first: float, last: float, lowest: float, highest: float) -> None:
        self._first, self._span = first, max(last - first, 1e-9)
        self._step = 0.05 if highest - lowest <= 0.3 else 0.1
        self._low = self._step * np.floor(lowest / self._step)
        self._high = max(self._step * np.ceil(highest / self._step), self._low + self._step)

    def x(self, value: float) -> float:
        return LEFT + 10 + (RIGHT - LEFT - 20) * (value - self._first) / self._span

    def y(self, accuracy: float) -> float:
        share = (accuracy - self._low) / (self._high - self._low)
        return float(BOTTOM - (BOTTOM - TOP) * share)

    def rules(self) -> str:
        count = round((self._high - self._low) / self._step)
        values = [self._low + self._step * n for n in range(count + 1)]
        return f'<text x="6" y="{TOP - 14}">accuracy, %</text>' + "".join(
            f'<path class="td-rule" d="M{LEFT} {self.y(v):.1f}H{RIGHT}"/>'
            f'<text x="{LEFT - 6}" y="{self.y(v) + 4:.1f}" text-anchor="end">{100 * v:.0f}</text>'
            for v in values
        )


def _drawn(line: Line, look: tuple[str, str, str], axis: _Axis, kept: Sequence[int]) -> str:
    colour, dash, marker = look
    points = [
        (axis.x(k), axis.y(float(v))) for k, v in zip(kept, line.accuracy, strict=True)
    ]  # fmt: skip
    top = [f"{axis.x(k):.1f} {axis.y(float(v)):.1f}" for k, v in zip(kept, line.high, strict=True)]
    bottom = [
        f"{axis.x(k):.1f} {axis.y(float(v)):.1f}" for k, v in zip(kept, line.low, strict=True)
    ]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    marks = "".join(
        f'<path class="cg-mark" d="{MARKERS[marker]}" transform="translate({x:.1f} {y:.1f})">'
        f"<title>{escape(line.name)}, {k} patches: {100 * v:.1f} % right "
        f"({100 * low:.1f} to {100 * high:.1f})</title></path>"
        for (x, y), k, v, low, high in zip(
            points, kept, line.accuracy, line.low, line.high, strict=True
        )
    )
    return (
        f'<g class="cg-series cg-{colour}{" cg-hollow" if marker in HOLLOW else ""}" '
        f'data-series="{escape(line.key)}"{"" if line.shown else " hidden"}>'
        f'<path class="cg-band" d="M{"L".join(top)}L{"L".join(reversed(bottom))}Z"/>'
        f'<path class="cg-path" d="M{path}" stroke-dasharray="{dash}"/>{marks}</g>'
    )


def _across(name: str, value: float, axis: _Axis, place: int) -> str:
    """Return a line over the whole chart; names stand on alternating sides, off each other."""
    x, rise, anchor = (LEFT + 6, -5, "start") if place % 2 == 0 else (RIGHT - 6, 16, "end")
    return (
        f'<path class="cg-across" d="M{LEFT} {axis.y(value):.1f}H{RIGHT}"/>'
        f'<text class="cg-said" x="{x}" y="{axis.y(value) + rise:.1f}" text-anchor="{anchor}">'
        f"{escape(name)} {100 * value:.1f} %</text>"
    )


def _key(line: Line, look: tuple[str, str, str]) -> str:
    colour, dash, marker = look
    return (
        f'<button type="button" class="cg-key" data-line="{escape(line.key)}" '
        f'aria-pressed="{str(line.shown).lower()}"><svg class="cg-sample cg-{colour}'
        f'{" cg-hollow" if marker in HOLLOW else ""}" viewBox="-14 -7 28 14" aria-hidden="true">'
        f'<path class="cg-path" d="M-14 0H14" stroke-dasharray="{dash}"/>'
        f'<path class="cg-mark" d="{MARKERS[marker]}"/></svg>{escape(line.name)}</button>'
    )
