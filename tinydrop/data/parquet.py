"""Pictures in Parquet files of the Hub's image-classification layout, read in small batches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tinydrop.data.values import Box, ClassLabel, Dataset, LabelledPicture, choose_split
from tinydrop.errors import SettingError

__all__ = ["open_parquet", "split_of"]

_BATCH = 32
"""Rows decoded at a time: pictures of some megabytes stay affordable."""
_FAR = 1e9
"""No picture is so wide, in pixels."""
_PICTURE_COLUMNS = ("image", "img", "picture", "jpg", "png")
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "cls", "target")


@dataclass(frozen=True)
class _Shape:
    """Where pictures, labels and boxes stand in the files, and what the Hub says of the labels."""

    picture: str
    label: str
    box: str | None
    names: tuple[str, ...] | None


def split_of(path: str) -> str | None:
    """Return the split that a shard's path names: ``validation-00000-of-00001``, ``test/0.``."""
    *folders, name = Path(path).with_suffix("").parts
    sharded = re.fullmatch(r"(.+?)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?", name)
    if sharded:
        return sharded.group(1)
    for text in (name, *reversed(folders)):
        if re.fullmatch(r"train\w*|val\w*|test\w*|dev|eval", text, re.IGNORECASE):
            return text
    return None


def open_parquet(source: Path | Sequence[Path], title: str | None = None) -> Dataset:
    """Return the pictures of a Parquet file, of several, or of one split of a folder of shards.

    Class names come from the metadata that the Hub writes, else from ``classes.json`` beside the
    file or up to two folders above it.

    Raises:
        SettingError: if a file is not of the Hub's image-classification layout, or holds no
            picture or one class alone.
    """
    notes: tuple[str, ...] = ()
    if not isinstance(source, Path):
        paths = list(source)
        title = title or paths[0].stem
    elif source.is_dir():
        paths, split, notes = _shards(source)
        title = f"{title or source.name} ({split})" if split else title or source.name
    else:
        paths = [source]
        title = title or source.stem
    shapes = [_shape(path) for path in paths]
    stored = [_labels(path, shape) for path, shape in zip(paths, shapes, strict=True)]
    labels, places = _classes(shapes, stored, _class_list(paths[0]))
    known = [places[label] for shard in stored for label in shard]
    position = np.array(known, dtype=np.int64)
    kept = np.flatnonzero(position >= 0)
    without = int(position.size - kept.size)
    starts = [0, *accumulate(len(shard) for shard in stored)]

    def read(positions: npt.NDArray[np.int64]) -> Iterator[LabelledPicture]:
        rows = kept[positions]
        for number, path in enumerate(paths):
            inside = rows[(rows >= starts[number]) & (rows < starts[number + 1])]
            yield from _pictures(
                path, shapes[number], inside - starts[number], position, starts[number]
            )

    skipped = {"without a label": without} if without else {}
    return Dataset(title, labels, position[kept], read, notes, skipped)


def _shards(folder: Path) -> tuple[list[Path], str | None, tuple[str, ...]]:
    """Return the shards of the split to measure on, its name, and what was left aside."""
    paths = sorted(p for p in folder.rglob("*.parquet") if p.is_file())
    splits = {path: split_of(path.relative_to(folder).as_posix()) for path in paths}
    named = sorted({split for split in splits.values() if split is not None})
    split = choose_split(named)
    if split is None:
        return paths, None, ()
    note = f"Of the splits {', '.join(named)} of {folder.name} only {split} is used."
    return [p for p in paths if splits[p] == split], split, (note,) if len(named) > 1 else ()


def _shape(path: Path) -> _Shape:
    """Return where pictures and labels stand in one file."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    features = _features(schema)
    kinds = {name: str(f.get("_type", "")) for name, f in features.items() if isinstance(f, dict)}
    picture = _column(schema, kinds, "Image", _PICTURE_COLUMNS)
    label = _column(schema, kinds, "ClassLabel", _LABEL_COLUMNS)
    if picture is None or label is None:
        raise SettingError(
            f"{path.name} has the columns {', '.join(schema.names[:8])}, but a column of pictures "
            f"(image: bytes and path) and one of labels (label) are expected."
        )
    kind = schema.field(picture).type
    if not (_is_binary(kind) or (pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)):
        raise SettingError(
            f"The column {picture} of {path.name} holds {kind}, but the bytes of picture files "
            f"are expected (image: bytes and path)."
        )
    names = None
    if isinstance(features.get(label), Mapping):
        given = features[label].get("names")
        if isinstance(given, Mapping):  # the older form: {"0": "cat", ...}
            given = [given[key] for key in sorted(given, key=int)]
        names = tuple(map(str, given)) if isinstance(given, list) and given else None
    box = "bbox" if "bbox" in schema.names else None
    return _Shape(picture, label, box, names)


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    """Return what the Hub's metadata say of the columns; nothing if there are none."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = stored.get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return features if isinstance(features, Mapping) else {}


def _column(
    schema: pa.Schema, kinds: Mapping[str, str], kind: str, usual: Sequence[str]
) -> str | None:
    found = [name for name in schema.names if kinds.get(name) == kind]
    return next(
        (n for n in (*usual, *found) if n in schema.names and (n in found or not found)), None
    )


