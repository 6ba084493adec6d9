"""Checkpoints that appear complete or not at all: one safetensors file with its JSON inside.

The state that is no tensor (epoch, step, curve, recipe) is JSON in the file's own header, so that
tensors and state can never belong to different moments, wherever a run is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from tinydrop.core.errors import SettingError

PART_BYTES = 15 * 2**20
"""A device machine gives back files of at most 16 MiB, with everything that is in them."""

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


def write_parts(source: Path, folder: Path, name: str, part_bytes: int = PART_BYTES) -> list[Path]:
    """Write a checkpoint or finished weights in small files that together hold the same.

    Weights in training stay float32; averaged and finished weights become float16, the moments of
    the optimiser bfloat16, each only where it stays finite. Training goes on from them almost, but
    not exactly, as from the file itself.

    Args:
        source: a file of ``write_state``.
        folder: where the parts go.
        name: the parts are called ``NAME.part-1-of-3.safetensors``.
        part_bytes: of tensors in one part; names and state come on top, less than 1 MiB.

    Raises:
        SettingError: if something cannot be read or written, or one tensor alone is too large.
    """
    state = read_state(source)
    if state is None:
        raise SettingError(f"There is no {source} to divide; train that stage first.")
    groups: list[dict[str, torch.Tensor]] = [{}]
    held = 0
    for key, tensor in sorted(read_tensors(source).items()):
        small = _narrowed(key, tensor).contiguous()
        size = small.numel() * small.element_size()
        if size > part_bytes:
            raise SettingError(
                f"{key} of {source} takes {size / 2**20:.0f} MiB, more than a part of "
                f"{part_bytes / 2**20:.0f} MiB; keep the file itself."
            )
        if held + size > part_bytes:
            groups.append({})
            held = 0
        groups[-1][key] = small
        held += size
    digest = hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
    count = len(groups)
    for old in folder.glob(f"{name}.part-*-of-*.safetensors"):  # of an earlier moment
        old.unlink(missing_ok=True)
    paths = []
    for number, tensors in enumerate(groups, start=1):
        path = folder / f"{name}.part-{number}-of-{count}.safetensors"
        own = state if number == 1 else {}
        part = {"part": [number, count], "file": source.name, "digest": digest, "state": own}
        write_state(path, tensors, part)
        paths.append(path)
    return paths


def join_parts(folder: Path, name: str, destination: Path) -> Path | None:
    """Put the parts of ``write_parts`` together again; None where there are none.

    Args:
        folder: holds ``NAME.part-1-of-3.safetensors`` and so on.
        name: of the parts.
        destination: the folder for the file that they were made of.

    Raises:
        SettingError: if parts are missing or belong to different files.
    """
    paths = sorted(folder.glob(f"{name}.part-*-of-*.safetensors"))
    if not paths:
        return None
    states = [read_state(path) or {} for path in paths]
    found = {tuple(state.get("part", ())) for state in states}
    count = max((part[1] for part in found if len(part) == 2), default=0)
    same = len({(state.get("digest"), state.get("file")) for state in states}) == 1
    if not same or found != {(number, count) for number in range(1, count + 1)}:
        raise SettingError(
            f"The parts of {name} in {folder} are not the {count} of one file; bring all parts of "
            f"one run, and only those."
        )
    tensors: dict[str, torch.Tensor] = {}
    for path in paths:
        for key, value in read_tensors(path).items():
            halved = value.dtype in (torch.float16, torch.bfloat16)
            tensors[key] = value.float() if halved else value
    state = next(state["state"] for state in states if state["part"][0] == 1)
    joined = destination / str(states[0]["file"])
    write_state(joined, tensors, state)
    return joined


def _narrowed(key: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor in the type that its part of a checkpoint is kept in."""
    if not tensor.is_floating_point() or key.endswith("/step") or key == "loss_sum":
        return tensor
    kinds = {"ema": torch.float16, "optimizer": torch.bfloat16}
    small = tensor.to(kinds.get(key.split("/")[0], tensor.dtype))
    return small if bool(small.isfinite().all()) else tensor


def _foreign(path: Path, error: object) -> SettingError:
    return SettingError(
        f"{path} is no checkpoint of a training ({error}); delete it or give another folder."
    )
