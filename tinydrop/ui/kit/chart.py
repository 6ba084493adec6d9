"""Charts by plotly: one theme, one table of colours, dashes and markers, a table behind each.

Python builds and checks the figure, the browser draws it: ``chart.js`` fetches plotly's own script
when the first chart comes into view, puts in the page's colours and follows its theme.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from tinydrop.core.errors import SettingError
from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.labels import spread_out
from tinydrop.ui.kit.pieces import script
from tinydrop.ui.kit.styles import DASHES, HERE, HOLLOW, MARKERS, SPARE, STYLES, Style
from tinydrop.ui.kit.table import Row
from tinydrop.ui.kit.templates import draw


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
        rows=[Row(cells) for cells in table_rows(chart)],
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
