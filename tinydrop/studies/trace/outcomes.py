"""What guidance and target say of one chunk of pictures at all 16 levels, as columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.coherence import COHERENCE_METRICS
from tinydrop.core.results import softmax
from tinydrop.core.tokens import covered_patches
from tinydrop.data import LabelledPicture
from tinydrop.models.macs import target_macs
from tinydrop.pipeline import Ranking, TinyDrop, answer_levels, guide_batch, open_batch, rank_batch
from tinydrop.studies.trace.values import label_rank

Columns = dict[str, npt.NDArray[Any]]
"""Column of the table -> (B,) or (B, k) array in the type that is stored."""
COHERENCE_PREFIX = "coherence."


def trace_chunk(
    drop: TinyDrop,
    pictures: Sequence[LabelledPicture],
    labels: npt.NDArray[np.int64],
    temperatures: Sequence[float],
    selector: str,
    seed: int,
) -> Columns:
    """Return the table rows of those pictures that can be read; others are left out.

    Args:
        drop: the pair.
        pictures: at least one, as stored.
        labels: (B,) int64, the true classes as the pair numbers them.
        temperatures: T at which the confidence is stated.
        selector: who ranks the patches.
        seed: of the random and the scattered selector.

    Raises:
        SettingError: if a model's logits are not finite.
    """
    pair = drop.pair
    batch = open_batch(pair, pictures)
    if batch is None:
        return {}
    grid, truth = pair.target.spec.grid, labels[batch.kept]
    boxes = [covered_patches(shares) for shares in batch.box_coverage(grid)]
    guided = guide_batch(pair.guidance, batch.small, batch.digests)
    ranking = rank_batch(pair, guided, [selector], seed)[selector]
    class_type = _smallest(len(pair.classes))
    columns: Columns = {
        "picture_id": np.array(batch.ids, dtype=np.str_),
        "label": truth.astype(class_type),
        "guidance_logits": np.clip(guided.logits, -65504, 65504).astype(np.float16),
        "confidence": np.stack([guided.confidence(t) for t in temperatures], axis=1),
        "guidance_class": guided.winner.astype(class_type),
        "guidance_rank": label_rank(guided.logits, truth).astype(class_type),
        "box": np.stack(boxes).astype(np.uint8),
    }
    if ranking.maps is not None:
        flat = np.stack([raw.values.reshape(-1) for raw in ranking.maps.raw])
        columns["saliency_map"] = np.clip(flat, -65504, 65504).astype(np.float16)
    columns["unranked"] = ranking.unranked
    columns["order"] = ranking.order.astype(_smallest(grid.num_patches))
    columns |= _target_columns(drop, batch.large, ranking, truth, class_type)
    return columns


def _target_columns(
    drop: TinyDrop,
    pixels: torch.Tensor,
    ranking: Ranking,
    truth: npt.NDArray[np.int64],
    class_type: npt.DTypeLike,
) -> Columns:
    """Return the target's outcome and the kept sets' coherence, one column per level.

    A picture without a rank keeps everything at every level, so its full outcome stands in all.
    """
    target = drop.pair.target
    grid = target.spec.grid
    shape = (len(truth), BUDGET_LEVELS)
    winner, rank = np.empty(shape, np.int64), np.empty(shape, np.int64)
    confidence = np.empty(shape, np.float32)
    masks = np.ones((*shape, grid.num_patches), dtype=np.bool_)
    ranked = np.flatnonzero(~ranking.unranked)
    for level, keep, logits in answer_levels(target, pixels, ranking):
        if level < BUDGET_LEVELS:
            inside = np.zeros((ranked.size, grid.num_patches), dtype=np.bool_)
            np.put_along_axis(inside, keep, values=True, axis=1)
            masks[ranked, level - 1] = inside
        column = level - 1
        winner[:, column] = logits.argmax(axis=1)
        rank[:, column] = label_rank(logits, truth)
        confidence[:, column] = softmax(logits).max(axis=1)
    costs: Columns = {}
    if target.spec.cost.depends_on_set:
        kept = (np.flatnonzero(mask) for mask in masks.reshape(-1, grid.num_patches))
        totals = [target_macs(target.spec, indices).total for indices in kept]
        costs["target_macs"] = np.array(totals, dtype=np.int64).reshape(shape)
    stack = masks.reshape(-1, grid.rows, grid.cols)
    coherence = {
        COHERENCE_PREFIX + name: measure(stack).reshape(shape).astype(np.float32)
        for name, measure in COHERENCE_METRICS.items()
    }
    return {
        "target_class": winner.astype(class_type),
        "target_rank": rank.astype(class_type),
        "target_confidence": confidence,
        **costs,
        **coherence,
    }


def _smallest(count: int) -> npt.DTypeLike:
    """Return the smallest unsigned type that holds 0 to ``count - 1``."""
    return np.uint8 if count <= 256 else np.uint16 if count <= 65536 else np.uint32
