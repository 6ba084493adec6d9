"""The live figures of a setting: one sentence, five tiles, and what to be wary of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from tinydrop.core.numbers import exact_percent, macs_words, span_words
from tinydrop.studies.sweep import Interval, Outcome
from tinydrop.ui.kit.pieces import note
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.tune.words import drop_span_words, drop_words

FILE = "tune/numbers.html"


class Tile(NamedTuple):
    """One figure: its measure's name, what stands above, the figure, what stands below.

    ``intervals`` names the intervals that arrive under it later.
    """

    name: str
    title: str
    value: str
    note: str
    intervals: tuple[str, ...] = ()


def numbers_card(
    outcome: Outcome, full: Outcome, key: str, few: Mapping[str, Interval] | None = None
) -> Markup:
    """Return the sentence and the tiles; their intervals follow under the same ``key``.

    Args:
        outcome: of the setting.
        full: of the full target on the same pictures.
        key: names the setting and the trace; the browser asks for what belongs to it.
        few: 95 % intervals that stand first, where the pictures are too few for single figures.
    """
    cost, full_cost = macs_words(outcome.macs, full.macs), macs_words(full.macs, full.macs)
    exits, agrees = exact_percent(outcome.exit_rate), exact_percent(outcome.agreement)
    tiles = (
        _accuracy_tile(outcome, few),
        Tile("macs", "mean cost per picture", cost, f"full target {full_cost}"),
        _saved_tile(outcome, few),
        Tile("exit_rate", "exit rate", exits, "answered by the guidance alone"),
        Tile("agreement", "agreement", agrees, "same class as the full target"),
    )
    point = json.dumps({"macs": outcome.macs, "y": 100 * outcome.accuracy})
    said = _sentence(outcome, full, few)
    return draw(FILE, "card", key=key, point=point, said=said, tiles=tiles)


def intervals_part(key: str, intervals: Mapping[str, Interval]) -> Markup:
    """Return the intervals for the browser to put under the tiles of the same ``key``."""
    words = {}
    for name, span in intervals.items():
        if name == "accuracy_drop":
            words[name] = f"drop, 95 %: {span.low:+.1f} to {span.high:+.1f} points"
        else:
            words[name] = f"95 %: {exact_percent(span.low)[:-2]} to {exact_percent(span.high)}"
    return draw(FILE, "intervals", key=key, words=json.dumps(words))


def numbers_formula(outcome: Outcome, full: Outcome, guidance_macs: int, saliency: int) -> Markup:
    """Return how the figures are counted, with the numbers put in, as HTML."""
    return draw(
        FILE,
        "formula",
        pictures=f"{outcome.pictures:,}",
        guidance=f"{guidance_macs:,}",
        target_runs=f"{1 - outcome.exit_rate:.3f}",
        saliency=f"{saliency:,}",
        cost=f"{outcome.macs:,.0f}",
        full=f"{full.macs:,.0f}",
        saved=f"{outcome.saved:.4f}",
    )


def measured_line(outcome: Outcome | None, full: Outcome | None) -> Markup:
    """Return, for under Explore's sliders, what the setting does on the pair's traced pictures.

    Args:
        outcome: None where this pair, selector or temperature was not traced.
        full: of the full target on the same pictures.
    """
    if outcome is None or full is None:
        said = "Not traced: this pair, selector or temperature has no measured accuracy here."
        return note(said, "td-hint tn-measured")
    return draw(
        FILE,
        "measured",
        pictures=f"{outcome.pictures:,}",
        accuracy=exact_percent(outcome.accuracy),
        cost=macs_words(outcome.macs, full.macs),
        full_accuracy=exact_percent(full.accuracy),
        full_cost=macs_words(full.macs, full.macs),
    )


def warnings_part(sentences: Sequence[str]) -> Markup:
    """Return the signs of failure, each in words; nothing where there are none."""
    return draw(FILE, "warnings", sentences=sentences)


def _accuracy_tile(outcome: Outcome, few: Mapping[str, Interval] | None) -> Tile:
    drop = drop_words(outcome.accuracy_drop)
    value = exact_percent(outcome.accuracy)
    later = ("accuracy", "accuracy_drop")
    if few is None:
        return Tile("accuracy", "accuracy", value, drop, later)
    words = span_words(few["accuracy"].low, few["accuracy"].high)
    return Tile("accuracy", "accuracy, 95 %", words, f"measured {value}, {drop}", later)


def _saved_tile(outcome: Outcome, few: Mapping[str, Interval] | None) -> Tile:
    value = exact_percent(outcome.saved)
    below = "of the full target's cost"
    if few is None:
        return Tile("saved", "share saved", value, below, ("saved",))
    words = span_words(few["saved"].low, few["saved"].high)
    return Tile("saved", "share saved, 95 %", words, f"measured {value} {below}", ("saved",))


def _sentence(outcome: Outcome, full: Outcome, few: Mapping[str, Interval] | None) -> Markup:
    pictures, drop = "", drop_words(outcome.accuracy_drop)
    if few is not None:
        pictures = "1 picture" if outcome.pictures == 1 else f"{outcome.pictures:,} pictures"
        drop = drop_span_words(few["accuracy_drop"].low, few["accuracy_drop"].high)
    dearer = outcome.saved < 0
    return draw(
        FILE,
        "sentence",
        pictures=pictures,
        exits=exact_percent(outcome.exit_rate),
        kept="" if outcome.keep_ratio is None else exact_percent(outcome.keep_ratio),
        drop=drop,
        cost=exact_percent(-outcome.saved if dearer else outcome.macs / full.macs),
        dearer=dearer,
    )
