"""Checkpoints that appear complete or not at all: one safetensors file with its JSON inside.

The state that is no tensor (epoch, step, curve, recipe) is JSON in the file's own header, so that
tensors and state can never belong to different moments, wherever a run is killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from tinydrop.core.errors import SettingError

_KEY = "tinydrop_training"


def write_state(path: Path, tensors: Mapping[str, torch.Tensor], state: Mapping[str, Any]) -> None:
    """Write tensors and their state to one file, beside it first, then renamed into place.

    Raises:
        SettingError: if the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.writing")
    held = {name: value.detach().contiguous().cpu() for name, value in tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for old in path.parent.glob(f".{path.name}.*.writing"):  # of a run that was killed
            old.unlink(missing_ok=True)
        safetensors.torch.save_file(held, beside, {_KEY: json.dumps(state)})
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except (OSError, safetensors.SafetensorError) as error:
        beside.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or error
        raise SettingError(
            f"{path} cannot be written ({reason}); free some space or give another folder."
        ) from error


def read_state(path: Path) -> dict[str, Any] | None:
    """Return the state of a file without its tensors; None if there is no such file.

    Raises:
        SettingError: if it is no file that ``write_state`` wrote.
    """
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {})[_KEY])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise _foreign(path, error) from error
    if not isinstance(state, dict):
        raise _foreign(path, "its state is no object")
    return state


def read_tensors(path: Path, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with a prefix, without it, on the CPU.

    Raises:
        SettingError: if the file cannot be read.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return {name[len(prefix) :]: file.get_tensor(name) for name in names}
    except (OSError, safetensors.SafetensorError) as error:
        raise _foreign(path, error) from error


def _foreign(path: Path, error: object) -> SettingError:
    return SettingError(
        f"{path} is no checkpoint of a training ({error}); delete it or give another folder."
    )
