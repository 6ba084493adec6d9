"""What happens on each event of the Compare page: short steps, and their errors as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError
from tinydrop.studies.comparison import METHODS, budget_of
from tinydrop.ui.compare import fragments
from tinydrop.ui.compare.known import Known, KnownPicture
from tinydrop.ui.compare.maker import Maker
from tinydrop.ui.compare.wish import Wish
from tinydrop.ui.compare.words import RANKERS
from tinydrop.ui.kit.fragments import seen_in
from tinydrop.ui.kit.lanes import QUICK_LANE, Crowd
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.page import PictureEvents, Updates, level_of, wish_key
from tinydrop.ui.kit.samples import Sample, find_sample
from tinydrop.ui.kit.stage import picture_layer

ARRIVING_SIDE = 384

START_LEVEL = 8
Values = tuple[Any, Any, Any]
"""Level, blocks before the drop and ranker, as the controls send them."""


class Compare(PictureEvents):
    """The page's events over one maker of looks; holds nothing of a visitor."""

    page = "the Compare page"

    def __init__(
        self,
        looks: LookMaker,
        samples: Sequence[Sample],
        maker: Maker | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        """Take the maker of looks and who waits; without a maker, one over the bundled students."""
        super().__init__(looks, samples, crowd)
        self.maker = maker or Maker(looks)

    @property
    def depth(self) -> int:
        """D, the blocks of the bundled target."""
        return self.looks.pipeline(BUNDLED).pair.target.spec.depth

    def open(self, wish: Wish | None, explored: Look, *values: Any) -> Updates:
        """Fill the page when it is first shown, with the picture that is on Explore's stage.

        How sure the guidance is follows the temperature on Explore, whenever the page is shown.
        """
        if wish is not None:
            return self._at(wish, explored, values)

        def work() -> Updates:
            setting = self.looks.pipeline(BUNDLED).pair.setting
            look = Look(explored.source, explored.name, explored.sample, BUNDLED, setting)
            look = _at_temperature(look, explored)
            return self._staged(Wish(look), values) | {"gallery": self.gallery}

        return self.answered(work)

    def slide(self, wish: Wish | None, *values: Any) -> Updates:
        """Follow the level, without a model: what is not known yet is asked for."""
        return self.about(wish, lambda wish: self._levelled(wish, values))

    def choose(self, wish: Wish | None, key: str, *values: Any) -> Updates:
        """Show another method large."""

        def work(wish: Wish) -> Updates:
            level = level_of(values[0])
            picture, known = self.maker.picture(wish.look), self.maker.known(wish.look, level)
            if picture is None or known is None:
                return {}
            beside = {one.key for one in (*picture.yardsticks, *picture.students)}
            if key not in METHODS and key not in beside:
                raise SettingError(f"There is no method {key[:40]!r}; choose one of the tiles.")
            new = replace(wish, opened=key)
            return {"wish": new, "open": self._opened(picture, known, new)}

        return self.about(wish, work)

    def place(self, wish: Wish | None, *values: Any) -> Updates:
        """Show another place to drop, or another ranker."""
        return self.about(wish, lambda wish: self._placed(wish, values), quiet=True)

    def pick(self, wish: Wish | None, name: str, *values: Any) -> Updates:
        """Take a sample."""

        def work(wish: Wish) -> Updates:
            sample = find_sample(self.samples, name)
            look = replace(
                wish.look,
                source=str(sample.path), name=sample.path.name, sample=sample.name,
            )  # fmt: skip
            return self._staged(replace(wish, look=look), values)

        return self.about(wish, work)

    def upload(self, wish: Wish | None, upload: tuple[str, str] | None, *values: Any) -> Updates:
        """Take the visitor's picture; on a bad one the last one stays."""

        def work(wish: Wish) -> Updates:
            if upload is None:
                return {}
            path, name = upload
            look = replace(wish.look, source=path, name=name, sample=None)
            return self._staged(replace(wish, look=look), values)

        return self.about(wish, work)

    def run(self, wish: Wish | None, *values: Any) -> Updates:
        """Run the next of what is missing: the chained ``settle`` then shows it."""

        def work(wish: Wish) -> Updates:
            self.maker.run(wish.look, level_of(values[0]), self.hurry)
            return {"failed": 0}

        def failed(wish: Wish) -> Updates:
            return {"failed": wish_key(wish.look, values[0])}

        return self.about(wish, work, failed, quiet=True)

    def settle(
        self, wish: Wish | None, failed: Any, *values: Any, staged: str | None = None
    ) -> Updates:
        """Show what is known after a run, without running anything.

        Args:
            wish: the wish.
            failed: names the wish that failed, if one did.
            values: the controls.
            staged: the picture that the page is about, all of it; None where it is not asked for.
        """

        def work(wish: Wish) -> Updates:
            stopped = failed == wish_key(wish.look, values[0])
            moved = self._levelled(wish, values, stopped=stopped)
            picture = self.maker.picture(wish.look)
            if "tiles" not in moved or picture is None or staged in (None, wish.look.source):
                return moved
            return moved | self._about(wish, picture)

        return self.about(wish, work, quiet=True)

    @property
    def _words(self) -> dict[str, str]:
        return {one.card.name: one.card.words for one in self.maker.students}

    def _staged(self, wish: Wish, values: Values | tuple[Any, ...]) -> Updates:
        """Return the whole page for another picture, its methods included."""
        look, level = wish.look, level_of(values[0])
        sample = self.sample_of(look)
        picture = self.maker.picture(look)
        opened, view = self.looks.arrive(look)
        if picture is not None and self.maker.known(look, level) is not None:
            return self._levelled(wish, values) | self._about(wish, picture)
        photo = picture_layer(view.crop(opened, ARRIVING_SIDE), seen_in(look, sample))
        shown = fragments.arriving_parts(wish, photo, sample) | self._levelled(wish, values)
        return {**shown, "wish": wish, "staged": ""}

    def _about(self, wish: Wish, picture: KnownPicture) -> Updates:
        """Return what only another picture changes."""
        look = wish.look
        sample = self.sample_of(look)
        after = {one.card.name: one.card.plan.after for one in self.maker.students}
        about = fragments.picture_parts(picture, wish, sample, self._words, after)
        return {**about, "wish": wish, "staged": look.source}

    def _levelled(
        self, wish: Wish, values: Values | tuple[Any, ...], *, stopped: bool = False
    ) -> Updates:
        """Return what the level moves, as far as it is known."""
        look, level = wish.look, level_of(values[0])
        spec = self.looks.pipeline(BUNDLED).pair.target.spec
        budget, full = budget_of(spec, level), budget_of(spec, BUDGET_LEVELS)
        allowed = {"cost": fragments.cost(level, budget, full, spec.grid.num_patches)}
        picture, known = self.maker.picture(look), self.maker.known(look, level)
        key = f"{wish_key(wish.look, level)}-{self.maker.progress(look, level)}"
        if picture is None or known is None:
            ahead = self.crowd.behind(QUICK_LANE)
            return {**allowed, **fragments.waiting_parts(wish, key, ahead, stopped=stopped)}
        missing = self.maker.missing(look, level)
        return {
            **allowed,
            **fragments.level_parts(picture, known, wish, self._words, self.maker.large),
            **self._placed(wish, values, stopped=stopped),
            "ask": fragments.ask(wish, key, missing, stopped=stopped),
        }

    def _placed(
        self, wish: Wish, values: Values | tuple[Any, ...], *, stopped: bool = False
    ) -> Updates:
        level, chosen = level_of(values[0]), _place(values[1:], self.depth)
        picture, places = self.maker.picture(wish.look), self.maker.places(wish.look, level)
        if picture is None:
            return {}
        return {
            **fragments.place(picture, places, chosen, level, self.maker.large, stopped=stopped)
        }

    def _at(self, wish: Wish, explored: Look, values: tuple[Any, ...]) -> Updates:
        """Return the page at the temperature of Explore; nothing where it stands there already."""
        new = replace(wish, look=_at_temperature(wish.look, explored))
        if new == wish:
            return {}
        return self.answered(lambda: {"wish": new} | self._levelled(new, values), quiet=True)

    def _opened(self, picture: KnownPicture, known: Known, wish: Wish) -> str:
        return fragments.opened(picture, known, wish, self._words, self.maker.large)


def _at_temperature(look: Look, explored: Look) -> Look:
    """Return the look at the temperature of Explore's, which belongs to Explore's pair."""
    if explored.pair != look.pair:
        return look
    setting = replace(look.setting, temperature=explored.setting.temperature)
    return replace(look, setting=setting)


def _place(values: Sequence[Any], depth: int) -> tuple[int, str]:
    """Return blocks and ranker as the controls send them.

    Raises:
        SettingError: if they are not such.
    """
    block, ranker = values
    try:
        number = int(block)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number < depth:
        raise SettingError(f"A drop comes after 0 to {depth - 1} blocks, got {block!r}.")
    if ranker not in RANKERS:
        raise SettingError(f"Patches are ranked by {', '.join(RANKERS)}, got {ranker!r}.")
    return number, str(ranker)
