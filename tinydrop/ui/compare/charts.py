"""Accuracy against cost over a data set: one panel per group of methods, as inline SVG.

Sixteen lines in one chart cannot be told apart, so each panel draws its own group over the others
in grey, with Grad-CAM at the input and its interval as the common reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinydrop.studies.comparison import REFERENCE, CompareRow, CompareTable
from tinydrop.ui.compare.labels import spread_out
from tinydrop.ui.compare.words import GROUPS, TRAINED, group_of, method_note, method_title
from tinydrop.ui.kit.markers import HOLLOW, MARKERS
from tinydrop.ui.kit.markup import escape

WIDTH, HEIGHT = 620, 372
LEFT, RIGHT, TOP, BOTTOM = 46, 462, 14, 318
LABEL_GAP = 19.0
STAR = "M0 -6L1.6 -1.9L5.9 -1.9L2.4 .8L3.7 5L0 2.4L-3.7 5L-2.4 .8L-5.9 -1.9L-1.6 -1.9Z"

AXES: Mapping[str, str] = {"macs": "MACs", "time": "measured time"}
"""What a method may cost: key -> words; both are shares of the full target's."""

_LOOKS: Mapping[str, tuple[str, str, str]] = {
    "gradcam": ("accent", "", "dot"),
    "coverage": ("ink", "", "square"),
    "random": ("mute", "5 3", "ring"),
    "uniform": ("warn", "", "up"),
    "centre": ("mute", "1.5 4", "cross"),
    "gradcam+exit": ("accent", "7 4", "up"),
    "gradcam@1/4": ("ink", "", "square"),
    "gradcam@1/2": ("ink", "1.5 4", "box"),
    "random@1/4": ("mute", "5 3", "ring"),
    "random@1/2": ("mute", "1.5 4", "cross"),
    "attention@1/4": ("warn", "", "up"),
    "attention@1/2": ("warn", "1.5 4", "plus"),
    "hybrid": ("accent", "7 4", "diamond"),
    "merge": ("ink", "", "square"),
    "merge-plain": ("ink", "5 3", "box"),
    "prune": ("warn", "", "up"),
    "prune-fused": ("warn", "5 3", "plus"),
    "tinydrop": ("accent", "", "star"),
    "target": ("ink", "", "square"),
    "guidance": ("mute", "", "ring"),
}
"""Method -> colour, dash and marker; within a panel no two share all three."""
_STUDENTS: Sequence[tuple[str, str, str]] = tuple(
    (colour, "", marker)
    for marker in ("diamond", "plus", "cross", "box")
    for colour in ("warn", "ink", "mute")
)
"""Looks of the first student, the second, ...; none of them stands in the students' panel."""
_YARDSTICKS = ("tinydrop", "guidance", "target")


@dataclass(frozen=True)
class _Point:
    x: float
    row: CompareRow


@dataclass(frozen=True)
class _Series:
    method: str
    group: str
    look: tuple[str, str, str]
    note: str
    points: tuple[_Point, ...]

    @property
    def last(self) -> _Point:
        return max(self.points, key=lambda point: point.x)


def cost_share(row: CompareRow, table: CompareTable, axis: str, *, guided: bool) -> float | None:
    """Return what a row costs as a share of the full target; None where that was not measured.

    Args:
        row: of the table.
        table: whose full target is the unit.
        axis: a name in ``AXES``.
        guided: with guidance and map, where the method needs them.
    """
    if axis == "time":
        if row.method == "target":
            return 1.0
        spread = row.time if guided else row.target_time
        return None if spread is None else spread.median
    macs = row.macs if guided else row.target_macs
    return macs / table.provenance.full_macs if macs else None


def cost_panels(table: CompareTable, axis: str, *, guided: bool) -> str:
    """Return a panel per group: top-1 accuracy against cost, lines joining a method's levels.

    Args:
        table: the measured comparison.
        axis: a name in ``AXES``.
        guided: whether the guide's cost is on top where a method needs one.
    """
    series = _series(table, axis, guided=guided)
    frame = _Frame(series, table)
    panels = ""
    for group in (*GROUPS, TRAINED):
        own = [one for one in series if one.group == group.key]
        title = "Trained, and the yardsticks" if group is TRAINED else group.title
        if own:
            panels += (
                f'<figure class="cp-panel" data-group="{group.key}">'
                f'<figcaption>{escape(title)}</figcaption><div class="cp-scroll">'
                f"{_panel(title, own, series, frame, table, axis, guided=guided)}</div></figure>"
            )
    return f'<div class="cp-panels">{panels}</div>'


