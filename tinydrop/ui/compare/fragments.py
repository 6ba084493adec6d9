"""What is known of a wish as the pieces of HTML that the Compare page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tinydrop.core.budget import num_keep
from tinydrop.core.numbers import millions, share
from tinydrop.core.results import softmax
from tinydrop.studies.comparison import METHODS
from tinydrop.ui.compare.details import Details, details_html, said_html
from tinydrop.ui.compare.known import Known, KnownPicture, KnownPlaces, MethodRun, said
from tinydrop.ui.compare.method_cards import MethodCard, Section, method_cards_html
from tinydrop.ui.compare.places import PlaceLine, place_html, places_chart
from tinydrop.ui.compare.slim import Module, SlimStudent, slim_html
from tinydrop.ui.compare.wish import Wish
from tinydrop.ui.compare.words import (
    GROUPS,
    RANKERS,
    TRAINED,
    depth_words,
    guidance_note,
    method_note,
    method_title,
    scales,
    tile_title,
)
from tinydrop.ui.kit.fragments import Fragments, asking, not_yet
from tinydrop.ui.kit.fragments import credit as credit_of
from tinydrop.ui.kit.fragments import waiting_parts as nothing_known
from tinydrop.ui.kit.lanes import QUICK_LANE, line_part
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.kit.samples import Sample
from tinydrop.ui.kit.texts import FAILED

Large = Callable[[KnownPicture, MethodRun], str]
"""Gives what became of the patches, large, as a data address."""
YARDSTICKS = "Nothing is dropped; the slider moves neither."
NO_STUDENT = (
    '<p class="td-hint">No trained student of this pair is bundled; '
    "<code>python -m tinydrop train sit --teacher bundled</code> trains one.</p>"
)


def cost(level: int, budget: int, full: int, patches: int) -> str:
    """Return what a level allows, in MACs and as a share of the full target."""
    return (
        f'<p class="ch-kept"><b>{share(budget, full)}</b> of the full target</p>'
        f'<p class="td-hint">{millions(budget)}: what the target costs on '
        f"{num_keep(level, patches)} of its {patches} patches.</p>"
    )


def level_parts(
    picture: KnownPicture, known: Known, wish: Wish, words: Mapping[str, str], large: Large
) -> Fragments:
    """Return what the level moves: the sentence, the tiles and the one that is open.

    Args:
        picture: what the picture is.
        known: every method at the level.
        wish: the wish.
        words: student -> what it does.
        large: draws the one that is open.
    """
    full, truth = picture.full, picture.truth
    answers = [one.answer for one in known.methods.values()]
    same = sum(answer.class_index == full.class_index for answer in answers)
    right = None if truth is None else (sum(map(truth.right, answers)), truth)
    budget = share(known.budget, picture.full_macs)
    return {
        "say": said_html(same, len(answers), full, budget, len(known.absent), right),
        "tiles": method_cards_html(
            _sections(picture, known, wish, words), full, picture.full_macs, wish.opened, truth
        ),
        "open": opened(picture, known, wish, words, large),
    }


def waiting_parts(wish: Wish, key: str, ahead: int, *, stopped: bool) -> Fragments:
    """Return the page while the methods have not run at this level.

    Args:
        wish: the wish.
        key: names what is asked for; it asks again whenever this changes.
        ahead: how many events come first.
        stopped: True where nothing will come.
    """
    line = line_part(QUICK_LANE, ahead)
    say = f'{said_html(0, 0, None, "", 0)}<p class="td-state td-place">{line}</p>'
    return nothing_known(wish.look, key, say, stopped=stopped)


def arriving_parts(wish: Wish, picture: str, credit: Sample | None) -> Fragments:
    """Return what stands on the page for a picture that no model has seen: itself, dimmed.

    Args:
        wish: the wish.
        picture: as HTML.
        credit: the sample it is; None for a visitor's own.
    """
    return {
        "open": f'<div class="cp-open" data-waiting>{picture}</div>',
        "credit": _credit(wish, credit),
        "tiles": not_yet(),
        "slim": not_yet(),
        "place": not_yet(),
        "places": "",
    }


def _credit(wish: Wish, sample: Sample | None) -> str:
    return f'<p class="td-hint">{escape(credit_of(wish.look, sample))}.</p>'


def ask(wish: Wish, key: str, missing: tuple[str, ...], *, stopped: bool) -> str:
    """Return what the page still asks for; it asks again whenever this changes."""
    nothing = stopped or not missing
    return asking(wish.look, None if nothing else key, urgent="methods" in missing)


def opened(
    picture: KnownPicture, known: Known, wish: Wish, words: Mapping[str, str], large: Large
) -> str:
    """Return the chosen method large; a sentence where it cannot run at this level."""
    key = wish.opened
    beside = {one.key: one for one in (*picture.yardsticks, *picture.students)}
    one = known.methods.get(key) or beside.get(key)
    if one is None:
        reason = _reason(known.absent.get(key), picture.full_macs)
        return (
            f'<div class="cp-open"><h2>{escape(method_title(key))}</h2>'
            f'<p class="td-hint">{escape(method_note(key))}</p>'
            f'<p class="td-waiting">Absent at this level: {escape(reason)}.</p></div>'
        )
    note = method_note(key) or f"Trained: {words.get(key, '')}."
    note = guidance_note(wish.temperature) if key == "guidance" else note
    return details_html(
        Details(
            title=method_title(key),
            note=note,
            picture=large(picture, one),
            alt=f"{method_title(key)}: {_left(one) or 'no target runs'}",
            caption=_caption(one, trained=key not in METHODS),
            answer=said(one, wish),
            macs=one.macs,
            guide=one.guide,
            guide_words="the guidance" if key == "guidance" else "guidance and map",
            patches=picture.grid.num_patches,
            blocks=one.blocks,
            steps=one.steps,
        ),
        picture.full,
        picture.full_macs,
        picture.truth,
    )


def place(
    picture: KnownPicture,
    places: KnownPlaces | None,
    chosen: tuple[int, str],
    level: int,
    large: Large,
    *,
    stopped: bool,
) -> Fragments:
    """Return where-to-drop: the picture at the chosen place, and the chart over all of them."""
    if places is None:
        word = FAILED if stopped else "The target is running at every place…"
        return {"place": f'<p class="td-waiting">{word}</p>', "places": ""}
    block, ranker = chosen
    full, depth = picture.full, picture.depth
    index = full.class_index
    lines = [
        PlaceLine(
            key,
            name,
            tuple(
                float(softmax(one.answer.logits)[index])
                if (one := places.found.get((key, at))) is not None
                else None
                for at in range(depth)
            ),
        )
        for key, name in RANKERS.items()
    ]
    label = f"Probability of {full.name}, which the full target names, at level {level}"
    own = float(softmax(full.logits)[index])
    return {
        "place": _place(picture, places, block, ranker, large),
        "places": f'<p class="td-hint">Probability of <b>{escape(full.name)}</b>, the full '
        f"target’s class; the dotted line is the full target’s own.</p>"
        + places_chart(lines, places.keeps, own, block, label),
    }


def picture_parts(
    picture: KnownPicture,
    wish: Wish,
    sample: Sample | None,
    words: Mapping[str, str],
    after: Mapping[str, tuple[int, ...]],
) -> Fragments:
    """Return what only another picture changes: its credit, and what the slim tokens look at.

    Args:
        picture: what the picture is.
        wish: the wish.
        sample: the sample it is; None for a visitor's own.
        words: student -> what it does.
        after: student -> the blocks before each of its modules.
    """
    students = [
        SlimStudent(
            one.name,
            words[one.name],
            tuple(
                Module(blocks, alone, composed)
                for blocks, alone, composed in zip(
                    after[one.name], one.weights, one.composed, strict=True
                )
            ),
        )
        for one in picture.slims
    ]
    return {
        "credit": _credit(wish, sample),
        "slim": slim_html(students, picture.grid, picture.crop) if students else NO_STUDENT,
    }


def _sections(
    picture: KnownPicture, known: Known, wish: Wish, words: Mapping[str, str]
) -> list[Section]:
    target, guidance = picture.yardsticks
    guide = replace(guidance, answer=said(guidance, wish))
    note = guidance_note(wish.temperature)
    first = (
        _tile(target, tile_title("target"), method_note("target"), picture.pictures),
        _tile(guide, tile_title("guidance"), note, picture.pictures),
    )
    trained = tuple(
        _tile(one, one.key, f"Trained: {words.get(one.key, '')}.", picture.pictures)
        for one in picture.students
    )
    sections = [
        Section("Yardsticks", f"{YARDSTICKS} {scales(wish.temperature)}", first, narrow=True),
        Section(TRAINED.title, TRAINED.note, trained, narrow=True),
    ]
    for group in GROUPS:
        tiles = []
        for name in group.methods:
            one = known.methods.get(name)
            if one is not None:
                tiles.append(_tile(one, tile_title(name), method_note(name), known.pictures))
            elif name in known.absent:
                reason = _reason(known.absent[name], picture.full_macs)
                tiles.append(MethodCard(name, tile_title(name), method_note(name), reason=reason))
        sections.append(Section(group.title, group.note, tuple(tiles)))
    return sections


def _tile(one: MethodRun, title: str, note: str, pictures: Mapping[str, str]) -> MethodCard:
    return MethodCard(
        one.key, title, note, pictures[one.key], one.answer, one.macs, one.guide, _left(one)
    )


def _left(one: MethodRun) -> str:
    if one.left is None:
        return ""
    return "1 token left" if one.left == 1 else f"{one.left} tokens left"


def _reason(least: int | None, full: int) -> str:
    return "does not fit this target" if least is None else f"costs {share(least, full)} or more"


def _caption(one: MethodRun, *, trained: bool) -> str:
    if one.groups is None:
        return "Every patch of the region that the models see."
    if trained and one.key not in ("target", "guidance"):
        return "Each patch is drawn with the token that takes most of it; in truth tokens share."
    if any("merged" in words or "fused" in words for words, _ in one.steps):
        return "Patches that share a token have one colour and a common border; dropped ones fade."
    return "Dropped patches fade and are hatched, the more the earlier they went."


def _place(
    picture: KnownPicture, places: KnownPlaces, block: int, ranker: str, large: Large
) -> str:
    depth = picture.depth
    one = places.found.get((ranker, block))
    title = f"{RANKERS[ranker]}, {depth_words(block, depth)}"
    if one is not None:
        return place_html(
            title, large(picture, one), one.answer, picture.full,
            one.left or 0, picture.grid.num_patches, one.macs, one.guide, picture.full_macs,
            picture.truth,
        )  # fmt: skip
    if ranker == "attention" and block == 0:
        why = "At the input no block has attended to anything yet; choose a later place."
    else:
        least = share(places.least[block], picture.full_macs)
        open_to = [at for at, keep in enumerate(places.keeps) if keep is not None]
        until = depth_words(max(open_to), depth) if open_to else "nowhere"
        why = (
            f"Too dear: even with one patch going on it costs {least} of the full target. At this "
            f"level the last place is {until}."
        )
    return f'<div class="cp-place"><h3>{escape(title)}</h3><p class="td-honest">{why}</p></div>'
