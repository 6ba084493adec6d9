"""The accuracy-cost frontier as a plotly figure in JSON, with every baseline drawn in.

A plain dictionary in plotly's own format: the browser draws it with plotly's script, so nothing of
plotly has to be imported here to open the page. Colours are names of the page's CSS variables,
which the browser puts in, so that the chart follows the light and the dark theme.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.numbers import exact_percent, macs_digits, macs_unit, macs_words
from tinydrop.ui.tune.words import setting_words

CURRENT = "here"
"""``meta`` of the one trace that moves with the sliders."""

Figure = dict[str, Any]


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


@dataclass(frozen=True)
class _Look:
    """How a series is drawn: never by its colour alone."""

    name: str
    mode: str
    colour: str
    symbol: str = "circle"
    size: int = 7
    dash: str = "solid"
    width: float = 2.0
    opacity: float = 1.0
    hollow: bool = False
    label_side: str = "top center"


# In the order of the legend; the series of the figure are looked up by these names.
LOOKS = {
    "settings": _Look("other settings", "markers", "--td-bar", size=5, opacity=0.9),
    "frontier": _Look("TinyDrop's frontier", "lines+markers", "--td-accent", size=5, width=2.4),
    "cascade": _Look(
        "pure cascade, no dropping", "lines+markers", "--td-ink", "diamond", 6, "dash", 1.6
    ),
    "no_exit": _Look(
        "dropping, no exit", "lines+markers", "--td-mute", "square-open", 6, "dot", 1.4
    ),
    "random": _Look(
        "random patches, same settings", "lines+markers", "--td-mute", "x-thin-open", 7, "dashdot",
        1.4,
    ),
    "uniform": _Look(
        "evenly spread patches, same settings", "lines+markers", "--td-mute", "triangle-up-open",
        7, "longdash", 1.4,
    ),
    "guidance": _Look(
        "guidance alone", "markers+text", "--td-ink", "star", 13, label_side="bottom right"
    ),
    "target": _Look(
        "full target", "markers+text", "--td-ink", "square", 10, label_side="top center"
    ),
    "knee": _Look(
        "knee of the frontier", "markers+text", "--td-accent", "pentagon-open", 15,
        label_side="top left",
    ),
    "chosen": _Look(
        "chosen for 0.3, 0.5, 1 points", "markers+text", "--td-warn", "circle-open-dot", 13,
        label_side="bottom center",
    ),
}  # fmt: skip


def frontier_figure(series: dict[str, Sequence[Mark]], current: Mark, full_macs: float) -> Figure:
    """Return the figure: ``{"data": [...], "layout": {...}}`` in plotly's format.

    Args:
        series: name of ``LOOKS`` -> its points; empty ones are left out. The points of a line are
            joined in the order given.
        current: the setting of the sliders.
        full_macs: of the full target; its unit is the chart's, as it is of every other figure.
    """
    shown = {name: tuple(marks) for name, marks in series.items() if marks}
    data = [_series(name, shown[name], full_macs) for name in LOOKS if name in shown]
    unit, unit_name = macs_unit(int(full_macs))
    across = f"%{{x:.{macs_digits(full_macs)}f}}"
    data.append(
        {
            "type": "scatter",
            "meta": CURRENT,
            "name": "this setting",
            "mode": "markers",
            "x": [_round(current.macs / unit)],
            "y": [_round(100 * current.accuracy)],
            "hovertemplate": f"this setting<br>%{{y:.1f}} %, {across} {unit_name}<extra></extra>",
            "marker": {
                "size": 17,
                "symbol": "circle-open",
                "color": "--td-accent",
                "line": {"width": 4, "color": "--td-accent"},
            },
        }
    )
    return {"data": data, "layout": _layout(unit_name) | {"meta": {"unit": unit}}}


def frontier_json(series: dict[str, Sequence[Mark]], current: Mark, full_macs: float) -> str:
    """Return ``frontier_figure`` as JSON text."""
    figure = frontier_figure(series, current, full_macs)
    return json.dumps(figure, separators=(",", ":"), allow_nan=False)


def plotly_script() -> Path:
    """Return where plotly's own bundled script lies; found without importing plotly."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:  # plotly is a requirement: only a broken install
        raise FileNotFoundError("plotly is not installed; run pip install -r requirements.txt.")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


def _series(name: str, marks: Sequence[Mark], full_macs: float) -> Figure:
    look = LOOKS[name]
    unit, _ = macs_unit(int(full_macs))
    series: Figure = {
        "type": "scatter",
        "meta": name,
        "name": look.name,
        "mode": look.mode,
        "x": [_round(mark.macs / unit) for mark in marks],
        "y": [_round(100 * mark.accuracy) for mark in marks],
        "hovertext": [_hover(mark, full_macs) for mark in marks],
        "hoverinfo": "text",
        "opacity": look.opacity,
        "marker": {"symbol": look.symbol, "size": look.size, "color": look.colour},
    }
    if "lines" in look.mode:
        series["line"] = {"color": look.colour, "dash": look.dash, "width": look.width}
    if "text" in look.mode:
        series["text"] = [mark.label.partition("<br>")[0] for mark in marks]
        series["textposition"] = look.label_side
        series["textfont"] = {"color": look.colour, "size": 12}
        series["cliponaxis"] = False
    if any(mark.setting is not None for mark in marks):
        series["customdata"] = [_taken(mark.setting) for mark in marks]
    return series


def _taken(setting: Setting | None) -> list[Any] | None:
    if setting is None:
        return None
    return list(setting.as_dict(CONTROLS).values())


def _hover(mark: Mark, full_macs: float) -> str:
    lines = [
        mark.label,
        f"{exact_percent(mark.accuracy)} right, {macs_words(mark.macs, full_macs)}",
    ]
    if mark.setting is not None:
        lines += [setting_words(mark.setting), "click to take it"]
    return "<br>".join(line for line in lines if line)


def _round(value: float) -> float:
    return round(float(value), 5)


def _layout(unit_name: str) -> Figure:
    axis = {
        "gridcolor": "--td-line",
        "linecolor": "--td-line",
        "zeroline": False,
        "tickfont": {"color": "--td-mute"},
        "title": {"font": {"color": "--td-mute", "size": 13}},
        "automargin": True,
        "fixedrange": True,
    }
    return {
        "xaxis": axis
        | {
            "title": {**axis["title"], "text": f"mean cost per picture, {unit_name}"},  # type: ignore[dict-item]
            "rangemode": "tozero",
        },
        "yaxis": axis | {"title": {**axis["title"], "text": "accuracy, %"}},  # type: ignore[dict-item]
        "paper_bgcolor": "--td-card",
        "plot_bgcolor": "--td-card",
        "font": {"color": "--td-ink", "family": "Inter, system-ui, sans-serif", "size": 12.5},
        "hoverlabel": {
            "bgcolor": "--td-card",
            "bordercolor": "--td-accent",
            "font": {"color": "--td-ink"},
            "align": "left",
        },
        "margin": {"l": 56, "r": 16, "t": 12, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top", "itemwidth": 30},
        "dragmode": False,
        "clickmode": "event",
        "hovermode": "closest",
        "showlegend": True,
    }
