"""Fewer tokens inside a frozen target: dropping, pruning and merging, described by one plan.

Own implementations from the papers, for plain vision transformers; everything else is refused.
"""

from __future__ import annotations

from tinydrop.models.reduction.costs import plan_macs
from tinydrop.models.reduction.merging import Matching, match_tokens
from tinydrop.models.reduction.plan import DropStep, MergeStep, Plan, PruneStep, Step
from tinydrop.models.reduction.recipes import (
    drop_plan,
    drop_schedule,
    hybrid_plan,
    merge_plan,
    merge_to_ratio,
    prune_plan,
    spread_evenly,
)
from tinydrop.models.reduction.run import check_reducible, run_plan, why_not_reducible
from tinydrop.models.reduction.stages import Move, Reduced, Stage

__all__ = [
    "DropStep",
    "Matching",
    "MergeStep",
    "Move",
    "Plan",
    "PruneStep",
    "Reduced",
    "Stage",
    "Step",
    "check_reducible",
    "drop_plan",
    "drop_schedule",
    "hybrid_plan",
    "match_tokens",
    "merge_plan",
    "merge_to_ratio",
    "plan_macs",
    "prune_plan",
    "run_plan",
    "spread_evenly",
    "why_not_reducible",
]
