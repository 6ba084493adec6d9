"""The failures of a trace as cards: map and kept patches on the grid, drawn without any photograph.

The pictures of a data set are not shipped, so a card shows what can be drawn from the trace alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.numbers import percent
from tinydrop.core.tokens import TokenSelection
from tinydrop.pipeline.render import heat_colours
from tinydrop.ui.coherence.words import POSITION_NOTES, POSITION_TITLES
from tinydrop.ui.kit.markup import data_uri, escape
from tinydrop.ui.kit.stage import outline_path

KIND_TITLES: Mapping[str, str] = {"any": "any failure", "all": "every picture"}


@dataclass(frozen=True)
class ShownAnswer:
    """One answer: a class's name, whether it is the true one, and how sure; None if unknown."""

    name: str
    right: bool
    confidence: float | None = None


@dataclass(frozen=True, eq=False)
class GalleryKnown:
    """One picture at one level.

    Attributes:
        index: its place in the trace.
        label: the true class's name.
        selection: the kept patches.
        heat: (rows, cols) float32 in [0, 1], the map on the grid; None without one.
        full: what the target says of every patch.
        kept: what it says of the kept ones.
        moran: Moran's I of the kept set; None where every patch is kept.
        percentile: its percentile among random sets of the same K.
        kinds: its failures.
        box: (N,) bool, True where a patch belongs to the object's box; None where none is known.
    """

    index: int
    label: str
    selection: TokenSelection
    heat: npt.NDArray[np.float32] | None
    full: ShownAnswer
    kept: ShownAnswer
    moran: float | None
    percentile: float | None
    kinds: tuple[str, ...]
    box: npt.NDArray[np.bool_] | None = None


def filter_html(
    counts: Mapping[str, int], notes: Mapping[str, str], chosen: str, sorts: Mapping[str, str],
    sort: str,
) -> str:  # fmt: skip
    """Return the kinds as chips with their counts, and the order as a menu.

    Args:
        counts: kind -> pictures; ``any`` and ``all`` among them.
        notes: kind -> what it means.
        chosen: the kind that is shown.
        sorts: order -> what it is called.
        sort: the order that is shown.
    """
    chips = "".join(
        f'<button type="button" class="td-chip" data-do="kind" data-key="{escape(kind)}" '
        f'aria-pressed="{str(kind == chosen).lower()}" title="{escape(notes.get(kind, ""))}">'
        f"{escape(KIND_TITLES.get(kind, kind))} <b>{count:,}</b></button>"
        for kind, count in counts.items()
    )
    options = "".join(
        f'<option value="{escape(key)}"{" selected" if key == sort else ""}>{escape(words)}'
        "</option>"
        for key, words in sorts.items()
    )
    said = notes.get(chosen, "")
    meaning = f"{KIND_TITLES.get(chosen, chosen)}: {said}." if said else "&nbsp;"
    return (
        f'<div class="cg-filter"><div class="td-chips" role="group" aria-label="Kinds of failure">'
        f'{chips}</div><label class="cg-sort">sorted <select data-do="sort">{options}</select>'
        f'</label></div><p class="td-hint cg-meaning">{meaning}</p>'
    )


def cards_html(cards: Sequence[GalleryKnown], total: int, page: int) -> str:
    """Return the first cards of a list, and a button for more of them.

    Args:
        cards: those that are shown.
        total: how many there are.
        page: how many more one press shows.
    """
    if not cards:
        return (
            '<p class="td-waiting cg-none">No picture of this kind at this level; choose another '
            "kind or level.</p>"
        )
    left = total - len(cards)
    more = (
        f'<button type="button" class="td-button" data-do="more">Show {min(page, left)} more'
        "</button>"
        if left
        else ""
    )
    return (
        f'<div class="cg-cards">{"".join(_card(card) for card in cards)}</div>'
        f'<p class="cg-count">{len(cards):,} of {total:,} shown {more}<span>Moran: Moran’s I of '
        "the kept patches; pct: its percentile among random sets of as many patches.</span></p>"
    )


