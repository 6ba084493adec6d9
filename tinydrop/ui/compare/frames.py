"""What is known of a contest as the pieces of HTML that the Compare page shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tinydrop.core.budget import num_keep
from tinydrop.core.results import softmax
from tinydrop.studies.comparison import METHODS
from tinydrop.ui.compare.bout import Bout, Contest, Entrant, Places, Still
from tinydrop.ui.compare.opened import Opened, opened_html, said_html
from tinydrop.ui.compare.places import PlaceLine, place_html, places_chart
from tinydrop.ui.compare.slim import Module, SlimStudent, slim_html
from tinydrop.ui.compare.tiles import Section, Tile, tiles_html
from tinydrop.ui.compare.words import (
    GROUPS,
    RANKERS,
    TARGET_NOTE,
    TRAINED,
    depth_words,
    guidance_note,
    method_note,
    method_title,
    millions,
    scales,
    share,
    tile_title,
)
from tinydrop.ui.kit.frames import NOT_YET
from tinydrop.ui.kit.lanes import QUICK_LANE, line_part
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.kit.samples import Sample
from tinydrop.ui.kit.texts import FAILED

Frame = dict[str, str]
Large = Callable[[Still, Entrant], str]
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


def moving(
    still: Still, bout: Bout, contest: Contest, words: Mapping[str, str], large: Large
) -> Frame:
    """Return what the level moves: the sentence, the tiles and the one that is open.

    Args:
        still: what the picture is.
        bout: every method at the level.
        contest: the wish.
        words: student -> what it does.
        large: draws the one that is open.
    """
    full, truth = still.full, still.truth
    answers = [one.answer for one in bout.methods.values()]
    same = sum(answer.class_index == full.class_index for answer in answers)
    right = None if truth is None else (sum(map(truth.right, answers)), truth)
    budget = share(bout.budget, still.full_macs)
    return {
        "say": said_html(same, len(answers), full, budget, len(bout.absent), right),
        "tiles": tiles_html(
            _sections(still, bout, contest, words),
            full,
            still.full_macs,
            contest.opened,
            still.truth,
        ),
        "open": opened(still, bout, contest, words, large),
    }


def waiting(contest: Contest, key: str, ahead: int, *, stopped: bool) -> Frame:
    """Return the page while the methods have not run at this level.

    Args:
        contest: the wish.
        key: names what is asked for; it asks again whenever this changes.
        ahead: how many events come first.
        stopped: True where nothing will come.
    """
    if stopped:
        return {"say": f'<p class="td-say">{FAILED}</p>', "ask": "<i data-ask></i>"}
    line = line_part(QUICK_LANE, ahead)
    return {
        "say": f'{said_html(0, 0, None, "", 0)}<p class="td-state td-place">{line}</p>',
        "ask": ask(contest, key, ("bout",), stopped=False),
    }


def arriving(contest: Contest, picture: str, credit: Sample | None) -> Frame:
    """Return what stands on the page for a picture that no model has seen: itself, dimmed.

    Args:
        contest: the wish.
        picture: as HTML.
        credit: the sample it is; None for a visitor's own.
    """
    return {
        "open": f'<div class="cp-open" data-waiting>{picture}</div>',
        "credit": _credit(contest, credit),
        "tiles": NOT_YET,
        "slim": NOT_YET,
        "place": NOT_YET,
        "places": "",
    }


def _credit(contest: Contest, sample: Sample | None) -> str:
    name = contest.look.name
    credit = f"{sample.title}, {sample.credit}" if sample else f"Your picture: {name}"
    return f'<p class="td-hint">{escape(credit)}.</p>'


def ask(contest: Contest, key: str, missing: tuple[str, ...], *, stopped: bool) -> str:
    """Return what the page still asks for; it asks again whenever this changes."""
    sample = f'data-sample="{escape(contest.look.sample or "")}"'
    if stopped or not missing:
        return f"<i data-ask {sample}></i>"
    urgent = int("bout" in missing)
    return f'<i data-ask {sample} data-pending="{key}" data-urgent="{urgent}"></i>'


def opened(
    still: Still, bout: Bout, contest: Contest, words: Mapping[str, str], large: Large
) -> str:
    """Return the chosen method large; a sentence where it cannot run at this level."""
    key = contest.opened
    beside = {one.key: one for one in (*still.yardsticks, *still.students)}
    one = bout.methods.get(key) or beside.get(key)
    if one is None:
        reason = _reason(bout.absent.get(key), still.full_macs)
        return (
            f'<div class="cp-open"><h2>{escape(method_title(key))}</h2>'
            f'<p class="td-hint">{escape(method_note(key))}</p>'
            f'<p class="td-waiting">Absent at this level: {escape(reason)}.</p></div>'
        )
    note = method_note(key) or f"Trained: {words.get(key, '')}."
    note = guidance_note(contest.temperature) if key == "guidance" else note
    return opened_html(
        Opened(
            title=method_title(key),
            note=note,
            picture=large(still, one),
            alt=f"{method_title(key)}: {_left(one) or 'no target runs'}",
            caption=_caption(one, trained=key not in METHODS),
            answer=contest.said(one),
            macs=one.macs,
            guide=one.guide,
            guide_words="the guidance" if key == "guidance" else "guidance and map",
            patches=still.grid.num_patches,
            blocks=one.blocks,
            steps=one.steps,
        ),
        still.full,
        still.full_macs,
        still.truth,
    )


def place(
    still: Still,
    places: Places | None,
    chosen: tuple[int, str],
    level: int,
    large: Large,
    *,
    stopped: bool,
) -> Frame:
    """Return where-to-drop: the picture at the chosen place, and the chart over all of them."""
    if places is None:
        word = FAILED if stopped else "The target is running at every place…"
        return {"place": f'<p class="td-waiting">{word}</p>', "places": ""}
    block, ranker = chosen
    full, depth = still.full, still.depth
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
        "place": _place(still, places, block, ranker, large),
        "places": f'<p class="td-hint">Probability of <b>{escape(full.name)}</b>, the full '
        f"target’s class; the dotted line is the full target’s own.</p>"
        + places_chart(lines, places.keeps, own, block, label),
    }


def still_frame(still: Still, contest: Contest, sample: Sample | None, words: Mapping[str, str],
                after: Mapping[str, tuple[int, ...]]) -> Frame:  # fmt: skip
    """Return what only another picture changes: its credit, and what the slim tokens look at.

    Args:
        still: what the picture is.
        contest: the wish.
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
        for one in still.slims
    ]
    return {
        "credit": _credit(contest, sample),
        "slim": slim_html(students, still.grid, still.crop) if students else NO_STUDENT,
    }


