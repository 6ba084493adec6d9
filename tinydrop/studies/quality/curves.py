"""Deletion and insertion by dropping tokens: how the target's belief follows the order of patches.

No grey pixels: what is deleted is never seen. Insertion keeps the first K patches of an order, so
that a good order rises early; deletion drops the first N - K of them, which is the same as keeping
the first K of the reversed order, so that a good one falls early. The x axis of both is the share
of the patches that is kept, K / N at the 16 budget levels: from the first level's share (1/16) to
1, since a target without any patch has no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.core.results import softmax
from tinydrop.core.selection import Order, map_method, select_tokens
from tinydrop.core.statistics import spearman
from tinydrop.models.backbones import Target, target_own_maps, why_no_own_map
from tinydrop.pipeline import Guide, Ranking, TinyDrop, answer, answer_levels
from tinydrop.studies.quality.maps import flat_maps

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LevelOutcomes:
    """What the target says of B pictures at the L = 16 levels of one order.

    Attributes:
        winner: (B, L) int64, its class.
        probability: (B, L) float64, what it gives to each picture's stated class.
    """

    winner: Ints
    probability: Floats


@dataclass(frozen=True, eq=False)
class PictureCurves:
    """Insertion and deletion of one picture by one order.

    Attributes:
        class_index: the full target's decision, whose probability the curves show.
        kept: (16,) int64, K at every level.
        insertion: (16,) float64, while the first K patches are kept.
        deletion: (16,) float64, while the last K are kept, the first N - K dropped.
    """

    class_index: int
    kept: Ints
    insertion: Floats
    deletion: Floats

    @property
    def insertion_area(self) -> float:
        """Mean height of the insertion curve over the share kept; higher is better."""
        return float(area_under(self.insertion, int(self.kept[-1])))

    @property
    def deletion_area(self) -> float:
        """Mean height of the deletion curve over the share kept; lower is better."""
        return float(area_under(self.deletion, int(self.kept[-1])))


def kept_counts(num_patches: int) -> Ints:
    """Return K at every level, (16,) int64."""
    return np.array([num_keep(level, num_patches) for level in range(1, BUDGET_LEVELS + 1)])


def area_under(curve: npt.ArrayLike, num_patches: int) -> Floats:
    """Return the area under each curve by the trapezoid rule, as its mean height.

    The area over the share kept is divided by the length of that axis, so that a constant curve
    has its own height, whatever the grid.

    Args:
        curve: (..., 16), one value per level.
        num_patches: N; with a single patch all levels are one and so is the curve.

    Raises:
        SettingError: if there is not one value per level.
    """
    values = np.asarray(curve, np.float64)
    if values.ndim < 1 or values.shape[-1] != BUDGET_LEVELS:
        raise SettingError(f"A curve has one value per level, got shape {values.shape}.")
    shares = kept_counts(num_patches) / num_patches
    length = shares[-1] - shares[0]
    if length == 0.0:
        return values[..., -1]
    middles = (values[..., 1:] + values[..., :-1]) / 2.0
    area: Floats = (middles * np.diff(shares)).sum(axis=-1) / length
    return area


def outcomes_at_levels(
    target: Target,
    pixels: torch.Tensor,
    ranking: Ranking,
    full: npt.NDArray[np.float32] | None,
    classes: Ints,
    positions: str = "right",
) -> LevelOutcomes:
    """Return the target's outcome on the first K patches of each picture's order, at each level.

    Args:
        target: the big model.
        pixels: (B, 3, H, W), its own input.
        ranking: the orders; every level of a picture without one keeps everything.
        full: (B, classes), its logits on every patch with these positions; None to run it.
        classes: (B,) int64, the class whose probability is asked for.
        positions: a name in ``POSITION_MODES``.
    """
    winner = np.empty((len(pixels), BUDGET_LEVELS), np.int64)
    probability = np.empty((len(pixels), BUDGET_LEVELS), np.float64)
    rows = np.arange(len(pixels))
    for level, _, logits in answer_levels(target, pixels, ranking, full, positions):
        winner[:, level - 1] = logits.argmax(axis=1)
        probability[:, level - 1] = softmax(logits)[rows, classes]
    return LevelOutcomes(winner, probability)


def picture_curves(drop: TinyDrop, guide: Guide, order: Order) -> PictureCurves:
    """Return insertion and deletion of one picture; the target runs 31 times at most.

    Args:
        drop: the pair.
        guide: the guided picture.
        order: (N,) int64, as ``TinyDrop.rank`` gives it.

    Raises:
        SettingError: if the order is not one of the target's grid.
    """
    target = drop.pair.target
    select_tokens(order, target.spec.grid, target.spec.grid.num_patches, "order")
    pixels = guide.pixels(target.spec.input)
    full = answer(target, pixels)
    classes = full.argmax(axis=1).astype(np.int64)
    ranking = Ranking.of([order], target.spec.grid.num_patches)
    insertion, deletion = (
        outcomes_at_levels(target, pixels, one, full, classes).probability[0]
        for one in (ranking, ranking.reversed())
    )
    kept = kept_counts(target.spec.grid.num_patches)
    return PictureCurves(int(classes[0]), kept, insertion, deletion)


def picture_likeness(drop: TinyDrop, guide: Guide, selector: str = "gradcam") -> float | None:
    """Return Spearman's rank correlation of the guidance's map with the target's own, -1 to 1.

    Both are taken on the target's grid: the map that the selector reads, of the guidance's class,
    and ``target_own_maps`` of the full target's class.

    Args:
        drop: the pair.
        guide: the guided picture.
        selector: a name in ``SELECTORS``.

    Returns:
        None for a selector that reads no map, a target without a map of its own, and maps that
        cannot be ranked.
    """
    method, target = map_method(selector), drop.pair.target
    if method is None or why_no_own_map(target) is not None:
        return None
    pixels = guide.pixels(target.spec.input)
    winner = int(answer(target, pixels)[0].argmax())
    (own,) = target_own_maps(target, pixels, [winner])
    mine = drop.saliency(guide, method)
    if mine.problem is not None or own.problem is not None:
        return None
    rho = float(spearman(flat_maps([mine]), flat_maps([own]))[0])
    return None if np.isnan(rho) else rho
