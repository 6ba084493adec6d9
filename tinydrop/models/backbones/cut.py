"""Finding where to cut a guidance model, on a copy without weights.

A copy on torch's meta device has every shape and no data, so one traced pass over it costs neither
time nor memory, and the live model gets no hook.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from timm.layers import Format
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.core.tokens import PatchGrid
from tinydrop.models.backbones.build import model_input
from tinydrop.models.backbones.splits import (
    PatchTokenSplit,
    PooledRowSplit,
    SpatialSplit,
    Split,
    without_final_norm,
)
from tinydrop.models.backbones.structure import is_plain_transformer, why_not_plain

# The names timm gives to a norm that ends forward_features; the map is read before it.
_FINAL_NORMS = ("norm", "norm_pre")
# Classes whose features are row-major patch tokens without prefix, known by name and proved.
_TOKEN_MAPS = ("EfficientFormer",)
_PASS_THROUGH = (nn.Identity, nn.Dropout, nn.Dropout2d)


def meta_copy(module: nn.Module) -> nn.Module:
    """Return a frozen copy of a module on the meta device: every shape and no data."""
    # deepcopy finds the tensors in its memo and never copies their data.
    memo: dict[int, Any] = {
        id(p): nn.Parameter(torch.empty_like(p, device="meta"), requires_grad=False)
        for p in module.parameters()
    }
    memo.update({id(b): torch.empty_like(b, device="meta") for b in module.buffers()})
    twin = copy.deepcopy(module, memo)
    return twin.eval()


def map_layer(module: nn.Module, name: str) -> str:
    """Return the name of the layer that a guidance's map is read at; also on the meta device.

    Raises:
        UnsupportedModelError: if it has no spatial last feature map to cut at.
    """
    return cut_guidance(module, name, model_input(module).size).layer


def cut_guidance(module: nn.Module, name: str, size: tuple[int, int]) -> Split:
    """Return the cut of a classifier for an input of (height, width).

    Raises:
        UnsupportedModelError: if it has no spatial last feature map to cut at, with the reason.
    """
    if is_plain_transformer(module):
        reason = why_not_plain(module)
        if reason is not None:
            raise UnsupportedModelError(f"{name} cannot be a guidance: {reason}.")
        pooled_token = module.global_pool == "token"
        return PooledRowSplit(module) if pooled_token else PatchTokenSplit(module)
    if not callable(getattr(module, "forward_features", None)) or not callable(
        getattr(module, "forward_head", None)
    ):
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: {type(module).__name__} does not separate its features "
            "from its head (forward_features and forward_head)."
        )
    twin = meta_copy(module)
    layer, features = _trace(twin, size, name)
    norm = layer if layer in _FINAL_NORMS else None
    if norm is not None:
        layer, features = _trace(without_final_norm(twin, norm), size, name)
    layout, grid = _layout(module, features, size, name)
    return SpatialSplit(module, layer, norm, layout, grid)


def _trace(twin: nn.Module, size: tuple[int, int], name: str) -> tuple[str, torch.Tensor]:
    """Return the outermost layer whose output ``forward_features`` returns, and that output."""
    names = {part: path for path, part in twin.named_modules()}
    outputs: list[tuple[str, object]] = []

    def record(part: nn.Module, _inputs: object, output: object) -> None:
        outputs.append((names[part], output))

    handles = [
        part.register_forward_hook(record)
        for part in names
        if part is not twin and not isinstance(part, _PASS_THROUGH)
    ]
    first = next(p for p in twin.parameters() if p.is_floating_point())
    pixels = torch.zeros((1, 3, *size), device=first.device, dtype=first.dtype)
    classifier: Any = twin
    try:
        with torch.no_grad():
            features = classifier.forward_features(pixels)
    except Exception as error:  # any model of timm's thousand may run here
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: its features could not be traced "
            f"({type(error).__name__})."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(features, torch.Tensor):
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: its features are not one map but "
            f"{type(features).__name__}."
        )
    paths = [path for path, output in outputs if output is features]
    # min keeps the first of equally deep layers, which is the one that made the map.
    return min(paths, key=lambda path: path.count("."), default="forward_features"), features


def _layout(
    module: nn.Module, features: torch.Tensor, size: tuple[int, int], name: str
) -> tuple[Format, PatchGrid]:
    """Return how the features are laid out, and the grid they lie on."""
    shape = tuple(int(side) for side in features.shape)
    if len(shape) == 3 and type(module).__name__ in _TOKEN_MAPS:
        layout, grid = Format.NLC, _token_grid(shape[1], size)
    elif len(shape) == 4:
        channels = getattr(module, "num_features", None)
        if getattr(module, "output_fmt", "NCHW") == "NHWC" or (
            shape[3] == channels and shape[1] != channels
        ):
            layout, grid = Format.NHWC, shape[1:3]
        else:
            layout, grid = Format.NCHW, shape[2:4]
    else:
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: {type(module).__name__} ends in features of shape "
            f"{shape} instead of a map with rows and columns."
        )
    if grid is None or abs(grid[0] * size[1] - grid[1] * size[0]) > max(size):
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: features of shape {shape} do not lie on a grid with the "
            f"proportions of its {size[0]}x{size[1]} input."
        )
    if grid[0] * grid[1] < 2:
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: at {size[0]}x{size[1]} pixels its last feature map has "
            "a single cell, so it says nothing about where; use a larger input."
        )
    return layout, PatchGrid(*grid)


def _token_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """Return the (rows, cols) of row-major tokens over an input of (height, width), or None."""
    rows = round((tokens * size[0] / size[1]) ** 0.5)
    return (rows, tokens // rows) if rows and tokens % rows == 0 else None
