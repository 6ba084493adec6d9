"""The cards beside the stage: the decision, what it cost, and what each model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from tinydrop.core.numbers import amount, macs_unit, percent
from tinydrop.core.results import Answer, CostBreakdown, DropResult, Truth, group_shares
from tinydrop.pipeline.render import decision_parts, heat_words
from tinydrop.ui.kit.templates import draw

ACCOUNTING = ("head only", "full backward")
"""How the saliency step is counted: our gradient of the head alone, or the literal full pass."""

DOUBT_BELOW = 0.4
"""Less sure than this, an answer may well be about a thing that is none of the classes."""
CARDS = "explore/cards.html"


def decision_card(
    result: DropResult, note: str = "", *, stopped: bool = False, truth: Truth | None = None
) -> Markup:
    """Return the decision in one sentence, a line on its state, and the warnings.

    Args:
        result: the run; one without a target answer that did not exit is still running.
        note: a word on where the target's answer comes from, for example ``cached``.
        stopped: True where the missing answer will not come, so that nothing seems to be at work.
        truth: what the picture shows, where that is known: the answer is then judged.
    """
    running = not stopped and not result.exited and result.target is None
    return draw(
        CARDS,
        "decision",
        parts=decision_parts(result, truth),
        note=note,
        running=running,
        doubt=doubt(result, truth),
        warnings=result.warnings,
    )


def doubt(result: DropResult, truth: Truth | None) -> str:
    """Return a sentence where the thing may be none of the classes; nothing where it is known."""
    answered = result.exited or result.target is not None
    if truth is not None or not answered or result.final.confidence >= DOUBT_BELOW:
        return ""
    return (
        f"Only {percent(result.final.confidence)} sure of the answer: what is shown may not be "
        f"among the {len(result.final.classes)} classes."
    )


def total_macs(macs: CostBreakdown, accounting: str = ACCOUNTING[0]) -> int:
    """Return what an answer cost in MACs, the saliency step counted in the given way."""
    return sum(value for _, value in _stages(macs, accounting))


def saved_words(macs: CostBreakdown, accounting: str = ACCOUNTING[0]) -> tuple[str, str]:
    """Return the share saved, or the share that is dearer, and what it is a share of."""
    saved = 1.0 - total_macs(macs, accounting) / macs.full_target
    if saved >= 0:
        return percent(saved), "of the target's work saved"
    return percent(-saved), "more work than the full target"


def cost_card(
    result: DropResult, accounting: str = ACCOUNTING[0], times: Markup | str = ""
) -> Markup:
    """Return the cost as a waterfall in MACs, with the share saved.

    Args:
        result: the run.
        accounting: how the saliency step is counted.
        times: what the kept patches cost in time, as HTML.
    """
    macs = result.macs
    total = total_macs(macs, accounting)
    unit, name = macs_unit(macs.full_target)
    big, what = saved_words(macs, accounting)
    return draw(
        CARDS,
        "cost",
        big=big,
        what=what,
        total=amount(total, unit),
        full=amount(macs.full_target, unit),
        unit=name,
        bars=_waterfall(_stages(macs, accounting), total, macs.full_target),
        dearer=total > macs.full_target,
        dropped=result.patches - result.kept,
        patches=result.patches,
        times=times,
    )


def cost_formula(result: DropResult, accounting: str = ACCOUNTING[0]) -> Markup:
    """Return how the figures are counted, with the numbers put in, as HTML."""
    macs = result.macs
    unit, name = macs_unit(macs.full_target)
    total = total_macs(macs, accounting)
    seen = (
        "The target did not run."
        if result.exited
        else f"The target embeds all {result.patches} patches, then runs every block on the "
        f"{result.kept} kept ones."
    )
    how = (
        "The saliency step is counted as the gradient of the guidance's head alone, which is all "
        "that Grad-CAM needs."
        if accounting == ACCOUNTING[0]
        else "The saliency step is counted as a full backward pass, twice the guidance's forward."
    )
    return draw(
        CARDS,
        "cost_formula",
        terms=" + ".join(f"{v / unit:.3f}" for _, v in _stages(macs, accounting) if v),
        total=f"{total / unit:.3f}",
        full=f"{macs.full_target / unit:.3f}",
        saved=f"{100 * (1 - total / macs.full_target):.1f}",
        unit=name,
        seen=seen,
        how=how,
    )


def answers_card(result: DropResult, groups: Mapping[str, Sequence[str]] | None = None) -> Markup:
    """Return the five likeliest classes of guidance, pruned target and full target, as bars.

    Args:
        result: the run.
        groups: name -> classes that are alike, which are also summed up below; or none.
    """
    alike = groups or {}
    macs = result.macs
    unit, name = macs_unit(macs.full_target)
    every = f"{result.patches} of {result.patches}"
    kept = f"{result.kept} of {result.patches}, {amount(macs.target, unit)} {name}"
    missing = "Not needed: the guidance's answer stands." if result.exited else "Running…"
    columns = (
        (
            "Guidance",
            f"{amount(macs.guidance, unit)} {name}; {heat_words(result.setting.temperature)}",
            result.guidance,
            "",
        ),
        (
            "Target, kept patches",
            "did not run" if result.exited else f"{kept}; {heat_words(1.0)}",
            result.target,
            missing,
        ),
        (
            "Target, all patches",
            f"{every}, {amount(macs.full_target, unit)} {name}; {heat_words(1.0)}",
            result.full,
            "Running…",
        ),
    )
    return draw(CARDS, "answers", columns=[_column(*column, alike) for column in columns])


def _stages(macs: CostBreakdown, accounting: str) -> tuple[tuple[str, int], ...]:
    saliency = macs.saliency if accounting == ACCOUNTING[0] else macs.saliency_literal
    return (("guidance", macs.guidance), ("saliency", saliency), ("target, kept", macs.target))


def _waterfall(stages: tuple[tuple[str, int], ...], total: int, full: int) -> list[dict[str, str]]:
    """Return one bar per stage, each starting where the one before it ended."""
    unit = macs_unit(full)[0]
    longest = max(total, full)
    rows, start = [], 0
    for label, value in stages:
        rows.append((label, start, value, "td-target" if label == "target, kept" else "td-guide"))
        start += value
    rows.append(("target, all", 0, full, "td-full"))
    return [
        {
            "label": label,
            "kind": kind if value else "td-none",
            "start": f"{100 * before / longest:.2f}",
            "width": f"{100 * value / longest:.2f}",
            "amount": amount(value, unit),
        }
        for label, before, value, kind in rows
    ]


def _column(
    title: str, note: str, answer: Answer | None, missing: str, groups: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    column: dict[str, Any] = {"title": title, "note": note, "waiting": "", "top": [], "group": None}
    if answer is None:
        return column | {"waiting": missing}
    several = [one for one in group_shares(answer, groups) if one[2] > 1]
    if several:
        name, share, count = several[0]
        column["group"] = {"name": name, "share": f"{share:.2f}", "count": count}
    column["top"] = [
        {
            "name": one.name,
            "width": f"{100 * one.probability:.1f}",
            "share": f"{one.probability:.2f}",
        }
        for one in answer.top()
    ]
    return column
