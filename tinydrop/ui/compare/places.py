"""Where to drop: what the target says when patches go after each of its blocks, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinydrop.core.numbers import millions, percent, share
from tinydrop.core.results import Answer, Truth
from tinydrop.ui.compare.method_cards import fate
from tinydrop.ui.compare.words import depth_words
from tinydrop.ui.kit.labels import spread_out
from tinydrop.ui.kit.markup import escape

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 40, 548, 10, 240
LABEL_GAP = 16.0
LOOKS = {"gradcam": ("accent", "", "dot"), "random": ("mute", "5 4", "box"),
         "attention": ("warn", "9 3 2 3", "diamond")}  # fmt: skip
"""Ranker -> colour, dash and marker of its line; no line is told by its colour alone."""
MARKERS = {
    "dot": "M-4.4 0a4.4 4.4 0 1 0 8.8 0a4.4 4.4 0 1 0 -8.8 0Z",
    "box": "M-4 -4H4V4H-4Z",
    "diamond": "M0 -5.4L5.4 0L0 5.4L-5.4 0Z",
}


@dataclass(frozen=True)
class PlaceLine:
    """One ranker over all places.

    Attributes:
        key: a name in ``RANKERS``.
        name: what the page calls it.
        chances: per number of blocks before the drop the probability of the full target's class,
            0 to 1; None where it cannot run.
    """

    key: str
    name: str
    chances: tuple[float | None, ...]


def places_chart(
    lines: Sequence[PlaceLine], keeps: Sequence[int | None], full: float, chosen: int, label: str
) -> str:
    """Return the chart; a press on a column moves the slider there.

    Args:
        lines: one per ranker.
        keeps: patches that go on from each place; None where the cost is passed before.
        full: the full target's own probability of its class.
        chosen: the place that the slider stands at.
        label: what the chart is, for those who cannot see it.
    """
    depth = len(keeps)
    column = (RIGHT - LEFT) / depth
    top = max([full, *(one for line in lines for one in line.chances if one is not None)])
    axis = _Axis(top)
    columns = ""
    for place, keep in enumerate(keeps):
        left, middle = LEFT + place * column, LEFT + (place + 0.5) * column
        there = "cp-col" + (" cp-dear" if keep is None else "") + (" cp-now" * (place == chosen))
        said = f"{depth_words(place, depth)}: " + (
            "too dear at this cost" if keep is None else f"{keep} patches go on"
        )
        columns += (
            f'<g class="{there}" data-block="{place}"><title>{said}</title>'
            f'<rect x="{left + 1:.1f}" y="{TOP}" width="{column - 2:.1f}" '
            f'height="{BOTTOM - TOP}"/>'
            f'<text x="{middle:.1f}" y="{BOTTOM + 18}">{place if place else "input"}</text>'
            f'<text class="cp-keep" x="{middle:.1f}" y="{BOTTOM + 35}">'
            f"{'too dear' if keep is None else keep}</text></g>"
        )
    drawn = "".join(_line(line, column, axis) for line in lines)
    return (
        f'<div class="cp-scroll"><svg class="cp-places" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}. {escape(_spoken(lines, depth))}">{columns}'
        f"{axis.rules(full)}{drawn}{_labels(lines, column, axis)}"
        f'<text x="{(LEFT + RIGHT) / 2:.0f}" y="{HEIGHT - 6}">blocks that attend '
        "to every patch first; below them, how many patches go on</text></svg></div>"
    )


def place_html(
    title: str,
    picture: str,
    answer: Answer,
    full: Answer,
    left: int,
    patches: int,
    macs: int,
    guide: int,
    full_macs: int,
    truth: Truth | None = None,
) -> str:
    """Return what becomes of the picture at one place.

    Args:
        title: who chooses, and where.
        picture: the kept set as a data address.
        answer: the target's answer.
        full: the full target's, the yardstick.
        left: patches that go on.
        patches: N.
        macs: of the target.
        guide: MACs of guidance and map on top.
        full_macs: what the full target costs.
        truth: what the picture shows, where that is known.
    """
    more = f", {share(macs + guide, full_macs)} with the guide" if guide else ""
    return (
        f'<div class="cp-place"><h3>{escape(title)}</h3><img class="cp-large" src="{picture}" '
        f'alt="{left} of {patches} patches go on">'
        f'<p class="cp-answer"><b>{escape(answer.name)}</b>{fate(answer, full, truth)}</p>'
        f'<p class="cp-cost"><b>{left} of {patches}</b> patches go on; {millions(macs)}, '
        f"{share(macs, full_macs)} of the full target{more}.</p></div>"
    )


class _Axis:
    """Where probabilities lie, from 0 to a round number at or above the largest."""

    def __init__(self, top: float) -> None:
        steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
        step = next((one for one in steps if one * 5 >= top), steps[-1])
        count = max(1, math.ceil(top / step - 1e-9))
        self.ticks = [step * n for n in range(count + 1)]

    def y(self, chance: float) -> float:
        """Return the place of a probability."""
        return BOTTOM - chance / self.ticks[-1] * (BOTTOM - TOP)

    def rules(self, full: float) -> str:
        """Return the axis, and the full target's own probability across the chart."""
        rules = "".join(
            f'<path class="td-rule" d="M{LEFT} {self.y(tick):.1f}H{RIGHT}"/>'
            f'<text class="cp-tick" x="{LEFT - 6}" y="{self.y(tick) + 4:.1f}">{100 * tick:.0f} %'
            "</text>"
            for tick in self.ticks
        )
        return (
            f'{rules}<path class="cg-across" d="M{LEFT} {self.y(full):.1f}H{RIGHT}"><title>full '
            f"target {percent(full)}</title></path>"
        )


