"""The tables of the Tune page: chosen settings, exit regret, harmful exits, baselines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.numbers import exact_percent, macs_words
from tinydrop.studies.calibration import ExitRegret
from tinydrop.studies.sweep import Best
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.tune.words import setting_words

HARMFUL_SHOWN = 50


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


def chosen_table(rows: Sequence[Best], full_macs: float) -> str:
    """Return the chosen settings, each with what it does on pictures it was not chosen on."""
    body = "".join(_chosen_row(row, full_macs) for row in rows)
    counted = next((row for row in rows if row.held_out and row.tuned_on), None)
    halves = ""
    if counted is not None and counted.held_out and counted.tuned_on:
        halves = (
            f"Found on one half ({counted.tuned_on.pictures:,} pictures), reported on the other "
            f"half ({counted.held_out.outcome.pictures:,}) that the search never saw: a row may "
            "miss its own promise there."
        )
    return (
        '<div class="tn-scroll"><table class="tn-table tn-stack"><thead><tr><th>allowed drop</th>'
        "<th>drop, other half</th><th>cost</th><th>saved</th><th>setting</th></tr></thead>"
        f'<tbody>{body}</tbody></table></div><p class="td-hint">{halves}</p>'
    )


def baseline_table(rows: Sequence[BaselineRow], full_macs: float) -> str:
    """Return the baselines as numbers: what the chart shows, for those who cannot see it."""
    body = "".join(
        f"<tr><th scope=row>{escape(row.name)}</th><td>{exact_percent(row.accuracy)}</td>"
        f"<td>{macs_words(row.macs, full_macs)}</td><td>{exact_percent(row.saved)}</td></tr>"
        for row in rows
    )
    return (
        '<div class="tn-scroll"><table class="tn-table"><thead><tr><th></th><th>accuracy</th>'
        f"<th>mean cost</th><th>saved</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def take_button(setting: Setting, label: str = "Take") -> str:
    """Return a button that puts a setting on the sliders."""
    taken = setting.as_dict(CONTROLS)
    return (
        f'<button type="button" class="td-button tn-take" data-take="{escape(json.dumps(taken))}" '
        f'aria-label="Take {escape(setting_words(setting))}">{escape(label)}</button>'
    )


def regret_boxes(regret: ExitRegret) -> str:
    """Return the four boxes of the pictures that exit."""
    boxes = (
        (regret.right_right, "both right", "saved for free", ""),
        (regret.right_wrong, "exit right, target wrong", "better than the target", ""),
        (regret.wrong_wrong, "both wrong", "nothing lost", ""),
        (regret.wrong_right, "exit wrong, target right", "harmful", " tn-bad"),
    )
    total = sum(count for count, _, _, _ in boxes)
    if not total:
        return '<p class="td-hint">No picture exits at this setting, so none can go wrong.</p>'
    return (
        '<div class="tn-boxes">'
        + "".join(
            f'<div class="tn-box{kind}"><b>{count:,}</b>'
            f"<span>{title}</span><small>{exact_percent(count / total)}, {note}</small></div>"
            for count, title, note, kind in boxes
        )
        + f'</div><p class="td-hint">The {total:,} pictures that exit, by who is right.</p>'
    )


def harmful_table(rows: Sequence[HarmfulRow], total: int) -> str:
    """Return the harmful exits, the surest first; ``total`` is how many there are."""
    if not total:
        return '<p class="td-hint">None at this setting.</p>'
    body = "".join(
        f"<tr><th scope=row>{escape(row.picture)}</th><td>{escape(row.guidance)}</td>"
        f"<td>{escape(row.target)}</td><td>{escape(row.truth)}</td>"
        f"<td>{row.confidence:.3f}</td></tr>"
        for row in rows[:HARMFUL_SHOWN]
    )
    shown = min(len(rows), HARMFUL_SHOWN)
    some = f"The {shown} surest of {total:,}; the JSON file has all. " if shown < total else ""
    return (
        '<div class="tn-scroll tn-tall" tabindex="0" role="region" aria-label="Harmful exits">'
        '<table class="tn-table"><thead><tr><th>picture</th><th>guidance says</th>'
        "<th>target says</th><th>truth</th><th>confidence</th></tr></thead>"
        f'<tbody>{body}</tbody></table></div><p class="td-hint">{some}The guidance was above tau '
        "and wrong; the target, with every patch, would have been right.</p>"
    )


def _chosen_row(row: Best, full_macs: float) -> str:
    head = f"<tr><th scope=row>{row.max_drop:g} {_points(row.max_drop)}</th>"
    if row.setting is None or row.held_out is None:
        return f"{head}<td colspan=4>{escape(' '.join(row.notes))}</td></tr>"
    own, spans = row.held_out.outcome, row.held_out.intervals
    drop, saved = spans["accuracy_drop"], spans["saved"]
    notes = f'<tr class="tn-notes"><td colspan=5>{escape(" ".join(row.notes))}</td></tr>'
    return (
        f'{head}<td data-title="drop, other half"><b>{own.accuracy_drop:+.2f}</b> points'
        f"<small>95 %: {drop.low:+.2f} to {drop.high:+.2f}</small></td>"
        f'<td data-title="cost">{macs_words(own.macs, full_macs)}</td>'
        f'<td data-title="saved"><b>{exact_percent(own.saved)}</b>'
        f"<small>95 %: {exact_percent(saved.low)[:-2]} to {exact_percent(saved.high)}</small></td>"
        f'<td data-title="setting"><small>{escape(setting_words(row.setting))}</small> '
        f"{take_button(row.setting)}</td></tr>{notes if row.notes else ''}"
    )


def _points(number: float) -> str:
    return "point" if number == 1 else "points"
