"""How one answer compares with the full target's, as a mark and a word."""

from __future__ import annotations

from tinydrop.core.results import Answer, Truth


def agreement(
    answer: Answer | None, full: Answer | None, truth: Truth | None = None
) -> tuple[str, str, str]:
    """Return (kind, mark, word) of an answer beside the full target's; kind is a css class.

    Args:
        answer: None while it is running.
        full: the full target's; None likewise.
        truth: what the picture shows: where that is known, the word also says right or wrong. The
            mark is of agreement alone, so that no tick stands beside a wrong answer.
    """
    if answer is None or full is None:
        return "ch-wait", "…", "running"
    judged = ""
    if truth is not None:
        judged = ", right" if truth.right(answer) else ", wrong"
    if answer.class_index == full.class_index:
        return "ch-same", "=", f"same{judged}"
    return "ch-other", "≠", f"differs{judged}"
