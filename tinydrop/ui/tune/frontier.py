"""The accuracy-cost frontier with every baseline drawn in, and what it gains on the cascade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.numbers import exact_percent, macs_unit, macs_words
from tinydrop.ui.kit.chart import Axis, Chart, Line, Point
from tinydrop.ui.kit.styles import HERE
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.tune.words import setting_words

NAMES: Mapping[str, str] = {
    "settings": "other settings",
    "frontier": "TinyDrop’s frontier",
    "cascade": "pure cascade, no dropping",
    "no_exit": "dropping, no exit",
    "random": "random patches, same settings",
    "uniform": "evenly spread patches, same settings",
    "guidance": "guidance alone",
    "target": "full target",
    "knee": "knee of the frontier",
    "chosen": "chosen for 0.3, 0.5, 1 points",
}
"""Series -> its name; in the order of the legend."""
_FRAMED = ("frontier", "cascade", "target", "guidance", "knee", "chosen")
"""What the chart shows at first; what lies lower is found by a double click."""


@dataclass(frozen=True)
class Mark:
    """One point of the chart.

    Attributes:
        accuracy: top-1 accuracy, 0 to 1.
        macs: mean multiply-accumulates per picture.
        label: what its hover says first.
        setting: what a click takes; None for a baseline.
    """

    accuracy: float
    macs: float
    label: str
    setting: Setting | None = None


def frontier_chart(series: Mapping[str, Sequence[Mark]], current: Mark, full_macs: float) -> Chart:
    """Return the chart; a click on a point with a setting takes it.

    Args:
        series: name of ``NAMES`` -> its points; empty ones are left out. The points of a line are
            joined in the order given.
        current: the setting of the sliders.
        full_macs: of the full target; its unit is the chart's, as it is of every other figure.
    """
    unit, unit_name = macs_unit(int(full_macs))

    def line(name: str, title: str, marks: Sequence[Mark]) -> Line:
        points = tuple(
            Point(
                mark.macs / unit,
                100 * mark.accuracy,
                _hover(mark, title, full_macs),
                taken=()
                if mark.setting is None or name == HERE
                else tuple(mark.setting.as_dict(CONTROLS).values()),
            )
            for mark in marks
        )
        return Line(name, title, name, points, labelled=name in ("guidance", "target"))

    lines = [line(name, title, series[name]) for name, title in NAMES.items() if series.get(name)]
    framed = [100 * m.accuracy for name in _FRAMED for m in series.get(name, ())]
    framed.append(100 * current.accuracy)
    room = 0.06 * (max(framed) - min(framed)) or 1.0
    return Chart(
        "frontier",
        "Accuracy against mean cost per picture",
        Axis("mean cost per picture", unit_name, 0.0),
        Axis("accuracy", "%", min(framed) - room, max(framed) + room),
        (*lines, line(HERE, "this setting", [current])),
        height=480,
    )


def gain_chart(series: Mapping[str, Sequence[Mark]], full_macs: float) -> Chart | None:
    """Return what the frontier gains on the best pure cascade that costs no more, in points.

    None where no point of the frontier has such a cascade.
    """
    unit, unit_name = macs_unit(int(full_macs))
    points = []
    for mark in series.get("frontier", ()):
        beside = [one.accuracy for one in series.get("cascade", ()) if one.macs <= mark.macs]
        if beside:
            gain = 100 * (mark.accuracy - max(beside))
            said = f"{gain:+.1f} points on the cascade\n{_hover(mark, '', full_macs)}"
            points.append(Point(mark.macs / unit, gain, said))
    if not points:
        return None
    none = (Point(points[0].x, 0.0, "no difference"), Point(points[-1].x, 0.0, "no difference"))
    return Chart(
        "gain",
        "What TinyDrop’s frontier gains on a pure cascade that costs no more",
        Axis("mean cost per picture", unit_name, 0.0),
        Axis("gain on the cascade", "points"),
        (
            Line("none", "as good as the cascade", "ideal", none),
            Line("gain", "TinyDrop’s frontier", "frontier", tuple(points)),
        ),
        height=260,
    )


def frontier_html(series: Mapping[str, Sequence[Mark]], current: Mark, full_macs: float) -> Markup:
    """Return the frontier and, below it, its gain on the cascade."""
    gain = gain_chart(series, full_macs)
    return draw(
        "tune/charts.html",
        "frontier",
        chart=frontier_chart(series, current, full_macs).html(),
        gain="" if gain is None else gain.html(),
        unit=macs_unit(int(full_macs))[0],
    )


def _hover(mark: Mark, title: str, full_macs: float) -> str:
    lines = [
        mark.label or title,
        f"{exact_percent(mark.accuracy)} right, {macs_words(mark.macs, full_macs)}",
    ]
    if mark.setting is not None:
        lines += [setting_words(mark.setting)]
    return "\n".join(line for line in lines if line)
