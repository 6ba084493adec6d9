"""What happens on each event of the Compare page: short steps, and their errors as sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError
from tinydrop.studies.comparison import METHODS, budget_of
from tinydrop.ui.compare import frames
from tinydrop.ui.compare.arena import Arena
from tinydrop.ui.compare.bout import Bout, Contest, Still
from tinydrop.ui.compare.words import RANKERS
from tinydrop.ui.kit.answering import Updates, level_of, told
from tinydrop.ui.kit.frames import gallery
from tinydrop.ui.kit.lanes import QUICK_LANE, Crowd, Idle
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.samples import Sample, find_sample
from tinydrop.ui.kit.stage import picture_layer
from tinydrop.ui.kit.studio import Studio

PAGE = "the Compare page"
ARRIVING_SIDE = 384

START_LEVEL = 8
Values = tuple[Any, Any, Any]
"""Level, blocks before the drop and ranker, as the controls send them."""


class Compare:
    """The page's events over one studio; holds nothing of a visitor."""

    def __init__(
        self,
        studio: Studio,
        samples: Sequence[Sample],
        arena: Arena | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        """Take the studio and who waits; without an arena, one over the bundled students."""
        self.studio = studio
        self.crowd = crowd or Idle()
        self.samples = samples
        self.arena = arena or Arena(studio)

    @property
    def depth(self) -> int:
        """D, the blocks of the bundled target."""
        return self.studio.pipeline(BUNDLED).pair.target.spec.depth

    def open(self, contest: Contest | None, explored: Look, *values: Any) -> Updates:
        """Fill the page when it is first shown, with the picture that is on Explore's stage.

        How sure the guidance is follows the temperature on Explore, whenever the page is shown.
        """
        if contest is not None:
            return self._at(contest, explored, values)

        def work() -> Updates:
            setting = self.studio.pipeline(BUNDLED).pair.setting
            look = Look(explored.source, explored.name, explored.sample, BUNDLED, setting)
            look = _at_temperature(look, explored)
            return self._staged(Contest(look), values) | {"gallery": self._gallery}

        return told(lambda: {"message": ""} | work(), PAGE)

    def slide(self, contest: Contest | None, *values: Any) -> Updates:
        """Follow the level, without a model: what is not known yet is asked for."""
        return self._known(contest, lambda wish: self._levelled(wish, values))

    def choose(self, contest: Contest | None, key: str, *values: Any) -> Updates:
        """Show another method large."""

        def work(contest: Contest) -> Updates:
            level = level_of(values[0])
            still, bout = self.arena.still(contest.look), self.arena.bout(contest.look, level)
            if still is None or bout is None:
                return {}
            beside = {one.key for one in (*still.yardsticks, *still.students)}
            if key not in METHODS and key not in beside:
                raise SettingError(f"There is no method {key[:40]!r}; choose one of the tiles.")
            new = replace(contest, opened=key)
            return {"contest": new, "open": self._opened(still, bout, new)}

        return self._known(contest, work)

    def place(self, contest: Contest | None, *values: Any) -> Updates:
        """Show another place to drop, or another ranker."""
        return self._known(contest, lambda wish: self._placed(wish, values), quiet=True)

    def pick(self, contest: Contest | None, name: str, *values: Any) -> Updates:
        """Take a sample."""

        def work(contest: Contest) -> Updates:
            sample = find_sample(self.samples, name)
            look = replace(
                contest.look,
                source=str(sample.path), name=sample.path.name, sample=sample.name,
            )  # fmt: skip
            return self._staged(replace(contest, look=look), values)

        return self._known(contest, work)

    def upload(
        self, contest: Contest | None, upload: tuple[str, str] | None, *values: Any
    ) -> Updates:
        """Take the visitor's picture; on a bad one the last one stays."""

        def work(contest: Contest) -> Updates:
            if upload is None:
                return {}
            path, name = upload
            look = replace(contest.look, source=path, name=name, sample=None)
            return self._staged(replace(contest, look=look), values)

        return self._known(contest, work)

    def run(self, contest: Contest | None, *values: Any) -> Updates:
        """Run the next of what is missing: the chained ``settle`` then shows it."""

        def work(contest: Contest) -> Updates:
            self.arena.run(contest.look, level_of(values[0]), self._hurry)
            return {"failed": 0}

        failed = {"failed": _key(contest, values[0])}
        return self._known(contest, work, failed, quiet=True)

    def settle(
        self, contest: Contest | None, failed: Any, *values: Any, staged: str | None = None
    ) -> Updates:
        """Show what is known after a run, without running anything.

        Args:
            contest: the wish.
            failed: names the wish that failed, if one did.
            values: the controls.
            staged: the picture that the page is about, all of it; None where it is not asked for.
        """

        def work(contest: Contest) -> Updates:
            stopped = failed == _key(contest, values[0])
            moved = self._levelled(contest, values, stopped=stopped)
            still = self.arena.still(contest.look)
            if "tiles" not in moved or still is None or staged in (None, contest.look.source):
                return moved
            return moved | self._about(contest, still)

        return self._known(contest, work, quiet=True)

    @cached_property
    def _gallery(self) -> str:
        """The samples with their titles; made once, when somebody opens the page."""
        return gallery(tuple((sample, sample.title) for sample in self.samples))

    @property
    def _words(self) -> dict[str, str]:
        return {one.card.name: one.card.words for one in self.arena.students}

    def _staged(self, contest: Contest, values: Values | tuple[Any, ...]) -> Updates:
        """Return the whole page for another picture, its duel included."""
        look, level = contest.look, level_of(values[0])
        sample = find_sample(self.samples, look.sample) if look.sample else None
        still = self.arena.still(look)
        picture, view = self.studio.arrive(look)
        if still is not None and self.arena.bout(look, level) is not None:
            return self._levelled(contest, values) | self._about(contest, still)
        seen = f"{look.name}, the part that the models see" if sample is None else sample.alt
        photo = picture_layer(view.crop(picture, ARRIVING_SIDE), seen)
        shown = frames.arriving(contest, photo, sample) | self._levelled(contest, values)
        return {**shown, "contest": contest, "staged": ""}

    def _about(self, contest: Contest, still: Still) -> Updates:
        """Return what only another picture changes."""
        look = contest.look
        sample = find_sample(self.samples, look.sample) if look.sample else None
        after = {one.card.name: one.card.plan.after for one in self.arena.students}
        about = frames.still_frame(still, contest, sample, self._words, after)
        return {**about, "contest": contest, "staged": look.source}

    def _hurry(self) -> bool:
        """Return whether another event waits for the models."""
        return self.crowd.waiting(QUICK_LANE) > 0

    def _levelled(
        self, contest: Contest, values: Values | tuple[Any, ...], *, stopped: bool = False
    ) -> Updates:
        """Return what the level moves, as far as it is known."""
        look, level = contest.look, level_of(values[0])
        spec = self.studio.pipeline(BUNDLED).pair.target.spec
        budget, full = budget_of(spec, level), budget_of(spec, BUDGET_LEVELS)
        allowed = {"cost": frames.cost(level, budget, full, spec.grid.num_patches)}
        still, bout = self.arena.still(look), self.arena.bout(look, level)
        key = f"{_key(contest, level)}-{self.arena.progress(look, level)}"
        if still is None or bout is None:
            ahead = self.crowd.behind(QUICK_LANE)
            return {**allowed, **frames.waiting(contest, key, ahead, stopped=stopped)}
        missing = self.arena.missing(look, level)
        return {
            **allowed,
            **frames.moving(still, bout, contest, self._words, self.arena.large),
            **self._placed(contest, values, stopped=stopped),
            "ask": frames.ask(contest, key, missing, stopped=stopped),
        }

    def _placed(
        self, contest: Contest, values: Values | tuple[Any, ...], *, stopped: bool = False
    ) -> Updates:
        level, chosen = level_of(values[0]), _place(values[1:], self.depth)
        still, places = self.arena.still(contest.look), self.arena.places(contest.look, level)
        if still is None:
            return {}
        return {**frames.place(still, places, chosen, level, self.arena.large, stopped=stopped)}

    def _at(self, contest: Contest, explored: Look, values: tuple[Any, ...]) -> Updates:
        """Return the page at the temperature of Explore; nothing where it stands there already."""
        new = replace(contest, look=_at_temperature(contest.look, explored))
        if new == contest:
            return {}
        return told(lambda: {"contest": new} | self._levelled(new, values), PAGE)

    def _opened(self, still: Still, bout: Bout, contest: Contest) -> str:
        return frames.opened(still, bout, contest, self._words, self.arena.large)

    def _known(
        self,
        contest: Contest | None,
        work: Callable[[Contest], Updates],
        otherwise: Updates | None = None,
        *,
        quiet: bool = False,
    ) -> Updates:
        """Return the updates of an event; before the page is filled there is nothing to do."""
        if contest is None:
            return {}
        cleared: Updates = {} if quiet else {"message": ""}
        return told(lambda: cleared | work(contest), PAGE, lambda: otherwise or {})


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


def _key(contest: Contest | None, level: Any) -> int:
    """Name a wish, so that one that failed is not asked for again and again."""
    look = None if contest is None else contest.look
    return hash((look, str(level)))
