"""Running what the Compare page lacks, and remembering a bounded number of pictures and levels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from PIL import Image

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import TinyDropError
from tinydrop.models.pairs import Student, bundled_students, load_student
from tinydrop.models.reduction import drop_plan, plan_macs, why_not_reducible
from tinydrop.pipeline import Guide, TinyDrop
from tinydrop.studies.comparison import (
    METHODS,
    budget_of,
    contend,
    costed_plans,
    duel,
    place_within,
    plan_within,
    slim,
)
from tinydrop.ui.compare.known import Known, KnownPicture, KnownPlaces, MethodRun, student_run
from tinydrop.ui.compare.tokens import tokens_image
from tinydrop.ui.compare.words import RANKERS
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.markup import data_uri
from tinydrop.ui.kit.samples import known_truth
from tinydrop.ui.kit.texts import BUSY

TILE_SIDE, LARGE_SIDE = 128, 384
SLICE_SECONDS = 0.4
"""What is missing is run in slices of this length, so that nobody holds the models for long."""
Key = tuple[str, str]
_Work = tuple[str, str, int, str]


class Maker:
    """Makes what is known of a wish; holds only bounded small pictures and answers."""

    def __init__(
        self,
        looks: LookMaker,
        students: Sequence[Path] | None = None,
        seconds: float = SLICE_SECONDS,
    ) -> None:
        """Take the maker of looks, where the bundled pair's students lie, and a run's longest time.

        Without ``students`` they are those that come with the project.
        """
        self.looks = looks
        self._seconds = seconds
        self._lock = threading.Lock()
        self._working: BoundedCache[_Work, Iterator[None]] = BoundedCache(32)
        self._steps: BoundedCache[_Work, int] = BoundedCache(64)
        self._folders = tuple(bundled_students() if students is None else students)
        self._pictures: BoundedCache[Key, KnownPicture] = BoundedCache(32)
        self._levels: BoundedCache[tuple[str, str, int], Known] = BoundedCache(256)
        self._places: BoundedCache[tuple[str, str, int], KnownPlaces] = BoundedCache(256)
        self._large: BoundedCache[MethodRun, str] = BoundedCache(256)

    @cached_property
    def students(self) -> tuple[Student, ...]:
        """The students of the bundled pair whose folders are there and fit; read once."""
        pair, found = self.looks.pipeline(BUNDLED).pair, []
        for folder in self._folders:
            if folder.is_dir():
                try:
                    found.append(load_student(folder, pair))
                except TinyDropError:  # of another pair or damaged: the others still stand
                    continue
        return tuple(found)

    def picture(self, look: Look) -> KnownPicture | None:
        """Return what only another picture changes; None before ``run``."""
        return self._pictures.get(_key(look))

    def known(self, look: Look, level: int) -> Known | None:
        """Return every method at a level; None before ``run``."""
        return self._levels.get((*_key(look), level))

    def places(self, look: Look, level: int) -> KnownPlaces | None:
        """Return every place to drop at a level; None before ``run`` went so far."""
        return self._places.get((*_key(look), level))

    def large(self, picture: KnownPicture, one: MethodRun) -> str:
        """Return what became of the patches, large, as a data address; drawn once."""
        known = self._large.get(one)
        if known is None:
            known = data_uri(_draw(picture, one), "JPEG")
            self._large.put(one, known)
        return known

    def missing(self, look: Look, level: int) -> tuple[str, ...]:
        """Return what ``run`` would run next, and after it: the methods come before the places."""
        there = (
            ("methods", self.picture(look) is not None and self.known(look, level) is not None),
            ("places", self.places(look, level) is not None),
        )
        return tuple(name for name, known in there if not known)

    def progress(self, look: Look, level: int) -> str:
        """Return what changes with every ``run`` that is not the last one."""
        missing = self.missing(look, level)
        steps = self._steps.get((*_key(look), level, missing[0])) if missing else 0
        return f"{len(missing)}-{steps or 0}"

    def run(self, look: Look, level: int, hurry: Callable[[], bool] = lambda: False) -> None:
        """Run a slice of the next of what is missing; at least one step of it.

        Args:
            look: picture and pair.
            level: 1 to 16.
            hurry: asked after every step whether somebody else waits.

        Raises:
            PictureError: if the picture cannot be used.
            TinyDropError: if a model cannot run.
        """
        wanted = self.missing(look, level)
        if not wanted:
            return
        self.looks.guide(look)
        found = self.looks.ranking(look)
        if found is None:
            return
        drop, guide, _ = found
        key = (*_key(look), level, wanted[0])
        with self._lock:
            work = self._working.get(key)
            if work is None:
                make = self._method_steps if wanted[0] == "methods" else self._place_steps
                work = make(look, level, drop, guide)
                self._working.put(key, work)
            self._work(key, work, hurry)

    def _work(self, key: _Work, work: Iterator[None], hurry: Callable[[], bool]) -> None:
        """Go on with a work until it is over, its slice is, or somebody waits."""
        end = time.monotonic() + self._seconds
        try:
            for _ in work:
                self._steps.put(key, (self._steps.get(key) or 0) + 1)
                if time.monotonic() > end or hurry():
                    return
        except Exception:
            self._working.drop(key)
            raise
        self._working.drop(key)

    def _method_steps(self, look: Look, level: int, drop: TinyDrop, guide: Guide) -> Iterator[None]:
        picture = self.picture(look)
        if picture is None:
            picture = self._make_picture(look, drop, guide)
            self._pictures.put(_key(look), picture)
            yield
        if self.known(look, level) is None:
            known = yield from _known(drop, guide, picture, level)
            self._levels.put((*_key(look), level), known)

    def _place_steps(self, look: Look, level: int, drop: TinyDrop, guide: Guide) -> Iterator[None]:
        places = yield from _places(drop, guide, level)
        self._places.put((*_key(look), level), places)

    def _make_picture(self, look: Look, drop: TinyDrop, guide: Guide) -> KnownPicture:
        self.looks.classify(look, None)
        full = self.looks.known_answer(look, None)
        if full is None:
            raise TinyDropError(BUSY)
        spec = drop.pair.target.spec
        grid, everything = spec.grid, spec.grid.num_patches
        whole = budget_of(spec, BUDGET_LEVELS)
        yardsticks = (
            MethodRun("target", full, whole, blocks=(everything,) * spec.depth, left=everything),
            MethodRun("guidance", guide.answer, 0, drop.cost(0).guidance),
        )
        slims = tuple(slim(one.model, drop, guide) for one in self.students)
        students = tuple(
            student_run(student, one) for student, one in zip(self.students, slims, strict=True)
        )
        unit = max(4, LARGE_SIDE // max(grid.rows, grid.cols))
        crop = guide.view.crop(guide.picture, 2 * LARGE_SIDE).resize(
            (grid.cols * unit, grid.rows * unit), Image.Resampling.LANCZOS
        )
        small = _small(crop, grid.rows, grid.cols)
        plain = data_uri(small, "JPEG")
        picture = KnownPicture(crop, grid, spec.depth, yardsticks, students, slims, {})
        pictures = {one.key: plain for one in yardsticks}
        pictures |= {one.key: data_uri(_draw(picture, one, small), "JPEG") for one in students}
        truth = known_truth(look.sample, drop.pair)
        return replace(picture, pictures=pictures, truth=truth)


def _draw(picture: KnownPicture, one: MethodRun, crop: Image.Image | None = None) -> Image.Image:
    """Return what became of a picture's patches under a method, as large as the crop."""
    crop, grid = crop or picture.crop, picture.grid
    if one.groups is None or one.blocks_run is None:
        return crop
    cell = crop.width // grid.cols
    return tokens_image(crop, grid, one.groups, one.blocks_run, picture.depth, cell=cell)


