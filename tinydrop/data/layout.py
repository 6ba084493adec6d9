"""Which class each picture of a folder or a zip belongs to, told from where it lies."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError
from tinydrop.data.annotations import LISTS, Annotations, class_names, read_annotations
from tinydrop.data.contents import NO_PICTURE, LeftOut, Shelf, sift
from tinydrop.data.descent import Parts, Place, descend
from tinydrop.data.splits import titled, wanted_config, wanted_split
from tinydrop.data.values import Box, ClassLabel, Dataset, Reader


class NoPicturesError(SettingError):
    """There is no picture at all."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Pictures sorted into classes.

    Attributes:
        title: what a person calls them, with their split.
        paths: the pictures, sorted by their path.
        labels: the classes, sorted by their folder's name.
        label: (M,) int64, each picture's position in ``labels``.
        notes: sentences on what was chosen or left out.
        skipped: reason -> files that are left out.
        split: the split they are of; None where there is none.
        config: their configuration; None where there is one alone.
        boxes: path -> the object's box, where one is known.
    """

    title: str
    paths: tuple[str, ...]
    labels: tuple[ClassLabel, ...]
    label: npt.NDArray[np.int64]
    notes: tuple[str, ...]
    skipped: Mapping[str, int]
    split: str | None = None
    config: str | None = None
    boxes: Mapping[str, Box] = field(default_factory=lambda: MappingProxyType({}))

    def dataset(self, reader: Reader) -> Dataset:
        """Return the pictures as a data set that this reader reads."""
        return Dataset(
            self.title,
            self.labels,
            self.label,
            reader,
            self.notes,
            self.skipped,
            split=self.split,
            config=self.config,
            by_class=True,
        )


def read_layout(
    shelf: Shelf, title: str, split: str | None = None, config: str | None = None
) -> Layout:
    """Sort pictures into classes by the folder they lie in.

    One folder around everything is looked through; of several splits or configurations one is
    taken. Pictures that lie beside the class folders have no class. A list
    ``val_annotations.txt`` gives the classes of a split that has no class folders.

    Args:
        shelf: the files.
        title: what messages call the whole.
        split: the one that is wanted; the validation-like one by default.
        config: the configuration that is wanted.

    Raises:
        SettingError: if there is no picture in any class folder, or no such split.
    """
    found = _folders(shelf)
    place = Place((), frozenset(found.pictured))
    if not place.folders:
        raise _nothing(title, found.left_out)
    lists = _annotation_lists(shelf)
    place = descend(place, lists, title, split, config)
    if split is not None and place.split is None:
        wanted_split((), split, title)
    if config is not None and place.config is None:
        wanted_config((), config, title)
    left_out = LeftOut()
    listed = lists.get(place.here)
    if place.flat and listed is not None:
        return _by_list(shelf, place, read_annotations(shelf.read(listed)), title, left_out)
    if place.flat:
        raise SettingError(
            f"The pictures of {titled(title, place.config, place.split)} lie in no class folders; "
            f"put them into one folder per class, named after the class."
        )
    return _by_folder(shelf, place, title, left_out)


@dataclass(frozen=True)
class _Folders:
    pictured: Collection[Parts]
    left_out: LeftOut


def _folders(shelf: Shelf) -> _Folders:
    """Return the folders in which a picture lies; in each, files are looked into until one is."""
    pictured: set[Parts] = set()
    left_out = LeftOut()
    for path in shelf.paths:
        folder = PurePosixPath(path).parts[:-1]
        if folder not in pictured and sift(shelf, [path], left_out):
            pictured.add(folder)
    return _Folders(pictured, left_out)


def _annotation_lists(shelf: Shelf) -> dict[Parts, str]:
    """Return folder -> the list of classes in it that has the form of Stanford's Tiny ImageNet."""
    return {
        PurePosixPath(path).parts[:-1]: path
        for path in shelf.paths
        if path.endswith("_annotations.txt")
    }


def _below(shelf: Shelf, here: Parts) -> Iterable[tuple[str, Parts]]:
    """Yield every file below a folder, and its folders from there on; sorted by path."""
    for path in sorted(shelf.paths):
        parts = PurePosixPath(path).parts
        if parts[: len(here)] == here and not path.endswith(LISTS):
            yield path, parts[len(here) : -1]


