"""The signs of failure of a setting, each named in words where it occurs."""

from __future__ import annotations

from tinydrop.core.budget import Setting
from tinydrop.core.numbers import exact_percent, macs_words
from tinydrop.studies.sweep import Outcome
from tinydrop.studies.trace import cautions
from tinydrop.ui.kit.traces import KnownTrace
from tinydrop.ui.tune.series import cascade_outcomes

LOW_LEVEL = 4
"""A quarter of the patches or fewer."""
COLLAPSE_POINTS = 10.0
FEWEST_PICTURES = 30
"""Below this many pictures a share says too little to warn of it."""


def signs_of_failure(traced: KnownTrace, setting: Setting) -> tuple[str, ...]:
    """Return one sentence for each thing that goes wrong at this setting.

    Where pictures are few, only this and what is certain is said: no other setting is praised.
    """
    few = cautions(traced.trace.label, traced.trace.provenance.classes)
    outcome = traced.outcome(setting)
    if traced.few:
        return (*few, *filter(None, [_dearer(outcome)]))
    beside = traced.baselines(setting)
    return few + tuple(
        sentence
        for sentence in (
            _dearer(outcome),
            _collapse(traced, setting),
            _guidance(outcome, beside["guidance"]),
            _cascade(traced, setting, outcome),
            _random(outcome, beside.get("random")),
        )
        if sentence
    )


def _dearer(outcome: Outcome) -> str:
    if outcome.saved >= 0:
        return ""
    return (
        f"This costs {exact_percent(-outcome.saved)} more than the full target alone: guidance "
        "and saliency cost more than dropping saves, so lower tau or gamma."
    )


def _collapse(traced: KnownTrace, setting: Setting) -> str:
    run = traced.run(setting)
    low = (run.level > 0) & (run.level <= LOW_LEVEL) & ~run.trace.unranked
    count = int(low.sum())
    if count < FEWEST_PICTURES:
        return ""
    kept = float((run.rank[low] == 0).mean())
    full = float((run.trace.target_rank[low, -1] == 0).mean())
    if 100 * (full - kept) < COLLAPSE_POINTS:
        return ""
    return (
        f"Accuracy collapses at low budgets: of the {count:,} pictures that keep a quarter of "
        f"their patches or fewer the target gets {exact_percent(kept)} right, with every patch "
        f"{exact_percent(full)}; a higher gamma keeps more."
    )


def _guidance(outcome: Outcome, guidance: Outcome) -> str:
    if outcome.exits == outcome.pictures or guidance.correct < outcome.correct:
        return ""
    return (
        f"The guidance alone is as good ({exact_percent(guidance.accuracy)}) and cheaper here: "
        "the target adds cost and no accuracy."
    )


def _cascade(traced: KnownTrace, setting: Setting, outcome: Outcome) -> str:
    better = [
        one
        for one in cascade_outcomes(traced, setting)
        if one.outcome.correct >= outcome.correct
        and one.outcome.total_macs < outcome.total_macs
        and one.outcome.exits < one.outcome.pictures
    ]
    if not better:
        return ""
    best = max(better, key=lambda one: (one.outcome.correct, -one.outcome.total_macs))
    return (
        f"A pure cascade beats dropping here: with tau {best.setting.tau:g} and every patch it is "
        f"right on {exact_percent(best.outcome.accuracy)} for "
        f"{macs_words(best.outcome.macs, traced.full.macs)}."
    )


def _random(outcome: Outcome, random: Outcome | None) -> str:
    if random is None or outcome.exits == outcome.pictures or random.correct < outcome.correct:
        return ""
    return (
        "The map does not help here: random patches at the same budgets are right on "
        f"{exact_percent(random.accuracy)}, and need no saliency."
    )
