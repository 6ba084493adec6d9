"""What is measured on some pictures, one row per picture, before any mean is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Measures = dict[tuple[str, str], Floats]
"""(measure, method) -> (B,), NaN where a picture has none."""

_FACTS = ("picture_id", "truth", "box", "box_share")
_KINDS = ("measures", "curves", "unranked", "right", "agreeing", "winner")


@dataclass(eq=False)
class Figures:
    """The figures of B pictures; filled while a chunk is measured.

    Attributes:
        picture_id: (B,) str.
        truth: (B,) int64, the true classes as the pair numbers them.
        box: (B,) bool, True where the crop shows something of the object's box.
        box_share: (B,) float64, the share of the crop in the box.
        measures: (name in ``MEASURES``, method) -> (B,).
        curves: (``insertion`` or ``deletion``, method) -> (B, 16), NaN where the map cannot be
            ranked.
        unranked: method -> (B,) bool, True where its map cannot be ranked.
        right: (kind of intervention, name) -> (B, 16) bool, the target is right at that level.
        agreeing: likewise, it answers like the full target.
        winner: mode of positions -> (B, 16) int64, the target's class.
    """

    picture_id: npt.NDArray[np.str_]
    truth: Ints
    box: Bools
    box_share: Floats
    measures: Measures = field(default_factory=dict)
    curves: dict[tuple[str, str], Floats] = field(default_factory=dict)
    unranked: dict[str, Bools] = field(default_factory=dict)
    right: dict[tuple[str, str], Bools] = field(default_factory=dict)
    agreeing: dict[tuple[str, str], Bools] = field(default_factory=dict)
    winner: dict[str, Ints] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[Figures]) -> Figures:
        """Return the figures of several chunks as one; there is at least one."""
        return _made(parts, np.concatenate)

    def some(self, rows: Bools) -> Figures:
        """Return the figures of those pictures alone; ``rows`` is (B,)."""
        return _made([self], lambda only: only[0][rows])


def _made(
    parts: Sequence[Figures], make: Callable[[Sequence[npt.NDArray[Any]]], npt.NDArray[Any]]
) -> Figures:
    """Return figures of which each array is made of the same arrays of the parts."""

    def of_each(name: str) -> Mapping[Any, npt.NDArray[Any]]:
        every = [getattr(part, name) for part in parts]
        return {key: make([one[key] for one in every]) for key in every[0]}

    facts = {name: make([getattr(part, name) for part in parts]) for name in _FACTS}
    return Figures(**facts, **{name: of_each(name) for name in _KINDS})  # type: ignore[arg-type]
