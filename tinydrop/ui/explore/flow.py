"""The method as a live flow: one station per step, each with this picture's values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.numbers import amount, macs_unit, percent
from tinydrop.core.results import DropResult, Truth
from tinydrop.ui.explore.cards import ACCOUNTING, saved_words, total_macs
from tinydrop.ui.kit.agreement import agreement
from tinydrop.ui.kit.known import KnownLook
from tinydrop.ui.kit.stage import outline_path
from tinydrop.ui.kit.templates import draw

SKIPPED = ("map", "many", "kept", "target")
"""The stations that an early exit passes by."""


@dataclass(frozen=True)
class Station:
    """One step of the method on this picture.

    Attributes:
        key: names it.
        title: what stands above the value.
        control: css selector of what changes it.
        jump: the words of the way there.
        about: what happens here, in one sentence.
        big: the value.
        under: a few words below it.
        formula: how the value comes about, with the numbers put in; empty where nothing is counted.
        drawn: whether a small picture stands for it.
        off: whether this picture passes it by.
    """

    key: str
    title: str
    control: str
    jump: str
    about: str
    big: str = "…"
    under: str = ""
    formula: str = ""
    drawn: bool = False
    off: bool = False


STATIONS: tuple[Station, ...] = (
    Station("photo", "Photograph", "#td-dropzone input", "Choose another picture",
            "Both models see the same part of the photograph.", "", drawn=True),
    Station("guide", "Small model", "#td-pair input", "Choose other models",
            "A small, cheap model looks first and says how sure it is."),
    Station("sure", "Sure enough?", "#td-tau input[type=range]", "How sure must it be? (tau)",
            "Above tau the small model's answer stands, and nothing else has to run."),
    Station("map", "Map", "#td-selector input", "Choose who ranks the patches",
            "The map shows which parts of the picture speak for the small model's answer.", "",
            drawn=True),
    Station("many", "How many patches?", "#td-gamma input[type=range]",
            "How boldly to drop? (gamma)",
            "The less sure the small model is, the more patches the big one may see."),
    Station("kept", "Kept patches", "#td-board", "Force patches in or out",
            "The patches that rank highest stay, each at its true place.", "", drawn=True),
    Station("target", "Big model", "#td-pair input", "Choose other models",
            "The big model, unchanged, answers from the kept patches alone."),
    Station("answer", "Answer", "#td-class-search", "What can it recognise?",
            "The answer is held against the truth, where it is known, and against the big model "
            "on every patch."),
    Station("cost", "Cost", "#td-card-cost .td-fold button", "How is this counted?",
            "Everything that ran is weighed against the big model on every patch."),
)  # fmt: skip
"""The flow of no picture in particular."""


def flow_card(
    known: KnownLook, truth: Truth | None = None, accounting: str = ACCOUNTING[0]
) -> Markup:
    """Return the flow with a picture's values.

    Args:
        known: what is known of the look.
        truth: what the picture shows, where that is known.
        accounting: how the saliency step is counted.
    """
    result, selection = known.result, known.result.selection
    values = _values(known, truth, accounting)
    stations = [
        replace(one, off=result.exited and one.key in SKIPPED, **values.get(one.key, {}))
        for one in STATIONS
    ]
    way = f"exit above {percent(result.setting.tau)}"
    return draw(
        "explore/flow.html",
        "flow",
        stations=stations,
        exited=result.exited,
        way="early exit: the big model rests" if result.exited else way,
        outline="" if selection is None else outline_path(selection),
        cols=known.grid.cols,
        rows=known.grid.rows,
    )


def flow_waiting() -> Markup:
    """Return the flow of a picture that no model has seen."""
    return draw(
        "explore/flow.html",
        "flow",
        stations=STATIONS, exited=False, way="", outline="", cols=1, rows=1,
    )  # fmt: skip


def _values(known: KnownLook, truth: Truth | None, accounting: str) -> dict[str, dict[str, Any]]:
    """Return station -> what replaces its fields."""
    result, budget = known.result, known.budget
    sure, tau = percent(result.confidence), percent(result.setting.tau)
    c, level = f"{budget.confidence:.3f}", budget.level
    side = "above" if result.exited else "not above"
    unit, name = macs_unit(result.macs.full_target)
    total, full = total_macs(result.macs, accounting), result.macs.full_target
    saved, what = saved_words(result.macs, accounting)
    many = {"big": "none", "under": "not needed"}
    if level is not None and budget.keep_ratio is not None:
        many = {
            "big": f"{result.kept} of {result.patches}",
            "under": f"level {level} of {BUDGET_LEVELS}",
            "formula": f"keep ratio {budget.keep_ratio:.3f}, rounded up to level {level}: "
            f"K = ⌈{result.patches} × {level} / {BUDGET_LEVELS}⌉ = {budget.num_keep}",
        }
    return {
        "guide": {
            "big": sure,
            "under": result.guidance.name + ("" if result.exited else "?"),
            "formula": f"c = max softmax(scores / T) with T = {result.setting.temperature:.2f}: "
            f"{c}",
        },
        "sure": {
            "big": "yes" if result.exited else "no",
            "under": f"{sure} is {side} {tau}",
            "formula": f"c = {c} {'>' if result.exited else '≤'} tau = {result.setting.tau:.2f}",
        },
        "many": many,
        "kept": {"big": "" if result.exited else f"{result.kept} of {result.patches}"},
        "target": _target(result),
        "answer": _answer(result, truth),
        "cost": {
            "big": saved,
            "under": "of the work saved" if total <= full else what,
            "formula": f"1 − {total / unit:.3f} / {full / unit:.3f} {name}; "
            f"this answer took {amount(total, unit)} {name}",
        },
    }


def _target(result: DropResult) -> dict[str, str]:
    if result.exited:
        return {"big": "rests", "under": "did not run"}
    if result.target is None:
        return {"under": "is looking"}
    return {"big": percent(result.target.confidence), "under": result.target.name}


def _answer(result: DropResult, truth: Truth | None) -> dict[str, str]:
    """Return whether the answer is right, or else whether it is the full target's."""
    if not result.exited and result.target is None:
        return {}
    answer = result.final
    if truth is not None and truth.name is not None:
        big = "✓ right" if truth.right(answer) else "✗ wrong"
    elif result.full is None:
        big = "…"
    else:
        _, mark, _ = agreement(answer, result.full)
        big = f"{mark} full target"
    return {"big": big, "under": answer.name}
