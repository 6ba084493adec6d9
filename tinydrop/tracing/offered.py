"""What is measured on labelled pictures: which of them the pair knows, and on what machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import numpy.typing as npt
import torch

import tinydrop
from tinydrop.backbones.synsets import imagenet_synonyms, imagenet_wnids
from tinydrop.data import Dataset, LabelMatch, match_labels
from tinydrop.errors import SettingError, quoted
from tinydrop.pairs import Pair

__all__ = ["Offered", "library_versions", "match_pair", "offered_pictures"]

_LIBRARIES = ("torch", "timm", "numpy", "pillow")


@dataclass(frozen=True, eq=False)
class Offered:
    """The pictures of a data set whose class the pair knows.

    Attributes:
        positions: (M,) int64, rising, in the data set.
        truth: (M,) int64, the pair's class of each.
        skipped: reason -> pictures that are left out already.
    """

    positions: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    skipped: Mapping[str, int]


def match_pair(dataset: Dataset, pair: Pair) -> LabelMatch:
    """Return which classes of a data set the pair knows, through the pair's own groups.

    Raises:
        SettingError: if nothing matches, or pictures of one of the pair's classes alone do.
    """
    by_id = any(label.wnid and not label.name for label in dataset.labels)
    return match_labels(
        dataset,
        pair.classes,
        pair.info.get("members"),
        wnids=imagenet_wnids(pair.classes),
        synonyms=imagenet_synonyms() if by_id else None,
    )


def offered_pictures(dataset: Dataset, pair: Pair, limit: int | None = None) -> Offered:
    """Return the first ``limit`` pictures whose class the pair knows, all of them by default.

    Raises:
        SettingError: if the limit is below 1, or no class matches.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"A limit is a whole number from 1 on, got {quoted(limit)}.")
    match = match_pair(dataset, pair)
    truth = match.class_index[dataset.label]
    positions = np.flatnonzero(truth >= 0)[:limit]
    skipped = dict(dataset.skipped)
    if match.left_out:
        skipped["class unknown to the pair"] = match.left_out
    return Offered(positions, truth[positions], skipped)


def library_versions(pair: Pair) -> dict[str, str]:
    """Return what the last bits of the figures depend on: libraries and device."""
    found = {"tinydrop": tinydrop.__version__} | {name: _version(name) for name in _LIBRARIES}
    device = next(pair.target.module.parameters()).device
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return found | {"device": named}


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "unknown"