def _series(table: CompareTable, axis: str, *, guided: bool) -> list[_Series]:
    found = []
    students = [method for method in table.methods if method not in _LOOKS]
    looks = {name: _STUDENTS[at % len(_STUDENTS)] for at, name in enumerate(students)}
    for method in table.methods:
        points = [
            _Point(x, row)
            for row in table.rows
            if row.method == method
            and (x := cost_share(row, table, axis, guided=guided)) is not None
        ]
        # By level, not by cost: measured times may fold a line back.
        points.sort(key=lambda point: point.row.level)
        if points:
            group = "trained" if method == "gradcam+exit" else group_of(method)
            look = _LOOKS.get(method) or looks[method]
            note = table.students.get(method) or method_note(method)
            found.append(_Series(method, group, look, note, tuple(points)))
    return found


class _Frame:
    """Where figures lie: the same in every panel, so that panels can be compared."""

    def __init__(self, series: Sequence[_Series], table: CompareTable) -> None:
        xs = [point.x for one in series for point in one.points]
        self.ticks_x = _ticks(min(xs), max(*xs, 1.0))
        values = [row.accuracy.value for row in table.rows]
        reference = [r.accuracy for r in table.rows if r.method == REFERENCE]
        lows, highs = [e.low for e in reference], [e.high for e in reference]
        self.ticks_y = _ticks(min(*values, *lows), max(*values, *highs))

    def x(self, share: float) -> float:
        """Return the place of a cost, 1 for the full target's."""
        first, last = self.ticks_x[0], self.ticks_x[-1]
        return LEFT + (share - first) / (last - first) * (RIGHT - LEFT)

    def y(self, accuracy: float) -> float:
        """Return the place of an accuracy, 0 to 1."""
        first, last = self.ticks_y[0], self.ticks_y[-1]
        place = BOTTOM - (accuracy - first) / (last - first) * (BOTTOM - TOP)
        return min(max(place, TOP), BOTTOM)

    def rules(self, title: str) -> str:
        """Return the axes with their units."""
        across = "".join(
            f'<path class="td-rule" d="M{LEFT} {self.y(tick):.1f}H{RIGHT}"/>'
            f'<text class="cp-tick" x="{LEFT - 6}" y="{self.y(tick) + 4:.1f}">{100 * tick:.0f} %'
            "</text>"
            for tick in self.ticks_y
        )
        up = "".join(
            f'<path class="td-rule" d="M{self.x(tick):.1f} {BOTTOM}v5"/>'
            f'<text class="cp-under" x="{self.x(tick):.1f}" y="{BOTTOM + 20}">{100 * tick:.0f} %'
            "</text>"
            for tick in self.ticks_x
        )
        middle = (LEFT + RIGHT) / 2
        return (
            f'{across}{up}<text class="cp-under" x="{middle:.0f}" y="{HEIGHT - 10}">{title}</text>'
        )


