"""The sentences that every view shares."""

from __future__ import annotations

from dataclasses import dataclass

from tinydrop.core.numbers import percent
from tinydrop.core.results import Answer, DropResult, Truth


@dataclass(frozen=True)
class Part:
    """A stretch of a sentence; ``strong`` marks the numbers and names that carry it."""

    text: str
    strong: bool = False


def heat_words(temperature: float) -> str:
    """Return which temperature a model's probabilities were made with."""
    return "raw, T = 1" if temperature == 1.0 else f"calibrated, T = {temperature:.2f}"


def decision_parts(result: DropResult, truth: Truth | None = None) -> tuple[Part, ...]:
    """Return the decision in plain sentences, in parts; whether it is right where that is known.

    Args:
        result: the run.
        truth: what the picture shows; None where that is not known.
    """
    running = not result.exited and result.target is None
    return (*_decision(result), *(() if running else judged_parts(result.final, truth)))


def judged_parts(answer: Answer, truth: Truth | None) -> tuple[Part, ...]:
    """Return in a sentence whether an answer is right; nothing where nobody knows."""
    if truth is None:
        return ()
    if truth.name is None:
        return (Part(" No answer can be right: the pair has no class for what is shown."),)
    if truth.right(answer):
        return (Part(" That is "), Part("right", strong=True), Part("."))
    return (
        Part(" That is "),
        Part("wrong", strong=True),
        Part(f": the photograph shows {truth.name}."),
    )


def _decision(result: DropResult) -> tuple[Part, ...]:
    """Return the decision as one plain sentence (two at most), in parts.

    A result that neither exited nor has a target answer is one whose target is still running.
    """
    sure = Part(percent(result.confidence), strong=True)
    tau = f"{result.setting.tau:.2f}"
    if result.exited:
        return (
            Part("The guidance is "),
            sure,
            Part(f" sure, above tau ({tau}), so its answer "),
            Part(result.guidance.name, strong=True),
            Part(" stands and the target did not run."),
            *_exit_comparison(result),
        )
    looks = Part(f"{result.kept} of {result.patches}", strong=True)
    side = "below" if result.confidence < result.setting.tau else "not above"
    start = (Part("The guidance is only "), sure, Part(f" sure, {side} tau ({tau}). "))
    if result.target is None:
        return (*start, Part("The target is looking at "), looks, Part(" patches…"))
    return (
        *start,
        Part("The target looked at "),
        looks,
        Part(" patches and says "),
        Part(result.target.name, strong=True),
        *_drop_comparison(result),
    )


def _exit_comparison(result: DropResult) -> tuple[Part, ...]:
    if result.full is None:
        return ()
    if result.full.class_index == result.guidance.class_index:
        return (Part(" The target, with every patch, would have said the same."),)
    return (
        Part(" The target, with every patch, would have said "),
        Part(result.full.name, strong=True),
        Part("."),
    )


def _drop_comparison(result: DropResult) -> tuple[Part, ...]:
    if result.full is None or result.target is None or result.kept == result.patches:
        return (Part("."),)
    if result.full.class_index == result.target.class_index:
        return (Part(", as it does with all of them."),)
    return (
        Part(", but with all of them it says "),
        Part(result.full.name, strong=True),
        Part("."),
    )


def plain_text(parts: tuple[Part, ...]) -> str:
    """Return the sentence without its marks."""
    return "".join(part.text for part in parts)
