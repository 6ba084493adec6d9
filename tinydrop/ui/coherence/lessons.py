"""What the tables of a pair teach, in sentences whose words follow from the figures."""

from __future__ import annotations

import numpy as np

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.selection import label_of
from tinydrop.core.statistics import Z95
from tinydrop.studies.quality import (
    OBJECT,
    SMALL_OBJECT,
    CoherenceTable,
    InterventionTable,
    MethodQuality,
    QualityReport,
)
from tinydrop.ui.kit.markup import escape

DROPPING = BUDGET_LEVELS - 1
"""The levels at which something is dropped; at the last one every choice is the same."""


def lessons(
    table: InterventionTable, report: QualityReport | None, tenths: CoherenceTable | None
) -> tuple[str, ...]:
    """Return what the figures say, one plain sentence each, surprises included.

    Args:
        table: accuracy of every choice of patches and positions.
        report: the maps' figures, or None.
        tenths: accuracy by tenths of coherence, or None.
    """
    selectors = {one.name for one in table.interventions if one.kind == "selector"}
    said = [
        _beaten(table, name)
        for name in ("uniform", "random", "coverage", "coherent")
        if name in selectors and name != table.provenance.reference
    ]
    said += [_positions(table)]
    if tenths is not None:
        said.append(_tenths(tenths))
    if report is not None:
        said += [_boxes(report), _areas(report)]
    return tuple(sentence for sentence in said if sentence)


def small_lesson(table: InterventionTable, report: QualityReport | None) -> str:
    """Return whether the reference's patches beat those chosen blindly where objects are small.

    Args:
        table: accuracy of every choice on the pictures with small objects.
        report: the maps' figures on the same pictures, or None.
    """
    known = table.provenance
    own = table.find("selector", known.reference).accuracy[:DROPPING]
    reference = label_of(known.reference)
    parts = []
    for name in ("random", "uniform", "centre"):
        other = table.find("selector", name).accuracy[:DROPPING]
        parts.append(f"{int((own > other).sum())} times those of {name}")
    half = BUDGET_LEVELS // 2 - 1
    box = table.find("reference", OBJECT).accuracy[half]
    boxes = "" if report is None else f" {_boxes(report)}".rstrip()
    return (
        f"On the {known.pictures:,} pictures whose object covers less than "
        f"{100 * SMALL_OBJECT:.0f} % of the crop, the patches of {reference} beat, at {DROPPING} "
        f"levels, {', '.join(parts)}. With half of the patches they are right on "
        f"{100 * own[half]:.1f} %, those nearest the object’s box on {100 * box:.1f} % and all "
        f"patches on {100 * float(table.interventions[0].accuracy[-1]):.1f} %."
        f"{boxes}{_caution(table)}"
    )


def lessons_html(
    table: InterventionTable, report: QualityReport | None, tenths: CoherenceTable | None
) -> str:
    """Return ``lessons`` as one paragraph."""
    said = " ".join(lessons(table, report, tenths))
    return f'<p class="cg-lesson">{escape(said + _caution(table))}</p>'


def _caution(table: InterventionTable) -> str:
    """Own up to a small number of pictures."""
    pictures = table.provenance.pictures
    if pictures >= 1000:
        return ""
    return f" Only {pictures:,} pictures were measured, so most differences may be chance."


def _beaten(table: InterventionTable, name: str) -> str:
    """Say how often a choice is right more often than the reference, and how surely."""
    one = table.find("selector", name)
    gain = 100 * one.gain[:DROPPING]
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    surely_better = int((one.gain_low[:DROPPING] > 0).sum())
    surely_worse = int((one.gain_high[:DROPPING] < 0).sum())
    reference = label_of(table.provenance.reference)
    whose = {
        "uniform": "Evenly spread patches",
        "random": "Random patches",
        "coverage": "Salient patches mixed with evenly spread ones",
        "coherent": "Salient patches grown into one region",
    }[name]
    counts = f"of {DROPPING} levels"
    if better > worse:
        at = int(gain.argmax())
        return (
            f"{whose} beat {reference} at {better} {counts} and lose at {worse} ({surely_better} "
            f"and {surely_worse} of them beyond chance), by up to {_points(gain[at])} with "
            f"{table.kept[at]} of {table.kept[-1]} kept."
        )
    if worse > better:
        at = int(gain.argmin())
        return (
            f"{whose} lose to {reference} at {worse} {counts} and win at {better} ({surely_worse} "
            f"and {surely_better} of them beyond chance), by up to {_points(gain[at])} with "
            f"{table.kept[at]} of {table.kept[-1]} kept."
        )
    return f"{whose} and {reference} win at as many levels as they lose."


