"""What is known of a look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import Budget
from tinydrop.core.results import DropResult
from tinydrop.core.tokens import PatchGrid, Saliency
from tinydrop.models.pairs import Pair
from tinydrop.pipeline import Guide
from tinydrop.ui.kit.look import Look


@dataclass(frozen=True, eq=False)
class KnownLook:
    """All that is known of a look.

    Attributes:
        look: the wish.
        guide: the guided picture.
        grid: the target's patch grid.
        budget: exit or K.
        saliency: the map on the target's grid, also after an exit; None without one.
        order: (N,) int64, from first to last kept; None for a map that cannot be ranked.
        toggled: patches whose kept state differs from the ranking's because of a forced one.
        result: the run; its target or full answer is None while not known.
        key: names the kept set; changes whenever the target would see something else.
        pair: who looks.
    """

    look: Look
    guide: Guide
    grid: PatchGrid
    budget: Budget
    saliency: Saliency | None
    order: npt.NDArray[np.int64] | None
    toggled: tuple[int, ...]
    result: DropResult
    key: str
    pair: Pair

    @property
    def running(self) -> bool:
        """Whether an answer of the target is still missing."""
        waiting = self.result.target is None and not self.result.exited
        return waiting or self.result.full is None
