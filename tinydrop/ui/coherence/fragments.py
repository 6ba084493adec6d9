"""A comparison as the pieces of HTML that the Coherence page shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tinydrop.core.coherence import describe_coherence, judge_coherence
from tinydrop.core.numbers import decimals, signed
from tinydrop.core.results import Answer
from tinydrop.core.tokens import TokenSelection
from tinydrop.data import Picture, View
from tinydrop.models.backbones import place_kept
from tinydrop.pipeline.render import Part
from tinydrop.ui.coherence.film import Cell, exact_part, film_cells, film_sentence
from tinydrop.ui.coherence.known import KeptAnswer, Known, film_of
from tinydrop.ui.coherence.measures import measure_bars, verdict_line
from tinydrop.ui.coherence.multiples import Multiple, multiples, photo_part, placed_image
from tinydrop.ui.coherence.wish import PAINTED
from tinydrop.ui.coherence.words import POSITION_NOTES, POSITION_TITLES, arrangement, say_parts
from tinydrop.ui.kit.fragments import STAGE_SIDE, Fragments, asking, not_yet, seen_in
from tinydrop.ui.kit.fragments import credit as credit_of
from tinydrop.ui.kit.fragments import waiting_parts as nothing_known
from tinydrop.ui.kit.lanes import HEAVY, QUICK_LANE, line_part
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.kit.samples import Sample
from tinydrop.ui.kit.stage import map_layer, mask_layer, picture_layer
from tinydrop.ui.kit.texts import FAILED

MAX_MARKS = 40
"""More patches than this are not marked as put in or out: the picture would vanish below them."""


def level_parts(known: Known, *, stopped: bool) -> Fragments:
    """Return what the level moves: masks, tiles, sentence, verdict and measures.

    Args:
        known: what is known.
        stopped: True where a missing answer will not come.
    """
    stage, full = known.stage, known.full.answer
    selection = stage.selection
    return {
        "kept": _kept(known),
        "mask": _mask(known),
        "say": _say(known, stopped=stopped),
        "tiles": _tiles(known, stopped=stopped),
        "modes": _modes(known, stopped=stopped),
        "verdict": verdict_line(judge_coherence(selection, problem=known.problem)),
        "measures": measure_bars(
            describe_coherence(selection),
            known.picture.map_entries,
            selection.num_keep,
            known.picture.map_words,
        ),
        "paint": _paint(known, full, stopped=stopped),
    }


def waiting_parts(look: Look, key: int, ahead: int, *, stopped: bool) -> Fragments:
    """Return the page while not even the guidance has looked.

    Args:
        look: picture and pair.
        key: names the wish.
        ahead: how many events come first.
        stopped: True where nothing will come.
    """
    line = line_part(QUICK_LANE, ahead, "the guidance looks first")
    say = (
        '<div data-waiting><p class="td-say">Looking…</p><p class="td-state">'
        f'<i class="td-spin" aria-hidden="true"></i>{line}</p></div>'
    )
    return nothing_known(look, key, say, stopped=stopped)


def arriving_parts(look: Look, picture: Picture, view: View, sample: Sample | None) -> Fragments:
    """Return the page for a picture that no model has seen: itself, and nothing of the last one."""
    return {
        "picture": picture_layer(view.crop(picture, STAGE_SIDE), seen_in(look, sample)),
        "credit": f'<p class="td-hint">{escape(credit_of(look, sample))}.</p>',
        **dict.fromkeys(("map", "mask", "exact", "measures"), ""),
        **dict.fromkeys(("tiles", "modes", "film", "verdict", "paint"), not_yet()),
    }


def picture_parts(known: Known, sample: Sample | None) -> Fragments:
    """Return what only another picture, pair or arrangement changes: picture, map and ranks."""
    look, guide = known.wish.look, known.guide
    crop = guide.view.crop(guide.picture, STAGE_SIDE)
    credit = credit_of(look, sample)
    return {
        "picture": f"{picture_layer(crop, seen_in(look, sample))}{photo_part(known.picture.thumb)}",
        "map": ranked_map(known),
        "credit": f'<p class="td-hint">{escape(credit)}. Map: {known.picture.map_words} of the '
        "guidance.</p>",
    }


def ranked_map(known: Known) -> str:
    """Return Grad-CAM's heat with the arrangement's ranks, whichever arrangement that is."""
    return map_layer(known.grid, known.saliency, known.order)


def film(known: Known, every: Sequence[KeptAnswer], *, stopped: bool) -> Fragments:
    """Return the film of the levels and, as far as it was asked for, of every K.

    Args:
        known: what is known.
        every: the arrangement at every K; empty for a map that cannot be ranked.
        stopped: True where missing answers will not come.
    """
    wish, full = known.wish, known.full.answer
    title = arrangement(wish.arrangement).short
    if known.order is None:
        problem = f"No film: {known.saliency.problem}, so every patch is kept at each level."
        return {"film": f'<p class="td-hint">{escape(problem)}</p>', "exact": ""}
    names = known.guide.answer.classes
    right = wish.positions == "right"
    levels = film_of(known, tuple(tile for _, tile in known.levels))
    exact = film_of(known, tuple(every))
    shown = exact or levels
    if shown is None or full is None:
        word = FAILED if stopped else "The target is looking at one level after the other…"
        sentence = f"<p>{word}</p>"
    else:
        sentence = film_sentence(shown, full, names, placed_right=right)
    placed = "" if right else f", positions {POSITION_TITLES[wish.positions]}"
    cells = [Cell(level, tile.selection, tile.answer) for level, tile in known.levels]
    singles = [Cell(None, tile.selection, tile.answer) for tile in every]
    return {
        "film": f'<p class="td-hint">Arrangement: {title}{placed}. Below each: K, the patches '
        f'kept.</p><div class="ch-sentence" aria-live="polite">{sentence}</div>'
        f"{film_cells(cells, full)}{_areas(known)}",
        "exact": exact_part(
            singles,
            exact,
            full,
            names,
            filming=wish.filming,
            stopped=stopped,
            place=line_part(HEAVY, None),
        ),
    }


def ask(known: Known, unfilmed: int, *, stopped: bool) -> Fragments:
    """Return what the page still asks for; it asks again whenever this changes.

    Args:
        known: what is known.
        unfilmed: how many K are still to be filmed; 0 where nobody asked for them.
        stopped: True where missing answers will not come.
    """
    wish = known.wish
    urgent, rest = len(known.urgent), len(known.rest)
    if stopped or not urgent + rest + unfilmed:
        return {"ask": asking(wish.look, None)}
    key = f"{hash((wish, known.level))}-{urgent}-{rest}-{unfilmed}"
    return {"ask": asking(wish.look, key, urgent=urgent > 0, heavy=not urgent + rest)}


def _areas(known: Known) -> str:
    """Return insertion and deletion of this picture, once every answer is known."""
    areas, full = known.areas, known.full.answer
    if areas is None or full is None:
        return ""
    return (
        f'<p class="td-hint ch-areas">Mean probability of <b>{escape(full.name)}</b> while patches '
        f"come in, first ones first: <b>{areas[0]:.2f}</b> (insertion; higher is better). While "
        f"the first ones are taken away: <b>{areas[1]:.2f}</b> (deletion; lower is better). Both "
        "drop tokens, so nothing grey is shown to the target.</p>"
    )


def _kept(known: Known) -> str:
    count, n = known.num_keep, known.grid.num_patches
    return f'<p class="ch-kept"><b>{count} of {n}</b> patches, {100 * count / n:.0f} %</p>'


def _title(tile: KeptAnswer) -> str:
    return arrangement(tile.name).short


def _mask(known: Known) -> str:
    wish, stage = known.wish, known.stage.selection
    now, then = set(stage.keep_indices.tolist()), set(known.base.selection.keep_indices)
    put = (sorted(now - then), sorted(then - now))
    if wish.pinned or len(put[0]) + len(put[1]) > MAX_MARKS:
        put = ([], [])
    return (
        f"{mask_layer(known.grid, stage, *put)}"
        f'<i class="ch-hand" hidden data-hand="{int(wish.by_hand)}" '
        f'data-pinned="{int(wish.pinned)}"></i>'
    )


def _say(known: Known, *, stopped: bool) -> str:
    stage, full = known.stage, known.full.answer
    parts = say_parts(
        stage.selection.num_keep, known.grid.num_patches, _title(stage), stage.positions,
        stage.answer, full, known.picture.truth,
    )  # fmt: skip
    state = ""
    if known.urgent:
        state = (
            f'<p class="td-state">{FAILED}</p>'
            if stopped
            else '<p class="td-state"><i class="td-spin" aria-hidden="true"></i>Target running…</p>'
        )
    return f'<p class="td-say" aria-live="polite">{_sentence(parts)}</p>{state}'


def _sentence(parts: Sequence[Part]) -> str:
    return "".join(
        f"<b>{escape(part.text)}</b>" if part.strong else escape(part.text) for part in parts
    )


def _tiles(known: Known, *, stopped: bool) -> str:
    wish = known.wish
    chosen = PAINTED if wish.by_hand else wish.arrangement
    tiles = [
        Multiple(
            tile.name, _title(tile), arrangement(tile.name).note,
            tile.name == chosen, tile.selection, tile.answer,
        )
        for tile in known.arrangements
    ]  # fmt: skip
    label = f"Arrangements of {known.num_keep} of {known.grid.num_patches} patches"
    note = arrangement(chosen).note
    return (
        _beside_full(known, tiles, label, stopped=stopped)
        + f'<p class="td-hint"><b>{arrangement(chosen).short}</b>: {escape(note)}</p>'
    )


def _modes(known: Known, *, stopped: bool) -> str:
    stage, thumb = known.stage, known.picture.thumb
    tiles = [
        Multiple(
            tile.positions, POSITION_TITLES[tile.positions], POSITION_NOTES[tile.positions],
            tile.positions == stage.positions, tile.selection, tile.answer,
            placed_image(thumb, tile.selection, _cells(tile.selection, tile.positions)),
        )
        for tile in known.modes
    ]  # fmt: skip
    label = "Where the target believes the patches on the stage to be"
    return (
        _beside_full(known, tiles, label, stopped=stopped)
        + f'<p class="td-hint"><b>{POSITION_TITLES[stage.positions]}</b>: '
        f"{POSITION_NOTES[stage.positions]}</p>"
    )


def _beside_full(known: Known, tiles: list[Multiple], label: str, *, stopped: bool) -> str:
    """Return tiles that are judged by the full target's answer, and by the truth where known."""
    return multiples(tiles, known.full.answer, label, stopped=stopped, truth=known.picture.truth)


def _cells(selection: TokenSelection, positions: str) -> np.ndarray | None:
    placed = place_kept(torch.from_numpy(selection.keep_indices.copy())[None], positions)
    return None if placed is None else placed[0].numpy()


def _paint(known: Known, full: Answer | None, *, stopped: bool) -> str:
    """Return the logit of the full target's class on the stage, and what painting did to it."""
    stage, base = known.stage, known.base
    if full is None or stage.answer is None or base.answer is None:
        word = "No answer." if stopped else "The target is running…"
        return f'<p class="ch-logit">{word}</p>'
    index = full.class_index
    own, every = float(stage.answer.logits[index]), float(full.logits[index])
    against = [f"<b>{signed(own - every)}</b> against all {known.grid.num_patches} patches"]
    if known.wish.by_hand:
        before = float(base.answer.logits[index])
        named = f"{_title(base)}, {known.num_keep} patches"
        against.insert(0, f"<b>{signed(own - before)}</b> against {named}")
    return (
        f'<p class="ch-logit" aria-live="polite">Logit of <b>{escape(full.name)}</b> on the stage: '
        f"<b>{decimals(own)}</b>; {', '.join(against)}.</p>"
    )
