"""Feature recalibration distillation (FRD): what a slimmed student is trained with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from tinydrop.core.errors import SettingError


@dataclass(frozen=True)
class FrdWeights:
    """How much each piece of the loss counts; the defaults are the paper's.

    Attributes:
        token: of the distance between patch tokens.
        logit: of the divergence between logits; multiplied by the squared temperature.
        temperature: softens both sides of the divergence.

    Raises:
        SettingError: if a number is negative, not finite, or the temperature is 0.
    """

    token: float = 2.0
    logit: float = 2.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        values = (self.token, self.logit, self.temperature)
        if not all(math.isfinite(v) and v >= 0 for v in values) or self.temperature == 0:
            raise SettingError(
                f"The weights of the loss are 0 or more and its temperature is above 0, got "
                f"{values}."
            )


@dataclass(frozen=True, eq=False)
class FrdLoss:
    """The loss of a batch and its pieces before they are weighted, each a scalar tensor."""

    total: torch.Tensor
    classification: torch.Tensor
    token: torch.Tensor
    logit: torch.Tensor


def token_distance(
    recovered: Sequence[torch.Tensor | None], teacher: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Return the mean over blocks of the mean squared difference of patch tokens.

    Args:
        recovered: for every block (B, N, C), the student's patch tokens, brought back to N where
            they were slimmed; None where nothing brings them back (without reverse modules).
            Those blocks are left out of the mean.
        teacher: for every block (B, N, C), the teacher's patch tokens.

    Raises:
        SettingError: if shapes differ, or no block can be compared.
    """
    if len(recovered) != len(teacher):
        raise SettingError(
            f"Student and teacher have the same blocks, got {len(recovered)} and {len(teacher)}."
        )
    distances = []
    for mine, theirs in zip(recovered, teacher, strict=True):
        if mine is None:
            continue
        if mine.shape != theirs.shape:  # mse_loss would broadcast
            raise SettingError(
                f"Tokens are compared one by one, got {tuple(mine.shape)} and "
                f"{tuple(theirs.shape)}."
            )
        distances.append(F.mse_loss(mine, theirs))
    if not distances:
        raise SettingError("No block of the student can be compared with the teacher's.")
    return torch.stack(distances).mean()


def recalibration_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    teacher_logits: torch.Tensor,
    token: torch.Tensor,
    weights: FrdWeights,
    smoothing: float = 0.0,
) -> FrdLoss:
    """Return cross-entropy + token weight x token distance + logit weight x T^2 x KL.

    Args:
        logits: (B, classes) of the student.
        labels: (B,) int64.
        teacher_logits: (B, classes), without gradient.
        token: what ``token_distance`` returned.
        weights: how much each piece counts.
        smoothing: share of the label that is spread over all classes in the cross-entropy.
    """
    classification = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    soft = weights.temperature
    logit = F.kl_div(
        (logits / soft).log_softmax(dim=1),
        (teacher_logits / soft).log_softmax(dim=1),
        reduction="batchmean",
        log_target=True,
    )
    total = classification + weights.token * token + weights.logit * soft**2 * logit
    return FrdLoss(total, classification, token, logit)
