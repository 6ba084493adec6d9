"""Charts by plotly: one theme, one table of colours, dashes and markers, a table behind each.

Python builds and checks the figure, the browser draws it: ``chart.js`` fetches plotly's own script
when the first chart comes into view, puts in the page's colours and follows its theme.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr
from markupsafe import Markup

from tinydrop.core.errors import SettingError
from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.labels import spread_out
from tinydrop.ui.kit.pieces import script
from tinydrop.ui.kit.templates import draw

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
    Style(colour, dash, marker)
    for dash, marker in (
        ("solid", "diamond"), ("longdash", "square"), ("longdash", "down"), ("dashdot", "box"),
        ("longdash", "ring"), ("dashdot", "plus"), ("dash", "cross"), ("longdash", "diamond"),
    )
    for colour in ("warn",)
)  # fmt: skip
"""For roles that are no names of ours, such as students: the first one, the second, ..."""


@dataclass(frozen=True)
class Point:
    """One point: where it lies, what its hover says, and what a click on it takes.

    Attributes:
        x: along the chart, in the axis' unit.
        y: up the chart, in the axis' unit.
        said: its hover and the words of its row in the table; one line of the hover per line.
        low: lower end of its interval; None where it has none.
        high: upper end.
        taken: what a click hands over, JSON-ready; empty for nothing.
    """

    x: float
    y: float
    said: str
    low: float | None = None
    high: float | None = None
    taken: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Line:
    """The points of one role, joined in the order given where the role is a line.

    Attributes:
        key: names it in the page.
        name: what the legend says.
        role: a name in ``STYLES``; any other gets one of the ``SPARE`` looks.
        points: at least one.
        shown: whether it is drawn before anybody asks for it.
        labelled: whether its name stands at its right end.
        band: whether its interval shows before anybody points at the line.
        note: said after its figures.
    """

    key: str
    name: str
    role: str
    points: tuple[Point, ...]
    shown: bool = True
    labelled: bool = False
    band: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        if not self.points:
            raise SettingError(f"The line {self.key!r} of a chart has no point; leave it out.")


@dataclass(frozen=True)
class Axis:
    """What an axis counts, its unit (after a number), and its ends; found from the points if None.

    ``ticks`` names the places that have a number of their own.
    """

    title: str
    unit: str = ""
    first: float | None = None
    last: float | None = None
    ticks: tuple[float, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A figure with a legend, a readout, its points as a table, and words for who cannot see it.

    Attributes:
        key: names the chart in its page; its zoom is kept while the key and the axes stay.
        label: what the chart is.
        across: the axis from left to right.
        up: the axis from bottom to top.
        lines: what is drawn; no two look alike but for their colour.
        levels: name -> height of a line across the whole chart.
        context: lines in grey behind the others; they stand in no legend and no table.
        height: in pixels.

    Raises:
        SettingError: if there is no line, or two share dash and marker.
    """

    key: str
    label: str
    across: Axis
    up: Axis
    lines: tuple[Line, ...]
    levels: tuple[tuple[str, float], ...] = ()
    context: tuple[Line, ...] = ()
    height: int = 400

    def __post_init__(self) -> None:
        looks = [(s.dash, s.marker, s.joined) for s in self.styles]
        if not looks or len(set(looks)) < len(looks):
            raise SettingError(f"The chart {self.key!r} needs lines that each have a look alone.")

    @property
    def styles(self) -> tuple[Style, ...]:
        """The look of every line."""
        spare = iter(SPARE)
        return tuple(STYLES.get(one.role) or next(spare) for one in self.lines)

    def html(self) -> Markup:
        """Return the chart as a page shows it."""
        return _html(self)


def chart_part(elem_id: str, script: str = "tdCharts(element, watch);", **more: Any) -> gr.HTML:
    """Return the part of a page that holds charts, with what else the page's script does."""
    return gr.HTML("", js_on_load=script, apply_default_css=False, elem_id=elem_id, **more)


def chart_head() -> Markup:
    """Return the script that every page with a chart calls, for the page's head.

    It knows where plotly's own script lies, which the server may hand out from now on.
    """
    path = str(plotly_script())
    gr.set_static_paths([path])
    return script(read_asset("kit/chart.js").replace("%SCRIPT%", json.dumps(path)))


