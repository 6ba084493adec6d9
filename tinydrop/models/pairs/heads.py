"""Reading a user's own linear classifier from a safetensors file."""

from __future__ import annotations

from pathlib import Path

import torch

from tinydrop.core.errors import WeightsUnavailableError
from tinydrop.models.backbones import LinearHead
from tinydrop.models.pairs.weights import read_weights


def read_head(path: str | Path) -> LinearHead:
    """Return the head in a safetensors file: ``weight`` (classes, C) and ``bias`` (classes,).

    Raises:
        WeightsUnavailableError: if the file is missing, damaged or holds other tensors.
        SettingError: if their shapes or values do not make a classifier.
    """
    path = Path(path)
    absent = f"There is no head {path}; give a safetensors file with weight and bias."
    tensors = read_weights(path, absent, "write it again")
    if tensors.keys() != {"weight", "bias"}:
        held = ", ".join(sorted(tensors)) or "nothing"
        raise WeightsUnavailableError(
            f"{path} holds {held}; a linear head holds weight (classes, features) and bias "
            "(classes,), and nothing else."
        )
    floats = {
        name: value.to(torch.float32) if value.is_floating_point() else value
        for name, value in tensors.items()
    }
    return LinearHead(floats["weight"], floats["bias"], path.name)
