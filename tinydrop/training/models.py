"""The models of a recipe: built from a seed, counted before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tinydrop.models.backbones import build_model, wrap_guidance, wrap_target
from tinydrop.models.macs import guidance_macs, target_macs
from tinydrop.training.recipe import STAGES, PairRecipe, StageRecipe


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw torch's own random numbers from a seed, and leave them as they were afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def build_stage(recipe: StageRecipe, classes: int, *, training: bool = False) -> nn.Module:
    """Return a model of the recipe with the weights that its seed draws, in eval mode.

    Args:
        recipe: the model.
        classes: length of its logits.
        training: with what it needs only while it is trained; the weights are the same.
    """
    kwargs = {**recipe.kwargs, "num_classes": classes}
    if training:
        kwargs |= recipe.train_kwargs
    with seeded(recipe.seed, torch.device("cpu")):
        module = build_model(recipe.model, kwargs=kwargs)
    layers: list[Any] = list(module.modules()) if training else []
    for layer in layers:
        if hasattr(layer, "fused_attn"):
            layer.fused_attn = recipe.fused_attention
    return module


@dataclass(frozen=True)
class Plan:
    """What one stage will train.

    Attributes:
        stage: teacher, guidance or target.
        model: timm name.
        size: side of its input in pixels.
        parameters: the number of weights.
        macs: of one forward pass on one picture; the guidance's saliency step is in it.
        map_side: rows of the last feature map, or of the target's patch grid.
        epochs: passes over the training pictures.
        batch: pictures per step.
    """

    stage: str
    model: str
    size: int
    parameters: int
    macs: int
    map_side: int
    epochs: int
    batch: int


def plan_of(recipe: PairRecipe, classes: int) -> tuple[Plan, ...]:
    """Return what a recipe trains, counted by ``tinydrop.models.macs``.

    Raises:
        UnsupportedModelError: if a model does not fit its role.
    """
    plans = []
    for stage in STAGES:
        own = recipe.stage(stage)
        module = build_stage(own, classes)
        if stage == "target":
            target = wrap_target(module, own.model, own.input)
            macs = target_macs(target.spec, target.spec.grid.num_patches).total
            side = target.spec.grid.rows
        else:
            guide = wrap_guidance(module, own.model, own.input)
            counted = guidance_macs(guide)
            macs = counted.forward + (counted.saliency if stage == "guidance" else 0)
            side = guide.spec.map_grid.rows
        parameters = sum(p.numel() for p in module.parameters())
        plans.append(
            Plan(stage, own.model, own.size, parameters, macs, side, own.epochs, own.batch)
        )
    return tuple(plans)
