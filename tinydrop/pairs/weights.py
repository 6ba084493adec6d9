"""Safetensors files, the only way that weights come in and go out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from tinydrop.errors import WeightsUnavailableError

__all__ = ["read_weights", "write_weights"]


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


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors by name, in a file that others may read as they may its neighbours.

    ``safetensors.torch.save_file`` makes a file for its owner alone, which a server that runs as
    somebody else cannot open.

    Raises:
        OSError: if the file cannot be written.
    """
    path.write_bytes(safetensors.torch.save(dict(tensors)))
