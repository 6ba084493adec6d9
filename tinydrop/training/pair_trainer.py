"""A teacher, guidance or target while it is trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from timm.optim.muon import Muon
from torch import nn
from torch.nn import functional as F

from tinydrop.training.augment import draw, kept_share, plain_view, render, renormalised
from tinydrop.training.models import build_stage, seeded
from tinydrop.training.objective import learning_rate, loss, soft_labels
from tinydrop.training.pictures import Batches, PictureSet
from tinydrop.training.recipe import StageRecipe
from tinydrop.training.trainer import Trainer

# In the average's warm-up its decay after step n is 1 - (1 + n)^-0.75 (timm's own formula).
_EMA_POWER = 0.75


class Teacher:
    """A trained model that others learn from; frozen.

    Args:
        module: the model, on its device, in eval mode.
        recipe: how it was trained; says the size of its input.

    Attributes:
        size: side of the pictures that it was trained for.
    """

    def __init__(self, module: nn.Module, recipe: StageRecipe) -> None:
        self._module = module.requires_grad_(requires_grad=False).eval()
        self.size = recipe.size
        self._recipe = recipe

    def logits(self, pixels: torch.Tensor, student: StageRecipe) -> torch.Tensor:
        """Return what it says of pictures of any size, normalised for a student, (B, classes)."""
        own = self._recipe
        x = renormalised(pixels, (student.mean, student.std), (own.mean, own.std))
        x = _resized(x, self.size)
        if own.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            answer: torch.Tensor = self._module(x)
        return answer


class StageTrainer(Trainer):
    """A teacher, guidance or target in training.

    Args:
        recipe: every number.
        classes: length of the logits.
        device: where everything stays.
        steps_per_epoch: for the learning rate.
        teacher: what the recipe's ``distil`` share is learnt from.
        batches: what is learnt from; None to give pictures by hand.
        validation: what the curve is measured on; None for a trainer without one.
        start: loads weights to start from into the freshly built model; None for those drawn.
        compiled: run the model through ``torch.compile``.
    """

    def __init__(
        self,
        recipe: StageRecipe,
        classes: int,
        device: torch.device,
        steps_per_epoch: int,
        teacher: Teacher | None = None,
        *,
        batches: Batches | None = None,
        validation: PictureSet | None = None,
        start: Callable[[nn.Module], None] | None = None,
        compiled: bool = False,
    ) -> None:
        self.recipe = recipe
        self._classes = classes
        self._steps = steps_per_epoch
        self._teacher = teacher
        self._validation = validation
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        module: Any = build_stage(recipe, classes, training=True)
        if start is not None:
            start(module)
        model = module.to(device, memory_format=layout).train()
        super().__init__(model, _optimizer(model, recipe, device), batches, clip=recipe.clip)
        self._forward: Callable[[torch.Tensor], torch.Tensor] = (
            torch.compile(model) if compiled else model
        )

    def losses(
        self, pixels: torch.Tensor, label: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch, twice: what is learnt, and what is summed up."""
        recipe = self.recipe
        epoch, inside = divmod(step, self._steps)
        size = recipe.size_at(epoch + inside / self._steps)
        draws = draw(recipe.augment, len(label), recipe.seed, epoch, inside)
        # A small picture made large again would leave the teacher guessing at what it shows: the
        # student gets the shrunk copy of the picture that the teacher sees.
        seen = size if self._teacher is None else max(size, self._teacher.size)
        shown = render(pixels, draws, recipe.augment, seen, recipe.mean, recipe.std)
        x = _resized(shown, size)
        if recipe.channels_last:
            x = x.to(memory_format=torch.channels_last)
        share = kept_share(draws, seen)
        wanted = soft_labels(label, self._classes, recipe.smoothing, share)
        # The seed of stochastic depth must not repeat that of another epoch or model.
        with seeded(recipe.seed * 1_000_003 + step, self.device):
            with autocast(recipe, self.device):
                logits = self._forward(x)
                said = None if self._teacher is None else self._teacher.logits(shown, recipe)
            value = loss(logits, wanted, said, recipe)
        return value, value

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        return learning_rate(self.recipe, step, self._steps)

    def decay(self, step: int) -> float:
        """Return what a step leaves of the average: none at first, then more and more (timm's)."""
        return min(1.0 - (1.0 + step) ** -_EMA_POWER, self.recipe.ema) if step else 0.0

    def row(self, done: int, steps: int, seconds: float) -> dict[str, float]:
        """Return a line of the curve, measured on the validation pictures."""
        if self._validation is None:
            raise ValueError("a trainer without validation pictures has no curve")
        logits = logits_of(self.averaged(), self._validation, self.recipe)
        label = self._validation.label
        place = (logits > logits.gather(1, label[:, None])).sum(dim=1)
        return {
            "epoch": done // self._steps,
            "lr": self.rate(done - 1),
            "train_loss": float(self.loss_sum) / steps,
            "val_loss": float(F.cross_entropy(logits, label)),
            "val_top1": float((place < 1).float().mean()),
            "val_top5": float((place < 5).float().mean()),
            "seconds": seconds,
        }


