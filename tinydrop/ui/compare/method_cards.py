"""The methods as small multiples: what each method made of the picture, its answer and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinydrop.core.numbers import percent, share
from tinydrop.core.results import Answer, Truth
from tinydrop.ui.kit.agreement import agreement
from tinydrop.ui.kit.markup import escape

WAITING = '<p class="td-waiting">The target is running under each method…</p>'


@dataclass(frozen=True, eq=False)
class MethodCard:
    """One method on the picture.

    Attributes:
        key: what a click on it sends.
        title: its name on the page.
        note: what it does, in one sentence.
        picture: the tokens at the end as a data address.
        answer: what is answered; None where the method cannot run at this cost.
        macs: of the target, or of what runs in its place.
        guide: MACs of guidance and map on top.
        left: what is left at the end, in words.
        reason: why the method is absent, where it is.
    """

    key: str
    title: str
    note: str
    picture: str = ""
    answer: Answer | None = None
    macs: int = 0
    guide: int = 0
    left: str = ""
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """A group of tiles under a heading and a sentence; narrow ones stand side by side."""

    title: str
    note: str
    tiles: tuple[MethodCard, ...]
    narrow: bool = False


def method_cards_html(
    sections: Sequence[Section],
    full: Answer | None,
    full_macs: int,
    opened: str,
    truth: Truth | None = None,
) -> str:
    """Return all groups of tiles.

    Args:
        sections: the groups; no tiles at all while nothing is known.
        full: the full target's answer, the yardstick.
        full_macs: what it costs.
        opened: the key of the tile that is shown large.
        truth: what the picture shows, where that is known.
    """
    if full is None:
        return WAITING
    groups = "".join(
        f'<section class="cp-group{" cp-narrow" if one.narrow else ""}">'
        f'<h3>{escape(one.title)}</h3><p class="td-hint">{escape(one.note)}</p>'
        f'<div class="cp-tiles" role="group" aria-label="{escape(one.title)}">'
        f"{''.join(_tile(tile, full, full_macs, opened, truth) for tile in one.tiles)}"
        "</div></section>"
        for one in sections
        if one.tiles
    )
    return f'<div class="cp-groups">{groups}</div>'


def fate(answer: Answer, full: Answer, truth: Truth | None = None) -> str:
    """Return whether an answer is the full target's, as a mark and a word, and how sure it is."""
    kind, mark, word = agreement(answer, full, truth)
    sure = percent(answer.confidence)
    return f'<span class="ch-fate"><i class="{kind}">{mark} {word}</i> {sure}</span>'


def cost_bar(macs: int, guide: int, full_macs: int) -> str:
    """Return a thin bar: the target's share of its full cost, then the guide's on top."""
    parts = "".join(
        f'<i class="{kind}" style="width:{100 * part / full_macs:.1f}%"></i>'
        for kind, part in (("cp-bar-target", macs), ("cp-bar-guide", guide))
        if part
    )
    return f'<span class="cp-bar" aria-hidden="true">{parts}</span>'


def _tile(tile: MethodCard, full: Answer, full_macs: int, opened: str, truth: Truth | None) -> str:
    title = escape(tile.title)
    if tile.answer is None:
        return (
            f'<div class="cp-tile cp-gone" title="{escape(tile.note)}">'
            '<span class="cp-thumb" aria-hidden="true">–</span>'
            f"<b>{title}</b><small>{escape(tile.reason)}</small></div>"
        )
    kind, _, word = agreement(tile.answer, full, truth)
    cost = share(tile.macs or tile.guide, full_macs)
    spoken = f"{tile.title}: {tile.answer.name}, {percent(tile.answer.confidence)}, "
    spoken += f"{word} {'as' if kind == 'ch-same' else 'from'} the full target, {cost} of its MACs"
    if tile.macs and tile.guide:
        spoken += f" and {share(tile.guide, full_macs)} for the guide"
        cost += f" + {share(tile.guide, full_macs)}"
    return (
        f'<button type="button" class="cp-tile" data-key="{escape(tile.key)}" '
        f'aria-pressed="{str(tile.key == opened).lower()}" aria-label="{escape(spoken)}" '
        f'title="{escape(tile.note)}">'
        f'<span class="cp-thumb"><img src="{tile.picture}" alt=""></span><b>{title}</b>'
        f'<span class="ch-name">{escape(tile.answer.name)}</span>{fate(tile.answer, full, truth)}'
        f"{cost_bar(tile.macs, tile.guide, full_macs)}"
        f"<small><span>{cost}</span><span>{escape(tile.left)}</span></small></button>"
    )
