"""The base of every page's events: updates by name, errors as one sentence. No gradio in here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

from tinydrop.core.budget import num_keep
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.ui.kit.fragments import alert, gallery
from tinydrop.ui.kit.lanes import QUICK_LANE, Crowd, Idle
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.samples import Sample, find_sample
from tinydrop.ui.kit.texts import BUSY, GENERIC_ERROR

Updates = dict[str, Any]
"""Component name -> new value; what is not named stays as it is."""

Wished = TypeVar("Wished")
Found = TypeVar("Found")

log = logging.getLogger(__name__)


class Choices(NamedTuple):
    """What a menu offers, as (what it says, value), and what is chosen."""

    offered: list[tuple[str, float]]
    chosen: float


def level_of(value: Any) -> int:
    """Return a level as a slider sends it; a browser may send anything.

    Raises:
        SettingError: if it is no level.
    """
    try:
        level = int(value)
    except (TypeError, ValueError, OverflowError):
        raise SettingError(f"A level is a whole number from 1 to 16, got {value!r}.") from None
    num_keep(level, 1)
    return level


def wish_key(wished: object, level: Any) -> int:
    """Name a wish at a level, so that one that failed is not asked for again and again."""
    return hash((wished, str(level)))


class PageEvents:
    """What the events of every page share: they answer, and where they fail they say why.

    Attributes:
        page: whose events they are, for the log.
        message: the component that says what went wrong.
        broken: the sentence for what nobody foresaw.
    """

    page: ClassVar[str]
    message: ClassVar[str] = "message"
    broken: ClassVar[str] = GENERIC_ERROR

    def answered(
        self,
        work: Callable[[], Updates],
        otherwise: Callable[[], Updates] = dict,
        *,
        quiet: bool = False,
    ) -> Updates:
        """Return the updates, or one sentence on what went wrong: a page never breaks.

        Args:
            work: the event.
            otherwise: what else to show after an error.
            quiet: True for events that nobody asked for: an older message then stays.
        """
        cleared: Updates = {} if quiet else {self.message: ""}
        try:
            return cleared | work()
        except TinyDropError as error:
            sentence = str(error)
        except Exception:  # the visitor gets a sentence, the log gets the traceback
            log.exception("An event of %s failed", self.page)
            sentence = self.broken
        return {self.message: alert(sentence)} | otherwise()


class PictureEvents(PageEvents):
    """What the pages about one picture share; holds nothing of a visitor."""

    def __init__(
        self, looks: LookMaker, samples: Sequence[Sample], crowd: Crowd | None = None
    ) -> None:
        """Take the maker of looks, the samples and who waits."""
        self.looks = looks
        self.crowd = crowd or Idle()
        self.samples = samples

    @cached_property
    def gallery(self) -> str:
        """The samples with their titles; made once, when somebody opens the page."""
        return gallery(tuple((sample, sample.title) for sample in self.samples))

    def sample_of(self, look: Look) -> Sample | None:
        """Return the sample that a look is about; None for a visitor's own picture."""
        return find_sample(self.samples, look.sample) if look.sample else None

    def hurry(self) -> bool:
        """Return whether another event waits for the models."""
        return self.crowd.waiting(QUICK_LANE) > 0

    def about(
        self,
        wish: Wished | None,
        work: Callable[[Wished], Updates],
        otherwise: Callable[[Wished], Updates] = lambda _wish: {},
        *,
        quiet: bool = False,
    ) -> Updates:
        """Return the updates of an event; before the page is filled there is nothing to do.

        Args:
            wish: the wish so far; None before the page is filled.
            work: the event.
            otherwise: what else to show after an error.
            quiet: as in ``answered``.
        """
        if wish is None:
            return {}
        return self.answered(lambda: work(wish), lambda: otherwise(wish), quiet=quiet)

    @staticmethod
    def found(find: Callable[[], Found | None], make: Callable[[], None]) -> Found:
        """Return what is known of a wish, made anew where another visitor's took its place.

        Raises:
            TinyDropError: if it is gone again at once.
        """
        known = find()
        if known is None:
            make()
            known = find()
        if known is None:
            raise TinyDropError(BUSY)
        return known
