"""Building timm models by name: the one place that loads weights for them, and only safetensors.

timm falls back to pickled weights when a repository or a folder holds no safetensors. Here it never
gets that far: the file is chosen first, and timm is only told to read that one.
"""

from __future__ import annotations

import difflib
import json
import warnings
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import ImageNetInfo, infer_imagenet_subset, resolve_data_config
from timm.models import get_pretrained_cfg, split_model_name_tag
from torch import nn

from tinydrop.core.errors import (
    SettingError,
    UnsupportedModelError,
    WeightsUnavailableError,
    quoted,
)
from tinydrop.data import InputSpec
from tinydrop.models.backbones.hub import DownloadProgress, fetch_file

_WEIGHTS = "model.safetensors"
_OPEN_CLIP_WEIGHTS = "open_clip_model.safetensors"
# Arguments of timm's factory that name a place to load from, or that change what comes back.
_REFUSED_ARGUMENTS = frozenset(
    {
        "cache_dir",
        "checkpoint_path",
        "exportable",
        "features_only",
        "no_jit",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "scriptable",
    }
)


def list_architectures() -> tuple[str, ...]:
    """Return the name of every architecture that the installed timm can build, sorted."""
    return tuple(timm.list_models())


def build_model(
    name: str,
    *,
    pretrained: bool = False,
    kwargs: Mapping[str, object] | None = None,
    progress: DownloadProgress | None = None,
) -> nn.Module:
    """Return a timm model in eval mode.

    Args:
        name: a timm name with or without tag, ``hf-hub:owner/name`` or ``local-dir:folder`` (a
            folder in the Hub's layout: ``config.json`` beside ``model.safetensors``). The last two
            must come from the person at the command line, never from a visitor of the app.
        pretrained: load its weights; otherwise they are random.
        kwargs: further arguments of the model's constructor.
        progress: told (bytes, bytes in all) while weights come from the Hub.

    Raises:
        UnsupportedModelError: if timm has no such model or cannot build it with these arguments.
        WeightsUnavailableError: if its weights are not here, cannot be fetched or are no
            safetensors.
    """
    arguments = dict(kwargs or {})
    refused = sorted(_REFUSED_ARGUMENTS & arguments.keys())
    if refused:
        raise UnsupportedModelError(
            f"The argument {quoted(refused[0])} is not allowed for {name}; give only arguments "
            f"of the "
            "model's own constructor."
        )
    source, _, place = name.partition(":")
    if source == "hf-hub":
        folder = _fetched_repository(name, place, progress, pretrained=pretrained)
    elif source == "local-dir":
        folder = Path(place)
    elif place or "/" in name or "\\" in name:
        raise UnsupportedModelError(
            f"{quoted(name)} is no timm model name; write hf-hub:owner/name for a Hub repository "
            f"or "
            "local-dir:folder for a folder."
        )
    else:
        return _registered(name, arguments, progress, pretrained=pretrained)
    return _from_folder(name, folder, arguments, pretrained=pretrained)


def _registered(
    name: str,
    arguments: dict[str, object],
    progress: DownloadProgress | None,
    *,
    pretrained: bool,
) -> nn.Module:
    """Build a model of timm's registry."""
    architecture, tag = split_model_name_tag(name)
    if not timm.is_model(architecture):
        close = difflib.get_close_matches(architecture, timm.list_models(), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(close)}?" if close else "; see timm.list_models()."
        raise UnsupportedModelError(f"timm has no model called {quoted(name)}{hint}")
    try:
        cfg = get_pretrained_cfg(name)
    except RuntimeError as error:
        raise UnsupportedModelError(
            f"timm has no weights tagged {quoted(tag)} for {architecture}; it has "
            f"{_tags(architecture)}."
        ) from error
    if not pretrained:
        return _create(name, name, arguments)
    if cfg is None or not cfg.has_weights:
        raise WeightsUnavailableError(
            f"timm has no pretrained weights for {name}; it has {_tags(architecture)}."
        )
    filename = cfg.hf_hub_filename or _WEIGHTS
    if filename.startswith("open_clip") and not filename.endswith(".safetensors"):
        filename = _OPEN_CLIP_WEIGHTS
    if not cfg.hf_hub_id or not filename.endswith(".safetensors"):
        raise WeightsUnavailableError(
            f"The weights of {name} are only offered as a pickled file, and only safetensors are "
            "loaded; choose another model."
        )
    repository, _, revision = cfg.hf_hub_id.partition("@")
    path = fetch_file(repository, filename, revision or None, name, progress)
    return _create(name, name, arguments, weights=path)


def _tags(architecture: str) -> str:
    """Say which weights timm offers for an architecture."""
    names = timm.list_pretrained(f"{architecture}.*")
    return ", ".join(names) if names else "none for this architecture"


def _fetched_repository(
    name: str, repository: str, progress: DownloadProgress | None, *, pretrained: bool
) -> Path:
    """Fetch config and weights of ``owner/name[@revision]`` and return the folder they lie in."""
    repository, _, revision = repository.partition("@")
    config = fetch_file(repository, "config.json", revision or None, name)
    if pretrained:
        fetch_file(repository, _WEIGHTS, revision or None, name, progress)
    return config.parent


