"""The rank-flip film: the target's decision as patches come in, at 16 levels or at every K."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tinydrop.core.numbers import percent
from tinydrop.core.results import Answer
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.studies.quality import Film, Flip
from tinydrop.ui.coherence.multiples import thumb_mask
from tinydrop.ui.kit.agreement import agreement
from tinydrop.ui.kit.markup import escape

MAX_FLIPS = 10
TALL, SHORT, FLAT = 20, 11, 3
"""Heights of a cell of the exact strip: same as with every patch, another class, not known."""


@dataclass(frozen=True, eq=False)
class Cell:
    """The target's answer on the first K patches; ``level`` is None between levels."""

    level: int | None
    selection: TokenSelection
    answer: Answer | None


def film_cells(cells: Sequence[Cell], full: Answer | None) -> str:
    """Return the levels as buttons: kept set, K, and whether the target decides as with all."""
    buttons, before = "", None
    for cell in cells:
        answer = cell.answer
        flips = before is not None and answer is not None and before != answer.class_index
        buttons += _cell(cell, full, flips=flips)
        before = None if answer is None else answer.class_index
    group = 'class="ch-film" role="group" aria-label="The film, level by level"'
    return f"<div {group}>{buttons}</div>"


def film_sentence(film: Film, full: Answer, names: Sequence[str], *, placed_right: bool) -> str:
    """Return where the decision flips and how few patches suffice, as HTML.

    Args:
        film: the levels, or every K.
        full: the full target's answer at right positions.
        names: the class names.
        placed_right: whether the film's patches are at their right positions.
    """
    n = film.grid.num_patches
    said = _bold(names[film.full_class])
    start = f"With all {n} patches the target says {said}"
    if not placed_right:
        start += " at these positions"
    if film.full_class != full.class_index:
        return (
            f"<p>{start}, but {_bold(full.name)} at the right ones: wrong positions alone change "
            "its mind.</p>"
        )
    if not film.flips:
        least = film.frames[0].num_keep
        return f"<p>{start}, and so it does from {_bold(_patches(least))} on: it never flips.</p>"
    fewest, lasting = film.first_agreeing, film.sufficient
    enough = (
        f"{_bold(_patches(lasting))} are enough: from there on it always says so, and with fewer "
        "it never does."
        if fewest == lasting
        else f"{_bold(_patches(lasting))} are enough: from there on it always says so. It already "
        f"does with {_bold(str(fewest))}, but changes its mind again."
    )
    count = len(film.flips)
    flips = "once" if count == 1 else f"{count} times"
    where = "" if film.exact else f": {_between(film)}. Only every K tells at which patch"
    return f"<p>{start}. {enough} The decision flips {flips}{where}.</p>"


def exact_part(
    cells: Sequence[Cell], film: Film | None, full: Answer | None, names: Sequence[str],
    *, filming: bool, stopped: bool, place: str = "",
) -> str:  # fmt: skip
    """Return the film of every K: the button, or how far it is, and the strip as far as known.

    Args:
        cells: one for each K from 1 to N, their answers as far as they are known.
        film: the same, once it is finished.
        full: the full target's answer.
        names: the class names.
        filming: whether the missing answers are being asked for.
        stopped: True where missing answers will not come.
        place: what says how many are ahead, as HTML.
    """
    done, total = sum(cell.answer is not None for cell in cells), len(cells)
    if film is not None and full is not None:
        head = f'<p class="td-hint" role="status">Every K from 1 to {total}, exactly.</p>'
        return f"{head}{_strip(cells, full)}{_flips(film, names)}"
    if filming and not stopped:
        head = (
            f'<div class="tn-progress"><progress aria-label="Filming every K" max="{total}" '
            f'value="{done}"></progress><p class="td-hint" role="status">{done} of {total} K '
            f"known {place}</p>"
            '<button type="button" class="td-button" data-action="stop">Stop</button></div>'
        )
        return head + (_strip(cells, full) if full is not None else "")
    left = total - done
    return (
        f'<p class="ch-every"><button type="button" class="td-button" data-action="film">Every K'
        f'</button><span class="td-hint">{left} more run{"" if left == 1 else "s"} of the target '
        "find the very patch at which its decision flips.</span></p>"
    )