def _by_folder(shelf: Shelf, place: Place, title: str, left_out: LeftOut) -> Layout:
    """Return the pictures whose class is the folder they lie in."""
    files = list(_below(shelf, place.here))
    inside = [path for path, folders in files if folders]
    pictures = sift(shelf, inside, left_out)
    beside = LeftOut()
    loose = sift(shelf, _loose(shelf, place.here), beside)
    # Lists and notes lie there by right; pictures that cannot be read are worth a word.
    for reason in beside.counts:
        if reason.endswith("picture") and reason != NO_PICTURE:
            left_out.counts[reason] += beside.counts[reason]
            left_out.example.setdefault(reason, beside.example[reason])
    if loose:
        note = (
            f"{len(loose)} pictures of {title} lie in no class folder and are left out, "
            f"{loose[0]} for example."
        )
        place = replace(place, notes=(*place.notes, note))
    depth = len(place.here)
    heads = [PurePosixPath(path).parts[depth] for path in pictures]
    names = sorted(set(heads))
    position = {name: index for index, name in enumerate(names)}
    known = class_names(shelf, place.here)
    labels = tuple(_named(ClassLabel.parse(name), known) for name in names)
    label = np.array([position[head] for head in heads], dtype=np.int64)
    found = _layout(place, title, pictures, labels, label, left_out)
    return replace(found, skipped={**found.skipped, "in no class folder": len(loose)})


def _loose(shelf: Shelf, here: Parts) -> list[str]:
    """Return the files that lie in the folder itself or in a folder around it."""
    around = {here[:depth] for depth in range(len(here) + 1)}
    return [path for path in sorted(shelf.paths) if PurePosixPath(path).parts[:-1] in around]


def _by_list(
    shelf: Shelf, place: Place, listed: Annotations, title: str, left_out: LeftOut
) -> Layout:
    """Return the pictures whose class stands in a list beside them."""
    pictures = []
    for path in sift(shelf, (path for path, _ in _below(shelf, place.here)), left_out):
        if PurePosixPath(path).name in listed.classes:
            pictures.append(path)
        else:
            left_out.add("not in the list of classes", path)
    if not pictures:
        raise SettingError(
            f"No picture of {titled(title, place.config, place.split)} stands in its list of "
            f"classes; each line of the list is a file's name and its class, with a tab between."
        )
    heads = [listed.classes[PurePosixPath(path).name] for path in pictures]
    names = sorted(set(heads))
    position = {name: index for index, name in enumerate(names)}
    known = class_names(shelf, place.here)
    labels = tuple(_named(ClassLabel.parse(name), known) for name in names)
    label = np.array([position[head] for head in heads], dtype=np.int64)
    boxes = {path: box for path in pictures if (box := listed.boxes.get(PurePosixPath(path).name))}
    return replace(_layout(place, title, pictures, labels, label, left_out), boxes=boxes)


def _named(label: ClassLabel, known: Mapping[str, str]) -> ClassLabel:
    """Return a class with the name that a list of WordNet ids gives it."""
    if label.name or label.wnid is None:
        return label
    return replace(label, name=known.get(label.wnid))


def _layout(
    place: Place,
    title: str,
    pictures: list[str],
    labels: tuple[ClassLabel, ...],
    label: npt.NDArray[np.int64],
    left_out: LeftOut,
) -> Layout:
    sentence = left_out.sentence(title)
    return Layout(
        title=titled(title, place.config, place.split),
        paths=tuple(pictures),
        labels=labels,
        label=label,
        notes=(*place.notes, *([sentence] if sentence else ())),
        skipped={reason: count for reason, count in left_out.counts.items() if count},
        split=place.split,
        config=place.config,
    )


def _nothing(title: str, left_out: LeftOut) -> NoPicturesError:
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in left_out.counts.items())
    there = f" ({reasons})" if reasons else ""
    return NoPicturesError(
        f"{title} holds no pictures{there}; give a folder with one folder of JPEG, PNG or WebP "
        f"pictures per class, or a zip of one."
    )