def _labels(path: Path, shape: _Shape) -> list[int | str | None]:
    """Return the label column of one file; the pictures beside it are not read."""
    try:
        column = pq.read_table(path, columns=[shape.label]).column(shape.label)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error
    if not (
        pa.types.is_integer(column.type)
        or pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
    ):
        raise SettingError(
            f"The column {shape.label} of {path.name} holds {column.type}, but class numbers or "
            f"class names are expected."
        )
    values: list[int | str | None] = column.to_pylist()
    return values


def _classes(
    shapes: Sequence[_Shape],
    stored: Sequence[Sequence[int | str | None]],
    listed: Mapping[int, ClassLabel],
) -> tuple[tuple[ClassLabel, ...], dict[int | str | None, int]]:
    """Return the classes and, for every label that stands in the files, its position or -1."""
    values = {label for shard in stored for label in shard}
    texts = sorted(value for value in values if isinstance(value, str) and value.strip())
    places: dict[int | str | None, int] = dict.fromkeys(values, -1)
    if texts:
        places.update({text: index for index, text in enumerate(texts)})
        return tuple(ClassLabel.parse(text) for text in texts), places
    if len({shape.names for shape in shapes}) > 1:
        raise SettingError("The Parquet files name different classes; give files of one data set.")
    names = shapes[0].names
    numbers = [value for value in values if isinstance(value, int) and value >= 0]
    count = max(len(names or ()), max(listed, default=-1) + 1) or max(numbers, default=-1) + 1
    if count > 1_000_000:
        raise SettingError(f"A label is {count - 1}, but labels number the classes from 0 on.")
    labels = []
    for index in range(count):
        parsed = ClassLabel.parse(names[index]) if names and index < len(names) else ClassLabel()
        beside = listed.get(index, ClassLabel())
        labels.append(ClassLabel(parsed.name or beside.name, parsed.wnid or beside.wnid, index))
    places.update({number: number for number in numbers if number < count})
    return tuple(labels), places


def _class_list(path: Path) -> dict[int, ClassLabel]:
    """Return what ``classes.json`` beside the file or above it says, by class number."""
    for folder in [path.parent, *path.parent.parents][:3]:
        file = folder / "classes.json"
        if not file.is_file():
            continue
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(content, Mapping):
                content = [{"label": int(k), "name": v} for k, v in content.items()]
            result = {}
            for index, entry in enumerate(content):
                if isinstance(entry, str):
                    result[index] = ClassLabel.parse(entry, index)
                    continue
                number, name = int(entry.get("label", index)), entry.get("name")
                result[number] = ClassLabel(
                    str(name) if name else None, entry.get("wnid") or None, number
                )
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SettingError(
                f"{file} is no list of classes ({error}); it holds [{{label, wnid, name}}, ...]."
            ) from error
        return result
    return {}


def _pictures(
    path: Path,
    shape: _Shape,
    rows: npt.NDArray[np.int64],
    position: npt.NDArray[np.int64],
    start: int,
) -> Iterator[LabelledPicture]:
    """Yield the pictures in these rising rows of one file; other row groups are not touched."""
    if not rows.size:
        return
    wanted = set(rows.tolist())
    columns = [shape.picture] + ([shape.box] if shape.box else [])
    stem = split_of(path.name) or path.stem
    try:
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
            edges = [0, *accumulate(sizes)]
            groups = [
                g for g in range(len(sizes)) if ((rows >= edges[g]) & (rows < edges[g + 1])).any()
            ]
            numbers = (row for g in groups for row in range(edges[g], edges[g + 1]))
            for batch in file.iter_batches(_BATCH, groups, columns, use_threads=False):
                boxes = batch.column(shape.box) if shape.box else None
                for inner, cell in enumerate(batch.column(shape.picture)):
                    row = next(numbers)
                    if row in wanted:
                        content, name = _cell(cell.as_py())
                        yield LabelledPicture(
                            f"{stem}:{start + row}:{name}",
                            int(position[start + row]),
                            content,
                            None if boxes is None else _box(boxes[inner].as_py()),
                        )
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _cell(value: Any) -> tuple[bytes, str]:  # noqa: ANN401  whatever stands in the file
    """Return bytes and base name; a path alone is never followed."""
    if isinstance(value, bytes):
        return value, ""
    if isinstance(value, Mapping):
        content, name = value.get("bytes"), str(value.get("path") or "")
        return content if isinstance(content, bytes) else b"", re.split(r"[\\/]", name)[-1]
    return b"", ""


def _box(value: Any) -> Box | None:  # noqa: ANN401
    """Return a box; None where there is none, or no four finite numbers that enclose an area."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    try:
        x0, y0, x1, y1 = (float(number) for number in value)
    except (TypeError, ValueError):
        return None
    # False for NaN as well.
    return (x0, y0, x1, y1) if -_FAR < x0 < x1 < _FAR and -_FAR < y0 < y1 < _FAR else None


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _unreadable(path: Path, error: Exception) -> SettingError:
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return SettingError(
        f"{path.name} is no readable Parquet file ({reason}); fetch it again or give another."
    )
