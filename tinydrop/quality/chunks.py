"""The figures of one chunk of pictures, picture by picture; the models run in batches.

Maps, orders and outcomes are made as the pipeline makes them for one picture.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.backbones import Features, Guidance, target_own_maps
from tinydrop.check import redraw_weights
from tinydrop.data import LabelledPicture
from tinydrop.images import Picture, View
from tinydrop.pipeline import TinyDrop, geometric_order
from tinydrop.quality.curves import (
    LevelOutcomes,
    area_under,
    outcomes_at_levels,
    reversed_order,
)
from tinydrop.quality.localisation import object_order
from tinydrop.quality.maps import (
    Figures,
    baselines_on_box,
    flat_maps,
    mean_of_known,
    on_box,
)
from tinydrop.quality.statistics import spearman
from tinydrop.results import softmax
from tinydrop.saliency import SALIENCY_METHODS, compute_saliency, resize_saliency
from tinydrop.selection import map_method, map_order
from tinydrop.tokens import PatchGrid, Saliency
from tinydrop.tracing import open_chunk

__all__ = ["OBJECT", "OWN", "Plan", "measure_chunk", "redrawn_guidance"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
OWN = "target"
"""The target's own map, as a method and as an intervention."""
OBJECT = "object box"
"""The patches of the object's box first, as an intervention: what a perfect guide could know."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is measured.

    Attributes:
        selectors: whose orders are tried.
        reference: the one whose patches also get wrong positions.
        modes: names in ``POSITION_MODES`` that the target can run; ``right`` among them.
        own: whether the target has a map of its own.
        seed: of the seeded selectors.
        redrawn: copies of the guidance with weights drawn anew.
    """

    selectors: tuple[str, ...]
    reference: str
    modes: tuple[str, ...]
    own: bool
    seed: int
    redrawn: tuple[Guidance, ...]


@dataclass(frozen=True, eq=False)
class _Asked:
    """What a chunk keeps of a decoded picture: its box on the grid, and its geometric orders."""

    coverage: Floats
    orders: Mapping[str, Ints]


@dataclass(frozen=True, eq=False)
class _Order:
    """The orders of one selector, (B, N), and which pictures have none, (B,)."""

    order: Ints
    unranked: Bools


def redrawn_guidance(guidance: Guidance, seed: int) -> Guidance:
    """Return the same architecture with every weight drawn anew; the live model stays as it is."""
    module = copy.deepcopy(guidance.module)
    redraw_weights(module, seed)
    return guidance.rebuilt(module)


def measure_chunk(
    drop: TinyDrop, plan: Plan, pictures: Sequence[LabelledPicture], labels: Ints
) -> Figures:
    """Return the figures of those pictures that can be read; nothing where there is none.

    Args:
        drop: the pair.
        plan: what is measured.
        pictures: at least one, as stored.
        labels: (B,) int64, the true classes as the pair numbers them.

    Raises:
        SettingError: if a model's logits are not finite.
    """
    grid = drop.pair.target.spec.grid
    geometric = [name for name in plan.selectors if map_method(name) is None]

    def ask(picture: Picture, view: View, stored: LabelledPicture) -> _Asked:
        box = np.zeros((grid.rows, grid.cols))
        if stored.box is not None:
            box = view.box_coverage(grid, stored.box)
        orders = {name: geometric_order(grid, name, picture, plan.seed) for name in geometric}
        return _Asked(box.reshape(-1), orders)

    opened = open_chunk(drop, pictures, ask)
    if opened is None:
        return {}
    chunk = _Chunk(drop, plan, opened.small, opened.large, labels[opened.kept])
    coverage = np.stack([asked.coverage for asked in opened.each])
    ids = np.array([pictures[number].id for number in opened.kept], dtype=np.str_)
    figures: Figures = {
        ("box",): np.asarray(coverage.any(axis=1)),
        ("box_share",): coverage.mean(axis=1),
        ("picture_id",): ids,
        ("truth",): labels[opened.kept],
    }
    own = chunk.own_maps() if plan.own else None
    maps = chunk.maps()
    for name in plan.selectors:
        if name in geometric:
            order = np.stack([asked.orders[name] for asked in opened.each])
            ranks = _Order(order, np.zeros(len(order), dtype=np.bool_))
        else:
            ranks = _ranked(name, maps[str(map_method(name))])
        figures |= chunk.curves("selector", name, ranks)
        if name == plan.reference:
            figures |= chunk.positions(ranks)
        if name in SALIENCY_METHODS:
            figures |= on_box(name, maps[name], coverage)
            figures |= chunk.sanity(name)
            if own is not None:
                figures["rank_correlation", name] = spearman(flat_maps(maps[name]), flat_maps(own))
    if own is not None:
        figures |= chunk.curves("reference", OWN, _ranked("own", own))
        figures |= on_box(OWN, own, coverage)
    figures |= chunk.curves("reference", OBJECT, _by_box(grid, coverage))
    return figures | baselines_on_box(grid, coverage, own)


