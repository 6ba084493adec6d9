"""Accuracy against cost over a data set: one panel per group of methods.

Sixteen lines in one chart cannot be told apart, so each panel draws its own group over the others
in grey, with Grad-CAM at the input and its interval as the common reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from tinydrop.core.numbers import signed_points
from tinydrop.core.statistics import Estimate
from tinydrop.studies.comparison import REFERENCE, CompareRow, CompareTable
from tinydrop.ui.compare.words import GROUPS, TRAINED, group_of, method_note, method_title
from tinydrop.ui.kit.chart import Axis, Chart, Line, Point
from tinydrop.ui.kit.templates import draw

AXES: Mapping[str, str] = {"macs": "MACs", "time": "measured time"}
"""What a method may cost: key -> words; both are shares of the full target's."""
_YARDSTICKS = ("tinydrop", "guidance", "target")


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


def cost_panels(table: CompareTable, axis: str, *, guided: bool, differing: bool = False) -> Markup:
    """Return a panel per group: top-1 accuracy against cost, lines joining a method's levels.

    Args:
        table: the measured comparison.
        axis: a name in ``AXES``.
        guided: whether the guide's cost is on top where a method needs one.
        differing: whether to show, instead of accuracy, the gain on Grad-CAM at equal level, with
            its paired interval.
    """
    found = [_line(table, method, axis, guided=guided, differing=differing)
             for method in table.methods]  # fmt: skip
    every = {line.key: line for line in found if line is not None}
    panels = []
    for group in (*GROUPS, TRAINED):
        own = tuple(line for key, line in every.items() if _group(key) == group.key)
        if own:
            title = "Trained, and the yardsticks" if group is TRAINED else group.title
            chart = _panel(
                title, group.key, own, every, table, axis, guided=guided, differing=differing
            )
            panels.append((group.key, title, chart.html()))
    return draw("compare/charts.html", "panels", panels=panels)


def _group(method: str) -> str:
    return "trained" if method == "gradcam+exit" else group_of(method)


def _line(
    table: CompareTable, method: str, axis: str, *, guided: bool, differing: bool
) -> Line | None:
    points = []
    # By level, not by cost: measured times may fold a line back.
    for row in sorted((r for r in table.rows if r.method == method), key=lambda r: r.level):
        x = cost_share(row, table, axis, guided=guided)
        y = row.gain if differing else row.accuracy
        if x is not None and y is not None:
            said = _words(row, x, y, axis, guided=guided, differing=differing)
            points.append(Point(100 * x, 100 * y.value, said, 100 * y.low, 100 * y.high))
    if not points:
        return None
    note = table.students.get(method) or method_note(method)
    return Line(
        method, method_title(method), method, tuple(points), labelled=True,
        band=method == REFERENCE or len(points) == 1, note=note,
    )  # fmt: skip


def _panel(
    title: str,
    group: str,
    own: tuple[Line, ...],
    every: Mapping[str, Line],
    table: CompareTable,
    axis: str,
    *,
    guided: bool,
    differing: bool,
) -> Chart:
    shown = own
    if REFERENCE in every and every[REFERENCE] not in own:
        shown = (every[REFERENCE], *own)
    context = tuple(line for line in every.values() if line not in shown and len(line.points) > 1)
    # The same axes in every panel, so that panels can be compared.
    points = [point for line in every.values() for point in line.points]
    xs, ys = [p.x for p in points], [p.y for p in points]
    room = 0.06 * (max(ys) - min(ys))
    what = f"{AXES[axis]} {'with' if guided else 'without'} the guide"
    across = Axis(f"{what}, share of the full target’s", "%", min(xs) - 3, max(*xs, 100.0) + 3)
    name = f"gain on {method_title(REFERENCE)}" if differing else "accuracy"
    up = Axis(name, "points" if differing else "%", min(ys) - room, max(ys) + room)
    levels = tuple(
        (method_title(row.method), 100 * row.accuracy.value)
        for row in table.rows
        if row.method in ("target", "guidance") and not differing
    )
    label = f"{title}: {name} against {what}"
    return Chart(group, label, across, up, shown, levels, context, height=400)


def _words(
    row: CompareRow, x: float, y: Estimate, axis: str, *, guided: bool, differing: bool
) -> str:
    """Return a point in words: method, level, accuracy with its interval, and cost."""
    single = row.method in _YARDSTICKS or row.level == 0
    level = "" if single else f", level {row.level}"
    guide = " with the guide" if guided and row.macs > row.target_macs else ""
    what = (
        f"{signed_points(y.value)} points on Grad-CAM "
        f"({signed_points(y.low)} to {signed_points(y.high)})"
        if differing
        else f"{100 * y.value:.1f} % right ({100 * y.low:.1f} to {100 * y.high:.1f})"
    )
    return (
        f"{method_title(row.method)}{level}: {what}\nat {100 * x:.0f} % of the {AXES[axis]}{guide}"
    )
