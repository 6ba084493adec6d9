"""The figures of one chunk of pictures, picture by picture; the models run in batches."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.core.selection import SALIENCY_METHODS, map_order
from tinydrop.core.statistics import mean_of_known, spearman
from tinydrop.core.tokens import Saliency
from tinydrop.data import LabelledPicture
from tinydrop.models.backbones import Guidance, target_own_maps
from tinydrop.models.saliency import compute_saliency
from tinydrop.pipeline import Batch, Ranking, TinyDrop, answer, guide_batch, open_batch, rank_batch
from tinydrop.studies.check import redraw_weights
from tinydrop.studies.quality.curves import LevelOutcomes, area_under, outcomes_at_levels
from tinydrop.studies.quality.figures import Figures, Measures
from tinydrop.studies.quality.localisation import object_order
from tinydrop.studies.quality.maps import (
    baselines_on_box,
    flat_maps,
    on_box,
)

Ints = npt.NDArray[np.int64]
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


def redrawn_guidance(guidance: Guidance, seed: int) -> Guidance:
    """Return the same architecture with every weight drawn anew; the live model stays as it is."""
    module = copy.deepcopy(guidance.module)
    redraw_weights(module, seed)
    return guidance.rebuilt(module)


def measure_chunk(
    drop: TinyDrop, plan: Plan, pictures: Sequence[LabelledPicture], labels: Ints
) -> Figures | None:
    """Return the figures of those pictures that can be read; None where there is none.

    Args:
        drop: the pair.
        plan: what is measured.
        pictures: at least one, as stored.
        labels: (B,) int64, the true classes as the pair numbers them.

    Raises:
        SettingError: if a model's logits are not finite.
    """
    batch = open_batch(drop.pair, pictures)
    if batch is None:
        return None
    grid, truth = drop.pair.target.spec.grid, labels[batch.kept]
    coverage = batch.box_coverage(grid)
    figures = Figures(
        picture_id=np.array(batch.ids, dtype=np.str_),
        truth=truth,
        box=np.asarray(coverage.any(axis=1)),
        box_share=coverage.mean(axis=1),
    )
    chunk = _Chunk(drop, plan, batch, truth, figures)
    own = chunk.own_maps() if plan.own else None
    for name, ranking in chunk.rankings.items():
        chunk.try_order("selector", name, ranking)
        if name == plan.reference:
            chunk.try_positions(ranking)
        if name in SALIENCY_METHODS and ranking.maps is not None:
            maps = ranking.maps.on_patches
            figures.measures |= on_box(name, maps, coverage)
            figures.measures |= chunk.sanity(name, ranking.maps.raw)
            if own is not None:
                rho = spearman(flat_maps(maps), flat_maps(own))
                figures.measures["rank_correlation", name] = rho
    if own is not None:
        ranks = Ranking.of((map_order("own", one) for one in own), grid.num_patches)
        chunk.try_order("reference", OWN, ranks)
        figures.measures |= on_box(OWN, own, coverage)
    boxes = (object_order(grid, shares) if shares.any() else None for shares in coverage)
    chunk.try_order("reference", OBJECT, Ranking.of(boxes, grid.num_patches))
    figures.measures |= baselines_on_box(grid, coverage, own)
    return figures


class _Chunk:
    """The models' answers on a batch, and the figures that are made of them."""

    def __init__(
        self, drop: TinyDrop, plan: Plan, batch: Batch, truth: Ints, figures: Figures
    ) -> None:
        self._target, self._plan = drop.pair.target, plan
        self._large, self._truth, self._figures = batch.large, truth, figures
        guided = guide_batch(drop.pair.guidance, batch.small, batch.digests)
        self._explained: list[int] = guided.winner.tolist()
        self._full = answer(self._target, batch.large)
        self._full_class = self._full.argmax(axis=1).astype(np.int64)
        self._twins = [(twin, twin.features(batch.small)) for twin in plan.redrawn]
        self.rankings = rank_batch(drop.pair, guided, plan.selectors, plan.seed)
        # The reversed order of one selector may be the order of another.
        self._known: dict[tuple[bytes, bytes], LevelOutcomes] = {}

    def own_maps(self) -> tuple[Saliency, ...]:
        """Return the target's own maps of its full-picture classes."""
        return target_own_maps(self._target, self._large, self._full_class.tolist())

    def try_order(self, kind: str, name: str, ranks: Ranking) -> None:
        """Note insertion, deletion and outcomes of one order."""
        forward, backward = self._run(ranks), self._run(ranks.reversed())
        self._note(kind, name, forward.winner)
        self._figures.unranked[name] = ranks.unranked
        patches = self._target.spec.grid.num_patches
        for measure, outcomes in (("insertion", forward), ("deletion", backward)):
            curve = np.where(ranks.unranked[:, None], np.nan, outcomes.probability)
            self._figures.curves[measure, name] = curve
            self._figures.measures[measure, name] = area_under(curve, patches)

    def try_positions(self, ranks: Ranking) -> None:
        """Note the outcomes of one order with each mode of positions."""
        for mode in self._plan.modes:
            found = self._run(ranks, mode)
            self._note("positions", mode, found.winner)
            self._figures.winner[mode] = found.winner

    def sanity(self, method: str, raw: Sequence[Saliency]) -> Measures:
        """Return how like the maps are to those of the redrawn guidances, on the raw grid.

        These explain the real guidance's winning classes.
        """
        own = flat_maps(raw)
        others = (
            compute_saliency(twin, features, self._explained, method)
            for twin, features in self._twins
        )
        rho = np.stack([spearman(own, flat_maps(maps)) for maps in others])
        return {
            ("sanity", method): mean_of_known(rho),
            ("sanity_absolute", method): mean_of_known(np.abs(rho)),
        }

    def _note(self, kind: str, name: str, winner: Ints) -> None:
        self._figures.right[kind, name] = winner == self._truth[:, None]
        self._figures.agreeing[kind, name] = winner == self._full_class[:, None]

    def _run(self, ranks: Ranking, mode: str = "right") -> LevelOutcomes:
        right = mode == "right"
        key = (ranks.order.tobytes(), ranks.unranked.tobytes())
        if right and key in self._known:
            return self._known[key]
        full = self._full if right else None
        outcomes = outcomes_at_levels(
            self._target, self._large, ranks, full, self._full_class, mode
        )
        if right:
            self._known[key] = outcomes
        return outcomes
