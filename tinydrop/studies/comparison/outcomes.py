"""What every method answers on one chunk of pictures, and how long each plan takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.data import LabelledPicture
from tinydrop.models.backbones import Target
from tinydrop.models.reduction import Plan, run_plan
from tinydrop.models.slimming import Slimmed
from tinydrop.pipeline import (
    Ranking,
    TinyDrop,
    answer,
    answer_levels,
    finite_logits,
    guide_batch,
    open_batch,
    rank_batch,
)
from tinydrop.studies.bench import time_in_turns
from tinydrop.studies.comparison.methods import METHODS, REFERENCE

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Ladder = Mapping[tuple[str, int], Plan]
"""(method, level) -> the plan that is run there."""
Students = Mapping[str, Slimmed]
"""Name -> a slimmed student of the target."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The answers on B pictures.

    Attributes:
        truth: (B,) int64, the right classes.
        confidence: (B,) float32, of the guidance at the setting's temperature.
        guidance: (B,) int64, its classes.
        full: (B,) int64, the full target's classes.
        unranked: (B,) bool, True where the map cannot be ranked and every patch is kept.
        levels: (B, 16) int64, the target's classes on Grad-CAM's patches at every budget level.
        classes: (method, level) -> (B,) int64; a student's under its name and level 0.
    """

    truth: Ints
    confidence: npt.NDArray[np.float32]
    guidance: Ints
    full: Ints
    unranked: Bools
    levels: Ints
    classes: Mapping[tuple[str, int], Ints]

    @classmethod
    def joined(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """Return the outcomes of several chunks as one; there is at least one."""

        def join(name: str) -> npt.NDArray[np.generic]:
            return np.concatenate([getattr(part, name) for part in parts])

        names = ("truth", "confidence", "guidance", "full", "unranked", "levels")
        return cls(
            **{name: join(name) for name in names},  # type: ignore[arg-type]
            classes={
                key: np.concatenate([part.classes[key] for part in parts])
                for key in parts[0].classes
            },
        )


def measure_outcomes(
    drop: TinyDrop,
    ladder: Ladder,
    students: Students,
    pictures: Sequence[LabelledPicture],
    labels: Ints,
    seed: int,
) -> Outcomes | None:
    """Return what every plan makes of those pictures that can be read; None where there is none.

    Args:
        drop: the pair.
        ladder: what is run.
        students: trained ones that are run besides.
        pictures: at least one, as stored.
        labels: (B,) int64, the true classes as the pair numbers them.
        seed: of the random selector.

    Raises:
        SettingError: if a model's logits are not finite.
    """
    pair, target = drop.pair, drop.pair.target
    batch = open_batch(pair, pictures)
    if batch is None:
        return None
    guided = guide_batch(pair.guidance, batch.small, batch.digests)
    asked = [METHODS[method].selector for method, _ in ladder]
    selectors = dict.fromkeys([REFERENCE, *(name for name in asked if name is not None)])
    rankings = rank_batch(pair, guided, selectors, seed)
    full_logits = answer(target, batch.large)
    full = full_logits.argmax(axis=1).astype(np.int64)
    levels = np.empty((len(full), BUDGET_LEVELS), dtype=np.int64)
    for level, _, logits in answer_levels(target, batch.large, rankings[REFERENCE], full_logits):
        levels[:, level - 1] = logits.argmax(axis=1)
    classes = {}
    for (method, level), plan in ladder.items():
        selector = METHODS[method].selector
        ranking = None if selector is None else rankings[selector]
        classes[method, level] = _answers(target, batch.large, plan, ranking, full)
    for name, student in students.items():
        own = finite_logits(student.logits(batch.large))
        classes[name, 0] = own.argmax(axis=1).astype(np.int64)
    return Outcomes(
        truth=labels[batch.kept],
        confidence=guided.confidence(pair.setting.temperature),
        guidance=guided.winner,
        full=full,
        unranked=rankings[REFERENCE].unranked,
        levels=levels,
        classes=classes,
    )


@dataclass(frozen=True, eq=False)
class Times:
    """Times beside those of the plain target, measured one after the other (A B A B).

    Attributes:
        full_ms: median time of the plain target.
        guide_ms: median time of guidance and map.
        guide: median of the guide's share of the plain target's time.
        plans: (method, level) -> (repeats,) float64, the same share in every turn; a student's
            under its name and level 0.
    """

    full_ms: float
    guide_ms: float
    guide: float
    plans: Mapping[tuple[str, int], npt.NDArray[np.float64]]


def measure_times(
    drop: TinyDrop, ladder: Ladder, students: Students, batch_size: int, repeats: int
) -> Times:
    """Return how long every plan takes, each measured in turns with the plain target.

    Args:
        drop: the pair.
        ladder: what is run.
        students: trained ones that are run besides.
        batch_size: pictures per call; what they show does not matter, so they are noise.
        repeats: turns for each plan.

    Raises:
        SettingError: if ``repeats`` is not positive.
    """
    guidance, target = drop.pair.guidance, drop.pair.target
    device = next(target.module.parameters()).device
    generator = torch.Generator().manual_seed(0)

    def noise(size: tuple[int, int]) -> torch.Tensor:
        return torch.randn((batch_size, 3, *size), generator=generator).to(device)

    small, large = noise(guidance.spec.input.size), noise(target.spec.input.size)
    patches = target.spec.grid.num_patches
    order = torch.stack([torch.randperm(patches, generator=generator) for _ in range(batch_size)])

    def guide() -> None:
        guided = guide_batch(guidance, small, ["0"] * batch_size)
        rank_batch(drop.pair, guided, [REFERENCE])

    def beside_full(task: Callable[[], object]) -> Mapping[str, npt.NDArray[np.float64]]:
        full = partial(target.logits, large)
        return time_in_turns({"own": task, "full": full}, device, repeats)

    own = beside_full(guide)
    plans = {}
    for key, plan in ladder.items():
        given = order if plan.needs_order else None
        timed = beside_full(partial(run_plan, target, large, plan, given))
        plans[key] = timed["own"] / timed["full"]
    for name, student in students.items():
        timed = beside_full(partial(student.logits, large))
        plans[name, 0] = timed["own"] / timed["full"]
    return Times(
        full_ms=float(np.median(own["full"])),
        guide_ms=float(np.median(own["own"])),
        guide=float(np.median(own["own"] / own["full"])),
        plans=plans,
    )


def _answers(
    target: Target, pixels: torch.Tensor, plan: Plan, ranking: Ranking | None, full: Ints
) -> Ints:
    """Return the classes under a plan, (B,); the full target's where no map ranks the patches."""
    classes: Ints = full.copy()
    unranked = np.zeros(len(full), dtype=np.bool_) if ranking is None else ranking.unranked
    rows = np.flatnonzero(~unranked)
    if rows.size:
        given = None if ranking is None else torch.from_numpy(ranking.order[rows])
        found = run_plan(target, pixels[torch.from_numpy(rows)], plan, given)
        classes[rows] = finite_logits(found.logits).argmax(axis=1)
    return classes
