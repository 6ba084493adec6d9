"""A linear classifier of the user's own, for models that only make features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tinydrop.core.errors import SettingError, UnsupportedModelError


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Weights of a linear classifier: logits = weight @ features + bias.

    Attributes:
        weight: (classes, C), finite.
        bias: (classes,), finite.
        source: where it comes from, for messages.

    Raises:
        SettingError: if shapes or values do not make a classifier.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    source: str = "the head"

    def __post_init__(self) -> None:
        shapes = tuple(self.weight.shape), tuple(self.bias.shape)
        if len(shapes[0]) != 2 or shapes[1] != shapes[0][:1] or self.weight.numel() == 0:
            raise SettingError(
                f"{self.source} holds a weight of shape {shapes[0]} and a bias of shape "
                f"{shapes[1]}; a linear head has (classes, features) and (classes,)."
            )
        for name, value in (("weight", self.weight), ("bias", self.bias)):
            if not value.is_floating_point() or not bool(value.isfinite().all()):
                raise SettingError(
                    f"The {name} of {self.source} holds values that are not finite numbers; "
                    "export it again."
                )


def attach_head(module: nn.Module, head: LinearHead, name: str) -> None:
    """Give a freshly built timm model a linear classifier, in place of whatever it had.

    Raises:
        UnsupportedModelError: if the model does not end in one linear classifier.
        SettingError: if the head is made for another number of features.
    """
    model: Any = module
    if not callable(getattr(model, "reset_classifier", None)) or hasattr(model, "head_dist"):
        raise UnsupportedModelError(
            f"{name} does not end in one linear classifier, so it cannot take {head.source}."
        )
    classes, features = head.weight.shape
    model.reset_classifier(classes)
    classifier = model.get_classifier()
    if type(classifier) is not nn.Linear or classifier.bias is None:
        raise UnsupportedModelError(
            f"{name} ends in {type(classifier).__name__} instead of one linear classifier, so it "
            f"cannot take {head.source}."
        )
    if classifier.in_features != features:
        raise SettingError(
            f"{head.source} is a head for {features} features, but {name} makes "
            f"{classifier.in_features}; give a head that was trained on this model."
        )
    with torch.no_grad():
        classifier.weight.copy_(head.weight)
        classifier.bias.copy_(head.bias)
    module.eval()
