"""One slimmed student while it is trained: a step, and everything that a checkpoint must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from tinydrop.models.backbones import Target
from tinydrop.models.slimming import (
    FrdLoss,
    Reverse,
    SlimmedTransformer,
    recalibration_loss,
    teacher_tokens,
    token_distance,
)
from tinydrop.training.augment import draw, render
from tinydrop.training.learner import Learner
from tinydrop.training.pictures import PictureSet, epoch_order
from tinydrop.training.slim_data import normalised
from tinydrop.training.slim_recipe import SlimRecipe

_EVALUATED = 128
"""Pictures at a time when measuring."""


def top1(logits: Callable[[torch.Tensor], torch.Tensor], target: Target, data: PictureSet) -> float:
    """Return the share of pictures whose label has the largest logit.

    Args:
        logits: (B, 3, H, W) normalised pixels -> (B, classes).
        target: says how pixels are normalised and where they go.
        data: the pictures.
    """
    like = next(target.module.parameters())
    right = 0
    with torch.inference_mode():
        for first in range(0, len(data), _EVALUATED):
            pixels = data.pixels[first : first + _EVALUATED]
            label = data.label[first : first + _EVALUATED]
            said = logits(normalised(pixels, target.spec.input).to(like.device))
            right += int((said.argmax(dim=1).cpu() == label).sum())
    return right / len(data)


class SlimTrainer(Learner):
    """A student, its reverse modules, its moving average and its optimiser.

    Args:
        teacher: the frozen target.
        recipe: every number.
        pictures: how many there are to learn from.
    """

    def __init__(self, teacher: Target, recipe: SlimRecipe, pictures: int) -> None:
        self.teacher = teacher
        self.recipe = recipe
        self.steps = recipe.steps(pictures)
        self.per_epoch = recipe.per_epoch(pictures)
        device = next(teacher.module.parameters()).device
        # Always in eval mode: a fine-tuning of few epochs without dropout, so nothing is drawn
        # that a checkpoint would have to remember.
        self.student, self.average = (_fresh(teacher, recipe, device) for _ in range(2))
        dim = teacher.spec.embed_dim
        wanted = recipe.distil and recipe.reverse
        self.reverse = (
            Reverse(self.student, dim, seed=recipe.seed + 1).to(device) if wanted else None
        )
        learning: dict[str, nn.Module] = {"student": self.student}
        if self.reverse is not None:
            learning["reverse"] = self.reverse
        optimizer = torch.optim.AdamW(
            _groups(learning, recipe), lr=recipe.lr, fused=device.type == "cuda"
        )
        super().__init__({**learning, "average": self.average}, optimizer, device, recipe.clip)

    def batch(self, data: PictureSet, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a step's changed and normalised pictures and their labels."""
        recipe, spec = self.recipe, self.teacher.spec.input
        epoch, inside = divmod(step, self.per_epoch)
        rows = epoch_order(len(data), recipe.batch, recipe.seed, epoch)[inside]
        draws = draw(recipe.augment, len(rows), recipe.seed, epoch, inside)
        pixels = data.pixels[rows].to(self.device)
        x = render(pixels, draws, recipe.augment, spec.size[0], spec.mean, spec.std)
        return x, data.label[rows].to(self.device)

    def losses(self, pixels: torch.Tensor, label: torch.Tensor) -> FrdLoss:
        """Return the loss of a batch and its pieces."""
        recipe = self.recipe
        with torch.autocast(self.device.type, torch.bfloat16, enabled=recipe.bf16):
            run = self.student.run(pixels)
            if not recipe.distil:
                said, token = run.logits.detach(), run.logits.new_zeros(())
            else:
                said, wanted = teacher_tokens(self.teacher, pixels)
                recovered = self._recovered(run.patches)
                # Slimmed behind the first block and never brought back: logits alone compare.
                none = all(one is None for one in recovered)
                token = run.logits.new_zeros(()) if none else token_distance(recovered, wanted)
        return recalibration_loss(
            run.logits.float(), label, said.float(), token.float(), recipe.weights, recipe.smoothing
        )

    def _recovered(self, patches: tuple[torch.Tensor, ...]) -> list[torch.Tensor | None]:
        if self.reverse is not None:
            return [*self.reverse(patches)]
        first = self.recipe.plan.after[0]
        return [x if number < first else None for number, x in enumerate(patches, start=1)]

    def step(self, data: PictureSet, step: int) -> FrdLoss:
        """Learn from one batch, and return its loss before the step."""
        recipe = self.recipe
        found = self.losses(*self.batch(data, step))
        self.learn(found.total, recipe.rate(step, self.steps))
        keep = min(recipe.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.student.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        return found


def _fresh(teacher: Target, recipe: SlimRecipe, device: torch.device) -> SlimmedTransformer:
    """Return a student with the teacher's weights and slimming modules drawn from the seed."""
    student = SlimmedTransformer(teacher, recipe.plan, hard=recipe.hard, seed=recipe.seed).eval()
    layers: Iterator[Any] = student.modules()
    for layer in layers:
        if device.type == "cpu" and hasattr(layer, "fused_attn"):
            layer.fused_attn = False  # slower in training on a CPU
    return student


def _groups(modules: Mapping[str, nn.Module], recipe: SlimRecipe) -> list[dict[str, Any]]:
    """Return the weights in groups of one multiple of the rate and one decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for prefix, module in modules.items():
        for name, weight in module.named_parameters(prefix):
            scale = 1.0 if name.startswith("student.body.") else recipe.fast
            tables = weight.ndim < 2 or "pos_embed" in name or "_token" in name
            decay = 0.0 if tables else recipe.weight_decay
            groups.setdefault((scale, decay), []).append(weight)
    return [
        {"params": params, "weight_decay": decay, "lr_scale": scale}
        for (scale, decay), params in groups.items()
    ]
