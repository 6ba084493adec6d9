"""The pair itself, made of two models that provably share their classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import (
    DownloadProgress,
    Guidance,
    Target,
    imagenet_class_names,
    load_guidance,
    load_target,
    wrap_guidance,
    wrap_target,
)
from tinydrop.models.pairs.heads import read_head
from tinydrop.models.pairs.schema import class_names


@dataclass(frozen=True, eq=False)
class Pair:
    """A guidance and a target that speak of the same classes.

    Attributes:
        name: short name, as given to ``--pair`` or made from the two models.
        title: what a person reads.
        guidance: the small model.
        target: the big frozen ViT.
        classes: one readable name per logit, the same order in both models.
        setting: default tau, gamma and temperature.
        digest: sha256 (hex) over both models' weights and the classes, for provenance.
        info: measured accuracy, licence notes and the like, as read from ``pair.json``.

    Raises:
        SettingError: if the two models and ``classes`` do not agree.
    """

    name: str
    title: str
    guidance: Guidance
    target: Target
    classes: tuple[str, ...]
    setting: Setting
    digest: str
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counts = {
            "guidance": self.guidance.spec.num_classes,
            "target": self.target.spec.num_classes,
            "class list": len(self.classes),
        }
        if len(set(counts.values())) != 1:
            listed = ", ".join(f"{who} {count}" for who, count in counts.items())
            raise SettingError(
                f"Guidance and target must share their classes, but the numbers differ ({listed}); "
                "choose two models trained on the same classes."
            )

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        """Coarse groups of the classes, name -> classes, as the pair's card has them; or none.

        What is no list of names in a card that somebody wrote by hand is no group.
        """
        found = self.info.get("groups")
        if not isinstance(found, Mapping):
            return {}
        return {name: classes for name, classes in found.items() if isinstance(classes, list)}


def pair_from_names(
    guidance: str,
    target: str,
    *,
    name: str | None = None,
    title: str | None = None,
    head: str | Path | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Pair:
    """Return a pair of two timm models with their pretrained weights.

    Args:
        guidance: timm name of the small model.
        target: timm name of the big model.
        name: short name of the pair; made of the two by default.
        title: what a person reads.
        head: safetensors file with a linear classifier for the target, in place of its own or of
            none; its classes are taken to be the guidance's, in the same order.
        progress: called with (sentence, share done from 0 to 1) while weights are fetched.

    Raises:
        SettingError: if the two do not share their classes.
        WeightsUnavailableError: if weights are neither here nor to be had.
        UnsupportedModelError: if a model is unknown or does not fit its role.
    """
    linear = None if head is None else read_head(head)  # before anything is fetched
    small = load_guidance(guidance, progress=_told(progress, "guidance", 0.0, 0.2))
    big = load_target(target, progress=_told(progress, "target", 0.2, 0.95), head=linear)
    if progress is not None:
        progress("Checking that the two models share their classes", 0.95)
    own_head = "" if linear is None else f"+{linear.source}"
    return pair_from_models(
        small,
        big,
        None if linear is None else imagenet_class_names(small.module),
        name=name or f"{guidance}+{target}{own_head}",
        title=title or f"{guidance} with {target}",
    )


def _told(
    progress: Callable[[str, float], None] | None, role: str, start: float, end: float
) -> DownloadProgress | None:
    """Return a progress for one download that fills the part from ``start`` to ``end``."""
    if progress is None:
        return None
    tell = progress
    tell(f"Looking for the {role}'s weights", start)

    def told(come: int, total: int) -> None:
        share = come / total if total else 0.0
        tell(
            f"Downloading the {role}: {come / 1e6:.0f} of {total / 1e6:.0f} MB",
            start + (end - start) * share,
        )

    return told


def pair_from_models(
    guidance: Guidance | torch.nn.Module | str,
    target: Target | torch.nn.Module | str,
    classes: Sequence[str] | Mapping[int, str] | None = None,
    *,
    name: str = "custom",
    title: str = "Your own pair",
    setting: Setting | None = None,
) -> Pair:
    """Return a pair of the caller's own models.

    Args:
        guidance: a timm classifier, an adapter of one, or a timm name with pretrained weights.
        target: a timm transformer, an adapter of one, or a timm name with pretrained weights.
        classes: the shared class names in the order of the logits (or by index); without them
            both must carry the same ImageNet labels.
        name: short name.
        title: what a person reads.
        setting: default setting; tau 0.8, gamma 1, temperature 1 without it.

    Raises:
        SettingError: if the classes differ or cannot be told, or something is no model.
        UnsupportedModelError: if a model does not fit its role.
        WeightsUnavailableError: if weights of a name are neither here nor to be had.
    """
    if classes is not None:
        classes = class_names(classes)
    small = _as_guidance(guidance)
    big = _as_target(target)
    if classes is None:
        classes = _shared_imagenet_classes(small, big)
    return Pair(
        name=name,
        title=title,
        guidance=small,
        target=big,
        classes=tuple(classes),
        setting=setting or Setting(),
        digest=weights_digest(small, big, classes),
    )


def _as_guidance(model: object) -> Guidance:
    """Return the guidance that a caller means."""
    if isinstance(model, Guidance):
        return model
    if isinstance(model, str):
        return load_guidance(model)
    if isinstance(model, torch.nn.Module):
        return wrap_guidance(model, "guidance")
    raise SettingError(_no_model("guidance", model))


def _as_target(model: object) -> Target:
    """Return the target that a caller means."""
    if isinstance(model, Target):
        return model
    if isinstance(model, str):
        return load_target(model)
    if isinstance(model, torch.nn.Module):
        return wrap_target(model, "target")
    raise SettingError(_no_model("target", model))


def _no_model(role: str, given: object) -> str:
    return (
        f"The {role} is a timm model, its name or an adapter made by wrap_{role}, got "
        f"{type(given).__name__}; give for example timm.create_model(..., pretrained=True)."
    )


def _shared_imagenet_classes(small: Guidance, big: Target) -> tuple[str, ...]:
    """Return the label names that both models carry, or say why they cannot be told."""
    names = imagenet_class_names(small.module), imagenet_class_names(big.module)
    if names[0] is None or names[1] is None:
        who = small.spec.name if names[0] is None else big.spec.name
        raise SettingError(
            f"The classes of {who} are not known, so the pair cannot be checked; "
            "give the shared class names, in the order of the logits."
        )
    if names[0] != names[1]:
        raise SettingError(
            f"{small.spec.name} ({len(names[0])} classes) and {big.spec.name} "
            f"({len(names[1])} classes) do not name the same classes in the same order; "
            "choose two models trained on the same classes."
        )
    return names[0]


def weights_digest(guidance: Guidance, target: Target, classes: Sequence[str]) -> str:
    """Return sha256 over both models' tensors (names, shapes, bytes) and the class names."""
    digest = hashlib.sha256(json.dumps(list(classes)).encode())
    for module in (guidance.module, target.module):
        for key, value in sorted(module.state_dict().items()):
            digest.update(f"{key}{tuple(value.shape)}{value.dtype}".encode())
            # As bytes: numpy has no bfloat16.
            raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(raw.numpy().tobytes())
    return digest.hexdigest()
