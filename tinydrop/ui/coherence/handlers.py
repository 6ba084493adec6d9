"""What happens on each event of the Coherence page: short steps, and their errors as sentences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from tinydrop.core.errors import SettingError
from tinydrop.ui.coherence import fragments
from tinydrop.ui.coherence.known import Known, unknown
from tinydrop.ui.coherence.maker import Maker
from tinydrop.ui.coherence.wish import PAINTED, Wish
from tinydrop.ui.kit.lanes import QUICK_LANE, Crowd
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.page import PictureEvents, Updates, level_of, wish_key
from tinydrop.ui.kit.samples import Sample, find_sample

START_LEVEL = 8
MAX_PAINTED = 4096


class Coherence(PictureEvents):
    """The page's events over one maker of looks; holds nothing of a visitor."""

    page = "the Coherence page"

    def __init__(
        self, looks: LookMaker, samples: Sequence[Sample], crowd: Crowd | None = None
    ) -> None:
        """Take the maker of looks, the samples and who waits."""
        super().__init__(looks, samples, crowd)
        self.maker = Maker(looks)

    def open(self, wish: Wish | None, explored: Look, level: Any) -> Updates:
        """Fill the page when it is first shown, and again when Explore has chosen another pair.

        The first picture is the one that is on Explore's stage.
        """
        if wish is not None and wish.look.pair == explored.pair:
            return {}

        def work() -> Updates:
            if wish is None:
                look = replace(
                    explored, selector="gradcam", forced_in=frozenset(), forced_out=frozenset()
                )
                new = Wish(look)
            else:
                new = Wish(replace(wish.look, pair=explored.pair))
            self.maker.ensure(new)
            self.maker.run(new, level_of(level))
            return self._staged(new, level) | {"gallery": self.gallery}

        return self.answered(work)

    def slide(self, wish: Wish | None, level: Any) -> Updates:
        """Follow the level: the arrangement at that level is on the stage, without a model."""

        def work(wish: Wish) -> Updates:
            if not wish.by_hand:
                return self._level_parts(wish, level)
            new = replace(wish, by_hand=False)
            return self._level_parts(new, level) | {"wish": new}

        return self.about(wish, work)

    def arrange(self, wish: Wish | None, key: str, level: Any) -> Updates:
        """Put another arrangement, or the painted set, on the stage."""

        def work(wish: Wish) -> Updates:
            if key == PAINTED:
                new = replace(wish, by_hand=True)
            else:
                look = replace(wish.look, selector=key)
                new = replace(wish, look=look, by_hand=False, filming=False)
            ranks = fragments.ranked_map(self._known(new, level))
            return self._film_parts(new, level) | {"wish": new, "map": ranks}

        return self.about(wish, work)

    def place(self, wish: Wish | None, key: str, level: Any) -> Updates:
        """Give the patches on the stage other positions."""

        def work(wish: Wish) -> Updates:
            new = replace(wish, positions=key, filming=False)
            return self._film_parts(new, level) | {"wish": new}

        return self.about(wish, work)

    def paint(self, wish: Wish | None, sent: Any, level: Any) -> Updates:
        """Put a painted set on the stage; ``sent`` is what the stage sent, JSON.

        ``{"kept": [...]}`` is the whole set after a stroke, ``{"kept": null}`` takes it back to
        the arrangement.
        """

        def work(wish: Wish) -> Updates:
            kept = _patches(sent)
            new = replace(wish, painted=kept, by_hand=kept is not None)
            new = new if kept is not None else replace(new, pinned=False)
            return self._level_parts(new, level) | {"wish": new}

        return self.about(wish, work, lambda _wish: {"stage": ""})

    def pin(self, wish: Wish | None, level: Any) -> Updates:
        """Keep the shape that is on the stage for other pictures, or stop keeping it."""

        def work(wish: Wish) -> Updates:
            if wish.pinned:
                new = replace(wish, pinned=False)
            else:
                shape = self._known(wish, level).stage.selection.keep_indices.tolist()
                new = replace(wish, painted=frozenset(shape), by_hand=True, pinned=True)
            return self._level_parts(new, level) | {"wish": new}

        return self.about(wish, work)

    def pick(self, wish: Wish | None, name: str, level: Any) -> Updates:
        """Put a sample on the stage."""

        def work(wish: Wish) -> Updates:
            sample = find_sample(self.samples, name)
            return self._picture(wish, str(sample.path), sample.path.name, sample.name, level)

        return self.about(wish, work)

    def upload(self, wish: Wish | None, upload: tuple[str, str] | None, level: Any) -> Updates:
        """Put the visitor's picture on the stage; on a bad one the last one stays."""

        def work(wish: Wish) -> Updates:
            if upload is None:
                return {}
            path, name = upload
            return self._picture(wish, path, name, None, level)

        return self.about(wish, work)

    def film(self, wish: Wish | None, level: Any, *, filming: bool) -> Updates:
        """Ask for every K of the arrangement, or stop asking."""

        def work(wish: Wish) -> Updates:
            new = replace(wish, filming=filming)
            return self._film_parts(new, level) | {"wish": new}

        return self.about(wish, work)

    def run(self, wish: Wish | None, level: Any) -> Updates:
        """Run some of what is missing: the chained ``settle`` then shows it."""

        def work(wish: Wish) -> Updates:
            self.maker.run(wish, level_of(level), hurry=self.hurry)
            return {"failed": 0}

        failed = partial(_failed, level=level)
        return self.about(wish, work, failed, quiet=True)

    def run_film(self, wish: Wish | None, level: Any) -> Updates:
        """Run some of the film of every K, giving way to every quick event."""

        def work(wish: Wish) -> Updates:
            if wish.filming:
                self.maker.run(
                    wish, level_of(level), hurry=lambda: self.crowd.busy(QUICK_LANE), films=True
                )
            return {"failed": 0}

        failed = partial(_failed, level=level)
        return self.about(wish, work, failed, quiet=True)

    def settle(
        self, wish: Wish | None, level: Any, failed: Any, staged: str | None = None
    ) -> Updates:
        """Show what is known after a run, without running anything.

        Args:
            wish: the wish.
            level: 1 to 16.
            failed: names the wish that failed, if one did.
            staged: what is on the stage; another picture brings its map and its notes. None where
                they are not asked for.
        """

        def work(wish: Wish) -> Updates:
            moved = self._film_parts(wish, level, stopped=failed == wish_key(wish, level))
            key = _stage_key(wish)
            if staged in (None, key) or "mask" not in moved:
                return moved
            return moved | self._picture_parts(wish, level) | {"staged": key}

        return self.about(wish, work, quiet=True)

    def _picture(
        self, wish: Wish, source: str, name: str, sample: str | None, level: Any
    ) -> Updates:
        """Return the page for another picture; only a pinned shape stays."""
        look = replace(wish.look, source=source, name=name, sample=sample)
        new = replace(wish, look=look, filming=False)
        if not wish.pinned:
            new = replace(new, painted=None, by_hand=False)
        kept = level_of(level)
        picture, view = self.looks.arrive(look)
        if self.maker.known(new, kept) is not None:
            return self._staged(new, level)
        ahead = self.crowd.behind(QUICK_LANE)
        return {
            **fragments.arriving_parts(look, picture, view, self.sample_of(look)),
            **fragments.waiting_parts(look, wish_key(new, level), ahead, stopped=False),
            "wish": new,
            "staged": "",
        }

    def _level_parts(self, wish: Wish, level: Any) -> Updates:
        """Return what the level moves, without a model."""
        found = self.maker.known(wish, level_of(level))
        if found is None:
            return self._waiting_parts(wish, level, stopped=False)
        unfilmed = len(unknown(self.maker.every(found))) if wish.filming else 0
        return {
            **fragments.level_parts(found, stopped=False),
            **fragments.ask(found, unfilmed, stopped=False),
        }

    def _waiting_parts(self, wish: Wish, level: Any, *, stopped: bool) -> Updates:
        """Return what stands on the page while not even the guidance has looked."""
        ahead = self.crowd.behind(QUICK_LANE)
        return dict(
            fragments.waiting_parts(wish.look, wish_key(wish, level), ahead, stopped=stopped)
        )

    def _film_parts(self, wish: Wish, level: Any, *, stopped: bool = False) -> Updates:
        """Return the same and the film."""
        found = self.maker.known(wish, level_of(level))
        if found is None:
            return self._waiting_parts(wish, level, stopped=stopped)
        every = self.maker.every(found)
        unfilmed = len(unknown(every)) if wish.filming else 0
        return {
            **fragments.level_parts(found, stopped=stopped),
            **fragments.film(found, every, stopped=stopped),
            **fragments.ask(found, unfilmed, stopped=stopped),
        }

    def _staged(self, wish: Wish, level: Any) -> Updates:
        """Return the whole page."""
        return {
            **self._picture_parts(wish, level),
            **self._film_parts(wish, level),
            "wish": wish,
            "staged": _stage_key(wish),
        }

    def _picture_parts(self, wish: Wish, level: Any) -> Updates:
        """Return what only another picture or pair changes."""
        sample = self.sample_of(wish.look)
        return dict(fragments.picture_parts(self._known(wish, level), sample))

    def _known(self, wish: Wish, level: Any) -> Known:
        return self.found(
            lambda: self.maker.known(wish, level_of(level)), lambda: self.maker.ensure(wish)
        )


def _failed(wish: Wish, level: Any) -> Updates:
    return {"failed": wish_key(wish, level)}


def _stage_key(wish: Wish) -> str:
    """Name what the map and the notes on the stage belong to."""
    return f"{wish.look.source}|{wish.look.pair}"


def _patches(sent: Any) -> frozenset[int] | None:
    """Return a painted set, or None where it is taken back.

    Raises:
        SettingError: if it is not a list of whole numbers, or empty.
    """
    try:
        kept = json.loads(sent)["kept"]
        patches = None if kept is None else frozenset(int(patch) for patch in kept[:MAX_PAINTED])
    except (ValueError, TypeError, KeyError):
        raise SettingError(
            "A painted set is a list of whole numbers; paint on the stage instead."
        ) from None
    if patches is not None and not patches:
        raise SettingError("The target needs at least one patch; leave one of them.")
    return patches
