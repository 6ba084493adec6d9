"""What happens on each event of the Coherence page: short steps, and their errors as sentences."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.ui.coherence import frames
from tinydrop.ui.coherence.comparer import Comparer
from tinydrop.ui.coherence.study import PAINTED, Comparison, Study, unknown
from tinydrop.ui.kit.answering import Updates, level_of, told
from tinydrop.ui.kit.frames import gallery
from tinydrop.ui.kit.lanes import QUICK_LANE, Crowd, Idle
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.samples import Sample, find_sample
from tinydrop.ui.kit.studio import Studio

PAGE = "the Coherence page"

START_LEVEL = 8
MAX_PAINTED = 4096


class Coherence:
    """The page's events over one studio; holds nothing of a visitor."""

    def __init__(
        self, studio: Studio, samples: Sequence[Sample], crowd: Crowd | None = None
    ) -> None:
        """Take the studio, the samples and who waits."""
        self.studio = studio
        self.crowd = crowd or Idle()
        self.samples = samples
        self.comparer = Comparer(studio)

    def open(self, study: Study | None, explored: Look, level: Any) -> Updates:
        """Fill the page when it is first shown, and again when Explore has chosen another pair.

        The first picture is the one that is on Explore's stage.
        """
        if study is not None and study.look.pair == explored.pair:
            return {}

        def work() -> Updates:
            if study is None:
                look = replace(
                    explored, selector="gradcam", forced_in=frozenset(), forced_out=frozenset()
                )
                new = Study(look)
            else:
                new = Study(replace(study.look, pair=explored.pair))
            self.comparer.ensure(new)
            self.comparer.run(new, level_of(level))
            return self._staged(new, level) | {"gallery": self._gallery}

        return told(lambda: {"message": ""} | work(), PAGE)

    def slide(self, study: Study | None, level: Any) -> Updates:
        """Follow the level: the arrangement at that level is on the stage, without a model."""

        def work(study: Study) -> Updates:
            if not study.by_hand:
                return self._moving(study, level)
            new = replace(study, by_hand=False)
            return self._moving(new, level) | {"study": new}

        return self._studied(study, work)

    def arrange(self, study: Study | None, key: str, level: Any) -> Updates:
        """Put another arrangement, or the painted set, on the stage."""

        def work(study: Study) -> Updates:
            if key == PAINTED:
                new = replace(study, by_hand=True)
            else:
                look = replace(study.look, selector=key)
                new = replace(study, look=look, by_hand=False, filming=False)
            ranks = frames.ranked_map(self._known(new, level))
            return self._filmed(new, level) | {"study": new, "map": ranks}

        return self._studied(study, work)

    def place(self, study: Study | None, key: str, level: Any) -> Updates:
        """Give the patches on the stage other positions."""

        def work(study: Study) -> Updates:
            new = replace(study, positions=key, filming=False)
            return self._filmed(new, level) | {"study": new}

        return self._studied(study, work)

    def paint(self, study: Study | None, wish: Any, level: Any) -> Updates:
        """Put a painted set on the stage; ``wish`` is what the stage sent, JSON.

        ``{"kept": [...]}`` is the whole set after a stroke, ``{"kept": null}`` takes it back to
        the arrangement.
        """

        def work(study: Study) -> Updates:
            kept = _patches(wish)
            new = replace(study, painted=kept, by_hand=kept is not None)
            new = new if kept is not None else replace(new, pinned=False)
            return self._moving(new, level) | {"study": new}

        return self._studied(study, work, lambda: {"stage": ""})

    def pin(self, study: Study | None, level: Any) -> Updates:
        """Keep the shape that is on the stage for other pictures, or stop keeping it."""

        def work(study: Study) -> Updates:
            if study.pinned:
                new = replace(study, pinned=False)
            else:
                shape = self._known(study, level).stage.selection.keep_indices.tolist()
                new = replace(study, painted=frozenset(shape), by_hand=True, pinned=True)
            return self._moving(new, level) | {"study": new}

        return self._studied(study, work)

    def pick(self, study: Study | None, name: str, level: Any) -> Updates:
        """Put a sample on the stage."""

        def work(study: Study) -> Updates:
            sample = find_sample(self.samples, name)
            return self._picture(study, str(sample.path), sample.path.name, sample.name, level)

        return self._studied(study, work)

    def upload(self, study: Study | None, upload: tuple[str, str] | None, level: Any) -> Updates:
        """Put the visitor's picture on the stage; on a bad one the last one stays."""

        def work(study: Study) -> Updates:
            if upload is None:
                return {}
            path, name = upload
            return self._picture(study, path, name, None, level)

        return self._studied(study, work)

    def film(self, study: Study | None, level: Any, *, filming: bool) -> Updates:
        """Ask for every K of the arrangement, or stop asking."""

        def work(study: Study) -> Updates:
            new = replace(study, filming=filming)
            return self._filmed(new, level) | {"study": new}

        return self._studied(study, work)

    def run(self, study: Study | None, level: Any) -> Updates:
        """Run some of what is missing: the chained ``settle`` then shows it."""

        def work(study: Study) -> Updates:
            self.comparer.run(
                study, level_of(level), hurry=lambda: self.crowd.waiting(QUICK_LANE) > 0
            )
            return {"failed": 0}

        key = _key(study, level)
        return self._studied(study, work, lambda: {"failed": key}, quiet=True)

    def run_film(self, study: Study | None, level: Any) -> Updates:
        """Run some of the film of every K, giving way to every quick event."""

        def work(study: Study) -> Updates:
            if study.filming:
                self.comparer.run(
                    study, level_of(level), hurry=lambda: self.crowd.busy(QUICK_LANE), films=True
                )
            return {"failed": 0}

        key = _key(study, level)
        return self._studied(study, work, lambda: {"failed": key}, quiet=True)

    def settle(
        self, study: Study | None, level: Any, failed: Any, staged: str | None = None
    ) -> Updates:
        """Show what is known after a run, without running anything.

        Args:
            study: the wish.
            level: 1 to 16.
            failed: names the wish that failed, if one did.
            staged: what is on the stage; another picture brings its map and its notes. None where
                they are not asked for.
        """

        def work(study: Study) -> Updates:
            moved = self._filmed(study, level, stopped=failed == _key(study, level))
            key = _stage_key(study)
            if staged in (None, key) or "mask" not in moved:
                return moved
            return moved | self._still(study, level) | {"staged": key}

        return self._studied(study, work, quiet=True)

    @cached_property
    def _gallery(self) -> str:
        """The samples with their titles; made once, when somebody opens the page."""
        return gallery(tuple((sample, sample.title) for sample in self.samples))

    def _picture(
        self, study: Study, source: str, name: str, sample: str | None, level: Any
    ) -> Updates:
        """Return the page for another picture; only a pinned shape stays."""
        look = replace(study.look, source=source, name=name, sample=sample)
        new = replace(study, look=look, filming=False)
        if not study.pinned:
            new = replace(new, painted=None, by_hand=False)
        kept = level_of(level)
        picture, view = self.studio.arrive(look)
        if self.comparer.compare(new, kept) is not None:
            return self._staged(new, level)
        sample_of = find_sample(self.samples, sample) if sample else None
        ahead = self.crowd.behind(QUICK_LANE)
        return {
            **frames.arriving(look, picture, view, sample_of),
            **frames.waiting(look, _key(new, level), ahead, stopped=False),
            "study": new,
            "staged": "",
        }

    def _moving(self, study: Study, level: Any) -> Updates:
        """Return what the level moves, without a model."""
        found = self.comparer.compare(study, level_of(level))
        if found is None:
            return self._waiting(study, level, stopped=False)
        unfilmed = len(unknown(self.comparer.every(found))) if study.filming else 0
        return {**frames.moving(found, stopped=False), **frames.ask(found, unfilmed, stopped=False)}

    def _waiting(self, study: Study, level: Any, *, stopped: bool) -> Updates:
        """Return what stands on the page while not even the guidance has looked."""
        ahead = self.crowd.behind(QUICK_LANE)
        return dict(frames.waiting(study.look, _key(study, level), ahead, stopped=stopped))

    def _filmed(self, study: Study, level: Any, *, stopped: bool = False) -> Updates:
        """Return the same and the film."""
        found = self.comparer.compare(study, level_of(level))
        if found is None:
            return self._waiting(study, level, stopped=stopped)
        every = self.comparer.every(found)
        unfilmed = len(unknown(every)) if study.filming else 0
        return {
            **frames.moving(found, stopped=stopped),
            **frames.film(found, every, stopped=stopped),
            **frames.ask(found, unfilmed, stopped=stopped),
        }

    def _staged(self, study: Study, level: Any) -> Updates:
        """Return the whole page."""
        return {
            **self._still(study, level),
            **self._filmed(study, level),
            "study": study,
            "staged": _stage_key(study),
        }

    def _still(self, study: Study, level: Any) -> Updates:
        """Return what only another picture or pair changes."""
        name = study.look.sample
        sample = find_sample(self.samples, name) if name else None
        return dict(frames.still(self._known(study, level), sample))

    def _known(self, study: Study, level: Any) -> Comparison:
        found = self.comparer.compare(study, level_of(level))
        if found is None:  # another visitor's pair took the place in between
            self.comparer.ensure(study)
            found = self.comparer.compare(study, level_of(level))
        if found is None:
            raise TinyDropError("The app is very busy with other pictures; try again in a moment.")
        return found

    def _studied(
        self,
        study: Study | None,
        work: Callable[[Study], Updates],
        otherwise: Callable[[], Updates] = dict,
        *,
        quiet: bool = False,
    ) -> Updates:
        """Return the updates of an event; before the page is filled there is nothing to do."""
        if study is None:
            return {}
        cleared: Updates = {} if quiet else {"message": ""}
        return told(lambda: cleared | work(study), PAGE, otherwise)


def _key(study: Study | None, level: Any) -> int:
    """Name a wish, so that one that failed is not asked for again and again."""
    return hash((study, level))


def _stage_key(study: Study) -> str:
    """Name what the map and the notes on the stage belong to."""
    return f"{study.look.source}|{study.look.pair}"


def _patches(wish: Any) -> frozenset[int] | None:
    """Return a painted set, or None where it is taken back.

    Raises:
        SettingError: if it is not a list of whole numbers, or empty.
    """
    try:
        kept = json.loads(wish)["kept"]
        patches = None if kept is None else frozenset(int(patch) for patch in kept[:MAX_PAINTED])
    except (ValueError, TypeError, KeyError):
        raise SettingError(
            "A painted set is a list of whole numbers; paint on the stage instead."
        ) from None
    if patches is not None and not patches:
        raise SettingError("The target needs at least one patch; leave one of them.")
    return patches
