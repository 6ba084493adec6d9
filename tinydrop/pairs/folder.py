"""Reading and writing a pair folder: pair.json and two safetensors files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from tinydrop.backbones import build_model, wrap_guidance, wrap_target
from tinydrop.budget import Setting
from tinydrop.errors import SettingError, WeightsUnavailableError
from tinydrop.images import InputSpec
from tinydrop.pairs.pair import Pair, weights_digest
from tinydrop.pairs.weights import read_weights, write_weights

__all__ = ["load_pair_folder", "read_pair_card", "save_pair"]

PAIR_FORMAT = 1
ROLES = ("guidance", "target")


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
            entry["model"], kwargs={**entry.get("kwargs", {}), "num_classes": len(card["classes"])}
        )
        _load_weights(module, folder / f"{role}.safetensors")
        modules[role] = module
    specs = {role: InputSpec(**_tuples(card[role]["input"])) for role in ROLES}
    guidance = wrap_guidance(modules["guidance"], card["guidance"]["model"], specs["guidance"])
    target = wrap_target(modules["target"], card["target"]["model"], specs["target"])
    return Pair(
        name=name or str(card["name"]),
        title=str(card["title"]),
        guidance=guidance,
        target=target,
        classes=tuple(card["classes"]),
        setting=Setting(**card["setting"]),
        digest=weights_digest(guidance, target, card["classes"]),
        info=MappingProxyType({**card.get("info", {}), "members": card.get("members", {})}),
    )


def save_pair(
    pair: Pair,
    folder: str | Path,
    *,
    models: Mapping[str, tuple[str, Mapping[str, Any]]],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a pair as ``pair.json`` and two safetensors files.

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
        "setting": asdict(pair.setting),
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
    """Return the parsed ``pair.json``, with every required entry present.

    Raises:
        SettingError: if it is missing, damaged or of another format.
    """
    path = folder / "pair.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingError(
            f"{folder} is not a pair: it has no pair.json; give a folder in the pair format."
        ) from None
    except (OSError, ValueError) as error:
        raise SettingError(f"{path} cannot be read as JSON ({error}); write it anew.") from error
    if not isinstance(card, dict) or card.get("format") != PAIR_FORMAT:
        raise SettingError(
            f"{path} is not in pair format {PAIR_FORMAT}; write it with tinydrop.pairs.save_pair."
        )
    missing = [
        key
        for key in ("name", "title", "classes", "setting", "guidance", "target")
        if not card.get(key)
    ]
    missing += [
        f"{role}.{key}"
        for role in ROLES
        for key in ("model", "input")
        if role not in missing and key not in card[role]
    ]
    if missing:
        raise SettingError(f"{path} lacks {', '.join(missing)}; add them.")
    return card


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}


def _load_weights(module: torch.nn.Module, path: Path) -> None:
    """Copy float weights of a safetensors file into the module, all of them, nothing else."""
    absent = (
        f"The weights {path} are not there; a pair folder holds guidance.safetensors and "
        "target.safetensors beside its pair.json."
    )
    state = read_weights(path, absent)
    own = module.state_dict()
    wrong = sorted(set(own) ^ set(state)) or [
        key for key in own if own[key].shape != state[key].shape
    ]
    if wrong:
        raise WeightsUnavailableError(
            f"{path} does not belong to the model in pair.json: {wrong[0]} "
            f"{'differs in shape' if wrong[0] in own and wrong[0] in state else 'does not match'}; "
            "keep the three files of a pair together."
        )
    module.load_state_dict(state)
    if not all(
        bool(torch.isfinite(value).all())
        for value in module.state_dict().values()
        if value.is_floating_point()
    ):
        raise WeightsUnavailableError(
            f"{path} holds values that are not finite; fetch or write it again."
        )
