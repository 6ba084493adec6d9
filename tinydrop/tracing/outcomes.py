"""What guidance and target say of one chunk of pictures at all 16 levels, in batches.

Every figure is computed as the pipeline computes it for one picture; only the batches differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.budget import BUDGET_LEVELS, num_keep
from tinydrop.coherence import COHERENCE_METRICS
from tinydrop.data import LabelledPicture
from tinydrop.errors import PictureError
from tinydrop.images import View, open_picture
from tinydrop.macs import target_macs
from tinydrop.pipeline import TinyDrop, geometric_order
from tinydrop.results import softmax
from tinydrop.saliency import compute_saliency, resize_saliency
from tinydrop.selection import map_method, map_order
from tinydrop.trace import label_rank

__all__ = ["COHERENCE_PREFIX", "Columns", "trace_chunk"]

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
    guidance, target = drop.pair.guidance, drop.pair.target
    grid = target.spec.grid
    method = map_method(selector)
    small: list[npt.NDArray[np.float32]] = []
    large: list[npt.NDArray[np.float32]] = []
    orders: list[npt.NDArray[np.int64] | None] = []
    kept: list[int] = []
    for number, stored in enumerate(pictures):
        try:
            picture = open_picture(stored.content, stored.id)
        except PictureError:
            continue
        view = View(picture.image.size, target.spec.input)
        small.append(view.pixels(picture, guidance.spec.input))
        large.append(view.pixels(picture, target.spec.input))
        if method is None:
            orders.append(geometric_order(grid, selector, picture, seed))
        kept.append(number)
    if not kept:
        return {}
    truth = labels[kept]
    features = guidance.features(torch.from_numpy(np.stack(small)))
    logits = features.logits.float().cpu().numpy()
    winner = logits.argmax(axis=1)
    confidence = [softmax(logits, t).max(axis=1).astype(np.float32) for t in temperatures]
    class_type = _smallest(len(drop.pair.classes))
    columns: Columns = {
        "picture_id": np.array([pictures[number].id for number in kept], dtype=np.str_),
        "label": truth.astype(class_type),
        "guidance_logits": np.clip(logits, -65504, 65504).astype(np.float16),
        "confidence": np.stack(confidence, axis=1),
        "guidance_class": winner.astype(class_type),
        "guidance_rank": label_rank(logits, truth).astype(class_type),
    }
    if method is not None:
        maps = compute_saliency(guidance, features, winner.tolist(), method)
        orders += [map_order(selector, resize_saliency(raw, grid)) for raw in maps]
        flat = np.stack([raw.values.reshape(-1) for raw in maps])
        columns["saliency_map"] = np.clip(flat, -65504, 65504).astype(np.float16)
    unranked = np.array([order is None for order in orders])
    everything = np.arange(grid.num_patches)
    order = np.stack([everything if order is None else order for order in orders])
    columns["unranked"] = unranked
    columns["order"] = order.astype(_smallest(grid.num_patches))
    columns |= _target_columns(
        drop, torch.from_numpy(np.stack(large)), order, unranked, truth, class_type
    )
    return columns


def _target_columns(
    drop: TinyDrop,
    pixels: torch.Tensor,
    order: npt.NDArray[np.int64],
    unranked: npt.NDArray[np.bool_],
    truth: npt.NDArray[np.int64],
    class_type: npt.DTypeLike,
) -> Columns:
    """Return the target's outcome and the kept sets' coherence, one column per level.

    A picture without a rank keeps everything at every level, so its full outcome stands in all.
    """
    target = drop.pair.target
    grid = target.spec.grid
    count = len(order)
    shape = (count, BUDGET_LEVELS)
    winner, rank = np.empty(shape, np.int64), np.empty(shape, np.int64)
    confidence = np.empty(shape, np.float32)
    masks = np.ones((*shape, grid.num_patches), dtype=np.bool_)
    full = target.logits(pixels).float().cpu().numpy()
    ranked = np.flatnonzero(~unranked)
    some = pixels if ranked.size == count else pixels[torch.from_numpy(ranked)]
    for level in range(1, BUDGET_LEVELS + 1):
        logits = full
        if level < BUDGET_LEVELS and ranked.size:
            keep = np.sort(order[ranked, : num_keep(level, grid.num_patches)], axis=1)
            logits = full.copy()
            logits[ranked] = target.logits(some, torch.from_numpy(keep)).float().cpu().numpy()
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