def _points(value: float) -> str:
    return f"{abs(value):.1f} points"


def _positions(table: InterventionTable) -> str:
    """Say what lost positions cost at the level where they cost most."""
    modes = {one.name: one for one in table.interventions if one.kind == "positions"}
    if "right" not in modes or not set(modes) - {"right"}:
        return ""
    right = modes["right"].accuracy
    words = {
        "first": "taken for the first K of the grid",
        "shuffled": "with positions shuffled",
        "none": "without any position",
    }
    parts = []
    for mode, how in words.items():
        if mode in modes:
            loss = 100 * (right - modes[mode].accuracy)
            at = int(loss.argmax())
            parts.append(f"{how} up to {_points(loss[at])} (K = {table.kept[at]})")
    losses = [100 * (right - modes[mode].accuracy).max() for mode in words if mode in modes]
    if max(losses) <= 0:
        return "Lost positions cost this target nothing, which is unexpected."
    return f"The same patches cost accuracy when they lose their positions: {', '.join(parts)}."


def _tenths(table: CoherenceTable) -> str:
    """Say whether dropping costs less where the kept set is coherent, at half of the patches.

    Held against every patch on the same pictures: an easy picture may have a coherent map. The
    four shares are taken as independent, which overstates the chance between them.
    """
    at = BUDGET_LEVELS // 2 - 1
    there = np.flatnonzero(table.pictures[at])
    if there.size < 2:
        return ""
    first, last = there[0], there[-1]
    own, full = table.accuracy[at], table.full_accuracy[at]
    ends = [last, first]
    lost = full[ends] - own[ends]
    shares = np.stack([own[ends], full[ends]])
    chance = Z95 * float(np.sqrt((shares * (1 - shares) / table.pictures[at][ends]).sum()))
    figures = (
        f"dropping costs the most coherent tenth {100 * lost[0]:.1f} points and the least coherent "
        f"{100 * lost[1]:.1f} (right with every patch: {100 * full[last]:.1f} and "
        f"{100 * full[first]:.1f} %)"
    )
    if abs(lost[1] - lost[0]) <= chance:
        return f"At half the patches coherence makes no difference beyond chance: {figures}."
    helps = "helps" if lost[0] < lost[1] else "hurts, against expectation"
    return f"At half the patches coherence {helps}: {figures}."


def _boxes(report: QualityReport) -> str:
    """Say whether the reference's map finds the object better than maps that see nothing."""
    known = report.provenance
    own = _measure(report, known.reference, "pointing")
    blind = {name: _measure(report, name, "pointing") for name in ("centre cell", "random")}
    found = {name: value for name, value in blind.items() if value is not None}
    if own is None or not found:
        return ""
    name = max(found, key=lambda one: found[one])
    reference = label_of(known.reference)
    words = {"centre cell": "a fixed point in the middle", "random": "a random patch"}[name]
    start = f"The peak of {reference} lies in the object’s box on {100 * own:.0f} % of the pictures"
    if own > found[name]:
        return f"{start}, more often than {words} ({100 * found[name]:.0f} %)."
    return f"{start}, no more often than {words} ({100 * found[name]:.0f} %), against expectation."


def _areas(report: QualityReport) -> str:
    """Say whether the reference's order convinces the target sooner than a random one."""
    known = report.provenance
    own = _measure(report, known.reference, "insertion")
    random = _measure(report, "random", "insertion")
    if own is None or random is None:
        return ""
    reference = label_of(known.reference)
    more = "sooner" if own > random else "later"
    surprise = "" if own > random else ", against expectation"
    return (
        f"Patch by patch the target is convinced {more} in the order of {reference} than in a "
        f"random one (insertion area {own:.3f} against {random:.3f}){surprise}."
    )


def _measure(report: QualityReport, method: str, measure: str) -> float | None:
    found: list[MethodQuality] = [one for one in report.methods if one.name == method]
    if not found or measure not in found[0].measures:
        return None
    return found[0].measures[measure].value