def grid_svg(
    selection: TokenSelection,
    heat: npt.NDArray[np.float32] | None,
    ranks: npt.NDArray[np.int64] | None = None,
    box: npt.NDArray[np.bool_] | None = None,
) -> str:
    """Return map and kept patches as a small SVG, one unit per patch.

    Args:
        selection: the kept patches; the others are faded.
        heat: (rows, cols) float32 in [0, 1]; None without a map.
        ranks: (N,) the place of each patch from 1 on, written into it; None for no numbers.
        box: (N,) bool, the patches of the object's box, drawn as a dashed line; None for no box.
    """
    grid = selection.grid
    whole = f"M0 0H{grid.cols}V{grid.rows}H0Z"
    picture = f'<path class="cg-blank" d="{whole}"/>'
    if heat is not None:
        uri = data_uri(Image.fromarray(heat_colours(heat)))
        picture = (
            f'<image href="{uri}" width="{grid.cols}" height="{grid.rows}" '
            'preserveAspectRatio="none"/>'
        )
    outline = outline_path(selection)
    dashed = ""
    if box is not None:
        around = outline_path(TokenSelection(grid, np.flatnonzero(box), "box"))
        dashed = f'<path class="cg-box-casing" d="{around}"/><path class="cg-box" d="{around}"/>'
    numbers = ""
    if ranks is not None:
        numbers = "".join(
            f'<text x="{i % grid.cols + 0.5:g}" y="{i // grid.cols + 0.5:g}" dy=".35em">{rank}'
            "</text>"
            for i, rank in enumerate(ranks.tolist())
        )
    return (
        f'<svg class="cg-grid" viewBox="0 0 {grid.cols} {grid.rows}" aria-hidden="true">{picture}'
        f'<path class="cg-veil" fill-rule="evenodd" d="{whole}{outline}"/>'
        f'<path class="cg-casing" d="{outline}"/><path class="cg-edge" d="{outline}"/>'
        f"{dashed}{numbers}</svg>"
    )


def opened_html(
    card: GalleryKnown,
    ranks: npt.NDArray[np.int64] | None,
    strip: Sequence[tuple[TokenSelection, ShownAnswer]],
    level: int,
    drifted: Mapping[str, ShownAnswer],
    verdict: str,
    measures: str,
) -> str:
    """Return one picture enlarged.

    Args:
        card: the picture at the level.
        ranks: (N,) place of each patch in the order of keeping; None where there is none.
        strip: kept patches and answer at each of the 16 levels.
        level: which of them the card shows.
        drifted: mode of positions -> what the target says there at the level; empty where nobody
            measured it.
        verdict: the verdict as HTML.
        measures: the measures as HTML.
    """
    cells = "".join(_cell(number, *one, level) for number, one in enumerate(strip, start=1))
    rights = [one.right for _, one in strip]
    return (
        '<div class="cg-open"><div class="cg-open-head">'
        f"<h3>{escape(card.label)}</h3>{_tags(card.kinds)}"
        '<button type="button" class="td-button" data-do="close">Close</button></div>'
        '<div class="cg-open-main"><figure class="cg-figure">'
        f"{grid_svg(card.selection, card.heat, ranks, card.box)}<figcaption class='td-hint'>"
        f"{_caption(card, ranks)}</figcaption></figure>"
        f'<div class="cg-open-side">{verdict}{_answers(card, drifted)}</div></div>'
        f'<h3>What the target says at each level: {_strip_words(rights)}</h3>'
        f'<div class="cg-strip" role="list">{cells}</div>{measures}</div>'
    )  # fmt: skip


