"""Shared checks of the adapters: is a model ready, is an input right, is an answer unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.data import InputSpec

_SAME_IN_TRAINING = frozenset(
    {nn.Linear, nn.Bilinear, nn.Conv1d, nn.Conv2d, nn.Embedding, nn.LayerNorm, nn.GroupNorm}
    | {nn.Identity, nn.Flatten, nn.Unflatten, nn.Sequential, nn.ModuleList, nn.ModuleDict}
    | {nn.ReLU, nn.ReLU6, nn.GELU, nn.SiLU, nn.Mish, nn.ELU, nn.Tanh, nn.Sigmoid, nn.Hardswish}
    | {nn.AvgPool2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Softmax}
)
"""Whose own flag means nothing: a new linear head is in training mode and harmless."""


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


def in_full(logits: torch.Tensor) -> torch.Tensor:
    """Return logits of half precision as float32, which everything after the models speaks."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


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


def require_eval(module: nn.Module, name: str, role: str) -> None:
    """Refuse a model of which any part is in training mode and may act otherwise then.

    Raises:
        UnsupportedModelError: naming the part.
    """
    if module.training:
        raise UnsupportedModelError(
            f"{name} is in training mode; call .eval() on it before using it as {role}."
        )
    # Cheap enough for every call: nothing but flags is looked at.
    if any(part.training and type(part) not in _SAME_IN_TRAINING for part in module.modules()):
        path, kind = next(
            (path, type(part).__name__)
            for path, part in module.named_modules()
            if part.training and type(part) not in _SAME_IN_TRAINING
        )
        raise UnsupportedModelError(
            f"{name} is in training mode at {path} ({kind}), which would change its answers or "
            f"itself; call .eval() on the whole model before using it as {role}."
        )


def require_colour(module: nn.Module, name: str, role: str) -> None:
    """Refuse a model whose first convolution does not take red, green and blue.

    Raises:
        UnsupportedModelError: with the number of channels it takes.
    """
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is not None and first.in_channels != 3:
        count = first.in_channels
        raise UnsupportedModelError(
            f"{name} cannot be a {role}: it takes {count} channel{'s' if count > 1 else ''} "
            f"(in_chans={count}) instead of red, green and blue; build it with in_chans=3."
        )


def require_run(module: nn.Module, pixels: torch.Tensor, name: str) -> Any:
    """Return what a model answers to pixels, without gradient.

    Raises:
        UnsupportedModelError: if it does not run on them; said is whether the size or the
            precision is the reason.
    """
    try:
        with torch.no_grad():
            found = module(pixels)
    except (RuntimeError, AssertionError, ValueError, NotImplementedError, TypeError) as error:
        height, width = pixels.shape[-2:]
        kind = str(pixels.dtype).removeprefix("torch.")
        if pixels.dtype in (torch.float32, torch.float64):
            reason = "give the input that it was built for"
        else:
            reason = f"{pixels.device.type} may lack {kind}, so call .float() on it"
        raise UnsupportedModelError(
            f"{name} does not run on {height}x{width} pixels of {kind}; {reason}."
        ) from error
    half = isinstance(found, torch.Tensor) and found.dtype in (torch.float16, torch.bfloat16)
    if half and not bool(found.isfinite().all()):
        kind = str(found.dtype).removeprefix("torch.")
        raise UnsupportedModelError(
            f"The answers of {name} are not finite in {kind}, whose range is too small for it; "
            f"call .float() on it."
        )
    return found


def require_ready(module: nn.Module, name: str, role: str) -> None:
    """Refuse a module that is no classifier in eval mode with weights in place.

    Raises:
        UnsupportedModelError: with the reason and what to do.
    """
    require_eval(module, name, role)
    first = next(_weights(module), None)
    if first is None:
        raise UnsupportedModelError(f"{name} has no weights, so it cannot be a {role}.")
    strange = next((p for p in module.parameters() if not p.is_floating_point()), None)
    if strange is not None or any(b.is_complex() for b in module.buffers()):
        kind = "complex" if strange is None else str(strange.dtype).removeprefix("torch.")
        raise UnsupportedModelError(
            f"{name} has {kind} weights; only floating-point weights run here, so give the model "
            f"before it was converted."
        )
    if any(p.is_meta for p in module.parameters()):
        raise UnsupportedModelError(
            f"{name} has no weights in memory (it lies on the meta device); load it first."
        )
    if not callable(getattr(module, "get_classifier", None)):
        raise UnsupportedModelError(
            f"{name} cannot be a {role}: {type(module).__name__} is no classifier of timm; build "
            f"one with timm.create_model."
        )
    if num_classes_of(module) < 1:
        raise UnsupportedModelError(
            f"{name} has no classifier (it only makes features); give it a head, for example "
            f"num_classes=1000 with trained weights, or choose a model that has one."
        )