def _optimizer(model: nn.Module, recipe: StageRecipe, device: torch.device) -> Any:  # noqa: ANN401
    """Return the recipe's optimiser over a model's weights."""
    groups = _groups(model, recipe)
    if recipe.optimizer == "muon":
        return Muon(groups, lr=recipe.lr, nesterov=True)
    return torch.optim.AdamW(groups, lr=recipe.lr, fused=device.type == "cuda")


def _groups(model: Any, recipe: StageRecipe) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the weights in groups of one decay and one multiple of the rate (``lr_scale``)."""
    kept: set[str] = getattr(model, "no_weight_decay", set)()
    if recipe.layer_decay == 1.0 and recipe.head_lr == 1.0:
        plain: list[dict[str, Any]] = param_groups_weight_decay(
            model, recipe.weight_decay, no_weight_decay_list=kept
        )
        return plain
    groups = param_groups_layer_decay(
        model, recipe.weight_decay, no_weight_decay_list=kept, layer_decay=recipe.layer_decay
    )
    head = {id(weight) for weight in model.get_classifier().parameters()}
    found = []
    for group in groups:
        for of_head in (False, True):
            weights = [w for w in group["params"] if (id(w) in head) == of_head]
            scale = group.get("lr_scale", 1.0) * (recipe.head_lr if of_head else 1.0)
            decay = group["weight_decay"]
            if weights:
                found.append({"params": weights, "weight_decay": decay, "lr_scale": scale})
    return found


def logits_of(
    module: nn.Module, pictures: PictureSet, recipe: StageRecipe, batch: int | None = None
) -> torch.Tensor:
    """Return a model's logits on unchanged pictures, (N, classes) float32, on their device.

    Args:
        module: in eval mode, on the pictures' device.
        pictures: what to look at.
        recipe: says the size of the input and the precision.
        batch: pictures at a time; the recipe's batch by default.
    """
    found = []
    with torch.no_grad(), autocast(recipe, pictures.pixels.device):
        for part in torch.split(pictures.pixels, batch or recipe.batch):
            found.append(module(_plain(part, recipe)).float())  # noqa: PERF401
    return torch.cat(found)


def _plain(pixels: torch.Tensor, recipe: StageRecipe) -> torch.Tensor:
    """Return unchanged pictures as a stage's own input."""
    x = plain_view(pixels, recipe.size, recipe.mean, recipe.std)
    return x.contiguous(memory_format=torch.channels_last) if recipe.channels_last else x


def autocast(recipe: StageRecipe, device: torch.device) -> torch.autocast:
    """Return the precision of a recipe on a device: bfloat16 or plain float32."""
    wanted = device.type == "cuda" or recipe.bf16_on_cpu
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def _resized(x: torch.Tensor, size: int) -> torch.Tensor:
    """Return square pictures at another size, smoothed where they shrink."""
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
