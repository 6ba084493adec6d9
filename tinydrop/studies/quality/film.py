"""The rank-flip film of one picture: how the target's decision changes as patches come in.

Frames are made one after another, so that a page can show each at once and stop at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tinydrop.core.errors import SettingError
from tinydrop.core.results import Answer
from tinydrop.core.selection import Order, select_tokens
from tinydrop.core.tokens import PatchGrid
from tinydrop.studies.quality.curves import kept_counts


@dataclass(frozen=True, eq=False)
class Frame:
    """The target's answer on the first K patches of an order.

    Attributes:
        num_keep: K.
        added: the patches that came in since the frame before, in the order's own order.
        answer: what the target says.
    """

    num_keep: int
    added: tuple[int, ...]
    answer: Answer

    @property
    def class_index(self) -> int:
        """The decision."""
        return self.answer.class_index


@dataclass(frozen=True)
class Flip:
    """A change of the decision from one frame to the next.

    Attributes:
        num_keep: K of the frame with the new decision.
        patches: what came in since the frame before, of which the last patch or several together
            changed the decision; one patch in an exact film.
        before: the class until then.
        after: the class from then on, until the next flip.
    """

    num_keep: int
    patches: tuple[int, ...]
    before: int
    after: int


@dataclass(frozen=True, eq=False)
class Film:
    """All frames of one order, up to every patch kept.

    Attributes:
        grid: the target's grid.
        selector: who made the order.
        frames: rising K, the last one with all N patches.

    Raises:
        SettingError: if K does not rise, does not end at N, or patches are missing or repeated.
    """

    grid: PatchGrid
    selector: str
    frames: tuple[Frame, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "frames", tuple(self.frames))
        come = [patch for frame in self.frames for patch in frame.added]
        counts = np.cumsum([len(frame.added) for frame in self.frames]).tolist()
        if (
            sorted(come) != list(range(self.grid.num_patches))
            or counts != [frame.num_keep for frame in self.frames]
            or not all(frame.added for frame in self.frames)
        ):
            raise SettingError(
                f"A film runs until all {self.grid.num_patches} patches are kept, each added once, "
                f"got {len(self.frames)} frames with {len(come)} patches."
            )

    @property
    def exact(self) -> bool:
        """Whether there is a frame for every K."""
        return len(self.frames) == self.grid.num_patches

    @property
    def full_class(self) -> int:
        """The decision on every patch."""
        return self.frames[-1].class_index

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Every change of the decision, as K rises."""
        return tuple(
            Flip(after.num_keep, after.added, before.class_index, after.class_index)
            for before, after in zip(self.frames[:-1], self.frames[1:], strict=True)
            if before.class_index != after.class_index
        )

    @property
    def first_agreeing(self) -> int:
        """The smallest K among the frames at which the decision is the full target's."""
        return next(f.num_keep for f in self.frames if f.class_index == self.full_class)

    @property
    def sufficient(self) -> int:
        """The smallest K among the frames from which on the decision stays the full target's."""
        last_other = [i for i, f in enumerate(self.frames) if f.class_index != self.full_class]
        return self.frames[last_other[-1] + 1 if last_other else 0].num_keep


def film_steps(num_patches: int, *, exact: bool = False) -> tuple[int, ...]:
    """Return the rising K of a film: one per level with another K, or one per patch."""
    if exact:
        return tuple(range(1, num_patches + 1))
    return tuple(sorted(set(kept_counts(num_patches).tolist())))


def film_frames(
    grid: PatchGrid, order: Order, answers: Iterable[tuple[int, Answer]]
) -> Iterator[Frame]:
    """Yield a frame for every answer, as soon as it is there.

    Stop by not asking for the next one. ``Film(grid, selector, tuple(frames))`` is the film.

    Args:
        grid: the target's.
        order: (N,) int64, as ``TinyDrop.rank`` gives it.
        answers: K and the target's answer on the first K patches of the order, with rising K.

    Raises:
        SettingError: if the order is not one of the grid.
    """
    select_tokens(order, grid, grid.num_patches, "film")  # refuses an order of another grid
    before = 0
    for num_keep, answer in answers:
        yield Frame(num_keep, tuple(order[before:num_keep].tolist()), answer)
        before = num_keep
