"""The one inference step, for a batch of pictures: open -> guide -> rank -> answer.

``TinyDrop`` is this with one picture; traces, tables of quality, comparisons and the pages read it
with many. So what is measured over pictures is what the pipeline does to each of them, up to the
rounding of batched matrix products. Values hold no model: every step is told which one runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.backbones import Features, Guidance, Target
from tinydrop.budget import BUDGET_LEVELS, num_keep
from tinydrop.errors import PictureError, SettingError
from tinydrop.images import View, open_picture
from tinydrop.pairs import Pair
from tinydrop.pipeline.selectors import check_selector, geometric_order
from tinydrop.results import softmax
from tinydrop.saliency import compute_saliency, resize_saliency
from tinydrop.selection import Order, map_method, map_order, reversed_order
from tinydrop.tokens import PatchGrid, Rectangle, Saliency

__all__ = [
    "AtLevel",
    "Batch",
    "Guided",
    "Maps",
    "Ranking",
    "answer",
    "answer_levels",
    "explain",
    "finite_logits",
    "guide_batch",
    "open_batch",
    "rank_batch",
]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


class Stored(Protocol):
    """A picture as a data set stores it, of which nothing is decoded yet."""

    @property
    def id(self) -> str:
        """Its name in the data set."""

    @property
    def content(self) -> bytes:
        """The bytes of the file."""

    @property
    def box(self) -> Rectangle | None:
        """The object's box in picture pixels, if it is known."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The B pictures of a list that can be read, as both models want them.

    The decoded pictures themselves are not held.

    Attributes:
        kept: (B,) int64, which ones of the list they are, rising.
        ids: their names.
        digests: SHA-256 of their pixels; seeded orders are mixed with it.
        views: the region of each that both models see.
        boxes: the object's box of each, in picture pixels, where it is known.
        small: (B, 3, H, W) float32, the guidance's input.
        large: (B, 3, H, W) float32, the target's input.
    """

    kept: Ints
    ids: tuple[str, ...]
    digests: tuple[str, ...]
    views: tuple[View, ...]
    boxes: tuple[Rectangle | None, ...]
    small: torch.Tensor
    large: torch.Tensor

    def box_coverage(self, grid: PatchGrid) -> npt.NDArray[np.float64]:
        """Return the share of every patch in the box, (B, N) float64; zeros where there is none."""
        found = np.zeros((len(self.ids), grid.num_patches))
        for row, (view, box) in enumerate(zip(self.views, self.boxes, strict=True)):
            if box is not None:
                found[row] = view.box_coverage(grid, box).reshape(-1)
        return found


def open_batch(pair: Pair, pictures: Sequence[Stored]) -> Batch | None:
    """Return those of the pictures that can be read; None where there is none.

    Args:
        pair: whose models will see them.
        pictures: as stored; they are decoded one after another.
    """
    opened, small, large = [], [], []
    for number, stored in enumerate(pictures):
        try:
            picture = open_picture(stored.content, stored.id)
        except PictureError:
            continue
        view = View(picture.image.size, pair.target.spec.input)
        small.append(view.pixels(picture, pair.guidance.spec.input))
        large.append(view.pixels(picture, pair.target.spec.input))
        opened.append((number, stored.id, picture.digest, view, stored.box))
    if not opened:
        return None
    kept, ids, digests, views, boxes = zip(*opened, strict=True)
    own, big = (torch.from_numpy(np.stack(pixels)) for pixels in (small, large))
    return Batch(np.array(kept, dtype=np.int64), ids, digests, views, boxes, own, big)


@dataclass(frozen=True, eq=False)
class Guided:
    """What the guidance says of B pictures in one forward pass.

    Attributes:
        digests: SHA-256 of each picture's pixels.
        features: the last feature map, and what the head needs beside it.
        logits: (B, classes) float32.
    """

    digests: tuple[str, ...]
    features: Features
    logits: Floats

    @property
    def winner(self) -> Ints:
        """The winning classes, (B,) int64; ties go to the lowest index."""
        return self.logits.argmax(axis=1).astype(np.int64)

    def confidence(self, temperature: float) -> Floats:
        """Return the largest probability of each at temperature T, (B,).

        Float32, as a trace stores it: everything must exit on the same side of tau.
        """
        return softmax(self.logits, temperature).max(axis=1).astype(np.float32)


def guide_batch(guidance: Guidance, pixels: torch.Tensor, digests: Sequence[str]) -> Guided:
    """Return the guidance's one forward pass over B pictures.

    Args:
        guidance: the small model.
        pixels: (B, 3, H, W), its own input.
        digests: SHA-256 of each picture's pixels.

    Raises:
        SettingError: if the logits are not finite.
    """
    features = guidance.features(pixels)
    return Guided(tuple(digests), features, finite_logits(features.logits))


class Maps(NamedTuple):
    """The maps of B pictures: as the guidance made them, and on the target's patch grid."""

    raw: tuple[Saliency, ...]
    on_patches: tuple[Saliency, ...]


