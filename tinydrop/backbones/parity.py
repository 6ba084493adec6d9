"""Shared checks of the adapters: is a model ready, is an input right, is an answer unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tinydrop.errors import SettingError, UnsupportedModelError
from tinydrop.images import InputSpec

__all__ = [
    "check_pixels",
    "largest_difference",
    "num_classes_of",
    "placed_like",
    "probe_pixels",
    "require_ready",
    "tolerance",
]


def tolerance(dtype: torch.dtype) -> float:
    """Return the largest allowed difference, as a share of the logits' largest value."""
    if dtype == torch.float64:
        return 1e-9
    return 1e-5 if dtype == torch.float32 else 2e-2


def largest_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return max |ours - theirs| / max |theirs|; infinite when shapes or finiteness differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    if not (bool(ours.isfinite().all()) and bool(theirs.isfinite().all())):
        return float("inf")
    difference = float((ours.double() - theirs.double()).abs().max())
    if difference == 0.0:
        return 0.0  # also where a head of zeros makes every logit zero
    largest = float(theirs.double().abs().max())
    return difference / largest if largest > 0.0 else float("inf")


def _weights(module: nn.Module) -> Iterator[torch.Tensor]:
    return (p for p in module.parameters() if p.is_floating_point())


def placed_like(module: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Return ``pixels`` with the device and the number type of the model's weights."""
    first = next(_weights(module))
    return pixels.to(device=first.device, dtype=first.dtype)


def probe_pixels(module: nn.Module, size: tuple[int, int], batch: int = 1) -> torch.Tensor:
    """Return the same noise every time, (batch, 3, height, width), placed like the model."""
    noise = torch.randn((batch, 3, *size), generator=torch.Generator().manual_seed(0))
    return placed_like(module, noise)


def check_pixels(pixels: torch.Tensor, spec: InputSpec) -> None:
    """Refuse pixels that are not (B, 3, H, W) of the model's input size.

    Raises:
        SettingError: with the expected and the given shape.
    """
    height, width = spec.size
    if pixels.dim() != 4 or pixels.shape[0] < 1 or tuple(pixels.shape[1:]) != (3, height, width):
        raise SettingError(
            f"This model takes pixels of shape (pictures, 3, {height}, {width}), "
            f"got {tuple(pixels.shape)}."
        )


def num_classes_of(module: Any) -> int:
    """Return the number of classes of a model's classifier, 0 without one.

    The classifier itself is asked where it is one linear layer: a person may have set it without
    telling the model.
    """
    ask = getattr(module, "get_classifier", None)
    classifier = ask() if callable(ask) else None
    if type(classifier) is nn.Linear:
        return int(classifier.out_features)
    told = getattr(module, "num_classes", None)
    return told if isinstance(told, int) else 0


def require_ready(module: nn.Module, name: str, role: str) -> None:
    """Refuse a module that is no classifier in eval mode with weights in place.

    Raises:
        UnsupportedModelError: with the reason and what to do.
    """
    if module.training:
        raise UnsupportedModelError(
            f"{name} is in training mode; call .eval() on it before using it as {role}."
        )
    first = next(_weights(module), None)
    if first is None:
        raise UnsupportedModelError(f"{name} has no weights, so it cannot be a {role}.")
    if any(p.is_meta for p in module.parameters()):
        raise UnsupportedModelError(
            f"{name} has no weights in memory (it lies on the meta device); load it first."
        )
    if num_classes_of(module) < 1:
        raise UnsupportedModelError(
            f"{name} has no classifier (it only makes features); give it a head, for example "
            f"num_classes=1000 with trained weights, or choose a model that has one."
        )