class _Chunk:
    """The models' answers on a batch, and what is made of them."""

    def __init__(
        self, drop: TinyDrop, plan: Plan, small: torch.Tensor, large: torch.Tensor, truth: Ints
    ) -> None:
        self._drop, self._plan = drop, plan
        self._large, self._truth = large, truth
        self._features = drop.pair.guidance.features(small)
        logits = self._features.logits.float().cpu().numpy()
        softmax(logits)  # refuses logits that are not finite
        self._explained: list[int] = logits.argmax(axis=1).tolist()
        self._full = drop.pair.target.logits(large).float().cpu().numpy()
        self._full_class = self._full.argmax(axis=1).astype(np.int64)
        self._twins = [(twin, twin.features(small)) for twin in plan.redrawn]
        guidance = drop.pair.guidance
        self._raw = {m: self._explain(guidance, self._features, m) for m in self._methods()}
        # The reversed order of one selector may be the order of another.
        self._known: dict[tuple[bytes, bytes], LevelOutcomes] = {}

    def _methods(self) -> list[str]:
        methods = (map_method(name) for name in self._plan.selectors)
        return list(dict.fromkeys(method for method in methods if method is not None))

    def _explain(self, guidance: Guidance, features: Features, method: str) -> tuple[Saliency, ...]:
        """Return the maps of the real guidance's winning classes, as this one draws them."""
        return compute_saliency(guidance, features, self._explained, method)

    def maps(self) -> dict[str, tuple[Saliency, ...]]:
        """Return method -> maps on the target's grid, for every method that a selector reads."""
        grid = self._drop.pair.target.spec.grid
        return {
            method: tuple(resize_saliency(raw, grid) for raw in raws)
            for method, raws in self._raw.items()
        }

    def own_maps(self) -> tuple[Saliency, ...]:
        """Return the target's own maps of its full-picture classes."""
        return target_own_maps(self._drop.pair.target, self._large, self._full_class.tolist())

    def curves(self, kind: str, name: str, ranks: _Order) -> Figures:
        """Return insertion, deletion and outcomes of one order."""
        forward = self._run(ranks)
        backward = self._run(_Order(reversed_order(ranks.order), ranks.unranked))
        figures = self._outcomes(kind, name, forward.winner)
        figures["unranked", name] = ranks.unranked
        patches = self._drop.pair.target.spec.grid.num_patches
        for measure, outcomes in (("insertion", forward), ("deletion", backward)):
            curve = np.where(ranks.unranked[:, None], np.nan, outcomes.probability)
            figures[f"{measure}_curve", name] = curve
            figures[measure, name] = area_under(curve, patches)
        return figures

    def positions(self, ranks: _Order) -> Figures:
        """Return the outcomes of one order with each mode of positions."""
        figures: Figures = {}
        for mode in self._plan.modes:
            full = self._full
            if mode != "right":
                target = self._drop.pair.target
                full = target.logits(self._large, None, mode).float().cpu().numpy()
            found = self._run(ranks, mode, full)
            figures |= self._outcomes("positions", mode, found.winner)
            figures["winner", mode] = found.winner
        return figures

    def sanity(self, method: str) -> Figures:
        """Return how like the maps are to those of the redrawn guidances, on the raw grid."""
        own = flat_maps(self._raw[method])
        others = (self._explain(twin, features, method) for twin, features in self._twins)
        rho = np.stack([spearman(own, flat_maps(maps)) for maps in others])
        return {
            ("sanity", method): mean_of_known(rho),
            ("sanity_absolute", method): mean_of_known(np.abs(rho)),
        }

    def _outcomes(self, kind: str, name: str, winner: Ints) -> Figures:
        return {
            ("right", kind, name): winner == self._truth[:, None],
            ("agreeing", kind, name): winner == self._full_class[:, None],
        }

    def _run(
        self,
        ranks: _Order,
        mode: str = "right",
        full: npt.NDArray[np.float32] | None = None,
    ) -> LevelOutcomes:
        key = (ranks.order.tobytes(), ranks.unranked.tobytes())
        if mode == "right" and key in self._known:
            return self._known[key]
        outcomes = outcomes_at_levels(
            self._drop.pair.target,
            self._large,
            ranks.order,
            ranks.unranked,
            self._full if full is None else full,
            self._full_class,
            mode,
        )
        if mode == "right":
            self._known[key] = outcomes
        return outcomes


def _by_box(grid: PatchGrid, coverage: Floats) -> _Order:
    """Return the orders of the boxes; a picture without one is in index order."""
    known: Bools = np.asarray(coverage.any(axis=1))
    order = [
        object_order(grid, shares) if there else np.arange(grid.num_patches)
        for shares, there in zip(coverage, known, strict=True)
    ]
    return _Order(np.stack(order), ~known)


def _ranked(selector: str, maps: Iterable[Saliency]) -> _Order:
    """Return the selector's orders of its maps; one that cannot be ranked is in index order."""
    found = [(map_order(selector, one), one.grid.num_patches) for one in maps]
    order = [np.arange(patches) if known is None else known for known, patches in found]
    return _Order(np.stack(order), np.array([known is None for known, _ in found]))
