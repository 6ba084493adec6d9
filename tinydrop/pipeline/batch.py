"""The one inference step, for a batch of pictures: open -> guide -> rank, then ``answers``.

``TinyDrop`` is this with one picture; traces, tables of quality, comparisons and the pages read it
with many. So what is measured over pictures is what the pipeline does to each of them, up to the
rounding of batched matrix products. Values hold no model: every step is told which one runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.errors import PictureError, SettingError
from tinydrop.core.results import softmax
from tinydrop.core.selection import Order, check_selector, map_method, map_order, reversed_order
from tinydrop.core.tokens import PatchGrid, Rectangle, Saliency
from tinydrop.data import View, open_picture
from tinydrop.models.backbones import Features, Guidance
from tinydrop.models.pairs import Pair
from tinydrop.models.saliency import compute_saliency, resize_saliency
from tinydrop.pipeline.selectors import geometric_order

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

    Raises:
        SettingError: if the three are not of the same number of pictures.
    """

    digests: tuple[str, ...]
    features: Features
    logits: Floats

    def __post_init__(self) -> None:
        if not len(self.digests) == len(self.features) == len(self.logits):
            raise SettingError(
                f"A guided batch has a digest and logits for each of its {len(self.features)} "
                f"pictures, got {len(self.digests)} and {len(self.logits)}."
            )

    @property
    def winner(self) -> Ints:
        """The winning classes, (B,) int64; ties go to the lowest index."""
        winner: Ints = self.logits.argmax(axis=1).astype(np.int64)
        return winner

    def confidence(self, temperature: float) -> Floats:
        """Return the largest probability of each at temperature T, (B,).

        Float32, as a trace stores it: everything must exit on the same side of tau.
        """
        top: Floats = softmax(self.logits, temperature).max(axis=1).astype(np.float32)
        return top


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

    Raises:
        SettingError: if the shapes do not fit each other.
    """

    order: Ints
    unranked: Bools
    maps: Maps | None = None

    def __post_init__(self) -> None:
        if self.order.ndim != 2 or self.unranked.shape != self.order.shape[:1]:
            raise SettingError(
                f"A ranking has an order of the patches and one truth value for each picture, got "
                f"shapes {self.order.shape} and {self.unranked.shape}."
            )

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


def finite_logits(logits: torch.Tensor) -> Floats:
    """Return a model's logits as (B, classes) float32.

    Raises:
        SettingError: if one is not finite, since a confidence would then mean nothing.
    """
    found: Floats = logits.float().cpu().numpy()
    softmax(found)
    return found
