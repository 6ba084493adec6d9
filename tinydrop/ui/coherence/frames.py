"""A comparison as the pieces of HTML that the Coherence page shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tinydrop.core.coherence import describe_coherence, judge_coherence
from tinydrop.core.results import Answer
from tinydrop.core.tokens import TokenSelection
from tinydrop.data import Picture, View
from tinydrop.models.backbones import place_kept
from tinydrop.pipeline.render import Part
from tinydrop.ui.coherence.film import Cell, exact_part, film_cells, film_sentence
from tinydrop.ui.coherence.measures import measure_bars, verdict_line
from tinydrop.ui.coherence.study import PAINTED, Comparison, Tile, film_of
from tinydrop.ui.coherence.tiles import Multiple, multiples, photo_part, placed_image
from tinydrop.ui.coherence.words import (
    ARRANGEMENT_TITLES,
    POSITION_NOTES,
    POSITION_TITLES,
    plain,
    say_parts,
    signed,
)
from tinydrop.ui.kit.frames import NOT_YET, STAGE_SIDE
from tinydrop.ui.kit.lanes import HEAVY, QUICK_LANE, line_part
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.kit.samples import Sample
from tinydrop.ui.kit.stage import map_layer, mask_layer, picture_layer
from tinydrop.ui.kit.texts import FAILED, SELECTOR_NOTES

Frame = dict[str, str]

PAINTED_NOTE = "The patches that were put in and out by hand, wherever the level stands."
MAX_MARKS = 40
"""More patches than this are not marked as put in or out: the picture would vanish below them."""


def moving(comparison: Comparison, *, stopped: bool) -> Frame:
    """Return what the level moves: masks, tiles, sentence, verdict and measures.

    Args:
        comparison: what is known.
        stopped: True where a missing answer will not come.
    """
    stage, full = comparison.stage, comparison.full.answer
    selection = stage.selection
    return {
        "kept": _kept(comparison),
        "mask": _mask(comparison),
        "say": _say(comparison, stopped=stopped),
        "tiles": _tiles(comparison, stopped=stopped),
        "modes": _modes(comparison, stopped=stopped),
        "verdict": verdict_line(judge_coherence(selection, problem=comparison.problem)),
        "measures": measure_bars(
            describe_coherence(selection),
            comparison.still.map_entries,
            selection.num_keep,
            comparison.still.map_words,
        ),
        "paint": _paint(comparison, full, stopped=stopped),
    }


def waiting(look: Look, key: int, ahead: int, *, stopped: bool) -> Frame:
    """Return the page while not even the guidance has looked.

    Args:
        look: picture and pair.
        key: names the wish.
        ahead: how many events come first.
        stopped: True where nothing will come.
    """
    if stopped:
        return {"say": f'<p class="td-say">{FAILED}</p>', "ask": "<i data-ask></i>"}
    line = line_part(QUICK_LANE, ahead, "the guidance looks first")
    sample = escape(look.sample or "")
    return {
        "say": '<div data-waiting><p class="td-say">Looking…</p><p class="td-state">'
        f'<i class="td-spin" aria-hidden="true"></i>{line}</p></div>',
        "ask": f'<i data-ask data-sample="{sample}" data-pending="{key}" data-urgent="1"></i>',
    }


def arriving(look: Look, picture: Picture, view: View, sample: Sample | None) -> Frame:
    """Return the page for a picture that no model has seen: itself, and nothing of the last one."""
    return {
        "picture": picture_layer(view.crop(picture, STAGE_SIDE), _seen(look, sample)),
        "credit": f'<p class="td-hint">{escape(_credit(look, sample))}.</p>',
        **dict.fromkeys(("map", "mask", "exact", "measures"), ""),
        **dict.fromkeys(("tiles", "modes", "film", "verdict", "paint"), NOT_YET),
    }


def still(comparison: Comparison, sample: Sample | None) -> Frame:
    """Return what only another picture, pair or arrangement changes: picture, map and ranks."""
    look, guide = comparison.study.look, comparison.guide
    crop = guide.view.crop(guide.picture, STAGE_SIDE)
    credit = _credit(look, sample)
    return {
        "picture": picture_layer(crop, _seen(look, sample)) + photo_part(comparison.still.thumb),
        "map": ranked_map(comparison),
        "credit": f'<p class="td-hint">{escape(credit)}. Map: {comparison.still.map_words} of the '
        "guidance.</p>",
    }


def ranked_map(comparison: Comparison) -> str:
    """Return Grad-CAM's heat with the arrangement's ranks, whichever arrangement that is."""
    return map_layer(comparison.grid, comparison.saliency, comparison.order)


def film(comparison: Comparison, every: Sequence[Tile], *, stopped: bool) -> Frame:
    """Return the film of the levels and, as far as it was asked for, of every K.

    Args:
        comparison: what is known.
        every: the arrangement at every K; empty for a map that cannot be ranked.
        stopped: True where missing answers will not come.
    """
    study, full = comparison.study, comparison.full.answer
    title = ARRANGEMENT_TITLES[study.arrangement]
    if comparison.order is None:
        problem = f"No film: {comparison.saliency.problem}, so every patch is kept at each level."
        return {"film": f'<p class="td-hint">{escape(problem)}</p>', "exact": ""}
    names = comparison.guide.answer.classes
    right = study.positions == "right"
    levels = film_of(comparison, tuple(tile for _, tile in comparison.levels))
    exact = film_of(comparison, tuple(every))
    shown = exact or levels
    if shown is None or full is None:
        word = FAILED if stopped else "The target is looking at one level after the other…"
        sentence = f"<p>{word}</p>"
    else:
        sentence = film_sentence(shown, full, names, placed_right=right)
    placed = "" if right else f", positions {POSITION_TITLES[study.positions]}"
    cells = [Cell(level, tile.selection, tile.answer) for level, tile in comparison.levels]
    singles = [Cell(None, tile.selection, tile.answer) for tile in every]
    return {
        "film": f'<p class="td-hint">Arrangement: {title}{placed}. Below each: K, the patches '
        f'kept.</p><div class="ch-sentence" aria-live="polite">{sentence}</div>'
        f"{film_cells(cells, full)}{_areas(comparison)}",
        "exact": exact_part(
            singles,
            exact,
            full,
            names,
            filming=study.filming,
            stopped=stopped,
            place=line_part(HEAVY, None),
        ),
    }


def ask(comparison: Comparison, unfilmed: int, *, stopped: bool) -> Frame:
    """Return what the page still asks for; it asks again whenever this changes.

    Args:
        comparison: what is known.
        unfilmed: how many K are still to be filmed; 0 where nobody asked for them.
        stopped: True where missing answers will not come.
    """
    study = comparison.study
    sample = escape(study.look.sample or "")
    urgent, rest = len(comparison.urgent), len(comparison.rest)
    if stopped or not urgent + rest + unfilmed:
        return {"ask": f'<i data-ask data-sample="{sample}"></i>'}
    key = f"{hash((study, comparison.level))}-{urgent}-{rest}-{unfilmed}"
    asked = f'data-pending="{key}" data-urgent="{int(urgent > 0)}"'
    if not urgent + rest:
        asked += ' data-heavy="1"'
    return {"ask": f'<i data-ask data-sample="{sample}" {asked}></i>'}


def _seen(look: Look, sample: Sample | None) -> str:
    return f"{look.name}, the part that the models see" if sample is None else sample.alt


def _credit(look: Look, sample: Sample | None) -> str:
    return f"{sample.title}, {sample.credit}" if sample else f"Your picture: {look.name}"


def _areas(comparison: Comparison) -> str:
    """Return insertion and deletion of this picture, once every answer is known."""
    areas, full = comparison.areas, comparison.full.answer
    if areas is None or full is None:
        return ""
    return (
        f'<p class="td-hint ch-areas">Mean probability of <b>{escape(full.name)}</b> while patches '
        f"come in, first ones first: <b>{areas[0]:.2f}</b> (insertion; higher is better). While "
        f"the first ones are taken away: <b>{areas[1]:.2f}</b> (deletion; lower is better). Both "
        "drop tokens, so nothing grey is shown to the target.</p>"
    )


def _kept(comparison: Comparison) -> str:
    count, n = comparison.num_keep, comparison.grid.num_patches
    return f'<p class="ch-kept"><b>{count} of {n}</b> patches, {100 * count / n:.0f} %</p>'


def _title(tile: Tile) -> str:
    return ARRANGEMENT_TITLES[tile.name]


def _mask(comparison: Comparison) -> str:
    study, stage = comparison.study, comparison.stage.selection
    now, then = set(stage.keep_indices.tolist()), set(comparison.base.selection.keep_indices)
    put = (sorted(now - then), sorted(then - now))
    if study.pinned or len(put[0]) + len(put[1]) > MAX_MARKS:
        put = ([], [])
    return (
        mask_layer(comparison.grid, stage, *put, hatching="ch-hatching")
        + f'<i class="ch-hand" hidden data-hand="{int(study.by_hand)}" '
        f'data-pinned="{int(study.pinned)}"></i>'
    )


def _say(comparison: Comparison, *, stopped: bool) -> str:
    stage, full = comparison.stage, comparison.full.answer
    parts = say_parts(
        stage.selection.num_keep, comparison.grid.num_patches, _title(stage), stage.positions,
        stage.answer, full, comparison.still.truth,
    )  # fmt: skip
    state = ""
    if comparison.urgent:
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


def _tiles(comparison: Comparison, *, stopped: bool) -> str:
    study = comparison.study
    chosen = PAINTED if study.by_hand else study.arrangement
    tiles = [
        Multiple(
            tile.name, _title(tile), SELECTOR_NOTES.get(tile.name, PAINTED_NOTE),
            tile.name == chosen, tile.selection, tile.answer,
        )
        for tile in comparison.arrangements
    ]  # fmt: skip
    label = f"Arrangements of {comparison.num_keep} of {comparison.grid.num_patches} patches"
    note = SELECTOR_NOTES.get(chosen, PAINTED_NOTE)
    return (
        multiples(
            tiles,
            comparison.full.answer,
            label,
            stopped=stopped,
            truth=comparison.still.truth,
        )
        + f'<p class="td-hint"><b>{ARRANGEMENT_TITLES[chosen]}</b>: {escape(note)}</p>'
    )


def _modes(comparison: Comparison, *, stopped: bool) -> str:
    stage, thumb = comparison.stage, comparison.still.thumb
    tiles = [
        Multiple(
            tile.positions, POSITION_TITLES[tile.positions], POSITION_NOTES[tile.positions],
            tile.positions == stage.positions, tile.selection, tile.answer,
            placed_image(thumb, tile.selection, _cells(tile.selection, tile.positions)),
        )
        for tile in comparison.modes
    ]  # fmt: skip
    label = "Where the target believes the patches on the stage to be"
    return (
        multiples(
            tiles,
            comparison.full.answer,
            label,
            stopped=stopped,
            truth=comparison.still.truth,
        )
        + f'<p class="td-hint"><b>{POSITION_TITLES[stage.positions]}</b>: '
        f"{POSITION_NOTES[stage.positions]}</p>"
    )


def _cells(selection: TokenSelection, positions: str) -> np.ndarray | None:
    placed = place_kept(torch.from_numpy(selection.keep_indices.copy())[None], positions)
    return None if placed is None else placed[0].numpy()


def _paint(comparison: Comparison, full: Answer | None, *, stopped: bool) -> str:
    """Return the logit of the full target's class on the stage, and what painting did to it."""
    stage, base = comparison.stage, comparison.base
    if full is None or stage.answer is None or base.answer is None:
        word = "No answer." if stopped else "The target is running…"
        return f'<p class="ch-logit">{word}</p>'
    index = full.class_index
    own, every = float(stage.answer.logits[index]), float(full.logits[index])
    against = [f"<b>{signed(own - every)}</b> against all {comparison.grid.num_patches} patches"]
    if comparison.study.by_hand:
        before = float(base.answer.logits[index])
        named = f"{_title(base)}, {comparison.num_keep} patches"
        against.insert(0, f"<b>{signed(own - before)}</b> against {named}")
    return (
        f'<p class="ch-logit" aria-live="polite">Logit of <b>{escape(full.name)}</b> on the stage: '
        f"<b>{plain(own)}</b>; {', '.join(against)}.</p>"
    )
