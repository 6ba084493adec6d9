"""Training pictures decoded once into one uint8 tensor, which then stays on the device."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.errors import PictureError, SettingError
from tinydrop.data import (
    INTERPOLATIONS,
    ClassLabel,
    Dataset,
    TrainingShards,
    find_shards,
    open_parquet,
)
from tinydrop.data.decoding import decode

_READ = 10_000
"""Pictures between two reports of progress."""


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of one size with their labels.

    Attributes:
        pixels: (N, 3, side, side) uint8.
        label: (N,) int64.
    """

    pixels: torch.Tensor
    label: torch.Tensor

    def __len__(self) -> int:
        """N, the number of pictures."""
        return int(self.label.shape[0])

    def to(self, device: torch.device) -> PictureSet:
        """Return the same pictures on a device."""
        return PictureSet(self.pixels.to(device), self.label.to(device))


class Batches:
    """The batches of a training, step by step, always the same.

    Args:
        pictures: to learn from.
        batch: pictures per step.
        seed: of the order.
        epoch_pictures: an epoch has so many; 0 for all of them.

    Attributes:
        steps: of an epoch.
    """

    def __init__(
        self, pictures: PictureSet, batch: int, seed: int, epoch_pictures: int = 0
    ) -> None:
        self.steps = steps_of(len(pictures), batch, epoch_pictures)
        self._pictures = pictures
        self._order_of = lru_cache(maxsize=1)(
            lambda epoch: epoch_order(len(pictures), batch, seed, epoch, epoch_pictures).to(
                pictures.pixels.device
            )
        )

    def at(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pixels (B, 3, side, side) uint8 and labels (B,) of a step, from 0 in all."""
        epoch, inside = divmod(step, self.steps)
        chosen = self._order_of(epoch)[inside]
        return self._pictures.pixels[chosen], self._pictures.label[chosen]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a pair is trained on and measured on.

    Attributes:
        title: of the folder.
        train: pictures to learn from.
        validation: pictures that are only looked at to measure.
        measured: the validation pictures as they are stored, for the shipped pair's own pipeline.
        classes: one distinct readable name per class.
        members: class name -> its WordNet id and synonyms, for matching other data sets.
        fingerprint: sha256 (hex) over the training pixels and labels.
        skipped: pictures that could not be read.
    """

    title: str
    train: PictureSet
    validation: PictureSet
    measured: Dataset
    classes: tuple[str, ...]
    members: dict[str, list[str]]
    fingerprint: str
    skipped: int

    @property
    def wnids(self) -> tuple[str | None, ...]:
        """The WordNet id of every class; None where it is unknown."""
        labels = self.measured.labels
        return tuple(label.wnid for label in labels)


def load_training_data(
    folder: Path,
    side: int,
    tell: Callable[[str], None] = lambda _line: None,
    *,
    split: str | None = None,
    config: str | None = None,
) -> TrainingData:
    """Decode the training shards below a folder, whichever are there, and the validation shards.

    Args:
        folder: holds shards in the Hub's layout, such as ``train-00000-of-00004.parquet``.
        side: pictures become squares of so many pixels: the centre is cut out, then resized.
        tell: told how far it is, in sentences.
        split: the split to measure on; the validation-like one by default.
        config: the configuration, where there are several.

    Raises:
        SettingError: if there are no training or no validation shards, they are no pictures, the
            two do not share their classes, or there is one class alone.
    """
    shards = shards_of(folder, split, config)
    for note in shards.notes:
        tell(note)
    train_set = open_parquet(shards.train, folder.name)
    validation_set = open_parquet(shards.held_out, f"{folder.name} ({shards.split})")
    if np.unique(train_set.label).size < 2:
        raise SettingError(
            f"{folder.name} has only the class '{train_set.labels[int(train_set.label[0])]}' to "
            f"learn from; give pictures of at least two classes."
        )
    if train_set.labels != validation_set.labels:
        raise SettingError(
            f"The training and validation shards in {folder} name different classes; give shards "
            f"of one data set."
        )
    train, unreadable = _decoded(train_set, side, "training", tell)
    validation, lost = _decoded(validation_set, side, "validation", tell)
    classes = _class_names(train_set.labels)
    sha = hashlib.sha256(train.label.numpy().tobytes())
    sha.update(np.ascontiguousarray(train.pixels.numpy()).data)
    return TrainingData(
        title=folder.resolve().name,
        train=train,
        validation=validation,
        measured=validation_set,
        classes=classes,
        members=_members(classes, train_set.labels),
        fingerprint=sha.hexdigest(),
        skipped=unreadable + lost,
    )


def shards_of(folder: Path, split: str | None = None, config: str | None = None) -> TrainingShards:
    """Return the shards of a training; SettingError if there are none to measure on."""
    shards = find_shards(folder, split, config)
    if not shards.held_out:
        raise SettingError(
            f"There is no validation*.parquet in {folder}; put pictures to measure on beside the "
            f"training shards."
        )
    return shards


def steps_of(count: int, batch: int, pictures: int = 0) -> int:
    """Return the steps of an epoch over so many of ``count`` pictures; 0 for all of them."""
    batch = min(batch, count)
    return max(1, (min(pictures, count) or count) // batch)


def epoch_order(count: int, batch: int, seed: int, epoch: int, pictures: int = 0) -> torch.Tensor:
    """Return the pictures of every step of an epoch, (steps, batch) int64, always the same.

    In one pass over the pictures each comes at most once; those that do not fill a batch wait for
    another pass.

    Args:
        count: of the pictures.
        batch: pictures per step.
        seed: of the order.
        epoch: from 0.
        pictures: an epoch has so many and the next goes on with the pass; 0 for a whole pass.
    """
    batch = min(batch, count)
    steps, pass_steps = steps_of(count, batch, pictures), count // batch
    passes: dict[int, npt.NDArray[np.int64]] = {}
    rows = []
    for step in range(epoch * steps, (epoch + 1) * steps):
        number, row = divmod(step, pass_steps)
        if number not in passes:
            passes[number] = np.random.default_rng([seed, number]).permutation(count)
        rows.append(passes[number][row * batch : (row + 1) * batch])
    return torch.from_numpy(np.stack(rows))


def decode_all(
    dataset: Dataset,
    read: Callable[[bytes, str], npt.NDArray[np.uint8]],
    shape: tuple[int, ...],
    what: str,
    tell: Callable[[str], None],
    positions: npt.NDArray[np.int64] | None = None,
) -> tuple[torch.Tensor, list[int]]:
    """Return decoded pictures, (N, *shape) uint8, and which of those asked for could be read.

    Args:
        dataset: where they are.
        read: content and id of a picture -> an array of that shape.
        shape: of one picture.
        what: they are, in progress sentences.
        tell: told how far it is, in sentences.
        positions: of the pictures in the data set; all by default.

    Raises:
        SettingError: if none can be read.
    """
    count = len(dataset) if positions is None else positions.size
    pixels = np.empty((count, *shape), dtype=np.uint8)
    kept: list[int] = []
    stored = dataset.pictures() if positions is None else dataset.pictures(positions)
    for number, one in enumerate(stored):
        if number % _READ == 0:
            tell(f"Decoding {what}: {number:,} of {count:,}")
        try:
            pixels[len(kept)] = read(one.content, one.id)
        except PictureError:
            continue
        kept.append(number)
    if not kept:
        raise SettingError(f"None of the {count} pictures of {dataset.title} can be read.")
    return torch.from_numpy(pixels[: len(kept)]), kept


def _decoded(
    dataset: Dataset, side: int, split: str, tell: Callable[[str], None]
) -> tuple[PictureSet, int]:
    """Return the pictures of a data set as squares, and how many could not be read."""
    pixels, kept = decode_all(
        dataset,
        lambda content, name: _square(content, name, side),
        (side, side, 3),
        f"the {split} pictures",
        tell,
    )
    label = torch.from_numpy(dataset.label[kept].astype(np.int64))
    held = PictureSet(pixels.permute(0, 3, 1, 2).contiguous(), label)
    return held, len(dataset) - len(kept)


def _square(content: bytes, name: str, side: int) -> npt.NDArray[np.uint8]:
    image, _ = decode(content, name)
    if image.size != (side, side):
        short = min(image.size)
        left, top = (image.width - short) / 2, (image.height - short) / 2
        image = image.resize(
            (side, side), INTERPOLATIONS["bicubic"], (left, top, left + short, top + short)
        )
    return np.asarray(image)


def _class_names(labels: tuple[ClassLabel, ...]) -> tuple[str, ...]:
    """Return the first synonym of each class where it is unique, else as much as makes it so."""
    full = [str(label) for label in labels]
    short = [text.split(",")[0].strip() for text in full]
    once, whole = Counter(short), Counter(full)
    return tuple(
        brief if once[brief] == 1 else text if whole[text] == 1 else f"{text} ({number})"
        for number, (brief, text) in enumerate(zip(short, full, strict=True))
    )


def _members(classes: tuple[str, ...], labels: tuple[ClassLabel, ...]) -> dict[str, list[str]]:
    """Return what else each class is called."""
    found = {}
    for name, label in zip(classes, labels, strict=True):
        synonyms = [part.strip() for part in (label.name or "").split(",") if part.strip()]
        found[name] = ([label.wnid] if label.wnid else []) + synonyms
    return found
