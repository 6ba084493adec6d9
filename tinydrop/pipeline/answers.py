"""The last part of the inference step: what the target says of a batch on the kept patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import Target
from tinydrop.pipeline.batch import Ranking, finite_logits

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def answer(
    target: Target, pixels: torch.Tensor, keep: Ints | None = None, positions: str = "right"
) -> Floats:
    """Return the target's logits, (B, classes) float32.

    Args:
        target: the big model.
        pixels: (B, 3, H, W), its own input.
        keep: (B, K), sorted kept patches of each; None keeps every patch.
        positions: where they get their positions from, a name in ``POSITION_MODES``.

    Raises:
        SettingError: if the target cannot run with these positions or patches, or the logits are
            not finite.
    """
    kept = None if keep is None else torch.from_numpy(np.array(keep, dtype=np.int64))
    return finite_logits(target.logits(pixels, kept, positions))


class AtLevel(NamedTuple):
    """The target's answers at one budget level.

    Attributes:
        level: 1..16.
        keep: (R, K) int64, sorted, of the R pictures that could be ranked.
        logits: (B, classes) float32, of all of them.
    """

    level: int
    keep: Ints
    logits: Floats


def answer_levels(
    target: Target,
    pixels: torch.Tensor,
    ranking: Ranking,
    full: Floats | None = None,
    positions: str = "right",
) -> Iterator[AtLevel]:
    """Yield the target's answers at every level, 1 first, a forward pass for each.

    The top level keeps everything, as every level of an unranked picture does, and runs once.

    Args:
        target: the big model.
        pixels: (B, 3, H, W), its own input.
        ranking: of the same B pictures.
        full: (B, classes), its logits on every patch with these positions, where they are known.
        positions: a name in ``POSITION_MODES``.

    Raises:
        SettingError: as ``answer`` does, or if the ranking is of another number of pictures.
    """
    patches, count = target.spec.grid.num_patches, len(ranking.order)
    if count != len(pixels) or ranking.order.shape[1] != patches:
        raise SettingError(
            f"A ranking orders the {patches} patches of each of the {len(pixels)} pictures, got "
            f"shape {ranking.order.shape}."
        )
    whole = answer(target, pixels, None, positions) if full is None else full
    ranked = np.flatnonzero(~ranking.unranked)
    some = pixels if ranked.size == count else pixels[torch.from_numpy(ranked)]
    for level in range(1, BUDGET_LEVELS + 1):
        keep = np.sort(ranking.order[ranked, : num_keep(level, patches)], axis=1)
        logits = whole
        if level < BUDGET_LEVELS and ranked.size:
            logits = whole.copy()
            logits[ranked] = answer(target, some, keep, positions)
        yield AtLevel(level, keep, logits)
