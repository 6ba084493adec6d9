"""The live figures of a setting: one sentence, five tiles, and what to be wary of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from tinydrop.core.numbers import exact_percent, macs_words, span_words
from tinydrop.studies.sweep import Interval, Outcome
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.tune.words import drop_span_words, drop_words


def numbers_card(
    outcome: Outcome, full: Outcome, key: str, few: Mapping[str, Interval] | None = None
) -> str:
    """Return the sentence and the tiles; their intervals follow under the same ``key``.

    Args:
        outcome: of the setting.
        full: of the full target on the same pictures.
        key: names the setting and the trace; the browser asks for what belongs to it.
        few: 95 % intervals that stand first, where the pictures are too few for single figures.
    """
    tiles = (
        _accuracy_tile(outcome, few),
        (
            "macs",
            "mean cost per picture",
            macs_words(outcome.macs, full.macs),
            f"full target {macs_words(full.macs, full.macs)}",
        ),
        _saved_tile(outcome, few),
        (
            "exit_rate",
            "exit rate",
            exact_percent(outcome.exit_rate),
            "answered by the guidance alone",
        ),
        (
            "agreement",
            "agreement",
            exact_percent(outcome.agreement),
            "same class as the full target",
        ),
    )
    point = escape(json.dumps({"macs": outcome.macs, "y": 100 * outcome.accuracy}))
    return (
        f'<div class="tn-now" data-follow="{escape(key)}" data-point="{point}">'
        f'<p class="td-say" aria-live="polite">{_sentence(outcome, full, few)}</p>'
        '<dl class="tn-tiles">'
        + "".join(
            f'<div><dt>{title}</dt><dd data-measure="{name}"><b>{_unit(value)}</b>'
            f"<small>{escape(note)}</small>{_places(name)}</dd></div>"
            for name, title, value, note in tiles
        )
        + "</dl></div>"
    )


def intervals_part(key: str, intervals: Mapping[str, Interval]) -> str:
    """Return the intervals for the browser to put under the tiles of the same ``key``."""
    words = {}
    for name, span in intervals.items():
        if name == "accuracy_drop":
            words[name] = f"drop, 95 %: {span.low:+.1f} to {span.high:+.1f} points"
        else:
            words[name] = f"95 %: {exact_percent(span.low)[:-2]} to {exact_percent(span.high)}"
    return f'<i hidden data-key="{escape(key)}" data-intervals="{escape(json.dumps(words))}"></i>'


def numbers_formula(outcome: Outcome, full: Outcome, guidance_macs: int, saliency: int) -> str:
    """Return how the figures are counted, with the numbers put in, as HTML."""
    return (
        f"<p>Every figure is a mean over the {outcome.pictures:,} pictures of the trace: for each "
        "one, what the pipeline would do at this setting is read from the trace, not estimated."
        "</p><p>Cost = guidance always, saliency and the target on the kept patches only where "
        f"there is no exit: {guidance_macs:,} + {1 - outcome.exit_rate:.3f} × {saliency:,} + "
        f"target = <b>{outcome.macs:,.0f}</b> multiply-accumulates.</p>"
        f"<p>Share saved = 1 − cost / full target = 1 − {outcome.macs:,.0f} / {full.macs:,.0f} = "
        f"<b>{outcome.saved:.4f}</b>; below zero it costs more.</p>"
        "<p>95 %: bootstrap intervals, the pictures drawn again with replacement; they speak of "
        "chance in these pictures, not of other kinds of pictures.</p>"
    )


def measured_line(outcome: Outcome | None, full: Outcome | None) -> str:
    """Return, for under Explore's sliders, what the setting does on the pair's traced pictures.

    Args:
        outcome: None where this pair, selector or temperature was not traced.
        full: of the full target on the same pictures.
    """
    if outcome is None or full is None:
        return (
            '<p class="td-hint tn-measured">Not traced: this pair, selector or temperature has no '
            "measured accuracy here.</p>"
        )
    return (
        f'<p class="td-hint tn-measured">On {outcome.pictures:,} labelled pictures: '
        f"<b>{exact_percent(outcome.accuracy)}</b> right, "
        f"<b>{macs_words(outcome.macs, full.macs)}</b> on average (full target "
        f"{exact_percent(full.accuracy)}, {macs_words(full.macs, full.macs)}).</p>"
    )


def warnings_part(sentences: Sequence[str]) -> str:
    """Return the signs of failure, each in words; nothing where there are none."""
    return "".join(f'<p class="td-honest">{escape(sentence)}</p>' for sentence in sentences)


def _accuracy_tile(
    outcome: Outcome, few: Mapping[str, Interval] | None
) -> tuple[str, str, str, str]:
    drop = drop_words(outcome.accuracy_drop)
    value = exact_percent(outcome.accuracy)
    if few is None:
        return "accuracy", "accuracy", value, drop
    span = few["accuracy"]
    return (
        "accuracy", "accuracy, 95 %", span_words(span.low, span.high), f"measured {value}, {drop}",
    )  # fmt: skip


def _saved_tile(outcome: Outcome, few: Mapping[str, Interval] | None) -> tuple[str, str, str, str]:
    value = exact_percent(outcome.saved)
    if few is None:
        return "saved", "share saved", value, "of the full target's cost"
    span = few["saved"]
    words = span_words(span.low, span.high)
    return "saved", "share saved, 95 %", words, f"measured {value} of the full target's cost"


def _sentence(outcome: Outcome, full: Outcome, few: Mapping[str, Interval] | None) -> str:
    kept = (
        f"the others keep <b>{exact_percent(outcome.keep_ratio)}</b> of their patches on average"
        if outcome.keep_ratio is not None
        else "the target never runs"
    )
    cost = (
        f"<b>{exact_percent(outcome.macs / full.macs)}</b> of its cost"
        if outcome.saved >= 0
        else f"<b>{exact_percent(-outcome.saved)} more</b> than it costs"
    )
    if few is not None:
        span = few["accuracy_drop"]
        pictures = "1 picture" if outcome.pictures == 1 else f"{outcome.pictures:,} pictures"
        return (
            f"From only <b>{pictures}</b>, with 95 % confidence: accuracy is "
            f"<b>{drop_span_words(span.low, span.high)}</b>, for {cost}. "
            f"{exact_percent(outcome.exit_rate)} of them exit early; {kept}."
        )
    drop = drop_words(outcome.accuracy_drop)
    return (
        f"<b>{exact_percent(outcome.exit_rate)}</b> of the pictures exit early; {kept}. Accuracy "
        f"is <b>{drop}</b>, for {cost}."
    )


def _places(name: str) -> str:
    """Return where a tile's intervals go when they arrive."""
    names = {"accuracy": ("accuracy", "accuracy_drop"), "saved": ("saved",)}.get(name, ())
    return "".join(
        f'<small class="tn-interval" data-interval="{one}">&nbsp;</small>' for one in names
    )


def _unit(words: str) -> str:
    """Return a figure with its unit set smaller."""
    number, unit = words.rsplit(" ", 1)
    return f"{number} <span>{unit}</span>"
