"""What a training step minimises, and how large its step is; formulas without state."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from tinydrop.training.recipe import StageRecipe


def learning_rate(recipe: StageRecipe, step: int, steps_per_epoch: int) -> float:
    """Return the rate of one step, counted from 0 over all epochs.

    It rises evenly to ``lr`` in the warm-up, then falls along half a cosine to ``lr * lr_end``.
    """
    total = recipe.epochs * steps_per_epoch
    warm = min(round(recipe.warmup_epochs * steps_per_epoch), total - 1)
    if step < warm:
        return recipe.lr * (step + 1) / warm
    share = (step - warm) / max(1, total - 1 - warm)
    low = recipe.lr * recipe.lr_end
    return low + (recipe.lr - low) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, share)))


def soft_labels(label: torch.Tensor, classes: int, smoothing: float, share: float) -> torch.Tensor:
    """Return the probabilities to learn, (B, classes) float32.

    Args:
        label: (B,) int64.
        classes: their number.
        smoothing: spread evenly over all classes.
        share: of a picture's own label; the rest is the label of the batch in reverse order.
    """
    even = smoothing / classes
    wanted = torch.full((len(label), classes), even, device=label.device)
    wanted.scatter_(1, label[:, None], 1.0 - smoothing + even)
    return wanted if share == 1.0 else share * wanted + (1.0 - share) * wanted.flip(0)


def loss(
    logits: torch.Tensor,
    wanted: torch.Tensor,
    teacher: torch.Tensor | None,
    recipe: StageRecipe,
) -> torch.Tensor:
    """Return the mean loss: cross-entropy with the labels, and what the teacher says.

    ``(1 - distil) * CE(labels) + distil * D``, where D is the cross-entropy with the teacher's
    best class, or T^2 * KL(teacher || student) with both softened by T.

    Args:
        logits: (B, classes).
        wanted: (B, classes), probabilities.
        teacher: (B, classes), the teacher's logits on the same pictures; None without one.
        recipe: the weights of the two parts.
    """
    logits = logits.float()
    own = -(wanted * logits.log_softmax(dim=1)).sum(dim=1).mean()
    if teacher is None:
        return own
    teacher = teacher.float()
    if recipe.distil_hard:
        learned = F.cross_entropy(logits, teacher.argmax(dim=1))
    else:
        heat = recipe.distil_temperature
        learned = heat**2 * F.kl_div(
            (logits / heat).log_softmax(dim=1),
            (teacher / heat).log_softmax(dim=1),
            reduction="batchmean",
            log_target=True,
        )
    return (1.0 - recipe.distil) * own + recipe.distil * learned
