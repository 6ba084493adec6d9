"""Pictures for slimming a pair's target: those of the training shards whose class the pair knows.

A part of the training pictures is held out to choose the best step; the validation pictures are
only measured at the end. All are the target's own view, kept as uint8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.errors import SettingError, quoted
from tinydrop.data import (
    Dataset,
    InputSpec,
    View,
    find_shards,
    open_dataset,
    open_parquet,
    open_picture,
)
from tinydrop.models.pairs import Pair
from tinydrop.studies.trace import match_pair
from tinydrop.training.augment import normalise
from tinydrop.training.pictures import PictureSet, decode_all

_HELD_OUT = 2500
_HELD_OUT_SEED = 20211


@dataclass(frozen=True, eq=False)
class SlimData:
    """What a slimmed student is trained on, chosen by, and measured on.

    Attributes:
        title: of the training pictures.
        train: pictures to learn from.
        held_out: training pictures that are kept aside, to choose the best step.
        skipped: reason -> training pictures that are left out.
    """

    title: str
    train: PictureSet
    held_out: PictureSet
    skipped: Mapping[str, int]


def load_slim_data(
    folder: Path,
    pair: Pair,
    *,
    limit: int | None = None,
    tell: Callable[[str], None] = lambda _line: None,
    config: str | None = None,
) -> SlimData:
    """Decode the training shards below a folder.

    Held out are 2,500 pictures, or every eighth of fewer than 20,000, always the same.

    Args:
        folder: holds ``train*.parquet`` in the Hub's layout.
        pair: whose classes count and whose target's view is taken.
        limit: at most so many training pictures, drawn evenly from all; all by default.
        tell: told how far it is, in sentences.
        config: the configuration, where there are several.

    Raises:
        SettingError: if there are no training shards, no class matches, or nothing can be read.
    """
    shards = find_shards(folder, config=config)
    for note in shards.notes:
        tell(note)
    dataset = open_parquet(shards.train, f"{_title(folder)} (train)")
    pictures, skipped = known_pictures(dataset, pair, limit=limit, tell=tell)
    count = len(pictures)
    aside = min(_HELD_OUT, max(1, count // 8))
    order = torch.from_numpy(np.random.default_rng(_HELD_OUT_SEED).permutation(count))
    mine, theirs = order[aside:].sort().values, order[:aside].sort().values
    if not len(mine):
        raise SettingError(
            f"{folder} holds only {count} training pictures of the pair's classes; give more."
        )
    return SlimData(
        title=dataset.title,
        train=PictureSet(pictures.pixels[mine], pictures.label[mine]),
        held_out=PictureSet(pictures.pixels[theirs], pictures.label[theirs]),
        skipped=skipped,
    )


def report_set(source: Path, split: str | None = None, config: str | None = None) -> Dataset:
    """Return the pictures to report on: the validation split of a folder, else all there is."""
    return open_dataset(source, title=_title(source), split=split, config=config)


def known_pictures(
    dataset: Dataset,
    pair: Pair,
    *,
    limit: int | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> tuple[PictureSet, dict[str, int]]:
    """Return the pictures whose class the pair knows, and how many were left out for what.

    The pixels are bit for bit what ``View.pixels`` sees before it normalises them.

    Raises:
        SettingError: if the limit is below 1, no class matches or nothing can be read.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"A limit is a whole number from 1 on, got {quoted(limit)}.")
    spec = pair.target.spec.input
    match = match_pair(dataset, pair)
    truth = match.class_index[dataset.label]
    positions = np.flatnonzero(truth >= 0)
    if limit is not None and limit < positions.size:
        positions = positions[np.linspace(0, positions.size - 1, limit).astype(np.int64)]

    def read(content: bytes, name: str) -> npt.NDArray[np.uint8]:
        picture = open_picture(content, name)
        return _bytes(View(picture.image.size, spec).pixels(picture, spec), spec)

    shape = (3, *spec.size)
    pixels, kept = decode_all(dataset, read, shape, dataset.title, tell, positions)
    label = torch.from_numpy(truth[positions[kept]].astype(np.int64))
    skipped = {**dataset.skipped, "class unknown to the pair": match.left_out}
    skipped["unreadable"] = positions.size - len(kept)
    return PictureSet(pixels, label), {
        reason: number for reason, number in skipped.items() if number
    }


def normalised(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """Return uint8 pixels (B, 3, H, W) as a model with this input wants them, float32."""
    return normalise(pixels.float() / 255, spec.mean, spec.std)


def _title(source: Path) -> str:
    """Return a folder's name; the Hub's layout keeps shards in a folder that is called data."""
    path = source.resolve()
    return path.parent.name if path.name == "data" else path.name


def _bytes(view: npt.NDArray[np.float32], spec: InputSpec) -> npt.NDArray[np.uint8]:
    """Undo the normalisation exactly: the values were whole numbers from 0 to 255."""
    mean, std = (np.array(v, dtype=np.float32).reshape(3, 1, 1) for v in (spec.mean, spec.std))
    values = np.rint((view * std + mean) * 255).clip(0, 255)
    result: npt.NDArray[np.uint8] = values.astype(np.uint8)
    return result
