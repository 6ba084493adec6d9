"""The data-set panels of the Coherence page: what other choices cost, and what the maps are worth.

Filled once from the bundled tables; a table that is absent is replaced by the command that makes
it.
"""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from tinydrop.core.selection import label_of
from tinydrop.studies.quality import Intervention, InterventionTable
from tinydrop.ui.coherence.charts import Curve, accuracy_chart, gain_chart, tenths_chart
from tinydrop.ui.coherence.gallery_maker import GalleryMaker
from tinydrop.ui.coherence.lessons import lessons_html, small_lesson
from tinydrop.ui.coherence.tables import (
    foot_html,
    missing_html,
    quality_counted,
    quality_table,
)
from tinydrop.ui.coherence.words import POSITION_TITLES
from tinydrop.ui.kit.chart import chart_part
from tinydrop.ui.kit.layout import card, fold, plain
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.kit.page import Updates
from tinydrop.ui.kit.wiring import Parts

PANELS = (
    *("cg_chart", "cg_small", "cg_small_lesson"),
    *("cg_modes", "cg_quality", "cg_lesson", "cg_foot"),
)
"""The parts that ``panels`` fills."""

FIRST_LINES = ("gradcam", "uniform", "coverage", "random", "inverse", "centre")
"""Drawn at once, in this order; the others when somebody asks for them."""
SMALL_LINES = ("gradcam", "object box", "uniform", "random", "centre")
POSITION_LINES = ("right", "first", "shuffled", "none")

TEACH = {
    "chart": "The same K patches chosen in every way we know: what does the choice add, and what "
    "would a map-free choice give? The legend’s entries show and hide lines.",
    "small": "Where the object is small there is much to leave out: does a map help there, and "
    "would knowing the object’s true box?",
    "modes": "The same salient patches, told to the target at wrong places: what does it cost when "
    "a pipeline loses track of positions?",
    "tenths": "Are coherent kept sets answered right more often? The open squares are the same "
    "pictures with every patch, since a tenth may simply hold easier pictures.",
    "quality": "Does a map point at the object, do its patches convince the target, and does it "
    "depend on what the guidance has learned?",
}
COUNTED = {
    "chart": (
        "Accuracy = pictures answered right / pictures, with Wilson’s 95 % interval as a band. "
        "Every choice keeps the first K patches of one order of all patches; early exit is left "
        "out. The target’s own map needs its full answer first, and the object’s box is known to "
        "the data set alone: they are no methods, but yardsticks.",
    ),
    "small": (
        "A small object’s box, as the data set gives it, covers less than 35 % of the "
        "crop. The oracle keeps the patches most covered by the box first, then those nearest its "
        "middle. Everything else as above.",
    ),
    "modes": (
        "First K: the kept patches, in reading order, get the positions of the first K "
        "cells. Shuffled: their own positions, permuted among them. None: no position information. "
        "At the right end nothing is dropped, so first K is right again.",
    ),
    "tenths": (
        "At each level the pictures are sorted by Moran’s I of their kept set and cut "
        "into ten parts of about equal size, equal values together; a part may be empty for that. "
        "Intervals are Wilson’s, 95 %.",
    ),
}


def panels_section(parts: Parts) -> None:
    """Lay out the panels, below the gallery."""
    with card("cg-card-lesson", "What this pair teaches"):
        parts["cg_lesson"] = plain('<p class="td-waiting">Reading the tables…</p>')
    with card("cg-card-chart", "Accuracy against kept patches", TEACH["chart"]):
        parts["cg_chart"] = chart_part("cg-chart")
        fold("How is this counted?", *COUNTED["chart"])
    with card("cg-card-small", "Where the object is small", TEACH["small"]):
        parts["cg_small_lesson"] = plain()
        parts["cg_small"] = chart_part("cg-small")
        fold("How is this counted?", *COUNTED["small"])
    with gr.Row(elem_id="cg-beside"):
        with card("cg-card-modes", "Right and wrong positions", TEACH["modes"]):
            parts["cg_modes"] = chart_part("cg-modes")
            fold("How is this counted?", *COUNTED["modes"])
        with card("cg-card-tenths", "Accuracy by coherence", TEACH["tenths"]):
            parts["cg_tenths"] = chart_part("cg-tenths")
            fold("How is this counted?", *COUNTED["tenths"])
    with card("cg-card-quality", "What the maps are worth", TEACH["quality"]):
        parts["cg_quality"] = plain(elem_id="cg-quality")
        fold("How is this counted?", quality_counted())
    parts["cg_foot"] = plain()


