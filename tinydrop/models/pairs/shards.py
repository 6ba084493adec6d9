"""Weights in several small files with an index, in the layout that Hugging Face's libraries write.

``target.safetensors.index.json`` says which of ``target-00001-of-00003.safetensors`` and so on
holds which tensor. Each file's own header must say the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from tinydrop.core.errors import WeightsUnavailableError, quoted
from tinydrop.models.pairs.schema import read_card

SHARD_BYTES = 9 * 2**20
"""Of a file, its header included; only a single tensor that is larger makes a larger one."""

_ENTRY = 160
"""Bytes at most of a tensor's entry in the header, besides its name."""


def index_of(path: Path) -> Path:
    """Return the index that stands in place of a weights file."""
    return path.with_name(f"{path.name}.index.json")


def split(tensors: Mapping[str, torch.Tensor], limit: int = SHARD_BYTES) -> list[list[str]]:
    """Return the names of tensors in order, in groups that each fit a file of ``limit`` bytes.

    A tensor that is larger is alone in its group.
    """
    groups: list[list[str]] = [[]]
    held = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size() + len(json.dumps(name)) + _ENTRY
        if groups[-1] and held + size > limit:
            groups.append([])
            held = 0
        groups[-1].append(name)
        held += size
    return groups


def write_shards(
    path: Path, tensors: Mapping[str, torch.Tensor], groups: Sequence[Sequence[str]]
) -> None:
    """Write groups of tensors as shards of ``path`` and, when they are all there, their index.

    Raises:
        OSError: if a file cannot be written.
    """
    weight_map = {}
    for number, names in enumerate(groups, start=1):
        shard = path.with_name(_shard_name(path, number, len(groups)))
        shard.write_bytes(safetensors.torch.save({name: tensors[name] for name in names}))
        weight_map.update(dict.fromkeys(names, shard.name))
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    index_of(path).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def remove_weights(path: Path) -> None:
    """Remove what an earlier writing of ``path`` left, in one file or in several.

    The index goes first: shards without it are not read.

    Raises:
        OSError: if a file cannot be removed.
    """
    index_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    for beside in list(path.parent.iterdir()):
        if _pattern(path).fullmatch(beside.name):
            beside.unlink(missing_ok=True)


def read_shards(path: Path, remedy: str) -> dict[str, torch.Tensor]:
    """Return the tensors of all shards that the index of ``path`` names.

    Args:
        path: the weights file that the index stands for.
        remedy: what to do about damaged files.

    Raises:
        SettingError: if the index is damaged.
        WeightsUnavailableError: if a shard is missing, damaged, lies elsewhere, or holds other
            tensors than the index says.
    """
    index = index_of(path)
    part = read_card(index, f"There is no {index}; {remedy}.").part("weight_map")
    placed: dict[str, set[str]] = {}
    for name in part.values:
        placed.setdefault(part.text(name), set()).add(name)
    _check_names(path, placed)
    tensors: dict[str, torch.Tensor] = {}
    for shard in sorted(placed):
        file = path.with_name(shard)
        try:
            with safetensors.safe_open(file, framework="pt") as held:
                _check_header(index, shard, set(held.keys()), placed, remedy)
                tensors |= {name: held.get_tensor(name) for name in placed[shard]}
        except FileNotFoundError:
            raise WeightsUnavailableError(
                f"{index} names {shard}, which is not beside it; {remedy}."
            ) from None
        except (OSError, safetensors.SafetensorError) as error:
            raise WeightsUnavailableError(
                f"{file} is not a readable safetensors file ({error}); {remedy}."
            ) from error
    return tensors


def _check_names(path: Path, placed: Mapping[str, set[str]]) -> None:
    """Refuse shards that are not named as those of ``path``, all of them in its folder."""
    for shard in placed:
        if not _pattern(path).fullmatch(shard):
            raise WeightsUnavailableError(
                f"{index_of(path)} names the shard {quoted(shard)}, but shards lie in its own "
                f"folder and are called like {_shard_name(path, 1, 2)}; correct it."
            )
    wanted = {_shard_name(path, n, len(placed)) for n in range(1, len(placed) + 1)}
    if set(placed) != wanted:
        odd = sorted(set(placed) - wanted)[0]
        raise WeightsUnavailableError(
            f"{index_of(path)} names {len(placed)} shards, and {odd} is not one of so many; bring "
            f"all the files of one model."
        )


def _check_header(
    index: Path, shard: str, held: set[str], placed: Mapping[str, set[str]], remedy: str
) -> None:
    """Refuse a shard whose own header differs from the index."""
    for name in sorted(held - placed[shard]):
        others = [other for other, names in placed.items() if name in names]
        where = f"twice, also in {others[0]}" if others else "which the index does not name"
        raise WeightsUnavailableError(
            f"{shard} beside {index} holds the tensor {quoted(name)} {where}; {remedy}."
        )
    for name in sorted(placed[shard] - held):
        raise WeightsUnavailableError(
            f"{shard} beside {index} lacks the tensor {quoted(name)} that the index places there; "
            f"{remedy}."
        )


def _shard_name(path: Path, number: int, count: int) -> str:
    return f"{path.stem}-{number:05d}-of-{count:05d}.safetensors"


def _pattern(path: Path) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(path.stem)}-[0-9]{{5}}-of-[0-9]{{5}}\.safetensors")
