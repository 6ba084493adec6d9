"""What guidance and target say of one chunk of pictures at all 16 levels, in batches.

Every figure is computed as the pipeline computes it for one picture; only the batches differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.backbones import Target
from tinydrop.budget import BUDGET_LEVELS, num_keep
from tinydrop.coherence import COHERENCE_METRICS
from tinydrop.data import LabelledPicture
from tinydrop.errors import PictureError
from tinydrop.images import Picture, View, open_picture
from tinydrop.macs import target_macs
from tinydrop.pipeline import TinyDrop, geometric_order
from tinydrop.results import softmax
from tinydrop.saliency import compute_saliency, resize_saliency
from tinydrop.selection import map_method, map_order
from tinydrop.tokens import covered_patches
from tinydrop.trace import label_rank

__all__ = [
    "COHERENCE_PREFIX",
    "Columns",
    "OpenedChunk",
    "logits_at_levels",
    "open_chunk",
    "trace_chunk",
]

Columns = dict[str, npt.NDArray[Any]]
"""Column of the table -> (B,) or (B, k) array in the type that is stored."""
COHERENCE_PREFIX = "coherence."


T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a chunk keeps of a decoded picture: its geometric order, if any, and its box."""

    order: npt.NDArray[np.int64] | None
    box: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class OpenedChunk(Generic[T]):
    """The pictures of a chunk that can be read, as both models want them.

    Attributes:
        kept: which of the chunk's pictures they are, rising.
        small: (B, 3, H, W) float32, the guidance's input.
        large: (B, 3, H, W) float32, the target's input.
        each: what was asked of each of them; the decoded pictures themselves are not held.
    """

    kept: list[int]
    small: torch.Tensor
    large: torch.Tensor
    each: list[T]


def open_chunk(
    drop: TinyDrop,
    pictures: Sequence[LabelledPicture],
    ask: Callable[[Picture, View, LabelledPicture], T],
) -> OpenedChunk[T] | None:
    """Return those pictures that can be read; None where there is none.

    Args:
        drop: the pair.
        pictures: as stored.
        ask: told every picture, its view and how it is stored; the answer is kept.
    """
    guidance, target = drop.pair.guidance.spec.input, drop.pair.target.spec.input
    small: list[npt.NDArray[np.float32]] = []
    large: list[npt.NDArray[np.float32]] = []
    each: list[T] = []
    kept: list[int] = []
    for number, stored in enumerate(pictures):
        try:
            picture = open_picture(stored.content, stored.id)
        except PictureError:
            continue
        view = View(picture.image.size, target)
        small.append(view.pixels(picture, guidance))
        large.append(view.pixels(picture, target))
        each.append(ask(picture, view, stored))
        kept.append(number)
    if not kept:
        return None
    own, big = (torch.from_numpy(np.stack(pixels)) for pixels in (small, large))
    return OpenedChunk(kept, own, big, each)


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

    def ask(picture: Picture, view: View, stored: LabelledPicture) -> _Asked:
        box = stored.box
        inside = np.zeros(grid.num_patches, dtype=np.bool_)
        if box is not None:
            inside = covered_patches(view.box_coverage(grid, box)).reshape(-1)
        order = geometric_order(grid, selector, picture, seed) if method is None else None
        return _Asked(order, inside)

    opened = open_chunk(drop, pictures, ask)
    if opened is None:
        return {}
    kept, orders = opened.kept, [asked.order for asked in opened.each]
    truth = labels[kept]
    features = guidance.features(opened.small)
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
        "box": np.stack([asked.box for asked in opened.each]).astype(np.uint8),
    }
    if method is not None:
        maps = compute_saliency(guidance, features, winner.tolist(), method)
        orders = [map_order(selector, resize_saliency(raw, grid)) for raw in maps]
        flat = np.stack([raw.values.reshape(-1) for raw in maps])
        columns["saliency_map"] = np.clip(flat, -65504, 65504).astype(np.float16)
    unranked = np.array([order is None for order in orders])
    everything = np.arange(grid.num_patches)
    order = np.stack([everything if order is None else order for order in orders])
    columns["unranked"] = unranked
    columns["order"] = order.astype(_smallest(grid.num_patches))
    columns |= _target_columns(drop, opened.large, order, unranked, truth, class_type)
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
    for level, keep, logits in logits_at_levels(target, pixels, order, unranked, full):
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


def logits_at_levels(
    target: Target,
    pixels: torch.Tensor,
    order: npt.NDArray[np.int64],
    unranked: npt.NDArray[np.bool_],
    full: npt.NDArray[np.float32],
    positions: str = "right",
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Yield every level, the patches kept there and the target's logits, a batch per level.

    The top level is not run again: it is ``full``.

    Args:
        target: the big model.
        pixels: (B, 3, H, W), its own input.
        order: (B, N), patches from first to last kept.
        unranked: (B,) bool, True where every level keeps everything.
        full: (B, classes), the target's logits on every patch with these positions.
        positions: a name in ``POSITION_MODES``.

    Yields:
        level; (R, K) int64, sorted, of the R ranked pictures alone; (B, classes) float32.
    """
    patches = target.spec.grid.num_patches
    ranked = np.flatnonzero(~unranked)
    some = pixels if ranked.size == len(order) else pixels[torch.from_numpy(ranked)]
    for level in range(1, BUDGET_LEVELS + 1):
        keep = np.sort(order[ranked, : num_keep(level, patches)], axis=1)
        logits = full
        if level < BUDGET_LEVELS and ranked.size:
            logits = full.copy()
            found = target.logits(some, torch.from_numpy(keep), positions)
            logits[ranked] = found.float().cpu().numpy()
        yield level, keep, logits


def _smallest(count: int) -> npt.DTypeLike:
    """Return the smallest unsigned type that holds 0 to ``count - 1``."""
    return np.uint8 if count <= 256 else np.uint16 if count <= 65536 else np.uint32