def panels(maker: GalleryMaker) -> Updates:
    """Return the content of every panel but the one that follows the level."""
    table, report, tenths = maker.interventions, maker.report, maker.tenths
    trace = maker.trace.provenance
    source = f"Cards: the trace of {trace.pictures:,} pictures of {trace.data} by {trace.selector}."
    updates: Updates = {
        "cg_quality": missing_html("The quality of the maps", report)
        if isinstance(report, str)
        else quality_table(report),
        **_small(maker),
        "cg_foot": foot_html(None if isinstance(table, str) else table.provenance, source),
    }
    if isinstance(table, str):
        gone = missing_html("Accuracy of other choices", table)
        return {**updates, "cg_chart": gone, "cg_modes": gone, "cg_lesson": gone}
    lines = _selector_lines(table, FIRST_LINES)
    return {
        **updates,
        "cg_chart": accuracy_chart(
            "choices",
            lines,
            table.kept,
            _across(maker, table),
            "Accuracy against patches kept, one line per choice",
        )
        + _gains(table),
        "cg_modes": _modes(maker, table),
        "cg_lesson": lessons_html(
            table,
            None if isinstance(report, str) else report,
            None if isinstance(tenths, str) else tenths,
        ),
    }


def tenths_panel(maker: GalleryMaker, level: int) -> str:
    """Return accuracy by tenths of coherence at a level."""
    tenths = maker.tenths
    if isinstance(tenths, str):
        return missing_html("Accuracy by coherence", tenths)
    return (
        f'<p class="td-hint">Level {level} of 16, by tenths of Moran’s I of the patches that '
        f"{label_of(tenths.selector)} keeps; it follows the "
        f"gallery’s slider.</p>{tenths_chart(tenths, level)}"
    )


def _small(maker: GalleryMaker) -> Updates:
    """Return the panel of the pictures with small objects."""
    table, report = maker.small_interventions, maker.small_report
    if isinstance(table, str):
        gone = missing_html("Accuracy where the object is small", table)
        return {"cg_small": gone, "cg_small_lesson": ""}
    lines = _selector_lines(table, SMALL_LINES)
    full = {"full target": float(table.interventions[0].accuracy[-1])}
    label = "Accuracy against patches kept where the object is small, one line per choice"
    lesson = small_lesson(table, None if isinstance(report, str) else report)
    return {
        "cg_small": accuracy_chart("small", lines, table.kept, full, label),
        "cg_small_lesson": f'<p class="cg-lesson">{escape(lesson)}</p>',
    }


def _selector_lines(table: InterventionTable, first: Sequence[str]) -> list[Curve]:
    chosen = {one.name: one for one in table.interventions if one.kind != "positions"}
    names = [name for name in first if name in chosen]
    names += [name for name in chosen if name not in names]
    return [_line(chosen[name], label_of(name), shown=name in first) for name in names]


def _mode_lines(table: InterventionTable) -> list[Curve]:
    found = {one.name: one for one in table.interventions if one.kind == "positions"}
    return [
        _line(found[mode], f"positions: {POSITION_TITLES[mode]}")
        for mode in POSITION_LINES
        if mode in found
    ]


def _modes(maker: GalleryMaker, table: InterventionTable) -> str:
    lines = _mode_lines(table)
    if not lines:
        return missing_html("Positions", "The table holds no mode of positions.")
    label = "Accuracy against patches kept, one line per mode of positions"
    return accuracy_chart("positions", lines, table.kept, _across(maker, table), label)


def _across(maker: GalleryMaker, table: InterventionTable) -> dict[str, float]:
    """Return what drops no patches: the full target, and the guidance alone."""
    found = {"full target": float(table.interventions[0].accuracy[-1])}
    guidance = maker.guidance_accuracy(table.provenance.pictures)
    return found if guidance is None else found | {"guidance alone": guidance}


def _gains(table: InterventionTable) -> str:
    """Return what every choice but the reference gains on it, on the same pictures."""
    reference = table.provenance.reference
    gains = [
        Curve(
            f"{one.kind}-{one.name}", label_of(one.name), one.name, one.gain, one.gain_low,
            one.gain_high, one.name in FIRST_LINES,
        )
        for one in table.interventions
        if one.kind != "positions" and one.name != reference
    ]  # fmt: skip
    if not gains:
        return ""
    name = label_of(reference)
    label = f"Gain on {name} against patches kept, one line per choice"
    return gain_chart("gains", gains, table.kept, name, label)


def _line(one: Intervention, name: str, *, shown: bool = True) -> Curve:
    low, high = one.interval
    return Curve(f"{one.kind}-{one.name}", name, one.name, one.accuracy, low, high, shown)
