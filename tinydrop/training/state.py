"""Where a training stands, as a value that lies in its checkpoint and its finished weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from tinydrop.core.errors import SettingError
from tinydrop.training.checkpoint import read_state, read_tensors

_WORDS = {"started_from": "start"}  # what a message calls a part of the identity
CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "weights.safetensors"
BEST, CURVE = "best.safetensors", "curves.jsonl"


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        stage: teacher, guidance, target or student.
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


@dataclass(frozen=True)
class StageState:
    """Where a training stands; stored in its checkpoint and in its finished weights.

    Attributes:
        identity: what must be the same for a checkpoint to be gone on with.
        epoch: epochs that are complete; one ends with every line of the curve.
        step: steps done in the epoch after them.
        seconds: spent on it so far, measuring and writing included.
        history: one line per complete epoch.
        device: what it ran on last.
        before: what was measured before the first step; empty for nothing.
    """

    identity: Mapping[str, Any]
    epoch: int
    step: int
    seconds: float
    history: tuple[Mapping[str, float], ...]
    device: str
    before: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def finished(self) -> bool:
        """Whether all epochs are complete."""
        recipe = self.identity["recipe"]
        return self.epoch >= int(self.identity.get("epochs", recipe["epochs"]))

    @property
    def digest(self) -> str:
        """Say in a short text which run this is: the same recipe, data and curve, the same text."""
        curve = [[row["train_loss"], row["val_top1"]] for row in self.history]
        text = json.dumps([dict(self.identity), curve], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """Return every field that is not empty as JSON-ready values."""
        values = {**vars(self), "identity": dict(self.identity), "history": list(self.history)}
        before = dict(values.pop("before"))
        return values | ({"before": before} if before else {})


def earlier_state(
    folder: Path, name: str, identity: Mapping[str, Any], *, resume: bool
) -> StageState | None:
    """Return the state that a folder holds; None where it holds none.

    Args:
        folder: of the training.
        name: of its stage.
        identity: of the training that is to go on.
        resume: whether it may.

    Raises:
        SettingError: if it is another training's, or one that ``resume`` was not given for.
    """
    for file in (WEIGHTS, CHECKPOINT):
        stored = read_state(folder / file)
        if stored is None:
            continue
        if not resume:
            refuse_earlier(folder, name)
        found = _state(stored, folder)
        wanted = json.loads(json.dumps(dict(identity)))
        if found.identity != wanted:
            differ = [
                _WORDS.get(key, key) for key in wanted if found.identity.get(key) != wanted[key]
            ]
            raise SettingError(
                f"The {name} in {folder} was begun with another {', '.join(differ) or 'recipe'}; "
                f"give the same, or another folder."
            )
        return found
    return None


def refuse_earlier(folder: Path, name: str) -> None:
    """Raise SettingError if the folder holds a training of that stage, begun or finished."""
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
