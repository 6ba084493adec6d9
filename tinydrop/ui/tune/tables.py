"""The tables of the Tune page: chosen settings, exit regret, harmful exits, baselines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.numbers import exact_percent, macs_words
from tinydrop.studies.calibration import ExitRegret
from tinydrop.studies.sweep import Best
from tinydrop.ui.kit.pieces import note
from tinydrop.ui.kit.table import Cell, Row, table
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.tune.words import setting_words

FILE = "tune/tables.html"
HARMFUL_SHOWN = 50
CHOSEN = ("allowed drop", "drop, other half", "cost", "saved", "setting")


@dataclass(frozen=True)
class BaselineRow:
    """One line of the table that says what the chart shows."""

    name: str
    accuracy: float
    macs: float
    saved: float


@dataclass(frozen=True)
class HarmfulRow:
    """An early exit that cost a right answer."""

    picture: str
    guidance: str
    target: str
    truth: str
    confidence: float


def chosen_table(rows: Sequence[Best], full_macs: float) -> Markup:
    """Return the chosen settings, each with what it does on pictures it was not chosen on."""
    counted = next((row for row in rows if row.held_out and row.tuned_on), None)
    halves = ""
    if counted is not None and counted.held_out and counted.tuned_on:
        halves = (
            f"Found on one half ({counted.tuned_on.pictures:,} pictures), reported on the other "
            f"half ({counted.held_out.outcome.pictures:,}) that the search never saw: a row may "
            "miss its own promise there."
        )
    return table(
        CHOSEN,
        [line for row in rows for line in _chosen_rows(row, full_macs)],
        kind="tn-stack",
        note=halves,
    )


def baseline_table(rows: Sequence[BaselineRow], full_macs: float) -> Markup:
    """Return the baselines as numbers: what the chart shows, for those who cannot see it."""
    lines = [
        Row(
            (
                row.name,
                exact_percent(row.accuracy),
                macs_words(row.macs, full_macs),
                exact_percent(row.saved),
            )
        )
        for row in rows
    ]
    return table(("", "accuracy", "mean cost", "saved"), lines)


def take_button(setting: Setting) -> Markup:
    """Return a button that puts a setting on the sliders."""
    taken = json.dumps(setting.as_dict(CONTROLS))
    return draw(FILE, "take", setting=taken, words=setting_words(setting))


def regret_boxes(regret: ExitRegret) -> Markup:
    """Return the four boxes of the pictures that exit."""
    boxes = (
        (regret.right_right, "both right", "saved for free", ""),
        (regret.right_wrong, "exit right, target wrong", "better than the target", ""),
        (regret.wrong_wrong, "both wrong", "nothing lost", ""),
        (regret.wrong_right, "exit wrong, target right", "harmful", " tn-bad"),
    )
    total = sum(count for count, _, _, _ in boxes)
    if not total:
        return note("No picture exits at this setting, so none can go wrong.")
    entries = [
        (f"{count:,}", title, f"{exact_percent(count / total)}, {words}", kind)
        for count, title, words, kind in boxes
    ]
    return draw(FILE, "boxes", entries=entries, total=f"{total:,}")


def harmful_table(rows: Sequence[HarmfulRow], total: int) -> Markup:
    """Return the harmful exits, the surest first; ``total`` is how many there are."""
    if not total:
        return note("None at this setting.")
    shown = rows[:HARMFUL_SHOWN]
    surest = f"The {len(shown)} surest of {total:,}; the JSON file has all. "
    return table(
        ("picture", "guidance says", "target says", "truth", "confidence"),
        [
            Row((one.picture, one.guidance, one.target, one.truth, f"{one.confidence:.3f}"))
            for one in shown
        ],
        scroll="tn-tall",
        region="Harmful exits",
        note=f"{surest if len(shown) < total else ''}The guidance was above tau and wrong; the "
        "target, with every patch, would have been right.",
    )


def _chosen_rows(row: Best, full_macs: float) -> list[Row]:
    head = f"{row.max_drop:g} {'point' if row.max_drop == 1 else 'points'}"
    notes = " ".join(row.notes)
    if row.setting is None or row.held_out is None:
        return [Row((head, Cell(notes, attributes={"colspan": 4})))]
    own, spans = row.held_out.outcome, row.held_out.intervals
    drop, saved = spans["accuracy_drop"], spans["saved"]
    words, button = setting_words(row.setting), take_button(row.setting)
    figures = (
        Cell(
            f"{own.accuracy_drop:+.2f}",
            f"95 %: {drop.low:+.2f} to {drop.high:+.2f}",
            strong=True,
            after="points",
        ),
        Cell(macs_words(own.macs, full_macs)),
        Cell(
            exact_percent(own.saved),
            f"95 %: {exact_percent(saved.low)[:-2]} to {exact_percent(saved.high)}",
            strong=True,
        ),
        Cell(draw(FILE, "setting", words=words, button=button)),
    )
    titled = [
        replace(cell, attributes={"data-title": title})
        for cell, title in zip(figures, CHOSEN[1:], strict=True)
    ]
    rows = [Row((head, *titled))]
    if notes:
        aside = Cell(notes, attributes={"colspan": 5})
        rows.append(Row((aside,), {"class": "tn-notes"}, headed=False))
    return rows
