"""Labelled pictures as values, whatever they are stored in."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 of the object: edges in pixels of the upright picture, x0 < x1 and y0 < y1."""

_WNID = re.compile(r"(n\d{8})(?:[_\s-]+(.+))?", re.IGNORECASE)


@dataclass(frozen=True)
class ClassLabel:
    """One class of a data set, by whatever the data set says of it.

    Attributes:
        name: the class's name, several synonyms between commas; None where there is none.
        wnid: the WordNet id, like ``n01443537``; None where there is none.
        index: the number that stands in the data; None where the data hold names.
    """

    name: str | None = None
    wnid: str | None = None
    index: int | None = None

    @classmethod
    def parse(cls, text: str, index: int | None = None) -> ClassLabel:
        """Return the label that a folder or a list of names calls ``text``."""
        text = text.strip()
        found = _WNID.fullmatch(text)
        if found:
            return cls(name=found.group(2), wnid=found.group(1).lower(), index=index)
        if re.fullmatch(r"\d{1,9}", text):
            return cls(index=int(text) if index is None else index)
        return cls(name=text or None, index=index)

    def __str__(self) -> str:
        """What a person reads: the name, else the WordNet id, else the number."""
        return self.name or self.wnid or f"class {self.index}"


@dataclass(frozen=True, eq=False)
class LabelledPicture:
    """One picture as it is stored; nothing is decoded yet.

    Attributes:
        id: unique within the data set, the same at every reading.
        label: position in the data set's ``labels``.
        content: the bytes of the file; empty where they could not be had.
        box: the object's box, where the data set has a usable one.
    """

    id: str
    label: int
    content: bytes
    box: Box | None = None


Reader = Callable[[npt.NDArray[np.int64]], Iterator[LabelledPicture]]
"""Rising positions -> the pictures there, one after another."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled pictures that are read one after another, never all at once.

    Attributes:
        title: what a person calls it.
        labels: its classes.
        label: (M,) int64, each picture's position in ``labels``.
        reader: reads the pictures at rising positions.
        notes: sentences on what was chosen or left out while opening it.
        skipped: reason -> pictures or files that are already left out.
        split: the split that they are of; None where none is named.
        config: their configuration; None where there is one alone.
        by_class: whether they are stored class after class, so that the first ones are of few
            classes: a limit draws across the classes then.

    Raises:
        SettingError: if there are no pictures.
    """

    title: str
    labels: tuple[ClassLabel, ...]
    label: npt.NDArray[np.int64]
    reader: Reader
    notes: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    split: str | None = None
    config: str | None = None
    by_class: bool = False

    def __post_init__(self) -> None:
        if self.label.size == 0:
            raise SettingError(
                f"{self.title} holds no labelled pictures; give a folder with one folder of "
                f"pictures per class, a zip of one, or Parquet files of the Hub's layout."
            )
        self.label.setflags(write=False)
        skipped = {reason: count for reason, count in self.skipped.items() if count}
        object.__setattr__(self, "skipped", MappingProxyType(skipped))

    def __len__(self) -> int:
        """M, the number of pictures."""
        return int(self.label.size)

    def pictures(self, positions: npt.ArrayLike | None = None) -> Iterator[LabelledPicture]:
        """Yield the pictures at rising positions, all of them by default."""
        chosen = np.arange(len(self)) if positions is None else np.asarray(positions, np.int64)
        return self.reader(chosen.astype(np.int64))

    def fingerprint(
        self,
        positions: npt.ArrayLike | None = None,
        each: Callable[[], None] | None = None,
    ) -> str:
        """Return sha256 (hex) over ids, labels and bytes of these pictures, read in one pass.

        Args:
            positions: rising; all by default.
            each: called before every picture; what it raises stops the reading.
        """
        sha = hashlib.sha256()
        for picture in self.pictures(positions):
            if each is not None:
                each()
            head = f"{picture.id}\0{self.labels[picture.label]}\0{len(picture.content)}\0"
            sha.update(head.encode("utf-8", "surrogatepass"))
            sha.update(picture.content)
        return sha.hexdigest()