def _small(crop: Image.Image, rows: int, cols: int) -> Image.Image:
    cell = max(4, TILE_SIDE // max(rows, cols))
    return crop.resize((cols * cell, rows * cell), Image.Resampling.LANCZOS)


def _known(
    drop: TinyDrop, guide: Guide, picture: KnownPicture, level: int
) -> Generator[None, None, Known]:
    spec = drop.pair.target.spec
    budget = budget_of(spec, level)
    methods, absent, pictures = {}, {}, {}
    small = _small(picture.crop, picture.grid.rows, picture.grid.cols)
    for name in METHODS:
        plan = plan_within(spec, name, budget)
        if plan is not None and why_not_reducible(drop.pair.target, plan) is None:
            (one,) = map(MethodRun.of, duel(drop, guide, budget, (name,)))
            methods[name] = one
            pictures[name] = data_uri(_draw(picture, one, small), "JPEG")
        else:
            plans = costed_plans(spec, name)
            absent[name] = plans[0][0] if plans and plans[0][0] > budget else None
        yield
    return Known(level, budget, methods, absent, pictures)


def _places(drop: TinyDrop, guide: Guide, level: int) -> Generator[None, None, KnownPlaces]:
    spec = drop.pair.target.spec
    budget, patches = budget_of(spec, level), spec.grid.num_patches
    keeps: list[int | None] = []
    found = {}
    for block in range(spec.depth):
        plan = place_within(spec, block, budget)
        keeps.append(None if plan is None else plan.blocks[-1].mlp)
        for ranker in RANKERS:
            by = "attention" if ranker == "attention" else "order"
            own = place_within(spec, block, budget, by)
            if own is not None:
                selector = None if by == "attention" else ranker
                one = contend(drop, guide, ranker, own, selector=selector)
                found[ranker, block] = MethodRun.of(one)
                yield
    least = tuple(
        plan_macs(spec, drop_plan(patches, spec.depth, 1, block)).total
        for block in range(spec.depth)
    )
    return KnownPlaces(budget, tuple(keeps), least, found)


def _key(look: Look) -> Key:
    return look.source, look.pair
