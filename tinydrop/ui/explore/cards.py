"""The cards on the right: the decision, what it cost, and what each model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinydrop.core.numbers import amount, macs_unit, percent
from tinydrop.core.results import Answer, CostBreakdown, DropResult, Truth, group_shares
from tinydrop.pipeline.render import Part, decision_parts, heat_words
from tinydrop.ui.kit.markup import escape

ACCOUNTING = ("head only", "full backward")
"""How the saliency step is counted: our gradient of the head alone, or the literal full pass."""


def decision_card(
    result: DropResult, note: str = "", *, stopped: bool = False, truth: Truth | None = None
) -> str:
    """Return the decision in one sentence, a line on its state, and the warnings.

    Args:
        result: the run; one without a target answer that did not exit is still running.
        note: a word on where the target's answer comes from, for example ``cached``.
        stopped: True where the missing answer will not come, so that nothing seems to be at work.
        truth: what the picture shows, where that is known: the answer is then judged.
    """
    running = not stopped and not result.exited and result.target is None
    spinner = '<i class="td-spin" aria-hidden="true"></i>' if running else ""
    state = f'<p class="td-state">{spinner}{escape(note)}</p>' if note or running else ""
    warnings = "".join(f"<li>{escape(text)}</li>" for text in result.warnings)
    said = _sentence(decision_parts(result, truth))
    return f'<p class="td-say" aria-live="polite">{said}</p>{state}' + (
        f'<ul class="td-warnings">{warnings}</ul>' if warnings else ""
    )


def cost_card(result: DropResult, accounting: str = ACCOUNTING[0], times: str = "") -> str:
    """Return the cost as a waterfall in MACs, with the share saved.

    Args:
        result: the run.
        accounting: how the saliency step is counted.
        times: what the kept patches cost in time, as HTML.
    """
    macs = result.macs
    stages = _stages(macs, accounting)
    total = sum(value for _, value in stages)
    saved = 1.0 - total / macs.full_target
    unit, name = macs_unit(macs.full_target)
    big, what = (
        (percent(saved), "of the target's work saved")
        if saved >= 0
        else (percent(-saved), "more work than the full target")
    )
    return (
        f'<div class="td-saved"><span class="td-big">{big}</span> <span>{what}: '
        f"{amount(total, unit)} of {amount(macs.full_target, unit)} {name}</span></div>"
        f"{_waterfall(stages, total, macs.full_target)}"
        f"{_honest(result, saved)}{times}"
    )


def cost_formula(result: DropResult, accounting: str = ACCOUNTING[0]) -> str:
    """Return how the figures are counted, with the numbers put in, as HTML."""
    macs = result.macs
    unit, name = macs_unit(macs.full_target)
    stages = _stages(macs, accounting)
    total = sum(value for _, value in stages)
    terms = " + ".join(f"{value / unit:.3f}" for _, value in stages if value)
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
    return (
        f"<p>guidance + saliency + target = {terms} = <b>{total / unit:.3f} {name}</b></p>"
        f"<p>saved = 1 − {total / unit:.3f} / {macs.full_target / unit:.3f} = "
        f"<b>{100 * (1 - total / macs.full_target):.1f} %</b></p><p>{seen} {how}</p>"
        '<p class="td-hint">A MAC is one multiplication and one addition; what papers on vision '
        "transformers call GFLOPs are GMACs. Decoding and resizing the picture are not counted.</p>"
    )


def answers_card(result: DropResult, groups: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the five likeliest classes of guidance, pruned target and full target, as bars.

    Args:
        result: the run.
        groups: name -> classes that are alike, which are also summed up below; or none.
    """
    alike = groups or {}
    macs = result.macs
    unit, name = macs_unit(macs.full_target)
    every = f"{result.patches} of {result.patches}"
    kept = f"{result.kept} of {result.patches}"
    waiting_card = "Not needed: the guidance's answer stands." if result.exited else "Running…"
    return (
        '<div class="td-tops">'
        + _column(
            "Guidance",
            f"{amount(macs.guidance, unit)} {name}; {heat_words(result.setting.temperature)}",
            result.guidance,
            "",
            alike,
        )
        + _column(
            "Target, kept patches",
            "did not run"
            if result.exited
            else f"{kept}, {amount(macs.target, unit)} {name}; {heat_words(1.0)}",
            result.target,
            waiting_card,
            alike,
        )
        + _column(
            "Target, all patches",
            f"{every}, {amount(macs.full_target, unit)} {name}; {heat_words(1.0)}",
            result.full,
            "Running…",
            alike,
        )
        + "</div>"
    )


def _sentence(parts: tuple[Part, ...]) -> str:
    return "".join(
        f"<b>{escape(part.text)}</b>" if part.strong else escape(part.text) for part in parts
    )


def _stages(macs: CostBreakdown, accounting: str) -> tuple[tuple[str, int], ...]:
    saliency = macs.saliency if accounting == ACCOUNTING[0] else macs.saliency_literal
    return (("guidance", macs.guidance), ("saliency", saliency), ("target, kept", macs.target))


def _waterfall(stages: tuple[tuple[str, int], ...], total: int, full: int) -> str:
    """Return one bar per stage, each starting where the one before it ended."""
    unit, name = macs_unit(full)
    longest = max(total, full)
    rows, start = [], 0
    for label, value in stages:
        rows.append((label, start, value, "td-target" if label == "target, kept" else "td-guide"))
        start += value
    rows.append(("target, all", 0, full, "td-full"))
    return (
        '<dl class="td-waterfall">'
        + "".join(
            f"<dt>{label}</dt><dd>"
            f'<span class="td-track"><i class="{kind if value else "td-none"}" style="margin-left:'
            f"{100 * before / longest:.2f}%;width:{100 * value / longest:.2f}%"
            f'"></i></span><b>{amount(value, unit)} {name}</b></dd>'
            for label, before, value, kind in rows
        )
        + "</dl>"
    )


def _honest(result: DropResult, saved: float) -> str:
    if saved >= 0:
        return ""
    return (
        '<p class="td-honest"><b>TinyDrop costs more here.</b> Dropping '
        f"{result.patches - result.kept} of {result.patches} patches saves less than guidance and "
        "saliency cost: for this picture the full target alone is cheaper.</p>"
    )


def _column(
    title: str,
    note: str,
    answer: Answer | None,
    waiting_card: str,
    groups: Mapping[str, Sequence[str]],
) -> str:
    head = f"<section><h4>{title}<small>{escape(note)}</small></h4>"
    if answer is None:
        return f'{head}<p class="td-waiting">{waiting_card}</p></section>'
    bars = "".join(
        f'<li><i style="width:{100 * p.probability:.1f}%"></i>'
        f'<span title="{escape(p.name)}">{escape(p.name)}</span><b>{p.probability:.2f}</b></li>'
        for p in answer.top()
    )
    return f"{head}<ol>{bars}</ol>{_together(answer, groups)}</section>"


def _together(answer: Answer, groups: Mapping[str, Sequence[str]]) -> str:
    """Return the likeliest group of several classes, summed up."""
    several = [one for one in group_shares(answer, groups) if one[2] > 1]
    if not several:
        return ""
    name, share, count = several[0]
    return f'<p class="td-together">any of {count} classes “{escape(name)}”: <b>{share:.2f}</b></p>'
