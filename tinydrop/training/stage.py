"""One stage of a training as values: what it is, and where it stands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tinydrop.core.errors import SettingError
from tinydrop.training.checkpoint import read_state, read_tensors
from tinydrop.training.pictures import PictureSet
from tinydrop.training.recipe import StageRecipe
from tinydrop.training.trainer import Teacher

_WORDS = {"started_from": "start"}  # what a message calls a part of the identity
CHECKPOINT, WEIGHTS, CURVE = "checkpoint.safetensors", "weights.safetensors", "curves.jsonl"


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: teacher, guidance or target.
        epoch: from 1.
        epochs: in all.
        step: steps done in all epochs together.
        steps: in all.
        seconds_left: by the speed of this process so far; None before the second step.
        row: the epoch's line of the curve, once it is complete.
    """

    stage: str
    epoch: int
    epochs: int
    step: int
    steps: int
    seconds_left: float | None
    row: Mapping[str, float] | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """What is to be trained, from what, and where it is kept.

    Attributes:
        name: teacher, guidance or target.
        recipe: every number.
        folder: for the checkpoint, the curve and the finished weights.
        train: pictures to learn from, on the device.
        validation: pictures to measure on, on the same device.
        classes: length of the logits.
        data: fingerprint of the training pictures.
        teacher: what is learnt from; None for a stage without one.
        teacher_digest: says which teacher that is.
        start: loads the weights to start from into the freshly built model; None for those drawn.
        started_from: says which weights those are; None for those drawn.
    """

    name: str
    recipe: StageRecipe
    folder: Path
    train: PictureSet
    validation: PictureSet
    classes: int
    data: str
    teacher: Teacher | None = None
    teacher_digest: str | None = None
    start: Callable[[nn.Module], None] | None = None
    started_from: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on with."""
        return {
            "stage": self.name,
            "recipe": self.recipe.to_dict(),
            "classes": self.classes,
            "data": self.data,
            "pictures": len(self.train),
            "teacher": self.teacher_digest,
            "started_from": self.started_from,
        }


@dataclass(frozen=True)
class StageState:
    """Where a stage stands; stored in its checkpoint and in its finished weights.

    Attributes:
        identity: of the stage.
        epoch: epochs that are complete.
        step: steps done in the epoch after them.
        seconds: spent on it so far, validation and writing included.
        history: one line per complete epoch.
        device: what it ran on last.
    """

    identity: Mapping[str, Any]
    epoch: int
    step: int
    seconds: float
    history: tuple[Mapping[str, float], ...]
    device: str

    @property
    def finished(self) -> bool:
        """Whether all epochs are complete."""
        return self.epoch >= int(self.identity["recipe"]["epochs"])

    @property
    def digest(self) -> str:
        """Say in a short text which run this is: the same recipe, data and curve, the same text."""
        curve = [[row["train_loss"], row["val_top1"]] for row in self.history]
        text = json.dumps([dict(self.identity), curve], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        return {**vars(self), "identity": dict(self.identity), "history": list(self.history)}


def earlier_state(stage: Stage, *, resume: bool) -> StageState | None:
    """Return the state that the folder holds; None where it holds none.

    Raises:
        SettingError: if it is another run's, or one that ``resume`` was not given for.
    """
    for name in (WEIGHTS, CHECKPOINT):
        stored = read_state(stage.folder / name)
        if stored is None:
            continue
        if not resume:
            refuse_earlier(stage.folder, stage.name)
        found = _state(stored, stage.folder)
        wanted = json.loads(json.dumps(stage.identity))
        if found.identity != wanted:
            differ = [
                _WORDS.get(key, key) for key in wanted if found.identity.get(key) != wanted[key]
            ]
            raise SettingError(
                f"The {stage.name} in {stage.folder} was begun with another "
                f"{', '.join(differ) or 'recipe'}; give the same, or another folder."
            )
        return found
    return None


def refuse_earlier(folder: Path, name: str) -> None:
    """Raise SettingError if the folder holds a run of that stage, begun or finished."""
    if any((folder / file).is_file() for file in (WEIGHTS, CHECKPOINT)):
        raise SettingError(
            f"{folder} already holds a {name}; go on with it by --resume, or give another folder "
            f"by --out."
        )


def finished_stage(folder: Path) -> tuple[StageState, dict[str, torch.Tensor]] | None:
    """Return what a finished stage's folder holds: its state and its weights; None if unfinished.

    Raises:
        SettingError: if the file is damaged.
    """
    stored = read_state(folder / WEIGHTS)
    if stored is None:
        return None
    return _state(stored, folder), read_tensors(folder / WEIGHTS, "ema/")


def _state(stored: Mapping[str, Any], folder: Path) -> StageState:
    try:
        return StageState(**{**stored, "history": tuple(stored["history"])})
    except (TypeError, KeyError) as error:
        raise SettingError(
            f"The checkpoint in {folder} is incomplete ({error}); delete it and train again."
        ) from error
