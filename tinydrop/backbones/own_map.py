"""Where a target itself looks: gradient x activation on its patch tokens before the last block.

The gradient of one logit runs back through the last block and the head to the patch tokens that
enter it, and is multiplied with them; the sum over channels is a token's share in that logit to
first order. It needs no class token. The attention of the class token was tried as well: on the
bundled pair, keeping the patches that it ranks highest supports the target's own answer less than
random patches do, where this map supports it more (``tinydrop quality`` measures that).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from tinydrop.backbones.families import family_of
from tinydrop.backbones.parity import check_pixels, placed_like
from tinydrop.backbones.target import Target
from tinydrop.errors import SettingError, UnsupportedModelError
from tinydrop.tokens import Saliency

__all__ = ["OWN_MAP_METHOD", "target_own_maps", "why_no_own_map"]

OWN_MAP_METHOD = "gradient x activation"


def _plain(model: Any, pixels: torch.Tensor) -> tuple[torch.Tensor, Callable[..., torch.Tensor]]:
    """Return all tokens before the last block of a plain transformer, and what follows it."""
    x = model.norm_pre(model._pos_embed(model.patch_embed(pixels)))
    for block in model.blocks[:-1]:
        x = block(x)

    def rest(tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = model.forward_head(model.norm(model.blocks[-1](tokens)))
        return logits

    return x, rest


_SPLITS: Mapping[str, Callable[..., tuple[torch.Tensor, Callable[..., torch.Tensor]]]] = (
    MappingProxyType({"plain": _plain})
)
"""Family -> (model, pixels) to the tokens (B, P + N, C) before its last block, and the rest."""


def why_no_own_map(target: Target) -> str | None:
    """Return why no map of the target's own can be made, as a sentence; None if one can."""
    family = family_of(target.module)
    if family is not None and family.name in _SPLITS:
        return None
    return (
        f"{target.spec.name} is a {target.spec.family}, of which no map of its own can be made; "
        f"targets of the family {' or '.join(_SPLITS)} have one."
    )


def target_own_maps(
    target: Target, pixels: torch.Tensor, class_indices: Sequence[int]
) -> tuple[Saliency, ...]:
    """Return what speaks for one class in the whole target, one raw signed map per picture.

    Args:
        target: what ``wrap_target`` returned.
        pixels: (B, 3, H, W), normalised as ``spec.input`` says.
        class_indices: B classes, the one to explain for each picture.

    Returns:
        B maps on the target's grid. One that is flat, zero or not finite says so in ``problem``.

    Raises:
        UnsupportedModelError: if the target's family has no such map.
        SettingError: if the pixels or the classes do not fit.
    """
    reason = why_no_own_map(target)
    family = family_of(target.module)
    if reason is not None or family is None:
        raise UnsupportedModelError(reason)
    spec = target.spec
    check_pixels(pixels, spec.input)
    classes = [int(index) for index in class_indices]
    if len(classes) != len(pixels) or not all(0 <= index < spec.num_classes for index in classes):
        raise SettingError(
            f"A map explains one class from 0 to {spec.num_classes - 1} for each of the "
            f"{len(pixels)} pictures, got {classes}."
        )
    # A caller's inference mode is left: tensors made in it cannot be differentiated.
    with torch.inference_mode(mode=False):
        with torch.no_grad():
            placed = placed_like(target.module, pixels)
            tokens, rest = _SPLITS[family.name](
                target.module, placed.clone() if placed.is_inference() else placed
            )
        with torch.enable_grad():
            leaf = tokens.detach().requires_grad_()
            index = torch.tensor(classes, device=leaf.device)[:, None]
            chosen = rest(leaf).gather(1, index).sum()
            # grad() of this one leaf: unlike backward() it leaves the parameters' .grad alone.
            gradient: torch.Tensor = torch.autograd.grad(chosen, leaf)[0]
    shares = (gradient.double() * tokens.double())[:, spec.num_prefix_tokens :].sum(dim=2)
    maps = shares.reshape(-1, spec.grid.rows, spec.grid.cols).numpy(force=True)
    layer = f"the input of blocks.{spec.depth - 1}"
    return tuple(Saliency(one, OWN_MAP_METHOD, layer) for one in maps)
