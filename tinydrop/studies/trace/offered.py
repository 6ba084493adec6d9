"""What is measured on labelled pictures: which of them the pair knows, and on what machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import tinydrop
from tinydrop.core.errors import SettingError, quoted
from tinydrop.data import Dataset, LabelMatch, match_labels
from tinydrop.models.backbones import imagenet_synonyms, imagenet_wnids
from tinydrop.models.pairs import Pair
from tinydrop.studies.trace.chunks import with_unreadable
from tinydrop.studies.trace.provenance import cautions

CLASS_LIST = "python -m tinydrop classes, like the Tune page beside the zip,"
"""Where a person finds the names of a pair's classes."""
LIMIT_SEED = 0
"""Of the pictures that a limit draws: fixed, so that traces by several selectors share them."""

_LIBRARIES = ("torch", "timm", "numpy", "pillow")


@dataclass(frozen=True, eq=False)
class Offered:
    """The pictures of a data set whose class the pair knows.

    Attributes:
        positions: (M,) int64, rising, in the data set.
        truth: (M,) int64, the pair's class of each.
        skipped: reason -> pictures that are left out already.
        drawn: how a limit chose among the pictures; empty where all are taken.
    """

    positions: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    skipped: Mapping[str, int]
    drawn: str = ""


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
        listed=CLASS_LIST,
    )


def offered_pictures(dataset: Dataset, pair: Pair, limit: int | None = None) -> Offered:
    """Return the pictures whose class the pair knows, all of them or as many as a limit says.

    Of pictures that are stored class after class some of every class are drawn, always the same;
    of others the first ones are taken.

    Raises:
        SettingError: if the limit is below 1, or no class matches.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"A limit is a whole number from 1 on, got {quoted(limit)}.")
    match = match_pair(dataset, pair)
    truth = match.class_index[dataset.label]
    positions = np.flatnonzero(truth >= 0)
    drawn = ""
    if limit is not None and limit < positions.size:
        of = positions.size
        if dataset.by_class:
            positions = positions[draw_across(truth[positions], limit, LIMIT_SEED)]
            how = f"drawn evenly across the classes with seed {LIMIT_SEED}"
        else:
            positions, how = positions[:limit], "the first ones"
        covered = len(set(truth[positions].tolist()))
        drawn = f"{limit:,} of {of:,} pictures, {how}: {covered} of {match.classes} classes."
    skipped = dict(dataset.skipped)
    if match.left_out:
        skipped["class unknown to the pair"] = match.left_out
    return Offered(positions, truth[positions], skipped, drawn)


def draw_across(classes: npt.NDArray[np.int64], count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return places of so many pictures, rising: one of every class, then a second one, and so on.

    A larger count of the same seed holds the smaller one.

    Args:
        classes: (M,) int64, the class of each picture.
        count: how many, at most M.
        seed: of the order of the classes, and of the pictures within each.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(classes.size)
    _, of_class, sizes = np.unique(classes, return_inverse=True, return_counts=True)
    grouped = shuffled[np.argsort(of_class[shuffled], kind="stable")]
    turn = np.empty(classes.size, np.int64)
    turn[grouped] = np.arange(classes.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = rng.permutation(sizes.size)
    chosen = np.lexsort((rank[of_class], turn))[:count]
    return np.sort(chosen)


def data_notes(
    offered: Offered, pair: Pair, truth: npt.NDArray[np.int64] | None = None
) -> tuple[str, ...]:
    """Return how a limit drew the pictures, and what percentages of so few of them are worth.

    Args:
        offered: the pictures that were to be measured.
        pair: whose classes count.
        truth: (M,) int64, the classes of those that could be read; all of them by default.
    """
    drawn = (f"Measured are {offered.drawn}",) if offered.drawn else ()
    return (*drawn, *cautions(offered.truth if truth is None else truth, pair.classes))


def common_facts(
    pair: Pair, dataset: Dataset, offered: Offered, fingerprint: str, pictures: int, seed: int
) -> dict[str, Any]:
    """Return the fields of ``Provenance``.

    Args:
        pair: measured.
        dataset: whose pictures they are.
        offered: the pictures that were to be measured.
        fingerprint: of these.
        pictures: how many of them could be read.
        seed: of the seeded selectors.
    """
    grid = pair.target.spec.grid
    return {
        "pair": pair.name,
        "pair_digest": pair.digest,
        "data": dataset.title,
        "data_fingerprint": fingerprint,
        "seed": seed,
        "grid": (grid.rows, grid.cols),
        "pictures": pictures,
        "skipped": with_unreadable(offered.skipped, int(offered.positions.size) - pictures),
        "versions": library_versions(pair),
    }


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
