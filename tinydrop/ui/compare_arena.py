"""Running what the Compare page lacks, and remembering a bounded number of pictures and levels."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from PIL import Image

from tinydrop.budget import BUDGET_LEVELS
from tinydrop.comparison import METHODS, budget_of, contend, costed_plans, duel, place_within, slim
from tinydrop.errors import TinyDropError
from tinydrop.pairs import Student, bundled_students, load_student
from tinydrop.pipeline import Guide, TinyDrop
from tinydrop.reduction import drop_plan, plan_macs
from tinydrop.ui.cache import BoundedCache
from tinydrop.ui.compare_bout import Bout, Entrant, Places, Still, student_entrant
from tinydrop.ui.look import BUNDLED, Look
from tinydrop.ui.studio import Studio
from tinydrop.views.compare_tokens import tokens_image
from tinydrop.views.compare_words import RANKERS
from tinydrop.views.markup import data_uri

__all__ = ["Arena"]

TILE_SIDE, LARGE_SIDE = 128, 384
Key = tuple[str, str]


class Arena:
    """Bouts over one studio; holds nothing of a visitor but bounded small pictures and answers."""

    def __init__(self, studio: Studio, students: Sequence[Path] | None = None) -> None:
        """Take the studio and where the students of its bundled pair lie, if they are there.

        Without ``students`` they are those that come with the project.
        """
        self.studio = studio
        self._folders = tuple(bundled_students() if students is None else students)
        self._stills: BoundedCache[Key, Still] = BoundedCache(32)
        self._bouts: BoundedCache[tuple[str, str, int], Bout] = BoundedCache(256)
        self._places: BoundedCache[tuple[str, str, int], Places] = BoundedCache(256)
        self._large: BoundedCache[Entrant, str] = BoundedCache(256)

    @cached_property
    def students(self) -> tuple[Student, ...]:
        """The students of the bundled pair whose folders are there and fit; read once."""
        pair, found = self.studio.pipeline(BUNDLED).pair, []
        for folder in self._folders:
            if folder.is_dir():
                try:
                    found.append(load_student(folder, pair))
                except TinyDropError:  # of another pair or damaged: the others still stand
                    continue
        return tuple(found)

    def still(self, look: Look) -> Still | None:
        """Return what only another picture changes; None before ``run``."""
        return self._stills.get(_key(look))

    def bout(self, look: Look, level: int) -> Bout | None:
        """Return every method at a level; None before ``run``."""
        return self._bouts.get((*_key(look), level))

    def places(self, look: Look, level: int) -> Places | None:
        """Return every place to drop at a level; None before ``run`` went so far."""
        return self._places.get((*_key(look), level))

    def large(self, still: Still, one: Entrant) -> str:
        """Return what became of the patches, large, as a data address; drawn once."""
        known = self._large.get(one)
        if known is None:
            known = data_uri(_draw(still, one), "JPEG")
            self._large.put(one, known)
        return known

    def missing(self, look: Look, level: int) -> tuple[str, ...]:
        """Return what ``run`` would run next, and after it: the bout comes before the places."""
        there = (
            ("bout", self.still(look) is not None and self.bout(look, level) is not None),
            ("places", self.places(look, level) is not None),
        )
        return tuple(name for name, known in there if not known)

    def run(self, look: Look, level: int) -> None:
        """Run the next of what is missing.

        Raises:
            PictureError: if the picture cannot be used.
            TinyDropError: if a model cannot run.
        """
        wanted = self.missing(look, level)
        if not wanted:
            return
        self.studio.guide(look)
        found = self.studio.ranking(look)
        if found is None:
            return
        drop, guide, _ = found
        key = (*_key(look), level)
        if wanted[0] == "bout":
            still = self.still(look)
            if still is None:
                still = self._make_still(look, drop, guide)
                self._stills.put(_key(look), still)
            if self.bout(look, level) is None:
                self._bouts.put(key, _bout(drop, guide, still, level))
        else:
            self._places.put(key, _places(drop, guide, level))

    def _make_still(self, look: Look, drop: TinyDrop, guide: Guide) -> Still:
        self.studio.classify(look, None)
        full = self.studio.known(look, None)
        if full is None:
            raise TinyDropError("The app is very busy with other pictures; try again in a moment.")
        spec = drop.pair.target.spec
        grid, everything = spec.grid, spec.grid.num_patches
        whole = budget_of(spec, BUDGET_LEVELS)
        yardsticks = (
            Entrant("target", full, whole, blocks=(everything,) * spec.depth, left=everything),
            Entrant("guidance", guide.answer, 0, drop.cost(0).guidance),
        )
        slims = tuple(slim(one.model, drop, guide) for one in self.students)
        students = tuple(
            student_entrant(student, one) for student, one in zip(self.students, slims, strict=True)
        )
        unit = max(4, LARGE_SIDE // max(grid.rows, grid.cols))
        crop = guide.view.crop(guide.picture, 2 * LARGE_SIDE).resize(
            (grid.cols * unit, grid.rows * unit), Image.Resampling.LANCZOS
        )
        small = _small(crop, grid.rows, grid.cols)
        plain = data_uri(small, "JPEG")
        still = Still(crop, grid, spec.depth, yardsticks, students, slims, {})
        pictures = {one.key: plain for one in yardsticks}
        pictures |= {one.key: data_uri(_draw(still, one, small), "JPEG") for one in students}
        return Still(crop, grid, spec.depth, yardsticks, students, slims, pictures)


def _draw(still: Still, one: Entrant, crop: Image.Image | None = None) -> Image.Image:
    """Return what became of a picture's patches under an entrant, as large as the crop."""
    crop, grid = crop or still.crop, still.grid
    if one.groups is None or one.blocks_run is None:
        return crop
    cell = crop.width // grid.cols
    return tokens_image(crop, grid, one.groups, one.blocks_run, still.depth, cell=cell)


def _small(crop: Image.Image, rows: int, cols: int) -> Image.Image:
    cell = max(4, TILE_SIDE // max(rows, cols))
    return crop.resize((cols * cell, rows * cell), Image.Resampling.LANCZOS)


def _bout(drop: TinyDrop, guide: Guide, still: Still, level: int) -> Bout:
    spec = drop.pair.target.spec
    budget = budget_of(spec, level)
    methods = {one.method: Entrant.of(one) for one in duel(drop, guide, budget)}
    absent = {}
    for name in METHODS:
        if name not in methods:
            plans = costed_plans(spec, name)
            absent[name] = plans[0][0] if plans and plans[0][0] > budget else None
    small = _small(still.crop, still.grid.rows, still.grid.cols)
    pictures = {name: data_uri(_draw(still, one, small), "JPEG") for name, one in methods.items()}
    return Bout(level, budget, methods, absent, pictures)


def _places(drop: TinyDrop, guide: Guide, level: int) -> Places:
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
                found[ranker, block] = Entrant.of(one)
    least = tuple(
        plan_macs(spec, drop_plan(patches, spec.depth, 1, block)).total
        for block in range(spec.depth)
    )
    return Places(budget, tuple(keeps), least, found)


def _key(look: Look) -> Key:
    return look.source, look.pair
