"""Reading and writing a pair folder: pair.json and the weights of two models, in safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from torch import nn

from tinydrop.core.errors import SettingError, TinyDropError, UnsupportedModelError, quoted
from tinydrop.data import InputSpec
from tinydrop.models.backbones import build_model, wrap_guidance, wrap_target
from tinydrop.models.pairs.pair import Pair, weights_digest
from tinydrop.models.pairs.schema import read_card
from tinydrop.models.pairs.weights import load_weights, write_weights

PAIR_FORMAT = 1
ROLES = ("guidance", "target")
_ABSENT = (
    "are not there; a pair folder holds guidance.safetensors and target.safetensors beside its "
    "pair.json"
)
Adapter = TypeVar("Adapter")


def load_pair_folder(folder: str | Path, name: str | None = None) -> Pair:
    """Return the pair stored in a folder in the pair format; weights are read as float32.

    Raises:
        SettingError: if a file is missing, damaged or of another format.
        UnsupportedModelError: if a model is unknown or does not fit its role.
    """
    folder = Path(folder)
    card = read_pair_card(folder)
    modules = {}
    for role in ROLES:
        entry = card[role]
        module = build_model(
            entry["model"], kwargs={**entry["kwargs"], "num_classes": len(card["classes"])}
        )
        load_weights(module, folder / f"{role}.safetensors", _ABSENT, "the model in pair.json")
        modules[role] = module
    guidance = _wrapped(wrap_guidance, "guidance", modules, card, folder)
    target = _wrapped(wrap_target, "target", modules, card, folder)
    return Pair(
        name=name or card["name"],
        title=card["title"],
        guidance=guidance,
        target=target,
        classes=card["classes"],
        setting=card["setting"],
        digest=weights_digest(guidance, target, card["classes"]),
        info=MappingProxyType({**card["info"], "members": card["members"]}),
    )


def _wrapped(
    wrap: Callable[[nn.Module, str, InputSpec], Adapter],
    role: str,
    modules: Mapping[str, nn.Module],
    card: Mapping[str, Any],
    folder: Path,
) -> Adapter:
    """Return a role's adapter; whatever odd arguments made of the model is refused in words."""
    entry = card[role]
    try:
        return wrap(modules[role], entry["model"], entry["input"])
    except TinyDropError:
        raise
    except Exception as error:  # timm built something that even its own forward cannot run
        raise UnsupportedModelError(
            f"{folder / 'pair.json'} is wrong at {role}.kwargs: {entry['model']} built with "
            f"{quoted(entry['kwargs'])} does not run ({type(error).__name__}); correct it."
        ) from error


def save_pair(
    pair: Pair,
    folder: str | Path,
    *,
    models: Mapping[str, tuple[str, Mapping[str, Any]]],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a pair as ``pair.json`` and safetensors files, large weights in shards with an index.

    Args:
        pair: what to write.
        folder: made if it is not there.
        models: role -> (timm name, constructor arguments without ``num_classes``).
        dtype: the floating-point type of the stored weights.

    Raises:
        SettingError: if the folder cannot be written.
    """
    folder = Path(folder)
    info = {key: value for key, value in pair.info.items() if key != "members"}
    card = {
        "format": PAIR_FORMAT,
        "name": pair.name,
        "title": pair.title,
        "setting": pair.setting.as_dict(),
    }
    for role in ROLES:
        adapter = pair.guidance if role == "guidance" else pair.target
        model, kwargs = models[role]
        card[role] = {"model": model, "kwargs": dict(kwargs), "input": asdict(adapter.spec.input)}
    card |= {"classes": list(pair.classes), "members": pair.info.get("members", {}), "info": info}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for role in ROLES:
            module = (pair.guidance if role == "guidance" else pair.target).module
            state = {
                key: (value.to(dtype) if value.is_floating_point() else value).contiguous()
                for key, value in module.state_dict().items()
            }
            write_weights(folder / f"{role}.safetensors", state)
        (folder / "pair.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"The pair cannot be written to {folder}: {error.strerror}; choose another folder."
        ) from error


def read_pair_card(folder: Path) -> dict[str, Any]:
    """Return what ``pair.json`` says, every field checked.

    Returns:
        ``name``, ``title``, ``classes`` (a tuple), ``setting`` (a ``Setting``), ``members``,
        ``info``, and for each role ``model``, ``kwargs`` and ``input`` (an ``InputSpec``).

    Raises:
        SettingError: if it is missing, damaged or of another format, naming the field.
    """
    path = folder / "pair.json"
    absent = f"{folder} is not a pair: it has no pair.json; give a folder in the pair format."
    card = read_card(path, absent)
    form = card.values.get("format")
    if form != PAIR_FORMAT or isinstance(form, bool):
        raise SettingError(
            f"{path} is not in pair format {PAIR_FORMAT}; "
            "write it with tinydrop.models.pairs.save_pair."
        )
    roles = {}
    for role in ROLES:
        part = card.part(role)
        kwargs = dict(part.part("kwargs", optional=True).values)
        roles[role] = {"model": part.text("model"), "kwargs": kwargs, "input": part.input()}
    info = card.part("info", optional=True)
    info.lists("groups")
    return {
        "name": card.text("name"),
        "title": card.text("title"),
        "classes": card.texts("classes"),
        "setting": card.setting(),
        "members": card.lists("members"),
        "info": dict(info.values),
        **roles,
    }
