"""The classes of Parquet files: from the Hub's metadata, a list beside them, or the labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tinydrop.core.errors import SettingError
from tinydrop.data.shape import Label, Shape
from tinydrop.data.values import ClassLabel

_MOST = 1_000_000


def classes_of(
    shapes: Sequence[Shape],
    stored: Sequence[Sequence[Label]],
    listed: Mapping[int, ClassLabel],
) -> tuple[tuple[ClassLabel, ...], dict[Label, int]]:
    """Return the classes and, for every label that stands in the files, its position or -1.

    Args:
        shapes: of the files.
        stored: their labels.
        listed: what a list beside them says, by class number.

    Raises:
        SettingError: if the files name different classes, or a number is far too large.
    """
    values = {label for shard in stored for label in shard}
    places: dict[Label, int] = dict.fromkeys(values, -1)
    texts = sorted(value for value in values if isinstance(value, str) and value.strip())
    if texts:
        places.update({text: index for index, text in enumerate(texts)})
        return tuple(ClassLabel.parse(text) for text in texts), places
    labels = _numbered(_one_list(shapes), listed, values)
    places.update({v: v for v in values if isinstance(v, int) and 0 <= v < len(labels)})
    return labels, places


def _one_list(shapes: Sequence[Shape]) -> tuple[str, ...]:
    """Return the class names on which the files agree; those without rows are not asked."""
    lists = {shape.names for shape in shapes if shape.rows}
    if len(lists) > 1:
        raise SettingError("The Parquet files name different classes; give files of one data set.")
    return next(iter(lists), None) or ()


def _numbered(
    names: Sequence[str], listed: Mapping[int, ClassLabel], values: Iterable[Label]
) -> tuple[ClassLabel, ...]:
    """Return the classes by number, each with what the metadata and the list say of it."""
    highest = max((v for v in values if isinstance(v, int)), default=-1)
    count = max(len(names), max(listed, default=-1) + 1) or highest + 1
    if count > _MOST:
        raise SettingError(f"A label is {count - 1}, but labels number the classes from 0 on.")
    labels = []
    for index in range(count):
        parsed = ClassLabel.parse(names[index]) if index < len(names) else ClassLabel()
        beside = listed.get(index, ClassLabel())
        labels.append(ClassLabel(parsed.name or beside.name, parsed.wnid or beside.wnid, index))
    return tuple(labels)


def read_class_list(path: Path) -> dict[int, ClassLabel]:
    """Return what ``classes.json`` beside a file, or up to two folders above it, says by number.

    Raises:
        SettingError: if there is such a file and it is no list of classes.
    """
    for folder in [path.parent, *path.parent.parents][:3]:
        file = folder / "classes.json"
        if not file.is_file():
            continue
        try:
            return _entries(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SettingError(
                f"{file} is no list of classes ({error}); it holds [{{label, wnid, name}}, ...]."
            ) from error
    return {}


def _entries(content: object) -> dict[int, ClassLabel]:
    """Return the classes of a list of names or objects, or of a mapping number -> name."""
    if isinstance(content, Mapping):
        content = [{"label": int(key), "name": value} for key, value in content.items()]
    if not isinstance(content, list):
        raise TypeError("no list")
    result = {}
    for index, entry in enumerate(content):
        if isinstance(entry, str):
            result[index] = ClassLabel.parse(entry, index)
            continue
        number, name = int(entry.get("label", index)), entry.get("name")
        wnid = entry.get("wnid") or None
        result[number] = ClassLabel(str(name) if name else None, wnid, number)
    return result
