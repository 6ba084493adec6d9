"""Measuring pictures chunk after chunk: progress, a wish to stop, pictures that cannot be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.data import Dataset, LabelledPicture

CHUNK = 64
"""Pictures per chunk; bounds are multiples of it among the pictures whose class the pair knows."""

Progress = Callable[[int, int, float | None], None]
"""Told pictures done, pictures in all, and seconds left (None while unknown)."""

Found = TypeVar("Found")
Measure = Callable[[Sequence[LabelledPicture], slice], Found]
"""Given a chunk's pictures as stored and their places among all that are offered."""


@dataclass(frozen=True)
class Watch:
    """Who is told how far a measurement is, and who may end it.

    Attributes:
        progress: told after every chunk.
        should_stop: asked before every chunk, and while the fingerprint is taken.
        stopped: makes the error of a measurement that was ended, given how far it came in words
            that follow "stopped": nothing, or `` after 64 of 500 pictures``.
    """

    progress: Progress | None = None
    should_stop: Callable[[], bool] | None = None
    stopped: Callable[[str], TinyDropError] = lambda so_far: TinyDropError(f"Stopped{so_far}.")

    def check(self, done: int = 0, total: int = 0) -> None:
        """Raise what ``stopped`` makes if somebody wishes to stop."""
        if self.should_stop is not None and self.should_stop():
            raise self.stopped(f" after {done:,} of {total:,} pictures" if total else "")

    def tell(self, done: int, total: int, seconds_left: float | None) -> None:
        """Tell how far it is."""
        if self.progress is not None:
            self.progress(done, total, seconds_left)


def chunk_places(total: int) -> list[slice]:
    """Return the places of every chunk's pictures among so many."""
    return [slice(first, min(first + CHUNK, total)) for first in range(0, total, CHUNK)]


def measure_chunks(
    dataset: Dataset,
    positions: npt.NDArray[np.int64],
    measure: Measure[Found],
    watch: Watch,
    wanted: Sequence[int] | None = None,
) -> Iterator[tuple[int, int, Found]]:
    """Measure chunk after chunk; each counts as done once the next one is asked for.

    Args:
        dataset: what ``open_dataset`` returned.
        positions: (M,) rising, in the data set.
        measure: what is made of a chunk.
        watch: who is told, and who may end it.
        wanted: numbers of the chunks to measure, rising; others are done already. All by default.

    Yields:
        A chunk's number, how many pictures it has, and what was made of them.
    """
    total = int(positions.size)
    places = chunk_places(total)
    numbers = range(len(places)) if wanted is None else wanted
    if not numbers:
        return
    own = np.concatenate([positions[places[number]] for number in numbers])
    before = done = total - own.size
    pictures = iter(dataset.pictures(own))
    start = time.monotonic()
    for number in numbers:
        watch.check(done, total)
        inside = places[number]
        some = list(islice(pictures, inside.stop - inside.start))
        yield number, len(some), measure(some, inside)
        done += len(some)
        pace = (time.monotonic() - start) / (done - before)
        watch.tell(done, total, pace * (total - done))


def measure_readable(
    dataset: Dataset,
    positions: npt.NDArray[np.int64],
    measure: Measure[Found | None],
    watch: Watch,
) -> list[Found]:
    """Return what was made of every chunk in which a picture can be read, at least one.

    Args:
        dataset: what ``open_dataset`` returned.
        positions: (M,) rising, in the data set.
        measure: what is made of a chunk; None where none of it can be read.
        watch: who is told, and who may end it.

    Raises:
        SettingError: if no picture can be read.
    """
    every = measure_chunks(dataset, positions, measure, watch)
    parts = [found for _, _, found in every if found is not None]
    if not parts:
        raise none_readable(int(positions.size), dataset)
    return parts


def none_readable(pictures: int, dataset: Dataset) -> SettingError:
    """Return the error of a data set of which no picture can be read."""
    return SettingError(
        f"None of the {pictures:,} pictures of {dataset.title} can be read; give JPEG, PNG or "
        f"WebP pictures."
    )


def with_unreadable(skipped: Mapping[str, int], unreadable: int) -> dict[str, int]:
    """Return reason -> pictures left out, those that could not be read among them."""
    return dict(skipped) | ({"unreadable": unreadable} if unreadable else {})
