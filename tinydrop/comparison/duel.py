"""One picture, every method at the same MACs: what becomes of its tokens, and the answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.comparison.methods import METHODS, plan_within
from tinydrop.errors import SettingError, UnsupportedModelError
from tinydrop.macs import guidance_macs
from tinydrop.pipeline import Guide, TinyDrop
from tinydrop.reduction import DropStep, Plan, Stage, plan_macs, run_plan, why_not_reducible
from tinydrop.results import Answer
from tinydrop.selection import map_method

__all__ = ["Contender", "duel"]


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
    pixels = torch.from_numpy(guide.view.pixels(guide.picture, spec.input))[None]
    reason = why_not_reducible(target)
    if reason is not None:
        raise UnsupportedModelError(reason)
    own = guidance_macs(drop.pair.guidance)
    found = []
    for name in methods:
        plan = plan_within(spec, name, budget)
        if plan is None or (plan.needs_class_token and why_not_reducible(target, plan)):
            continue
        selector, order = METHODS[name].selector, None
        looks = selector is not None and map_method(selector) is not None
        if selector is not None:
            ranked, _ = drop.rank(guide, selector, seed)
            if ranked is None:
                plan = Plan(plan.num_patches, plan.depth)
            else:
                order = torch.from_numpy(ranked)[None]
        start = time.perf_counter()
        reduced = run_plan(target, pixels, plan, order)
        logits = reduced.logits[0].float().cpu().numpy()
        elapsed = 1000 * (time.perf_counter() - start)
        cost = plan_macs(spec, plan).total
        found.append(
            Contender(
                method=name,
                plan=plan,
                stages=reduced.stages,
                answer=Answer(logits, drop.pair.classes, latency_ms=elapsed),
                target_macs=cost,
                macs=cost + (own.forward + own.saliency if looks else 0),
            )
        )
    if not found:
        raise SettingError(
            f"None of the methods runs {spec.name} within {budget / 1e6:,.1f} million MACs; allow "
            f"more."
        )
    return tuple(found)
