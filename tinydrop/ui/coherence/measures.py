"""The verdict on a kept set, and each of its measures as a bar among random sets as large."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from tinydrop.core.coherence import Entry, Verdict
from tinydrop.ui.coherence.words import MAP_WORDS, MEASURE_GROUPS, MEASURE_WORDS, Words
from tinydrop.ui.kit.markup import escape

MARKS = {
    "coherent": "✓",
    "fragmented": "✗",
    "border-bound": "✗",
    "flat map": "✗",
    "off-object": "✗",
}


def verdict_line(verdict: Verdict) -> str:
    """Return the verdict as one sentence, its kind in front."""
    good = "ch-same" if verdict.kind == "coherent" else "ch-other"
    return (
        f'<p class="td-say ch-verdict" aria-live="polite" data-kind="{verdict.kind}">'
        f'<b class="{good}">{MARKS[verdict.kind]} {verdict.kind.capitalize()}.</b> '
        f"{escape(verdict.sentence)}</p>"
    )


def measure_bars(
    entries: Mapping[str, Entry], map_entries: Mapping[str, Entry], num_keep: int, map_words: str
) -> str:
    """Return every measure with its value, its percentile and what it says.

    Args:
        entries: what ``describe_coherence`` says of the kept set.
        map_entries: what ``describe_map`` says of the map.
        num_keep: K, which the random sets have too.
        map_words: which map that is.
    """
    among = f"random sets of {num_keep} patch{'' if num_keep == 1 else 'es'}"
    groups = [
        _group(title, {name: entries[name] for name in names}, MEASURE_WORDS, among)
        for title, names in MEASURE_GROUPS.items()
    ]
    groups[-1] = groups[-1].removesuffix("</section>") + _group(
        "Is the map itself smooth?", map_entries, MAP_WORDS, "shuffles of the map’s own values",
        map_words,
    ) + "</section>"  # fmt: skip
    return (
        '<p class="td-hint ch-scale"><span>◂ less than chance</span><span>50: a middling one of '
        f"the {among}</span><span>more than chance ▸</span></p>"
        f'<div class="ch-measures">{"".join(groups)}</div>'
    )


def measure_formulas() -> Markup:
    """Return how every measure is counted."""
    rows = "".join(f"<p><b>{one.title}</b> = {one.formula}</p>" for one in MEASURE_WORDS.values())
    return Markup(  # noqa: S704 - our own words
        f"{rows}<p>A <b>percentile</b> is the share of 500 random sets of the same K on the same "
        "grid with a smaller value, plus half of those with the same value; that of a map is among "
        "500 shuffles of its own values. It is left out where there is one such set only, as when "
        "every patch is kept.</p>"
    )


def _group(
    title: str, entries: Mapping[str, Entry], words: Mapping[str, Words], among: str, note: str = ""
) -> str:
    rows = "".join(_bar(words[name], entry, among) for name, entry in entries.items())
    hint = f'<p class="td-hint">{escape(note)}</p>' if note else ""
    return f"<section><h3>{escape(title)}</h3>{hint}{rows}</section>"


def _bar(words: Words, entry: Entry, among: str) -> str:
    value, percentile = entry["value"], entry["percentile"]
    shown = "–" if value is None else words.show(value)
    if percentile is None:
        bar = '<span class="ch-bar ch-none"></span>'
        said = "no percentile"
    else:
        left, width = min(50.0, percentile), abs(percentile - 50.0)
        said = f"percentile {_rank(percentile)}"
        bar = (
            f'<span class="ch-bar" role="img" aria-label="{said} among {escape(among)}">'
            f'<i class="ch-fill" style="left:{left:.1f}%;width:{width:.1f}%"></i>'
            f'<i class="ch-mid"></i><i class="ch-pin" style="left:{percentile:.1f}%"></i></span>'
        )
    return (
        f'<div class="ch-measure"><h4>{escape(words.title)}</h4><b>{shown}</b>{bar}'
        f"<small>{said}</small><p>{escape(words.note)}</p></div>"
    )


def _rank(percentile: float) -> str:
    """Return a percentile in whole numbers; 99.8 is not rounded up to all, nor 0.2 to none."""
    if 0 < percentile < 1:
        return "<1"
    if 99 < percentile < 100:
        return ">99"
    return f"{percentile:.0f}"