def _sections(
    still: Still, bout: Bout, contest: Contest, words: Mapping[str, str]
) -> list[Section]:
    target, guidance = still.yardsticks
    guide = replace(guidance, answer=contest.said(guidance))
    note = guidance_note(contest.temperature)
    first = (
        _tile(target, "full target", TARGET_NOTE, still.pictures),
        _tile(guide, tile_title("guidance"), note, still.pictures),
    )
    trained = tuple(
        _tile(one, one.key, f"Trained: {words.get(one.key, '')}.", still.pictures)
        for one in still.students
    )
    sections = [
        Section("Yardsticks", f"{YARDSTICKS} {scales(contest.temperature)}", first, narrow=True),
        Section(TRAINED.title, TRAINED.note, trained, narrow=True),
    ]
    for group in GROUPS:
        tiles = []
        for name in group.methods:
            one = bout.methods.get(name)
            if one is not None:
                tiles.append(_tile(one, tile_title(name), method_note(name), bout.pictures))
            elif name in bout.absent:
                reason = _reason(bout.absent[name], still.full_macs)
                tiles.append(Tile(name, tile_title(name), method_note(name), reason=reason))
        sections.append(Section(group.title, group.note, tuple(tiles)))
    return sections


def _tile(one: Entrant, title: str, note: str, pictures: Mapping[str, str]) -> Tile:
    return Tile(
        one.key, title, note, pictures[one.key], one.answer, one.macs, one.guide, _left(one)
    )


def _left(one: Entrant) -> str:
    if one.left is None:
        return ""
    return "1 token left" if one.left == 1 else f"{one.left} tokens left"


def _reason(least: int | None, full: int) -> str:
    return "does not fit this target" if least is None else f"costs {share(least, full)} or more"


def _caption(one: Entrant, *, trained: bool) -> str:
    if one.groups is None:
        return "Every patch of the region that the models see."
    if trained and one.key not in ("target", "guidance"):
        return "Each patch is drawn with the token that takes most of it; in truth tokens share."
    if any("merged" in words or "fused" in words for words, _ in one.steps):
        return "Patches that share a token have one colour and a common border; dropped ones fade."
    return "Dropped patches fade and are hatched, the more the earlier they went."


def _place(still: Still, places: Places, block: int, ranker: str, large: Large) -> str:
    depth = still.depth
    one = places.found.get((ranker, block))
    title = f"{RANKERS[ranker]}, {depth_words(block, depth)}"
    if one is not None:
        return place_html(
            title, large(still, one), one.answer, still.full,
            one.left or 0, still.grid.num_patches, one.macs, one.guide, still.full_macs,
            still.truth,
        )  # fmt: skip
    if ranker == "attention" and block == 0:
        why = "At the input no block has attended to anything yet; choose a later place."
    else:
        least = share(places.least[block], still.full_macs)
        open_to = [at for at, keep in enumerate(places.keeps) if keep is not None]
        until = depth_words(max(open_to), depth) if open_to else "nowhere"
        why = (
            f"Too dear: even with one patch going on it costs {least} of the full target. At this "
            f"level the last place is {until}."
        )
    return f'<div class="cp-place"><h3>{escape(title)}</h3><p class="td-honest">{why}</p></div>'