def _ticks(lowest: float, highest: float) -> list[float]:
    """Return round numbers from one at or below the lowest to one at or above the highest."""
    for step in (1, 2, 5, 10, 20, 25, 50):  # in percent
        first = int(100 * lowest // step) * step
        last = -int(-(100 * highest) // step) * step
        if last - first <= 6 * step:
            break
    return [tick / 100 for tick in range(first, max(last, first + step) + 1, step)]


def _panel(
    title: str,
    own: Sequence[_Series],
    series: Sequence[_Series],
    frame: _Frame,
    table: CompareTable,
    axis: str,
    *,
    guided: bool,
) -> str:
    shown = list(own)
    if REFERENCE not in {one.method for one in own}:
        shown = [one for one in series if one.method == REFERENCE] + shown
    names = {one.method for one in shown}
    context = "".join(
        f'<path class="cp-context" d="M{_path(one, frame)}"/>'
        for one in series
        if one.method not in names and len(one.points) > 1
    )

    def words(point: _Point) -> str:
        return _words(point, axis, guided=guided)

    drawn = "".join(_drawn(one, frame, words) for one in shown)
    what = f"{AXES[axis]}, share of the full target’s, {'with' if guided else 'without'} the guide"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{escape(title)}: accuracy '
        f'against {what}; the table below holds the same figures.">{frame.rules(what)}'
        f"{_across(table, frame)}{context}{drawn}{_labels(shown, frame, words)}</svg>"
    )


def _path(one: _Series, frame: _Frame) -> str:
    return "L".join(f"{frame.x(p.x):.1f} {frame.y(p.row.accuracy.value):.1f}" for p in one.points)


def _across(table: CompareTable, frame: _Frame) -> str:
    lines = ""
    # The one above its line, the other below and at the far end: both stay off the lines.
    for method, x, rise, anchor in (
        ("target", LEFT + 5, -5, "start"),
        ("guidance", RIGHT - 5, 14, "end"),
    ):
        row = next((row for row in table.rows if row.method == method), None)
        if row is not None:
            y = frame.y(row.accuracy.value)
            lines += (
                f'<path class="cg-across" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
                f'<text class="cp-across-said" x="{x}" y="{y + rise:.1f}" text-anchor="{anchor}">'
                f"{method_title(method)}</text>"
            )
    return lines


def _drawn(one: _Series, frame: _Frame, words: Callable[[_Point], str]) -> str:
    colour, dash, marker = one.look
    top = [f"{frame.x(p.x):.1f} {frame.y(p.row.accuracy.high):.1f}" for p in one.points]
    low = [f"{frame.x(p.x):.1f} {frame.y(p.row.accuracy.low):.1f}" for p in reversed(one.points)]
    single = len(one.points) == 1
    band = (
        f'<path class="cg-whisker" d="M{top[0]}L{low[0]}"/>'
        if single
        else f'<path class="cg-band" d="M{"L".join((*top, *low))}Z"/>'
        f'<path class="cg-path" d="M{_path(one, frame)}" stroke-dasharray="{dash}"/>'
    )
    scale = " scale(1.35)" if single else ""
    marks = "".join(
        f'<path class="cg-mark" d="{_marker(marker)}" transform="translate({frame.x(p.x):.1f} '
        f'{frame.y(p.row.accuracy.value):.1f}){scale}"><title>{escape(words(p))}</title></path>'
        for p in one.points
    )
    kinds = f"cp-series cg-{colour}{' cg-hollow' if marker in HOLLOW else ''}"
    kinds += " cp-reference" if one.method == REFERENCE else ""
    return f'<g class="{kinds}" data-method="{escape(one.method)}">{band}{marks}</g>'


def _labels(shown: Sequence[_Series], frame: _Frame, words: Callable[[_Point], str]) -> str:
    """Return every line's name beside its right end; focus and pointer bring the line forward."""
    ends = sorted(
        ((frame.y(one.last.row.accuracy.value), frame.x(one.last.x), one) for one in shown),
        key=lambda end: end[0],
    )
    spots = spread_out([y for y, _, _ in ends], LABEL_GAP, TOP + 4, BOTTOM)
    labels = ""
    for (y, x, one), spot in zip(ends, spots, strict=True):
        colour, _, marker = one.look
        spoken = "; ".join(words(point) for point in one.points)
        hollow = " cg-hollow" if marker in HOLLOW else ""
        labels += (
            f'<g class="cp-label cg-{colour}{hollow}" data-method="{escape(one.method)}" '
            f'tabindex="0" role="img" aria-label="{escape(spoken)}" data-said="{escape(spoken)}" '
            f'data-note="{escape(one.note)}">'
            f'<path class="cp-leader" d="M{x + 6:.1f} {y:.1f}L{RIGHT + 4} {spot:.1f}"/>'
            f'<rect x="{RIGHT + 4}" y="{spot - 9:.1f}" width="{WIDTH - RIGHT - 4}" height="18"/>'
            f'<path class="cg-mark" d="{_marker(marker)}" transform="translate({RIGHT + 12} '
            f'{spot:.1f})"/><text x="{RIGHT + 21}" y="{spot + 4.5:.1f}">'
            f"{escape(method_title(one.method))}</text></g>"
        )
    return labels


def _marker(name: str) -> str:
    return STAR if name == "star" else MARKERS[name]


def _words(point: _Point, axis: str, *, guided: bool) -> str:
    """Return a point in words: method, level, accuracy with its interval, and cost."""
    row, top = point.row, point.row.accuracy
    single = row.method in _YARDSTICKS or row.level == 0
    level = "" if single else f", level {row.level}"
    guide = " with the guide" if guided and row.macs > row.target_macs else ""
    return (
        f"{method_title(row.method)}{level}: {100 * top.value:.1f} % right "
        f"({100 * top.low:.1f} to {100 * top.high:.1f}) at {100 * point.x:.0f} % of the "
        f"{AXES[axis]}{guide}"
    )
