"""One method, large: its tokens, its answer, its cost and its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydrop.core.numbers import millions, percent, share
from tinydrop.core.results import Answer, Truth
from tinydrop.ui.compare.method_cards import cost_bar, fate
from tinydrop.ui.kit.markup import escape

TOP = 3
BAR_WIDTH, BAR_GAP, BAR_HEIGHT = 30, 4, 30


@dataclass(frozen=True, eq=False)
class Details:
    """What is shown large.

    Attributes:
        title: its name on the page.
        note: what it does, in one sentence.
        picture: the tokens at the end as a data address.
        alt: what the picture shows, for those who cannot see it.
        caption: how to read the picture, in one sentence.
        answer: its answer.
        macs: of the target, or of what runs in its place.
        guide: MACs of guidance and map on top.
        guide_words: what the guide is paid for.
        patches: N.
        blocks: patch tokens in each block's attention; empty where no block runs.
        steps: (what is done, patch tokens left after it) in order.
    """

    title: str
    note: str
    picture: str
    alt: str
    caption: str
    answer: Answer
    macs: int
    guide: int
    guide_words: str
    patches: int
    blocks: tuple[int, ...]
    steps: tuple[tuple[str, int], ...]


def details_html(
    one: Details | None, full: Answer | None, full_macs: int, truth: Truth | None = None
) -> str:
    """Return a method large; a line that says so while nothing is known of it."""
    if one is None or full is None:
        return '<p class="td-waiting">The target is running…</p>'
    cost = f"{millions(one.macs)}, {share(one.macs, full_macs)} of the full target"
    if one.guide:
        total = one.macs + one.guide
        cost += f"; with {one.guide_words} {millions(total)}, <b>{share(total, full_macs)}</b>"
    return (
        f'<div class="cp-open"><h2>{escape(one.title)}</h2>'
        f'<p class="td-hint">{escape(one.note)}</p>'
        f'<img class="cp-large" src="{one.picture}" alt="{escape(one.alt)}">'
        f'<p class="td-hint">{escape(one.caption)}</p>'
        f'<p class="cp-answer"><b>{escape(one.answer.name)}</b>{fate(one.answer, full, truth)}</p>'
        f"{_top(one.answer)}"
        f"{cost_bar(one.macs, one.guide, full_macs)}"
        f'<p class="cp-cost">{cost}.</p>{_blocks(one)}{_steps(one)}</div>'
    )


def said_html(
    same: int,
    ran: int,
    full: Answer | None,
    cost: str,
    absent: int,
    right: tuple[int, Truth] | None = None,
) -> str:
    """Return in one sentence how the methods compare.

    Args:
        same: methods that name the full target's class.
        ran: methods that can run.
        full: the full target's answer; None while it is running.
        cost: the budget as a share of the full target.
        absent: methods that cannot cost so little.
        right: how many of those that ran are right, and what is right; None where nobody knows.
    """
    if full is None:
        return '<p class="td-say" aria-live="polite">The target is running under each method…</p>'
    others = f" {absent} cannot run so cheaply." if absent else ""
    return (
        f'<p class="td-say" aria-live="polite">Within <b>{cost}</b> of the target’s cost, '
        f"<b>{same} of {ran}</b> methods name the class that the full target names, "
        f"<b>{escape(full.name)}</b>.{_rights(ran, right)}{others}</p>"
    )


def _rights(ran: int, right: tuple[int, Truth] | None) -> str:
    if right is None:
        return ""
    count, truth = right
    if truth.name is None:
        return " None is right: the pair has no class for what is shown."
    return f" <b>{count} of {ran}</b> are right: it is <b>{escape(truth.name)}</b>."


def _top(answer: Answer) -> str:
    rows = "".join(
        f"<li><i style='width:{100 * one.probability:.1f}%'></i><span>{escape(one.name)}</span>"
        f"<b>{percent(one.probability)}</b></li>"
        for one in answer.top(TOP)
    )
    return f'<div class="td-tops cp-tops"><ol>{rows}</ol></div>'


def _blocks(one: Details) -> str:
    """Return a bar per block: the patch tokens that it attends to, of all N."""
    if not one.blocks:
        return ""
    step = BAR_WIDTH + BAR_GAP
    width, floor = len(one.blocks) * step - BAR_GAP, BAR_HEIGHT + 16
    bars = ""
    for block, tokens in enumerate(one.blocks):
        height = BAR_HEIGHT * tokens / one.patches
        x, top = block * step, floor - height
        bars += (
            f'<rect class="cp-whole" x="{x}" y="16" width="{BAR_WIDTH}" height="{BAR_HEIGHT}"/>'
            f'<rect class="cp-some" x="{x}" y="{top:.1f}" width="{BAR_WIDTH}" '
            f'height="{height:.1f}"/><text x="{x + BAR_WIDTH / 2}" y="{max(top - 4, 11):.1f}">'
            f'{tokens}</text><text x="{x + BAR_WIDTH / 2}" y="{floor + 14}">{block + 1}</text>'
        )
    spoken = ", ".join(map(str, one.blocks))
    return (
        '<figure class="cp-blocks"><figcaption class="td-hint">Patch tokens that each block '
        f"attends to, of {one.patches}</figcaption>"
        f'<svg viewBox="-1 0 {width + 2} {floor + 18}" role="img" aria-label="Patch tokens in the '
        f'blocks: {spoken}">{bars}</svg></figure>'
    )


def _steps(one: Details) -> str:
    if not one.steps:
        return ""
    return (
        '<table class="cp-steps"><thead><tr><th scope="col">step</th>'
        '<th scope="col">tokens left</th></tr></thead><tbody>'
        + _rows(one.steps)
        + "</tbody></table>"
    )


def _rows(steps: Sequence[tuple[str, int]]) -> str:
    return "".join(
        f'<tr><th scope="row">{escape(words)}</th><td>{left}</td></tr>' for words, left in steps
    )