def explain(pair: Pair, guided: Guided, method: str = "gradcam") -> Maps:
    """Return the maps of the guidance's winning classes.

    Args:
        pair: the one that guided the pictures.
        guided: B pictures.
        method: a name in ``SALIENCY_METHODS``.

    Raises:
        SettingError: if the method is unknown.
    """
    raw = compute_saliency(pair.guidance, guided.features, guided.winner.tolist(), method)
    grid = pair.target.spec.grid
    return Maps(raw, tuple(resize_saliency(one, grid) for one in raw))


@dataclass(frozen=True, eq=False)
class Ranking:
    """The orders of one selector on B pictures.

    Attributes:
        order: (B, N) int64, patches from first to last kept; 0..N-1 where unranked.
        unranked: (B,) bool, True where the map cannot be ranked: every level keeps everything.
        maps: what was ranked; None for selectors that look at no map.
    """

    order: Ints
    unranked: Bools
    maps: Maps | None = None

    @classmethod
    def of(
        cls, orders: Iterable[Order | None], num_patches: int, maps: Maps | None = None
    ) -> Ranking:
        """Return the orders as arrays; None stands for a picture whose map cannot be ranked."""
        known = list(orders)
        everything = np.arange(num_patches)
        order = np.stack([everything if one is None else one for one in known])
        return cls(order, np.array([one is None for one in known]), maps)

    def reversed(self) -> Ranking:
        """Return the orders whose beginnings are what deletion by these leaves."""
        return Ranking(reversed_order(self.order), self.unranked)

    def one(self, row: int = 0) -> Order | None:
        """Return one picture's order, (N,) int64; None where its map cannot be ranked."""
        return None if self.unranked[row] else self.order[row]


def rank_batch(
    pair: Pair, guided: Guided, selectors: Iterable[str], seed: int = 0
) -> dict[str, Ranking]:
    """Return each selector's orders; those that read the same map share it.

    Args:
        pair: the one that guided the pictures.
        guided: B pictures.
        selectors: names in ``SELECTORS``.
        seed: of the random and the scattered selector; mixed with each picture, so that pictures
            differ.

    Raises:
        SettingError: if a selector is unknown.
    """
    grid = pair.target.spec.grid
    explained: dict[str, Maps] = {}
    found: dict[str, Ranking] = {}
    for name in selectors:
        check_selector(name)
        method = map_method(name)
        if method is None:
            orders = [geometric_order(grid, name, digest, seed) for digest in guided.digests]
            found[name] = Ranking.of(orders, grid.num_patches)
            continue
        if method not in explained:
            explained[method] = explain(pair, guided, method)
        maps = explained[method]
        ranked = (map_order(name, one) for one in maps.on_patches)
        found[name] = Ranking.of(ranked, grid.num_patches, maps)
    return found


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


def finite_logits(logits: torch.Tensor) -> Floats:
    """Return a model's logits as (B, classes) float32.

    Raises:
        SettingError: if one is not finite, since a confidence would then mean nothing.
    """
    found: Floats = logits.float().cpu().numpy()
    softmax(found)
    return found
