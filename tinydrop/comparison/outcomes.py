"""What every method answers on one chunk of pictures, and how long each plan takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.backbones import Target
from tinydrop.bench import time_in_turns
from tinydrop.budget import BUDGET_LEVELS
from tinydrop.comparison.methods import METHODS
from tinydrop.data import LabelledPicture
from tinydrop.pipeline import TinyDrop, geometric_order
from tinydrop.reduction import Plan, run_plan
from tinydrop.results import softmax
from tinydrop.saliency import compute_saliency, resize_saliency
from tinydrop.selection import map_method, map_order
from tinydrop.slimming import Slimmed
from tinydrop.tracing import logits_at_levels, open_chunk

__all__ = ["Ladder", "Outcomes", "Students", "Times", "measure_outcomes", "measure_times"]

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
    guidance, target = drop.pair.guidance, drop.pair.target
    grid, temperature = target.spec.grid, drop.pair.setting.temperature
    selectors = {METHODS[method].selector for method, _ in ladder} | {"gradcam"}
    geometric = [name for name in selectors if name is not None and map_method(name) is None]
    opened = open_chunk(
        drop,
        pictures,
        lambda picture, _view, _stored: {
            name: geometric_order(grid, name, picture, seed) for name in geometric
        },
    )
    if opened is None:
        return None
    features = guidance.features(opened.small)
    logits = features.logits.float().cpu().numpy()
    confidence = softmax(logits, temperature).max(axis=1).astype(np.float32)
    winner = logits.argmax(axis=1)
    raw = compute_saliency(guidance, features, winner.tolist())
    maps = [resize_saliency(one, grid) for one in raw]
    unranked = np.array([one.problem is not None for one in maps])
    everything = np.arange(grid.num_patches)
    orders: dict[str, Ints] = {
        name: np.stack([each[name] for each in opened.each]) for name in geometric
    }
    for name in selectors:
        if name is not None and name not in orders:
            found = (map_order(name, one) for one in maps)
            orders[name] = np.stack([everything if o is None else o for o in found])
    full_logits = target.logits(opened.large).float().cpu().numpy()
    full = full_logits.argmax(axis=1).astype(np.int64)
    levels = np.empty((len(full), BUDGET_LEVELS), dtype=np.int64)
    for level, _, at_level in logits_at_levels(
        target, opened.large, orders["gradcam"], unranked, full_logits
    ):
        levels[:, level - 1] = at_level.argmax(axis=1)
    classes = {}
    for (method, level), plan in ladder.items():
        selector = METHODS[method].selector
        skip = unranked if METHODS[method].reads_map else np.zeros_like(unranked)
        order = None if selector is None else orders[selector]
        classes[method, level] = _answers(target, opened.large, plan, order, full, skip)
    for name, student in students.items():
        answers = student.logits(opened.large).float().cpu().numpy()
        softmax(answers)  # refuses logits that are not finite
        classes[name, 0] = answers.argmax(axis=1).astype(np.int64)
    return Outcomes(
        truth=labels[opened.kept],
        confidence=confidence,
        guidance=winner.astype(np.int64),
        full=full,
        unranked=unranked,
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
        features = guidance.features(small)
        winner = features.logits.argmax(dim=1).tolist()
        for one in compute_saliency(guidance, features, winner):
            map_order("gradcam", resize_saliency(one, target.spec.grid))

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
    target: Target,
    pixels: torch.Tensor,
    plan: Plan,
    order: Ints | None,
    full: Ints,
    skip: Bools,
) -> Ints:
    """Return the classes under a plan, (B,); the full target's where ``skip`` says so."""
    classes: Ints = full.copy()
    rows = np.flatnonzero(~skip)
    if rows.size:
        given = None if order is None else torch.from_numpy(order[rows])
        found = run_plan(target, pixels[torch.from_numpy(rows)], plan, given)
        logits = found.logits.float().cpu().numpy()
        softmax(logits)  # refuses logits that are not finite
        classes[rows] = logits.argmax(axis=1)
    return classes