def _card(card: GalleryKnown) -> str:
    moran = "–" if card.moran is None else f"{card.moran:.2f}".replace("-", "−")
    rank = "" if card.percentile is None else f"<small>pct {card.percentile:.0f}</small>"
    spoken = (
        f"{card.label}: with every patch {_spoken(card.full)}, on {card.selection.num_keep} kept "
        f"{_spoken(card.kept)}; {', '.join(card.kinds) or 'no failure'}"
    )
    return (
        f'<button type="button" class="cg-card" data-do="open" data-key="{card.index}" '
        f'aria-label="{escape(spoken)}">{grid_svg(card.selection, card.heat, box=card.box)}'
        f"<b>{escape(card.label)}</b>{_line('all', card.full)}{_line('kept', card.kept)}"
        f'<span class="cg-line"><small>Moran</small><span>{moran}</span>{rank}</span>'
        f"{_tags(card.kinds)}</button>"
    )


def _line(where: str, said: ShownAnswer) -> str:
    sure = "" if said.confidence is None else f" <small>{percent(said.confidence)}</small>"
    return (
        f'<span class="cg-line"><small>{where}</small><span class="cg-name">'
        f"{escape(said.name)}</span>{_mark(said)}{sure}</span>"
    )


def _mark(said: ShownAnswer) -> str:
    kind, sign = ("ch-same", "✓") if said.right else ("ch-other", "✗")
    return f'<i class="{kind}">{sign}</i>'


def _spoken(said: ShownAnswer) -> str:
    return f"{said.name}, {'right' if said.right else 'wrong'}"


def _tags(kinds: Sequence[str]) -> str:
    tags = "".join(f"<em>{escape(kind)}</em>" for kind in kinds)
    return f'<span class="cg-tags">{tags}</span>'


def _caption(card: GalleryKnown, ranks: npt.NDArray[np.int64] | None) -> str:
    heat = "Bright is high saliency" if card.heat is not None else "This trace holds no map"
    order = "" if ranks is None else "; the numbers are the order in which patches are kept"
    order += "; the dashed line is the object’s box" if card.box is not None else ""
    return (
        f"{heat}{order}. {card.selection.num_keep} of {card.selection.grid.num_patches} patches "
        "are kept; the photograph belongs to the data set and is not shown."
    )


def _answers(card: GalleryKnown, drifted: Mapping[str, ShownAnswer]) -> str:
    rows = [("every patch", "", card.full), (f"{card.selection.num_keep} kept", "", card.kept)]
    rows += [
        (f"positions: {POSITION_TITLES[mode]}", POSITION_NOTES[mode], said)
        for mode, said in drifted.items()
    ]
    body = "".join(
        f'<tr title="{escape(note)}"><th scope="row">{escape(name)}</th>'
        f"<td>{_mark(said)} {escape(said.name)}"
        f"{'' if said.confidence is None else f', {percent(said.confidence)} sure'}</td></tr>"
        for name, note, said in rows
    )
    return f'<table class="tn-table cg-answers"><tbody>{body}</tbody></table>'


def _cell(number: int, selection: TokenSelection, said: ShownAnswer, level: int) -> str:
    here = ' aria-current="true"' if number == level else ""
    sure = "" if said.confidence is None else f"<small>{percent(said.confidence)}</small>"
    return (
        f'<span class="cg-cell" role="listitem"{here}>{grid_svg(selection, None)}'
        f'<b>{selection.num_keep}</b><span class="cg-name" title="{escape(said.name)}">'
        f"{escape(said.name)}</span><span>{_mark(said)} {sure}</span></span>"
    )


def _strip_words(rights: Sequence[bool]) -> str:
    """Return from which level on every answer is right."""
    if not any(rights):
        return "wrong at all of them."
    if all(rights):
        return "right at all of them."
    if not rights[-1]:
        return f"right at {sum(rights)} of 16, wrong with every patch."
    last_wrong = max(level for level, right in enumerate(rights, start=1) if not right)
    return f"right at {sum(rights)} of 16, and at each from level {last_wrong + 1} on."