def _cell(cell: Cell, full: Answer | None, *, flips: bool) -> str:
    kind, mark, word = agreement(cell.answer, full)
    k = cell.selection.num_keep
    said = word
    if cell.answer is not None:
        said = f"{cell.answer.name}, {percent(cell.answer.confidence)} sure"
        said += ", the same as with every patch" if kind == "ch-same" else ""
        said += ", not what it says with every patch" if kind == "ch-other" else ""
    spoken = f"Level {cell.level}, {k} of {cell.selection.grid.num_patches} patches: {said}"
    flip = '<em class="ch-flip">flip</em>' if flips else '<em class="ch-flip"></em>'
    return (
        f'<button type="button" class="ch-cell" data-level="{cell.level}" data-k="{k}" '
        f'aria-label="{escape(spoken)}">{flip}{thumb_mask(cell.selection)}<b>{k}</b>'
        f'<i class="{kind}">{mark}</i></button>'
    )


def _strip(cells: Sequence[Cell], full: Answer) -> str:
    """Return one bar per K: tall where the decision is the full target's, short where not."""
    bars, said = "", []
    for x, cell in enumerate(cells):
        kind, mark, word = agreement(cell.answer, full)
        height = {"ch-same": TALL, "ch-other": SHORT}.get(kind, FLAT)
        bars += f'<path class="{kind}" d="M{x} {TALL}V{TALL - height}H{x + 1}V{TALL}Z"/>'
        answer = cell.answer
        said.append(
            f"K = {x + 1}: "
            + ("not known" if answer is None else f"{answer.name}, {percent(answer.confidence)}")
            + ("" if answer is None else f" {mark} {word}")
        )
    return (
        f'<svg class="ch-strip" viewBox="0 0 {len(cells)} {TALL}" preserveAspectRatio="none" '
        f'tabindex="0" role="slider" aria-label="K" aria-valuemin="1" aria-valuemax="{len(cells)}" '
        f'data-said="{escape(json.dumps(said))}">{bars}</svg>'
        '<p class="td-hint ch-legend"><span><i class="ch-same">▮</i> tall: same as with every patch'
        '</span><span><i class="ch-other">▖</i> short: another class</span></p>'
    )


def _flips(film: Film, names: Sequence[str]) -> str:
    if not film.flips:
        return ""
    rows = "".join(f"<li>{_flip(film.grid, flip, names)}</li>" for flip in film.flips[:MAX_FLIPS])
    more = len(film.flips) - MAX_FLIPS
    rest = f'<p class="td-hint">and {more} more</p>' if more > 0 else ""
    return f'<ol class="ch-flips">{rows}</ol>{rest}'


def _flip(grid: PatchGrid, flip: Flip, names: Sequence[str]) -> str:
    row, col = grid.position(flip.patches[-1])
    return (
        f'<button type="button" class="td-link" data-patch="{flip.patches[-1]}">K = '
        f"{flip.num_keep}: row {row + 1}, column {col + 1}</button> turns "
        f"{escape(names[flip.before])} into {_bold(names[flip.after])}"
    )


def _between(film: Film) -> str:
    """Return between which K the decision flips."""
    counts = [frame.num_keep for frame in film.frames]
    shown = [
        f"between {counts[counts.index(flip.num_keep) - 1]} and {flip.num_keep}"
        for flip in film.flips[:MAX_FLIPS]
    ]
    return ", ".join(shown) + (" and so on" if len(film.flips) > MAX_FLIPS else "")


def _patches(count: int) -> str:
    return "1 patch" if count == 1 else f"{count} patches"


def _bold(text: str) -> str:
    return f"<b>{escape(text)}</b>"
