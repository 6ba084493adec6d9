"""Safetensors files, the only way that weights come in and go out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from tinydrop.errors import WeightsUnavailableError

__all__ = ["load_weights", "read_weights", "write_weights"]


def read_weights(
    path: Path, absent: str, remedy: str = "fetch or write it again"
) -> dict[str, torch.Tensor]:
    """Return the tensors in a safetensors file by name.

    Args:
        path: the file.
        absent: what to say where there is no such file.
        remedy: what to do about a damaged one.

    Raises:
        WeightsUnavailableError: if the file is missing or damaged.
    """
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
    """Write tensors by name, in a file that others may read as they may its neighbours.

    ``safetensors.torch.save_file`` makes a file for its owner alone, which a server that runs as
    somebody else cannot open.

    Raises:
        OSError: if the file cannot be written.
    """
    path.write_bytes(safetensors.torch.save(dict(tensors)))