def plotly_script() -> Path:
    """Return where plotly's own bundled script lies; found without importing plotly."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:  # plotly is a requirement: only a broken install
        raise FileNotFoundError("plotly is not installed; run pip install -r requirements.txt.")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


@lru_cache(maxsize=64)
def _html(chart: Chart) -> Markup:
    legend = [
        {
            "key": line.key, "name": line.name, "shown": line.shown, "colour": style.colour,
            "dash": DASHES[style.dash], "marker": MARKERS[style.marker][1],
            "hollow": style.marker in HOLLOW, "joined": style.joined,
            "said": "; ".join(point.said.replace("\n", ", ") for point in line.points),
            "note": line.note,
        }
        for line, style in zip(chart.lines, chart.styles, strict=True)
        if line.role != HERE
    ]  # fmt: skip
    figure = json.dumps(figure_of(chart), separators=(",", ":"), allow_nan=False)
    for sign in "<>&$`":  # none of them may end the script, or mean something to the page
        figure = figure.replace(sign, f"\\u{ord(sign):04x}")
    return draw(
        "kit/chart.html",
        "chart",
        key=chart.key,
        label=chart.label,
        legend=legend,
        height=chart.height,
        heads=_heads(chart),
        rows=table_rows(chart),
        figure=Markup(figure),  # noqa: S704 - JSON, escaped above
    )


def table_rows(chart: Chart) -> list[tuple[str, ...]]:
    """Return the table behind a chart: a row for each point of each line."""
    rows: list[tuple[str, ...]] = []
    for line in chart.lines:
        for p in line.points:
            ends = ("", "") if p.low is None or p.high is None else (_tidy(p.low), _tidy(p.high))
            said = p.said.replace("\n", ", ")
            rows.append((line.name, _tidy(p.x), _tidy(p.y), *ends, said))
    return rows + [(name, "", _tidy(value), "", "", "") for name, value in chart.levels]


def _heads(chart: Chart) -> tuple[str, ...]:
    across, up = (f"{a.title}, {a.unit}" if a.unit else a.title for a in (chart.across, chart.up))
    return ("line", across, up, "95 % from", "to", "in words")


def _tidy(value: float) -> str:
    return f"{round(value, 3):g}"


def figure_of(chart: Chart) -> dict[str, Any]:
    """Return the figure as plotly takes it: ``{"data": [...], "layout": {...}}``.

    Colours are the page's variables, ``var(--td-ink)``; the browser puts their values in.
    """
    # Only here: whoever opens no page with a chart does not wait for plotly.
    import plotly.graph_objects as go

    traces = [
        _trace(go, line, STYLES["context"], "context") for line in chart.context
    ]  # fmt: skip
    for line, style in zip(chart.lines, chart.styles, strict=True):
        if any(point.low is not None for point in line.points):
            traces.append(_band(go, line, style))
        traces.append(_trace(go, line, style, "line"))
    figure = go.Figure(traces, _layout(go, chart))
    result: dict[str, Any] = json.loads(json.dumps(figure.to_plotly_json()))
    return result


def _colour(name: str) -> str:
    return f"var(--td-{name})"


def _trace(go: Any, line: Line, style: Style, part: str) -> Any:
    colour = _colour(style.colour)
    hollow = style.marker in HOLLOW
    edge = 4.0 if line.role == HERE else 1.6 if hollow else 1.0
    inside = _colour("card") if hollow else colour
    if line.role == HERE:  # what lies under it stays to be seen
        inside = "rgba(0,0,0,0)"
    mode = [*(["lines"] if style.joined else []), *(["markers"] if style.marker != "none" else [])]
    drawn: dict[str, Any] = {
        "name": line.name,
        "meta": {"line": line.key, "part": part},
        "mode": "+".join(mode),
        "x": [round(point.x, 5) for point in line.points],
        "y": [round(point.y, 5) for point in line.points],
        "line": {"color": colour, "dash": _dash(style), "width": style.width},
        "marker": {
            "symbol": MARKERS[style.marker][0],
            "size": style.size,
            "color": inside,
            "line": {"width": edge, "color": colour if hollow else _colour("card")},
        },
        "visible": line.shown,
    }  # fmt: skip
    if part == "context":
        return go.Scatter(drawn | {"hoverinfo": "skip"})
    drawn |= {"hovertext": [point.said for point in line.points], "hoverinfo": "text"}
    if any(point.taken for point in line.points):
        drawn["customdata"] = [list(point.taken) for point in line.points]
    return go.Scatter(drawn)


def _band(go: Any, line: Line, style: Style) -> Any:
    """Return the intervals of a line as one area, or as a whisker where it is one point."""
    found = [(p.x, p.low, p.high) for p in line.points if p.low is not None and p.high is not None]
    there = [(x, high) for x, _, high in found] + [(x, low) for x, low, _ in reversed(found)]
    return go.Scatter(
        x=[round(x, 5) for x, _ in there],
        y=[round(y, 5) for _, y in there],
        meta={"line": line.key, "part": "band" if line.band else "hidden band"},
        mode="lines",
        fill="toself",
        fillcolor=_colour(style.colour),
        line={"width": 3 if len(found) == 1 else 0, "color": _colour(style.colour)},
        opacity=0.16,
        hoverinfo="skip",
        visible=line.shown,
    )


def _dash(style: Style) -> str:
    lengths = DASHES[style.dash].split()
    return ",".join(f"{one}px" for one in lengths) if lengths else "solid"


def _ends(axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 1.0
    return (
        low - room if axis.first is None else axis.first,
        high + room if axis.last is None else axis.last,
    )


def _layout(go: Any, chart: Chart) -> Any:
    points = [point for line in chart.lines for point in line.points]
    ups = [v for p in points for v in (p.y, p.low, p.high) if v is not None]
    ups += [value for _, value in chart.levels]
    ends = _ends(chart.up, ups)
    labels = _labels(chart, ends)
    across = _ends(chart.across, [point.x for point in points])
    return go.Layout(
        template=_theme(go),
        height=chart.height,
        uirevision=f"{chart.key} {chart.across.title} {chart.up.title}",
        margin={"l": 52, "r": 138 if labels else 14, "t": TOP, "b": BOTTOM},
        xaxis=_axis(chart.across, across),
        yaxis=_axis(chart.up, ends),
        annotations=labels + [_level_name(name, value, at) for at, (name, value)
                              in enumerate(chart.levels)],
        shapes=[
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": value, "y1": value,
             "layer": "below", "line": {"color": _colour("ink"), "width": 1.1, "dash": "2px,4px"}}
            for _, value in chart.levels
        ],
    )  # fmt: skip


TOP, BOTTOM, LABEL_GAP = 30, 48, 17.0


def _axis(axis: Axis, ends: tuple[float, float]) -> dict[str, Any]:
    title = f"{axis.title}, {axis.unit}" if axis.unit else axis.title
    found: dict[str, Any] = {"title": {"text": title}, "range": list(ends)}
    if axis.ticks:
        found |= {"tickmode": "array", "tickvals": list(axis.ticks)}
    return found


def _labels(chart: Chart, ends: tuple[float, float]) -> list[dict[str, Any]]:
    """Return the names at the right ends of lines, moved apart where they would meet."""
    scale = (chart.height - TOP - BOTTOM) / (ends[1] - ends[0])
    named = [(line, style, max(line.points, key=lambda point: point.x))
             for line, style in zip(chart.lines, chart.styles, strict=True)
             if line.labelled and line.shown]  # fmt: skip
    named.sort(key=lambda one: -one[2].y)
    wanted = [(ends[1] - point.y) * scale for _, _, point in named]
    spots = spread_out(wanted, LABEL_GAP, 0.0, chart.height - TOP - BOTTOM)
    return [
        {
            "name": "end", "text": line.name.partition(" (")[0],  # the legend says the rest
            "x": 1, "xref": "paper", "xanchor": "left",
            "y": ends[1] - spot / scale, "showarrow": False, "xshift": 6,
            "font": {"color": _colour(style.colour if style.colour != "bar" else "mute")},
        }
        for (line, style, _), spot in zip(named, spots, strict=True)
    ]  # fmt: skip


def _level_name(name: str, value: float, place: int) -> dict[str, Any]:
    """Return a name over its line; names stand on alternating sides, off each other."""
    left = place % 2 == 0
    return {
        "name": "level", "text": f"{name} {value:.1f} %", "x": 0.01 if left else 0.99, "y": value,
        "xref": "paper", "xanchor": "left" if left else "right", "showarrow": False,
        "yanchor": "bottom" if left else "top", "bgcolor": _colour("card"),
        "font": {"color": _colour("ink")},
    }  # fmt: skip


def _theme(go: Any) -> Any:
    """Return the one look of all charts, in the page's colours."""
    axis = {
        "gridcolor": _colour("line"), "linecolor": _colour("line"), "zeroline": False,
        "tickfont": {"color": _colour("mute")},
        "title": {"font": {"color": _colour("mute"), "size": 13}, "standoff": 8},
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "xaxis": axis,
            "yaxis": axis,
            "paper_bgcolor": _colour("card"),
            "plot_bgcolor": _colour("card"),
            "font": {"color": _colour("ink"), "size": 12.5,
                     "family": "Inter, system-ui, sans-serif"},
            "hoverlabel": {"bgcolor": _colour("card"), "bordercolor": _colour("accent"),
                           "font": {"color": _colour("ink"), "size": 13}, "align": "left"},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": _colour("mute"),
                        "activecolor": _colour("accent")},
            "dragmode": "zoom",
            "hovermode": "closest",
            "clickmode": "event",
            "showlegend": False,
        }
    )  # fmt: skip
