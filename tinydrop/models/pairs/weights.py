"""Safetensors files, the only way that weights come in and go out; large ones in shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from tinydrop.core.errors import WeightsUnavailableError
from tinydrop.models.pairs.shards import index_of, read_shards, remove_weights, split, write_shards


def read_weights(
    path: Path, absent: str, remedy: str = "fetch or write it again"
) -> dict[str, torch.Tensor]:
    """Return the tensors in a safetensors file, or in the shards that stand for it, by name.

    Args:
        path: the file; its shards are read where only their index is there.
        absent: what to say where there is neither.
        remedy: what to do about damaged ones.

    Raises:
        SettingError: if the index of shards is damaged.
        WeightsUnavailableError: if a file is missing, damaged, or not what its index says.
    """
    if index_of(path).is_file():
        if path.is_file():
            raise WeightsUnavailableError(
                f"{path} and {index_of(path).name} both hold the weights; remove the older of them."
            )
        return read_shards(path, remedy)
    try:
        tensors: dict[str, torch.Tensor] = safetensors.torch.load_file(path)
    except FileNotFoundError:
        raise WeightsUnavailableError(absent) from None
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsUnavailableError(
            f"{path} is not a readable safetensors file ({error}); {remedy}."
        ) from error
    return tensors


def load_weights(module: nn.Module, path: Path, absent: str, owner: str) -> None:
    """Copy a safetensors file's weights into a module, all of them and nothing else.

    Args:
        module: gets them, in its own number types.
        path: the file.
        absent: what is said of a missing file, after its name.
        owner: what the weights should belong to, for messages.

    Raises:
        WeightsUnavailableError: if the file is missing or damaged, belongs to another model, or
            holds numbers that are no weights.
    """
    state = read_weights(path, f"The weights {path} {absent}.")
    own = module.state_dict()
    wrong = sorted(set(own) ^ set(state)) or [k for k in own if own[k].shape != state[k].shape]
    if wrong:
        both = wrong[0] in own and wrong[0] in state
        raise WeightsUnavailableError(
            f"{path} does not belong to {owner}: {wrong[0]} "
            f"{'differs in shape' if both else 'does not match'}; keep the files of a folder "
            f"together."
        )
    for key, value in own.items():
        given = state[key]
        if given.is_floating_point() != value.is_floating_point() or given.is_complex():
            raise WeightsUnavailableError(
                f"{path} holds {key} as {_kind(given)}, but {_kind(value)} is expected; store the "
                f"weights as floating-point numbers, before any quantisation."
            )
    module.load_state_dict(state)
    floats = (value for value in module.state_dict().values() if value.is_floating_point())
    if not all(bool(torch.isfinite(value).all()) for value in floats):
        raise WeightsUnavailableError(
            f"{path} holds values that are not finite; fetch or write it again."
        )


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors by name: one file, or shards with an index where that would be too large.

    Others may read the files as they may their neighbours: ``safetensors.torch.save_file`` makes
    a file for its owner alone, which a server that runs as somebody else cannot open.

    Raises:
        OSError: if a file cannot be written.
    """
    groups = split(tensors)
    remove_weights(path)
    if len(groups) > 1:
        write_shards(path, tensors, groups)
    else:
        path.write_bytes(safetensors.torch.save(dict(tensors)))
