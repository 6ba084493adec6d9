"""What the pages ask for: pairs, pictures and answers, each computed once and kept for a while.

No gradio in here. A ``Look`` says what a visitor wants to see; ``known`` shows as much of it as is
known without running a model; ``guide`` and ``answer`` run the models that are missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinydrop.core.errors import PictureError, TinyDropError
from tinydrop.core.results import Answer
from tinydrop.core.selection import select_tokens
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.data import Picture, View, open_picture
from tinydrop.models.pairs import SHIPPED, load_pair
from tinydrop.pipeline import Guide, Selected, TinyDrop
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.known import KnownLook
from tinydrop.ui.kit.look import BUNDLED, Look

UPLOAD_GONE = (
    "The uploaded picture is no longer here, since uploads are kept for an hour; upload it again."
)
MAX_PICTURE_BYTES = 75e6
"""Of decoded pictures that are held; one that had to go is decoded again."""
DECODED_AT_ONCE = 2
LET_GO = (
    "The pair {pair} is no longer held here, because another visitor chose another one; choose it "
    "again in the menu."
)
Progress = Callable[[str, float], None]


class LookMaker:
    """At most two pairs, and a bounded number of guided pictures and answers."""

    def __init__(self, load: Callable[[str, Progress | None], TinyDrop] | None = None) -> None:
        """Load the bundled pair; ``load`` makes a pipeline from a pair's name and a progress."""
        self._load = load or _load
        self._lock = threading.Lock()
        self._bundled = self._load(BUNDLED, None)
        self._other: TinyDrop | None = None
        self._guides: BoundedCache[tuple[str, str], Guide] = BoundedCache(
            32, MAX_PICTURE_BYTES, lambda guide: 3.0 * guide.picture.size[0] * guide.picture.size[1]
        )
        self._pictures: BoundedCache[str, Picture] = BoundedCache(
            4, MAX_PICTURE_BYTES / 3, lambda one: 3.0 * one.size[0] * one.size[1]
        )
        self._decoding = threading.Semaphore(DECODED_AT_ONCE)
        self._ranked: BoundedCache[tuple[str, str, str], Selected] = BoundedCache(256)
        self._failed: BoundedCache[Look, Look] = BoundedCache(64)
        self._answers: BoundedCache[tuple[str, str, str, str], Answer] = BoundedCache(512)

    def pipeline(self, pair: str, progress: Progress | None = None) -> TinyDrop:
        """Return the pipeline of a pair, loading it where needed.

        Only one pair beside the bundled one is held; loading another lets the last one go.

        Raises:
            TinyDropError: if its weights are not to be had; the pairs that are held stay.
        """
        held = self._held(pair)
        if held is not None:
            return held
        with self._lock:
            if self._other is None or self._other.pair.name != pair:
                self._other = self._load(pair, progress)
            return self._other

    def ready(self, pair: str) -> bool:
        """Return whether a pair is to be had at once: it is held, or lies here and is small."""
        return pair in SHIPPED or self._held(pair) is not None

    def at_once(self, pair: str) -> TinyDrop:
        """Return the pipeline of a pair that is to be had at once.

        Raises:
            TinyDropError: if it would have to be loaded, which is heavy work.
        """
        if not self.ready(pair):
            raise TinyDropError(LET_GO.format(pair=pair))
        return self.pipeline(pair)

    def _held(self, pair: str) -> TinyDrop | None:
        """Return the pipeline of a pair that is in memory, or None: nothing is loaded."""
        other = self._other
        if pair == BUNDLED:
            return self._bundled
        return other if other is not None and other.pair.name == pair else None

    def arrive(self, look: Look) -> tuple[Picture, View]:
        """Return a look's picture and what the models will see of it; no model runs.

        Raises:
            PictureError: if the picture cannot be used.
            TinyDropError: if the pair is not held.
        """
        spec = self.at_once(look.pair).pair.target.spec
        picture = self._opened(look)
        return picture, View(picture.image.size, spec.input)

    def _opened(self, look: Look) -> Picture:
        known = self._pictures.get(look.source)
        if known is None:
            if look.sample is None and not Path(look.source).is_file():
                raise PictureError(UPLOAD_GONE)
            with self._decoding:  # many at once would need much memory
                known = open_picture(Path(look.source), look.name)
            self._pictures.put(look.source, known)
        return known

    def guide(self, look: Look) -> None:
        """Run the guidance and the saliency of a look, unless they are known.

        Raises:
            PictureError: if the picture cannot be used.
            TinyDropError: if the pair is not held.
        """
        pipeline = self.at_once(look.pair)
        key = (look.source, look.pair)
        guide = self._guides.get(key)
        if guide is None:
            picture = self._opened(look)
            guide = pipeline.guide(picture)
            self._guides.put(key, guide)
        if self._ranked.get((*key, look.selector)) is None:
            everything = pipeline.pair.target.spec.grid.num_patches
            self._ranked.put(
                (*key, look.selector), pipeline.select(guide, everything, look.selector)
            )

    def advance(self, look: Look) -> None:
        """Run the next of what is missing: guidance and saliency, or else the target.

        The page can show the first while the second still runs. A failure is remembered as in
        ``answer``.
        """
        if self.ranking(look) is not None:
            self.answer(look)
            return
        try:
            self.guide(look)
        except Exception:
            self._failed.put(look, look)
            raise

    def answer(self, look: Look) -> None:
        """Run whatever is missing of a look: guidance, saliency, pruned target, full target.

        A failure is remembered until the next success, so that the page can say so instead of
        asking again and again.
        """
        try:
            self._answer(look)
        except Exception:
            self._failed.put(look, look)
            raise
        self._failed.clear()

    def failed(self, look: Look) -> bool:
        """Return whether ``answer`` failed for this very look not long ago."""
        return self._failed.get(look) is not None

    def forget_failure(self, look: Look) -> None:
        """Let a look that failed be tried again: somebody asked for it anew."""
        self._failed.drop(look)

    def _answer(self, look: Look) -> None:
        self.guide(look)
        known = self.known(look)
        if known is None:
            return
        pipeline = self.at_once(look.pair)
        selection = known.result.selection
        wanted: list[TokenSelection | None] = [None] if selection is None else [selection, None]
        for one in wanted:
            if self.known_answer(look, one) is None:
                self._answers.put(_answer_key(look, one), pipeline.classify(known.guide, one))

    def ranking(self, look: Look) -> tuple[TinyDrop, Guide, Selected] | None:
        """Return a look's pipeline, its guided picture and its selector's ranking, if known."""
        guide = self._guides.get((look.source, look.pair))
        ranked = self._ranked.get((look.source, look.pair, look.selector))
        pipeline = self._held(look.pair)
        if guide is None or ranked is None or pipeline is None:
            return None
        return pipeline, guide, ranked

    def known_answer(
        self, look: Look, selection: TokenSelection | None, positions: str = "right"
    ) -> Answer | None:
        """Return the target's answer on a kept set (None: every patch), if it ran before."""
        return self._answers.get(_answer_key(look, selection, positions))

    def classify(
        self, look: Look, selection: TokenSelection | None, positions: str = "right"
    ) -> None:
        """Run the target once on a kept set of a guided picture, unless its answer is known.

        Raises:
            SettingError: if the target cannot run with these positions.
        """
        found = self.ranking(look)
        if found is None or self.known_answer(look, selection, positions) is not None:
            return
        pipeline, guide, _ = found
        answer = pipeline.classify(guide, selection, positions=positions)
        self._answers.put(_answer_key(look, selection, positions), answer)

    def known(self, look: Look) -> KnownLook | None:
        """Return what is known of a look without running a model; None before ``guide``.

        Raises:
            SettingError: if forcing patches out leaves none.
        """
        found = self.ranking(look)
        if found is None:
            return None
        pipeline, guide, ranked = found
        grid = pipeline.pair.target.spec.grid
        budget = pipeline.decide(guide, look.setting)
        selected: Selected | None = None
        toggled: tuple[int, ...] = ()
        if not budget.exited:
            selected, toggled = _kept(ranked, grid, budget.num_keep, look)
        selection = None if selected is None else selected.selection
        target = None if selection is None else self.known_answer(look, selection)
        result = pipeline.assemble(
            guide,
            look.setting,
            look.selector,
            selected,
            target=target,
            full=self.known_answer(look, None),
        )
        key = "-".join(_answer_key(look, selection))
        return KnownLook(
            look=look,
            guide=guide,
            grid=grid,
            budget=budget,
            saliency=ranked.saliency,
            order=ranked.order,
            toggled=toggled,
            result=result,
            key=key,
            pair=pipeline.pair,
        )


