"""What a family of targets must provide, and the few facts that all of them read the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.build import model_input
from tinydrop.models.backbones.target import Target, TargetSpec


@dataclass(frozen=True)
class Family:
    """One kind of transformer and how it is run on kept patches.

    Attributes:
        name: the family's name for people, such as ``plain`` or ``beit``.
        classes: timm's classes, matched exactly: a subclass may have changed anything.
        why_not: why a module of these classes is not proved, as the end of a sentence; or None.
        describe: reads the facts off a module (module, name, input or None), also on the meta
            device.
        adapter: the target that runs it, made of (spec, module).
        masked_logits: the oracle of ``check`` (target, pixels (B, 3, H, W), keep (K,) int64): the
            logits of the full model with the dropped patches masked as keys in every block and
            left out of the pooling.
    """

    name: str
    classes: tuple[type[nn.Module], ...]
    why_not: Callable[[Any], str | None]
    describe: Callable[[Any, str, InputSpec | None], TargetSpec]
    adapter: Callable[[TargetSpec, Any], Target]
    masked_logits: Callable[[Target, torch.Tensor, torch.Tensor], torch.Tensor]


def grid_facts(embed: Any) -> tuple[PatchGrid, tuple[int, int]]:
    """Return the grid and the (height, width) of a patch of timm's ``PatchEmbed``."""
    rows, cols = (int(side) for side in embed.grid_size)
    height, width = (int(side) for side in embed.patch_size)
    return PatchGrid(rows, cols), (height, width)


def spec_input_of(module: Any, name: str, input_spec: InputSpec | None) -> InputSpec:
    """Return the input that was asked for, or the model's own.

    Raises:
        UnsupportedModelError: if it asks for another size than the model was built for.
    """
    height, width = (int(side) for side in module.patch_embed.img_size)
    result = model_input(module) if input_spec is None else input_spec
    if result.size != (height, width):
        raise UnsupportedModelError(
            f"{name} was built for {height}x{width} pixels, not for "
            f"{result.size[0]}x{result.size[1]}; build it with that img_size."
        )
    return result
