"""One model while it is trained: a step, and everything that a checkpoint must hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from timm.optim.muon import Muon
from timm.utils import ModelEmaV3
from torch import nn
from torch.nn import functional as F

from tinydrop.training.augment import draw, kept_share, plain_view, render, renormalised
from tinydrop.training.learner import Learner
from tinydrop.training.models import build_stage, seeded
from tinydrop.training.objective import learning_rate, loss, soft_labels
from tinydrop.training.pictures import PictureSet
from tinydrop.training.recipe import StageRecipe

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


class Trainer(Learner):
    """A model, its moving average and its optimiser.

    Args:
        recipe: every number.
        classes: length of the logits.
        device: where everything stays.
        steps_per_epoch: for the learning rate.
        teacher: what the recipe's ``distil`` share is learnt from.
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
        start: Callable[[nn.Module], None] | None = None,
        compiled: bool = False,
    ) -> None:
        self.recipe = recipe
        self._classes = classes
        self._steps = steps_per_epoch
        self._teacher = teacher
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        module: Any = build_stage(recipe, classes, training=True)
        if start is not None:
            start(module)
        self.model: Any = module.to(device, memory_format=layout).train()
        self.ema: Any = ModelEmaV3(
            self.model, decay=recipe.ema, use_warmup=True, warmup_power=_EMA_POWER
        )
        super().__init__(
            {"model": self.model, "ema": self.ema.module},
            _optimizer(self.model, recipe, device),
            device,
            recipe.clip,
        )
        self._forward: Callable[[torch.Tensor], torch.Tensor] = (
            torch.compile(self.model) if compiled else self.model
        )
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)

    def step(self, pixels: torch.Tensor, label: torch.Tensor, epoch: int, step: int) -> None:
        """Learn from one batch; its loss is added to ``loss_sum``.

        Args:
            pixels: (B, 3, side, side) uint8.
            label: (B,) int64.
            epoch: from 0.
            step: within the epoch, from 0.
        """
        recipe = self.recipe
        done = epoch * self._steps + step
        size = recipe.size_at(epoch + step / self._steps)
        draws = draw(recipe.augment, len(label), recipe.seed, epoch, step)
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
        with seeded(recipe.seed * 1_000_003 + done, self.device):
            with autocast(recipe, self.device):
                logits = self._forward(x)
                said = None if self._teacher is None else self._teacher.logits(shown, recipe)
            value = loss(logits, wanted, said, recipe)
            self.learn(value, learning_rate(recipe, done, self._steps))
        self.ema.update(self.model, step=done + 1)
        self.loss_sum += value.detach()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all that later steps depend on, by name."""
        return super().tensors() | {"loss_sum": self.loss_sum}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``tensors`` returned, in this or another process."""
        super().load(tensors)
        self.loss_sum = tensors["loss_sum"].to(self.device)

    def averaged(self) -> nn.Module:
        """Return the averaged model in eval mode."""
        # Some models remember things in eval mode; going there again makes them forget.
        module: nn.Module = self.ema.module.eval()
        return module


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


def training_device() -> torch.device:
    """Return the GPU where there is one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def fast_convolutions(device: torch.device) -> AbstractContextManager[None]:
    """Let a GPU choose the fastest kernels by trying them, inside a ``with`` block."""
    if device.type != "cuda":
        return nullcontext()
    chosen: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, benchmark=True)
    return chosen


def _resized(x: torch.Tensor, size: int) -> torch.Tensor:
    """Return square pictures at another size, smoothed where they shrink."""
    if x.shape[-1] == size:
        return x
    return F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
