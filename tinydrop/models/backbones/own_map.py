"""Where a target itself looks: gradient x activation on its patch tokens near its end.

The gradient of one logit on the last normalised patch tokens that reach it, times these tokens,
summed over channels: to first order a token's share in that logit. Where the class token is
pooled, these are what the last block's attention reads (the output of its first norm, as for the
maps of such guidances). Where patches are pooled, they are the output of the final norm.

Normalised, since the token before a norm has the same effect at any length: gradient x activation
is zero there but for the norm's epsilon. The attention of the class token was tried as well: with
the pair of 24 classes, patches that it ranks highest support the target's own answer less than
random ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.core.tokens import Saliency
from tinydrop.models.backbones.parity import check_pixels, placed_like
from tinydrop.models.backbones.registry import family_of
from tinydrop.models.backbones.splits import PooledRowSplit
from tinydrop.models.backbones.target import Target

OWN_MAP_METHOD = "gradient x activation"


@dataclass(frozen=True, eq=False)
class _Cut:
    """A target's pass over pixels, cut at its patch tokens.

    Attributes:
        layer: where it is cut.
        tokens: (B, N, C), the patches' tokens there.
        rest: from such tokens to the logits, (B, classes).
    """

    layer: str
    tokens: torch.Tensor
    rest: Callable[[torch.Tensor], torch.Tensor]


def _plain(model: Any, pixels: torch.Tensor) -> _Cut:
    """Cut a plain transformer."""
    if model.global_pool == "token":
        split = PooledRowSplit(model)
        features = split.features(pixels)
        rows, cols = features.map.shape[2:]

        def head(tokens: torch.Tensor) -> torch.Tensor:
            feature_map = tokens.transpose(1, 2).reshape(len(tokens), -1, rows, cols)
            return split.head(feature_map, features.rest)

        return _Cut(split.layer, features.map.flatten(2).transpose(1, 2), head)
    prefix = int(model.num_prefix_tokens)
    x = model.norm_pre(model._pos_embed(model.patch_embed(pixels)))
    x = model.norm(model.blocks(x))

    def pooled(tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = model.forward_head(torch.cat((x[:, :prefix], tokens), dim=1))
        return logits

    return _Cut("norm", x[:, prefix:], pooled)


_CUTS: Mapping[str, Callable[[Any, torch.Tensor], _Cut]] = MappingProxyType({"plain": _plain})
"""Family -> how it is cut."""


def why_no_own_map(target: Target) -> str | None:
    """Return why no map of the target's own can be made, as a sentence; None if one can."""
    family = family_of(target.module)
    if family is not None and family.name in _CUTS:
        return None
    return (
        f"{target.spec.name} is a {target.spec.family}, of which no map of its own can be made; "
        f"targets of the family {' or '.join(_CUTS)} have one."
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
            cut = _CUTS[family.name](
                target.module, placed.clone() if placed.is_inference() else placed
            )
        with torch.enable_grad():
            leaf = cut.tokens.detach().clone().requires_grad_()
            index = torch.tensor(classes, device=leaf.device)[:, None]
            chosen = cut.rest(leaf).gather(1, index).sum()
            # grad() of this one leaf: unlike backward() it leaves the parameters' .grad alone.
            gradient: torch.Tensor = torch.autograd.grad(chosen, leaf)[0]
    shares = (gradient.double() * cut.tokens.double()).sum(dim=2)
    maps = shares.reshape(-1, spec.grid.rows, spec.grid.cols).numpy(force=True)
    return tuple(Saliency(one, OWN_MAP_METHOD, cut.layer) for one in maps)
