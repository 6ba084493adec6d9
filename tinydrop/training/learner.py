"""What every model in training shares: a step of its optimiser, and what a checkpoint must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Learner:
    """Modules, an optimiser over their weights, and all that later steps depend on.

    Args:
        parts: prefix in the checkpoint -> module; those that learn and those that only follow.
        optimizer: over the weights that learn; a group's ``lr_scale`` multiplies its rate.
        device: where everything stays.
        clip: largest norm of all gradients together; 0 for any.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        optimizer: Any,  # noqa: ANN401
        device: torch.device,
        clip: float,
    ) -> None:
        self.device = device
        self._parts = parts
        self._optimizer = optimizer
        self._clip = clip

    def learn(self, value: torch.Tensor, rate: float) -> None:
        """Move every weight by the gradient of a loss, at a learning rate."""
        torch.autograd.backward(value)
        if self._clip:
            torch.nn.utils.clip_grad_norm_(self._weights(), self._clip)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get("lr_scale", 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return all that later steps depend on, by name."""
        found = {
            f"{prefix}/{key}": value
            for prefix, module in self._parts.items()
            for key, value in module.state_dict().items()
        }
        for number, weight in enumerate(self._weights()):
            for key, value in self._optimizer.state.get(weight, {}).items():
                if isinstance(value, torch.Tensor):  # Muon also notes how it treats a weight
                    found[f"optimizer/{number}/{key}"] = value
        return found

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over what ``tensors`` returned, in this or another process."""
        for prefix, module in self._parts.items():
            module.load_state_dict(_below(tensors, f"{prefix}/"))
        for number, weight in enumerate(self._weights()):
            moments = _below(tensors, f"optimizer/{number}/")
            # Each moment lies in memory as its weight does, or the fused step would be slow.
            self._optimizer.state[weight] = {
                key: torch.empty_like(weight).copy_(value)
                if value.shape == weight.shape and key != "step"
                else value.to(self.device if self.device.type == "cuda" else "cpu").clone()
                for key, value in moments.items()
            }

    def _weights(self) -> list[nn.Parameter]:
        return [weight for group in self._optimizer.param_groups for weight in group["params"]]


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
