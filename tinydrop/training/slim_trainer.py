"""A slimmed student while it is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from tinydrop.training.pictures import Batches, PictureSet
from tinydrop.training.slim_data import normalised
from tinydrop.training.slim_recipe import SlimRecipe
from tinydrop.training.slim_start import fit_local
from tinydrop.training.trainer import Trainer

HELD_OUT = "held_out_top1"
"""The column of the curve that says which weights are kept."""
_PIECES = ("loss", "classification", "token", "logit")

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


class SlimTrainer(Trainer):
    """A student with its reverse modules in training.

    Args:
        teacher: the frozen target.
        recipe: every number.
        train: pictures to learn from.
        held_out: pictures that the curve is measured on.

    Attributes:
        student: what learns.
        reverse: the reverse modules; None without them.
        steps: of the training in all.
        per_epoch: of one pass over the pictures.
    """

    def __init__(
        self, teacher: Target, recipe: SlimRecipe, train: PictureSet, held_out: PictureSet
    ) -> None:
        self.teacher = teacher
        self.recipe = recipe
        self.steps = recipe.steps(len(train))
        self.per_epoch = recipe.per_epoch(len(train))
        self._held_out = held_out
        self.student = fresh_student(teacher, recipe)
        wanted, dim = recipe.distil and recipe.reverse, teacher.spec.embed_dim
        self.reverse = (
            Reverse(self.student, dim, seed=recipe.seed + 1).to(_device_of(teacher))
            if wanted
            else None
        )
        super().__init__(
            self.student,
            torch.optim.AdamW(self._groups(), lr=recipe.lr),
            Batches(train, recipe.batch, recipe.seed),
            clip=recipe.clip,
            sums=(len(_PIECES),),
            parts={} if self.reverse is None else {"reverse": self.reverse},
        )

    def _groups(self) -> list[dict[str, Any]]:
        recipe = self.recipe
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        learning = nn.ModuleDict({"student": self.student})
        if self.reverse is not None:
            learning["reverse"] = self.reverse
        for name, weight in learning.named_parameters():
            factor = 1.0 if name.startswith("student.body.") else recipe.fast
            tables = weight.ndim < 2 or "pos_embed" in name or "_token" in name
            decay = 0.0 if tables else recipe.weight_decay
            groups.setdefault((factor, decay), []).append(weight)
        return [
            {"params": params, "weight_decay": decay, "lr_scale": factor}
            for (factor, decay), params in groups.items()
        ]

    def begin(self, say: Callable[[str], None]) -> dict[str, float]:
        """Fit the slimming modules where the recipe starts so; return what was measured."""
        recipe = self.recipe
        start = {"random": self._top1(self.student)}
        if recipe.starts_local:
            say("Fitting the slimming modules to neighbouring patches.")
            gap = fit_local(
                self.student,
                self.teacher.spec.grid,
                lambda step: self.shown(step)[0],
                min(recipe.start_steps, 10 * self.steps),
            )
            start |= {"local": self._top1(self.student), "divergence": gap}
        self.average.set(self.student)
        taught = self._top1(self.teacher.logits)
        say(f"Held-out top-1 before training: teacher {taught:.4f}, student {start}.")
        return start | {"teacher": taught}

    def shown(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a step's changed and normalised pictures and their labels."""
        pixels, label = self.batches.at(step)
        return self._rendered(pixels, step), label.to(self.device)

    def _rendered(self, pixels: torch.Tensor, step: int) -> torch.Tensor:
        augment, spec = self.recipe.augment, self.teacher.spec.input
        epoch, inside = divmod(step, self.per_epoch)
        draws = draw(augment, len(pixels), self.recipe.seed, epoch, inside)
        return render(pixels.to(self.device), draws, augment, spec.size[0], spec.mean, spec.std)

    def losses(
        self, pixels: torch.Tensor, label: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch, and it and its pieces to be summed up."""
        found = self.recalibration(self._rendered(pixels, step), label.to(self.device))
        parts = (found.total, found.classification, found.token, found.logit)
        return found.total, torch.stack([part.detach().double() for part in parts])

    def recalibration(self, pixels: torch.Tensor, label: torch.Tensor) -> FrdLoss:
        """Return the loss of changed and normalised pictures, with its pieces."""
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

    def rate(self, step: int) -> float:
        """Return the learning rate of the teacher's own weights at a step."""
        return self.recipe.rate(step, self.steps)

    def decay(self, step: int) -> float:
        """Return what a step leaves of the average: little at first."""
        return min(self.recipe.ema, (1 + step) / (10 + step))

    def row(self, done: int, steps: int, seconds: float) -> dict[str, float]:
        """Return a line of the curve, measured on the held-out pictures."""
        means = (self.loss_sum / steps).tolist()
        return {
            "step": done,
            "epoch": round(done / self.per_epoch, 4),
            "seconds": round(seconds, 1),
            "rate": self.rate(done - 1),
            **{name: round(value, 6) for name, value in zip(_PIECES, means, strict=True)},
            HELD_OUT: self._top1(self.averaged()),
        }

    def _top1(self, logits: Callable[[torch.Tensor], torch.Tensor]) -> float:
        return top1(logits, self.teacher, self._held_out)


def fresh_student(teacher: Target, recipe: SlimRecipe) -> SlimmedTransformer:
    """Return a student as its training begins, before its modules are fitted to anything.

    Always in eval mode: a fine-tuning of few epochs without dropout, so nothing is drawn that a
    checkpoint would have to remember.
    """
    student = SlimmedTransformer(teacher, recipe.plan, hard=recipe.hard, seed=recipe.seed).eval()
    layers: Iterator[Any] = student.modules()
    for layer in layers:
        if _device_of(teacher).type == "cpu" and hasattr(layer, "fused_attn"):
            layer.fused_attn = False  # slower in training on a CPU
    return student


def _device_of(target: Target) -> torch.device:
    return next(target.module.parameters()).device