def _from_folder(
    name: str, folder: Path, arguments: dict[str, object], *, pretrained: bool
) -> nn.Module:
    """Build the model that a folder in the Hub's layout describes."""
    config = folder / "config.json"
    try:
        architecture = json.loads(config.read_text(encoding="utf-8"))["architecture"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnsupportedModelError(
            f"{name} has no readable config.json that names a timm architecture; expected a folder "
            "as timm writes it for the Hub."
        ) from error
    if not isinstance(architecture, str) or not timm.is_model(architecture):
        raise UnsupportedModelError(
            f"{name} asks for the architecture {quoted(architecture)}, which this timm "
            f"({timm.__version__}) does not have."
        )
    weights = folder / _WEIGHTS
    if pretrained and not weights.is_file():
        raise WeightsUnavailableError(
            f"{name} holds no {_WEIGHTS}, and only safetensors weights are loaded; convert its "
            "weights first."
        )
    return _create(name, f"local-dir:{folder}", arguments, weights=weights if pretrained else None)


def _create(
    name: str, timm_name: str, arguments: dict[str, object], weights: Path | None = None
) -> nn.Module:
    """Call timm's factory, reading ``weights`` and no other file."""
    overlay = {
        # A file of our choice comes before every place that a configuration could name.
        "file": None if weights is None else str(weights),
        "source": None,
        "state_dict": None,
        "url": None,
        "custom_load": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = timm.create_model(
                timm_name,
                pretrained=weights is not None,
                pretrained_cfg_overlay=overlay if weights is not None else None,
                **arguments,
            )
    except Exception as error:  # timm and safetensors raise every kind here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if weights is not None and type(error).__name__ == "SafetensorError":
            raise WeightsUnavailableError(
                f"The weights of {name} are damaged ({reason}); delete {weights} and try again."
            ) from error
        raise UnsupportedModelError(
            f"timm cannot build {name} as asked ({reason.rstrip('.')}); give other arguments."
        ) from error
    if not isinstance(module, nn.Module):
        raise UnsupportedModelError(f"timm's {name} is not a model.")
    return module.eval()


def model_input(module: nn.Module) -> InputSpec:
    """Return the input that a timm model wants, from its configuration and its patch embedding.

    Raises:
        UnsupportedModelError: if it does not take colour pictures.
    """
    cfg: Any = getattr(module, "pretrained_cfg", None) or {}
    config = resolve_data_config(pretrained_cfg=cfg, args={} if cfg else {"in_chans": 3})
    channels, height, width = config["input_size"]
    # A transformer built at another size keeps its weights' configuration: its embedding knows.
    size = getattr(getattr(module, "patch_embed", None), "img_size", None)
    if isinstance(size, tuple) and len(size) == 2:
        height, width = size
    if channels != 3:
        raise UnsupportedModelError(
            f"{type(module).__name__} takes {channels} channels instead of red, green and blue."
        )
    try:
        return InputSpec(
            size=(int(height), int(width)),
            mean=tuple(float(v) for v in config["mean"]),  # type: ignore[arg-type]
            std=tuple(float(v) for v in config["std"]),  # type: ignore[arg-type]
            interpolation=str(config["interpolation"]),
            crop_pct=float(config["crop_pct"]),
            crop_mode=str(config["crop_mode"]),
        )
    except SettingError as error:
        raise UnsupportedModelError(
            f"{type(module).__name__} wants an input that is not supported: {error}"
        ) from error


def download_megabytes(name: str) -> float | None:
    """Return the size of a timm model's float32 weights in MB (10^6 bytes), without building them.

    None if timm has no such model or cannot describe it without memory.
    """
    architecture, _ = split_model_name_tag(name)
    if not timm.is_model(architecture):
        return None
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = timm.create_model(name)
    except Exception:  # noqa: BLE001  an estimate: any failure means that there is none
        return None
    return float(sum(p.numel() for p in module.parameters()) * 4 / 1e6)


def imagenet_class_names(module: nn.Module) -> tuple[str, ...] | None:
    """Return one name per logit, as the model's configuration says; None if it is not known.

    Models of the Hub may carry their own names; else the number of classes tells the ImageNet set.
    """
    cfg: Any = getattr(module, "pretrained_cfg", None)
    num_classes = getattr(module, "num_classes", None)
    if not cfg or not num_classes:
        return None
    names = cfg.get("label_names")
    if names:
        described = cfg.get("label_descriptions") or {}
        return tuple(str(described.get(n, n)) for n in names) if len(names) == num_classes else None
    subset = infer_imagenet_subset(module)
    if subset is None or cfg.get("num_classes") != num_classes:
        return None
    return _subset_names(subset)


@lru_cache
def _subset_names(subset: str) -> tuple[str, ...]:
    """First word of each ImageNet class where that is unique, else as much as makes it unique."""
    info = ImageNetInfo(subset)
    full = [str(text) for text in info.label_descriptions()]
    detailed = [str(text) for text in info.label_descriptions(detailed=True)]
    short = [text.split(",")[0] for text in full]
    times_short, times_full = Counter(short), Counter(full)
    return tuple(
        brief if times_short[brief] == 1 else text if times_full[text] == 1 else long
        for brief, text, long in zip(short, full, detailed, strict=True)
    )