def _load(pair: str, progress: Progress | None) -> TinyDrop:
    return TinyDrop(load_pair(pair, progress))


def _kept(
    ranked: Selected, grid: PatchGrid, num_keep: int, look: Look
) -> tuple[Selected, tuple[int, ...]]:
    """Return the first K patches of a ranking with the forced ones, and which ones differ."""
    selection = ranked.selection
    if ranked.order is not None:
        selection = select_tokens(ranked.order, grid, num_keep, look.selector)
    mask = selection.token_mask
    toggled = tuple(
        sorted(
            [p for p in look.forced_in if not mask[_inside(p, grid)]]
            + [p for p in look.forced_out if mask[_inside(p, grid)]]
        )
    )
    warnings = ranked.warnings
    if toggled:
        many = "1 patch was" if len(toggled) == 1 else f"{len(toggled)} patches were"
        warnings += (f"{many} forced in or out by hand.",)
    return replace(ranked, selection=selection.forced(toggled), warnings=warnings), toggled


def _inside(patch: int, grid: PatchGrid) -> int:
    grid.position(patch)  # refuses a patch outside the grid
    return patch


def _answer_key(
    look: Look, selection: TokenSelection | None, positions: str = "right"
) -> tuple[str, str, str, str]:
    kept = "all"
    if selection is not None and selection.num_keep < selection.grid.num_patches:
        kept = np.packbits(selection.token_mask).tobytes().hex()
    return (look.source, look.pair, kept, positions)
