"""The families of targets that are proved, and the door to them: ``wrap_target``.

A model belongs to a family by its exact class. Whatever belongs to none is refused with a reason.
"""

from __future__ import annotations

import torch
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.data import InputSpec
from tinydrop.models.backbones.build import build_model
from tinydrop.models.backbones.families.beit import BEIT
from tinydrop.models.backbones.families.cait import CAIT
from tinydrop.models.backbones.families.eva import EVA
from tinydrop.models.backbones.families.hiera import HIERA
from tinydrop.models.backbones.families.naflex import NAFLEX
from tinydrop.models.backbones.families.relpos import RELPOS
from tinydrop.models.backbones.families.vit import PLAIN
from tinydrop.models.backbones.families.windowed.swin import SWIN
from tinydrop.models.backbones.families.windowed.swin_v2 import SWIN_V2
from tinydrop.models.backbones.family import Family
from tinydrop.models.backbones.heads import LinearHead, attach_head
from tinydrop.models.backbones.hub import DownloadProgress
from tinydrop.models.backbones.parity import (
    largest_difference,
    probe_pixels,
    require_ready,
    require_run,
    tolerance,
)
from tinydrop.models.backbones.refusals import why_no_family
from tinydrop.models.backbones.target import Target, TargetSpec

FAMILIES: tuple[Family, ...] = (PLAIN, BEIT, RELPOS, EVA, NAFLEX, CAIT, SWIN, SWIN_V2, HIERA)


def family_of(module: nn.Module) -> Family | None:
    """Return the family of a module's exact class, or None."""
    return next((one for one in FAMILIES if type(module) in one.classes), None)


def why_not_target(module: nn.Module) -> str | None:
    """Return why a module cannot be a target, as the end of a sentence; None if it can."""
    family = family_of(module)
    return why_no_family(module) if family is None else family.why_not(module)


def describe_target(
    module: nn.Module, name: str, input_spec: InputSpec | None = None
) -> TargetSpec:
    """Read the facts off a model of a proved family; its weights are not touched.

    Raises:
        UnsupportedModelError: if it belongs to none, or if ``input_spec`` asks for another size
            than the model was built for.
    """
    reason = why_not_target(module)
    family = family_of(module)
    if reason is not None or family is None:
        raise UnsupportedModelError(f"{name} cannot be a target: {reason}.")
    return family.describe(module, name, input_spec)


def wrap_target(module: nn.Module, name: str, input_spec: InputSpec | None = None) -> Target:
    """Return the adapter of a timm transformer in eval mode, after proving that it fits.

    Args:
        module: the model; it is not changed.
        name: how to call it in messages and results.
        input_spec: the input it wants; by default what timm says about it.

    Raises:
        UnsupportedModelError: if it is of no proved family, has no classifier, or running it by
            stages changes its answer; with the reason.
    """
    reason = why_not_target(module)
    family = family_of(module)
    if reason is not None or family is None:
        raise UnsupportedModelError(f"{name} cannot be a target: {reason}.")
    require_ready(module, name, role="target")
    target = family.adapter(family.describe(module, name, input_spec), module)
    pixels = probe_pixels(module, target.spec.input.size)
    expected = require_run(module, pixels, name)
    difference = largest_difference(target.logits(pixels), expected)
    limit = tolerance(expected.dtype)
    if not difference <= limit:
        raise UnsupportedModelError(
            f"{name} cannot be a target: run by stages on every patch its logits differ by "
            f"{difference:.1e} of their largest value, where at most {limit:.0e} is allowed."
        )
    return target


def load_target(
    name: str,
    *,
    pretrained: bool = True,
    progress: DownloadProgress | None = None,
    head: LinearHead | None = None,
) -> Target:
    """Build a timm model by name and wrap it.

    Args:
        name: see ``build_model``.
        pretrained: load its weights; otherwise they are random.
        progress: told (bytes, bytes in all) while weights come from the Hub.
        head: a linear classifier of the caller's own, in place of the model's or of none.

    Raises:
        UnsupportedModelError: for an unknown name or a model that does not fit.
        WeightsUnavailableError: if its weights cannot be had.
        SettingError: if the head is made for another number of features.
    """
    module = build_model(name, pretrained=pretrained, progress=progress)
    if head is not None:
        attach_head(module, head, name)
    return wrap_target(module, name)


def masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Return the full model's logits with all but ``keep`` masked: the oracle of ``check``.

    Args:
        target: what ``wrap_target`` returned.
        pixels: (B, 3, H, W), placed like the model.
        keep: (K,) int64, sorted: the patches that stay visible, the same for every picture.

    Raises:
        UnsupportedModelError: if the target's family is not known here.
    """
    family = family_of(target.module)
    if family is None:
        raise UnsupportedModelError(f"{target.spec.name} belongs to no family that is proved.")
    with torch.inference_mode():
        return family.masked_logits(target, pixels, keep)
