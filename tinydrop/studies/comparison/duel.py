"""One picture, every method at the same MACs: what becomes of its tokens, and the answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.errors import SettingError
from tinydrop.core.results import Answer
from tinydrop.core.selection import map_method
from tinydrop.models.reduction import (
    DropStep,
    Plan,
    Stage,
    check_reducible,
    plan_macs,
    run_plan,
    why_not_reducible,
)
from tinydrop.models.slimming import Slimmed, compose
from tinydrop.pipeline import Guide, TinyDrop, finite_logits
from tinydrop.studies.comparison.methods import METHODS, plan_within


@dataclass(frozen=True, eq=False)
class Contender:
    """One method on one picture.

    Attributes:
        method: a name in ``METHODS``.
        plan: what was done to the tokens.
        stages: where every patch went, step by step (a batch of one).
        answer: the target's answer.
        target_macs: of the target under the plan.
        macs: the same with guidance and map, where the method needs them.
    """

    method: str
    plan: Plan
    stages: tuple[Stage, ...]
    answer: Answer
    target_macs: int
    macs: int

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """The token that holds each patch at the end, (N,) int64; -1 where it was dropped."""
        if not self.stages:
            return np.arange(self.plan.num_patches)
        owner: npt.NDArray[np.int64] = self.stages[-1].owner[0]
        return owner

    @property
    def blocks_run(self) -> npt.NDArray[np.int64]:
        """How many blocks attended to each patch, alone or joined, (N,) int64; D to the end."""
        lived = np.full(self.plan.num_patches, self.plan.depth)
        for stage in reversed(self.stages):
            inside = not isinstance(stage.step, DropStep)  # its own block has attended already
            lived[stage.owner[0] < 0] = stage.step.block + inside
        return lived


def contend(
    drop: TinyDrop,
    guide: Guide,
    method: str,
    plan: Plan,
    *,
    selector: str | None = None,
    seed: int = 0,
) -> Contender:
    """Return what one plan makes of one picture.

    Args:
        drop: a pair whose target attends plainly.
        guide: a guided picture.
        method: what to call it.
        plan: what to do with the tokens.
        selector: who ranks the patches, a name in ``SELECTORS``; None for a plan without an order.
            A map that cannot be ranked drops nothing, as everywhere.
        seed: of a random selector.

    Raises:
        SettingError: if the plan does not fit the target, or needs an order and there is none.
        UnsupportedModelError: if tokens cannot be reduced like this inside the target.
    """
    target = drop.pair.target
    order = None
    if selector is not None:
        ranked, _ = drop.rank(guide, selector, seed)
        if ranked is None:
            plan = Plan(plan.num_patches, plan.depth)
        else:
            order = torch.from_numpy(ranked)[None]
    pixels = guide.pixels(target.spec.input)
    start = time.perf_counter()
    reduced = run_plan(target, pixels, plan, order)
    (logits,) = finite_logits(reduced.logits)
    elapsed = 1000 * (time.perf_counter() - start)
    cost = plan_macs(target.spec, plan).total
    guide_macs = 0
    if selector is not None and map_method(selector) is not None:
        whole = drop.cost(target.spec.grid.num_patches, selector)  # counted once per pipeline
        guide_macs = whole.guidance + whole.saliency
    return Contender(
        method=method,
        plan=plan,
        stages=reduced.stages,
        answer=Answer(logits, drop.pair.classes, latency_ms=elapsed),
        target_macs=cost,
        macs=cost + guide_macs,
    )


@dataclass(frozen=True, eq=False)
class SlimContender:
    """A slimmed student on one picture.

    Attributes:
        name: the student's.
        answer: its answer.
        macs: of the student; there is no guidance.
        tokens: patch tokens of every stage, N first.
        weights: for every slimming module how it mixes the tokens before it, (K, tokens before)
            float32; rows sum to 1.
        composed: the same over the picture's N patches, (K, N) float32: the product of the modules
            so far. What attention mixes in between is not in it.
    """

    name: str
    answer: Answer
    macs: int
    tokens: tuple[int, ...]
    weights: tuple[npt.NDArray[np.float32], ...]
    composed: tuple[npt.NDArray[np.float32], ...]


def slim(student: Slimmed, drop: TinyDrop, guide: Guide) -> SlimContender:
    """Return what a slimmed student of the pair's target makes of one picture.

    Raises:
        SettingError: if the student is not made from such a target.
    """
    student.check_teacher(drop.pair.target.spec)
    pixels = guide.pixels(drop.pair.target.spec.input)
    start = time.perf_counter()
    (logits,) = finite_logits(student.logits(pixels))
    elapsed = 1000 * (time.perf_counter() - start)
    weights = student.aggregation(pixels, composed=False)
    return SlimContender(
        name=student.spec.name,
        answer=Answer(logits, drop.pair.classes, latency_ms=elapsed),
        macs=student.macs,
        tokens=student.spec.tokens,
        weights=_plain(weights),
        composed=_plain(compose(weights)),
    )


def _plain(weights: tuple[torch.Tensor, ...]) -> tuple[npt.NDArray[np.float32], ...]:
    return tuple(one[0].float().cpu().numpy() for one in weights)


def duel(
    drop: TinyDrop,
    guide: Guide,
    budget: int,
    methods: Sequence[str] = tuple(METHODS),
    *,
    seed: int = 0,
) -> tuple[Contender, ...]:
    """Return what each method makes of one picture within a number of the target's MACs.

    Methods that cannot cost so little, or do not fit the target, are left out. A map that cannot
    be ranked drops nothing, as everywhere.

    Args:
        drop: a pair whose target attends plainly.
        guide: a guided picture.
        budget: MACs that the target may cost; ``budget_of`` gives those of a level.
        methods: names in ``METHODS``.
        seed: of the random selector.

    Raises:
        SettingError: if a method is unknown.
        UnsupportedModelError: if tokens cannot be reduced inside the target.
    """
    target = drop.pair.target
    spec = target.spec
    check_reducible(target)
    found = []
    for name in methods:
        plan = plan_within(spec, name, budget)
        if plan is not None and why_not_reducible(target, plan) is None:
            method = METHODS[name]
            found.append(contend(drop, guide, name, plan, selector=method.selector, seed=seed))
    if not found:
        raise SettingError(
            f"None of the methods runs {spec.name} within {budget / 1e6:,.1f} million MACs; allow "
            f"more."
        )
    return tuple(found)
