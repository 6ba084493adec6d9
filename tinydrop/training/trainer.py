"""What every model in training has in common: a step, and everything a checkpoint must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from timm.utils import ModelEmaV3
from torch import nn

from tinydrop.training.pictures import Batches


class Trainer(ABC):
    """A model, its moving average and its optimiser.

    Args:
        model: on its device.
        optimizer: its groups may carry ``lr_scale``, a multiple of the rate.
        batches: what is learnt from; None to give pictures by hand.
        clip: largest norm of all gradients together; 0 for no clipping.
        sums: shape of what ``losses`` returns to be summed up.
        parts: further modules that learn, by name.

    Attributes:
        model: what learns.
        device: where it is.
        optimizer: as given.
        average: the moving average of the model.
        loss_sum: float64, since the last line of the curve.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Any,  # noqa: ANN401
        batches: Batches | None,
        *,
        clip: float,
        sums: tuple[int, ...] = (),
        parts: Mapping[str, nn.Module] | None = None,
    ) -> None:
        self.model: Any = model
        self.device = next(model.parameters()).device
        self.optimizer = optimizer
        self.average: Any = ModelEmaV3(model)
        self.loss_sum = torch.zeros(sums, dtype=torch.float64, device=self.device)
        self._given = batches
        self._clip = clip
        self._parts = {"model": model, "ema": self.average.module, **(parts or {})}
        self._learning = [
            weight
            for name, part in self._parts.items()
            if name != "ema"
            for weight in part.parameters()
        ]

    @abstractmethod
    def losses(
        self, pixels: torch.Tensor, label: torch.Tensor, step: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a step minimises, and what of it is summed up (shape ``sums``).

        Args:
            pixels: (B, 3, side, side) uint8.
            label: (B,) int64.
            step: from 0, in all epochs.
        """

    @abstractmethod
    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""

    @abstractmethod
    def decay(self, step: int) -> float:
        """Return the share of the moving average that a step leaves of it."""

    @abstractmethod
    def row(self, done: int, steps: int, seconds: float) -> Mapping[str, float]:
        """Return a line of the curve, measured on the averaged model.

        Args:
            done: steps so far.
            steps: of them since the last line.
            seconds: of training so far.
        """

    @property
    def batches(self) -> Batches:
        """What is learnt from; ValueError where there is nothing."""
        if self._given is None:
            raise ValueError("a trainer without pictures only learns what it is given")
        return self._given

    def begin(self, say: Callable[[str], None]) -> Mapping[str, float]:  # noqa: ARG002
        """Prepare the first step of a new training; return what was measured before it."""
        return {}

    def step(self, step: int) -> None:
        """Learn from the batch of a step, counted from 0 in all epochs."""
        self.learn(*self.batches.at(step), step)

    def learn(self, pixels: torch.Tensor, label: torch.Tensor, step: int) -> None:
        """Learn from one batch; its losses are added to ``loss_sum``. Shapes as in ``losses``."""
        value, pieces = self.losses(pixels, label, step)
        torch.autograd.backward(value)
        if self._clip:
            torch.nn.utils.clip_grad_norm_(self._learning, self._clip)
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.average.apply_update_(self.model, self.decay(step))
        self.loss_sum += pieces.detach()

    def averaged(self) -> nn.Module:
        """Return the averaged model in eval mode."""
        # Some models remember things in eval mode; going there again makes them forget.
        module: nn.Module = self.average.module.eval()
        return module

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all that later steps depend on, by name."""
        found = {
            f"{part}/{key}": value
            for part, module in self._parts.items()
            for key, value in module.state_dict().items()
        }
        for number, weight in enumerate(self._weights()):
            for key, value in self.optimizer.state.get(weight, {}).items():
                if isinstance(value, torch.Tensor):  # Muon also notes how it treats a weight
                    found[f"optimizer/{number}/{key}"] = value
        return found | {"loss_sum": self.loss_sum}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``tensors`` returned, in this or another process."""
        for part, module in self._parts.items():
            module.load_state_dict(_below(tensors, f"{part}/"))
        moments: dict[str, dict[str, torch.Tensor]] = {}
        for name, value in _below(tensors, "optimizer/").items():
            place, _, key = name.partition("/")
            moments.setdefault(place, {})[key] = value
        for number, weight in enumerate(self._weights()):
            # Each moment lies in memory as its weight does, or the fused step would be slow.
            self.optimizer.state[weight] = {
                key: torch.empty_like(weight).copy_(value)
                if value.shape == weight.shape and key != "step"
                else value.to(self.device if self.device.type == "cuda" else "cpu").clone()
                for key, value in moments.get(str(number), {}).items()
            }
        self.loss_sum = tensors["loss_sum"].to(self.device)

    def _weights(self) -> list[nn.Parameter]:
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]


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


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
