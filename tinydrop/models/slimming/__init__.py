"""Slimmed transformers (SiT): trained modules that mix many patch tokens into few.

The trained counterpart of dropping patches, after Zong et al., Self-slimmed Vision Transformer
(ECCV 2022): what a student is, what it costs and what it is trained with. The training itself
stands in ``tinydrop.training``, reading and writing students in ``tinydrop.models.pairs``.
"""

from __future__ import annotations

from tinydrop.models.slimming.loss import FrdLoss, FrdWeights, recalibration_loss, token_distance
from tinydrop.models.slimming.modules import HardTopK, ReverseSlimming, TokenSlimming
from tinydrop.models.slimming.plan import PLACEMENTS, SlimmingPlan, even_stages, plan_named
from tinydrop.models.slimming.student import (
    Reverse,
    Slimmed,
    SlimmedMacs,
    SlimmedRun,
    SlimmedSpec,
    SlimmedTransformer,
    compose,
    teacher_tokens,
)

__all__ = [
    "PLACEMENTS",
    "FrdLoss",
    "FrdWeights",
    "HardTopK",
    "Reverse",
    "ReverseSlimming",
    "Slimmed",
    "SlimmedMacs",
    "SlimmedRun",
    "SlimmedSpec",
    "SlimmedTransformer",
    "SlimmingPlan",
    "TokenSlimming",
    "compose",
    "even_stages",
    "plan_named",
    "recalibration_loss",
    "teacher_tokens",
    "token_distance",
]
