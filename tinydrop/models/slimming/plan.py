"""Where a transformer is slimmed, and how much: a plan as a value, published ones by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from tinydrop.core.errors import SettingError, quoted


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300


@dataclass(frozen=True)
class SlimmingPlan:
    """Stages of blocks, with a slimming module between each two of them.

    Attributes:
        stages: blocks in every stage, at least two stages.
        ratios: for every slimming module the share of its tokens that go on, above 0 and up to 1.

    Raises:
        SettingError: if the numbers make no plan.
    """

    stages: tuple[int, ...]
    ratios: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, values in (("stages", self.stages), ("ratios", self.ratios)):
            if not isinstance(values, tuple | list) or not all(map(_is_number, values)):
                raise SettingError(f"The {name} of slimming are numbers, got {quoted(values)}.")
        if len(self.stages) < 2 or not all(type(n) is int and n >= 1 for n in self.stages):
            raise SettingError(
                f"Slimming stages are the blocks of two stages or more, each from 1 on, like "
                f"2,2,2, got {','.join(map(str, self.stages)) or 'none'}."
            )
        if len(self.ratios) != len(self.stages) - 1:
            raise SettingError(
                f"{len(self.stages)} stages need {len(self.stages) - 1} keep ratios, one between "
                f"each two, got {len(self.ratios)}."
            )
        if not all(math.isfinite(r) and 0 < r <= 1 for r in self.ratios):
            raise SettingError(
                f"A keep ratio lies above 0 and up to 1, got {','.join(map(str, self.ratios))}."
            )
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "ratios", tuple(float(r) for r in self.ratios))

    @property
    def depth(self) -> int:
        """D, the number of blocks in all."""
        return sum(self.stages)

    @property
    def after(self) -> tuple[int, ...]:
        """The numbers of blocks, counted from 1, that a slimming module stands behind."""
        return tuple(accumulate(self.stages))[:-1]

    def tokens(self, patches: int) -> tuple[int, ...]:
        """Return the patch tokens of every stage: N, then N times the ratios so far, rounded down.

        Raises:
            SettingError: if a stage would be left without a token.
        """
        shares = accumulate(self.ratios, lambda a, b: a * b, initial=1.0)
        # A product of decimal fractions may end just below the whole number that is meant.
        counts = tuple(math.floor(patches * share + 1e-9) for share in shares)
        if counts[-1] < 1:
            raise SettingError(
                f"The keep ratios {','.join(map(str, self.ratios))} leave no token of {patches} "
                f"patches; take larger ones."
            )
        return counts

    def check_depth(self, depth: int, name: str) -> None:
        """Raise SettingError if the plan is made for another number of blocks."""
        if self.depth != depth:
            raise SettingError(
                f"The stages {','.join(map(str, self.stages))} have {self.depth} blocks together, "
                f"but {name} has {depth}; give stages that add up to {depth}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return {"stages": list(self.stages), "ratios": list(self.ratios)}


PLACEMENTS: Mapping[str, SlimmingPlan] = MappingProxyType(
    {
        "sit-t": SlimmingPlan((1, 1, 1, 11), (0.5, 0.5, 0.5)),
        "sit-xs": SlimmingPlan((1, 1, 1, 13), (0.5, 0.5, 0.5)),
        "sit-s": SlimmingPlan((9, 3, 2, 2), (0.5, 0.5, 0.5)),
        "sit-m": SlimmingPlan((10, 4, 3, 3), (0.5, 0.5, 0.5)),
        "sit-l": SlimmingPlan((10, 4, 3, 7), (0.5, 0.5, 0.5)),
        "deit": SlimmingPlan((3, 3, 3, 3), (0.7, 0.7, 0.7)),
    }
)
"""The paper's placements (depths 14, 16, 16, 20, 24), and TokenReduction's for DeiT (depth 12).

The latter stands before blocks 4, 7 and 10; it was published with the ratios 0.9, 0.7, 0.5, 0.25.
"""


def even_stages(depth: int) -> tuple[int, ...]:
    """Return the blocks of three stages as even as can be, the later ones longer.

    Fewer than three stages where there are fewer blocks.
    """
    parts = min(3, depth)
    return tuple((depth + place) // parts for place in range(parts))


def plan_named(stages: str | Sequence[int], ratios: Sequence[float] | None = None) -> SlimmingPlan:
    """Return a plan from a name in ``PLACEMENTS`` or from stages.

    Args:
        stages: a name, or the blocks of every stage.
        ratios: one for every slimming module, or a single one for all; by default the named
            plan's own, else 0.5.

    Raises:
        SettingError: if there is no such name, or the numbers make no plan.
    """
    if isinstance(stages, str):
        if stages.lower() not in PLACEMENTS:
            raise SettingError(
                f"There is no placement {quoted(stages)}; use {', '.join(PLACEMENTS)}, or the "
                f"blocks of "
                f"every stage like 2,2,2."
            )
        named = PLACEMENTS[stages.lower()]
        blocks, own = named.stages, named.ratios
    else:
        blocks = tuple(stages)
        own = (0.5,) * (len(blocks) - 1)
    given = own if ratios is None else tuple(ratios)
    if len(given) == 1:
        given = given * (len(blocks) - 1)
    return SlimmingPlan(blocks, given)
