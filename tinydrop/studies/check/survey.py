"""Every architecture of timm, sorted into a proved family or refused with a reason.

Models are laid out on the meta device: their classes and shapes are read, no weight exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from tinydrop.core.errors import TinyDropError
from tinydrop.models.backbones import build_model, family_of, list_architectures, why_not_target


@dataclass(frozen=True)
class Classification:
    """What an architecture is here, judged by its structure alone; no parity was measured.

    Attributes:
        model: timm's name.
        kind: timm's class; None if it could not be laid out.
        family: the family that runs it on kept patches; None if it is refused.
        classifier: whether it has a classifier of its own.
        reason: why it is refused, a sentence; None if it is not.
    """

    model: str
    kind: str | None = None
    family: str | None = None
    classifier: bool = False
    reason: str | None = None


def known_models() -> tuple[str, ...]:
    """Return the name of every architecture of the installed timm, in timm's order."""
    return list_architectures()


def classify_model(name: str) -> Classification:
    """Return the family of an architecture, or why it is refused; nothing is raised."""
    try:
        with torch.device("meta"):
            module = build_model(name)
    except TinyDropError as error:
        return Classification(name, reason=str(error))
    kind = type(module).__name__
    classifier = getattr(module, "num_classes", 0) != 0
    family, reason = family_of(module), why_not_target(module)
    if family is None or reason is not None:
        sentence = f"{name} cannot be a target: {reason}."
        return Classification(name, kind, None, classifier, sentence)
    return Classification(name, kind, family.name, classifier)


def survey(names: Iterable[str]) -> Iterator[Classification]:
    """Yield the classification of each name, in order."""
    for name in names:
        yield classify_model(name)