def _line(line: PlaceLine, column: float, axis: _Axis) -> str:
    colour, dash, marker = LOOKS[line.key]
    points = [
        (LEFT + (place + 0.5) * column, axis.y(chance), chance)
        for place, chance in enumerate(line.chances)
        if chance is not None
    ]
    if not points:
        return ""
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
    marks = "".join(
        f'<path class="cg-mark" d="{MARKERS[marker]}" transform="translate({x:.1f} {y:.1f})">'
        f"<title>{escape(line.name)}: {percent(chance)}</title></path>"
        for x, y, chance in points
    )
    return (
        f'<g class="cg-{colour} cp-place-line" data-ranker="{escape(line.key)}">'
        f'<path class="cg-path" d="M{path}" stroke-dasharray="{dash}"/>{marks}</g>'
    )


def _labels(lines: Sequence[PlaceLine], column: float, axis: _Axis) -> str:
    """Return each line's name at its end, moved apart where they would lie on each other."""
    ends = []
    for line in lines:
        known = [(place, one) for place, one in enumerate(line.chances) if one is not None]
        if known:
            place, chance = known[-1]
            ends.append((axis.y(chance), LEFT + (place + 0.5) * column, line))
    ends.sort(key=lambda end: end[0])
    spots = spread_out([y for y, _, _ in ends], LABEL_GAP, TOP, BOTTOM)
    return "".join(
        f'<g class="cg-{LOOKS[line.key][0]} cp-label"><path d="M{x + 7:.1f} {y:.1f}'
        f'L{RIGHT + 4} {spot:.1f}"/><text x="{RIGHT + 8}" y="{spot + 4.5:.1f}">'
        f"{escape(line.name)}</text></g>"
        for (y, x, line), spot in zip(ends, spots, strict=True)
    )


def _spoken(lines: Sequence[PlaceLine], depth: int) -> str:
    spoken = []
    for line in lines:
        figures = ", ".join(
            f"{depth_words(place, depth)} {percent(chance)}"
            for place, chance in enumerate(line.chances)
            if chance is not None
        )
        spoken.append(f"{line.name}: {figures or 'nowhere'}")
    return "; ".join(spoken)
