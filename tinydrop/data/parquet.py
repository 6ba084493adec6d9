"""Pictures in Parquet files of the Hub's image-classification layout, read in small batches."""

from __future__ import annotations

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

from tinydrop.data.annotations import box_of
from tinydrop.data.classes import classes_of, read_class_list
from tinydrop.data.folders import files_below
from tinydrop.data.shape import (
    Shape,
    holds_pictures,
    is_readable,
    read_labels,
    read_shape,
    unreadable,
)
from tinydrop.data.splits import Choice, choose_files, split_of
from tinydrop.data.values import Dataset, LabelledPicture

_BATCH = 32
"""Rows decoded at a time: pictures of some megabytes stay affordable."""


@dataclass(frozen=True)
class PictureTables:
    """The Parquet files below a folder.

    Attributes:
        pictures: those with a column of pictures, and damaged ones beside them; slash-separated.
        others: tables without pictures, such as traces; damaged ones where there are no pictures.
        beside: files that are no Parquet files.
    """

    pictures: tuple[str, ...]
    others: tuple[str, ...]
    beside: tuple[str, ...]


def picture_tables(folder: Path) -> PictureTables:
    """Return which Parquet files below a folder hold pictures; hidden ones are passed over.

    Raises:
        SettingError: if a folder cannot be read.
    """
    files = list(files_below(folder))
    names = sorted(name for name in files if name.lower().endswith(".parquet"))
    found = [name for name in names if holds_pictures(folder / name)]
    if not any(is_readable(folder / name) for name in found):
        found = []
    return PictureTables(
        pictures=tuple(found),
        others=tuple(name for name in names if name not in found),
        beside=tuple(name for name in files if not name.lower().endswith(".parquet")),
    )


def open_parquet(
    source: Path | Sequence[Path],
    title: str | None = None,
    split: str | None = None,
    config: str | None = None,
) -> Dataset:
    """Return the pictures of a Parquet file, of several, or of one split of a folder of shards.

    Class names come from the metadata that the Hub writes, else from ``classes.json`` beside the
    file or up to two folders above it.

    Args:
        source: a file, a folder with shards, or the files to read as one.
        title: what a person calls it.
        split: of a folder: the split that is wanted; the validation-like one by default.
        config: of a folder: the configuration that is wanted.

    Raises:
        SettingError: if a file is not of the Hub's image-classification layout, there is no such
            split, or no picture.
    """
    if not isinstance(source, Path):
        return _opened(list(source), title or source[0].stem, Choice((), None, None, ()))
    if source.is_dir():
        return _open_folder(source, title or source.resolve().name, split, config)
    choice = choose_files([source.name], source.name, split, config)
    named = split_of(source.name)
    return _opened([source], title or source.stem, Choice(choice.files, named, None, ()))


def _open_folder(folder: Path, title: str, split: str | None, config: str | None) -> Dataset:
    """Return one split of a folder of shards; files without rows are passed over."""
    tables = picture_tables(folder)
    # Without any table of pictures, the first file says what is missing.
    names = tables.pictures or tables.others
    notes: list[str] = []
    if tables.pictures and tables.others:
        some = ", ".join(tables.others[:3]) + (", ..." if len(tables.others) > 3 else "")
        notes.append(f"{len(tables.others)} tables of {title} hold no pictures ({some}).")
    shapes = {name: read_shape(folder / name) for name in names}
    filled = [name for name in names if shapes[name].rows]
    if filled and len(filled) < len(names):
        empty = ", ".join(name for name in names if name not in filled)
        notes.append(f"Without any row and passed over: {empty} of {title}.")
    choice = choose_files(filled or names, title, split, config)
    choice = Choice(choice.files, choice.split, choice.config, (*choice.notes, *notes))
    return _opened([folder / name for name in choice.files], choice.title(title), choice)


def _opened(paths: list[Path], title: str, choice: Choice) -> Dataset:
    """Return the pictures of several files, one after another."""
    shapes = [read_shape(path) for path in paths]
    stored = [read_labels(path, shape) for path, shape in zip(paths, shapes, strict=True)]
    labels, places = classes_of(shapes, stored, read_class_list(paths[0]))
    known = [places[label] for shard in stored for label in shard]
    position = np.array(known, dtype=np.int64)
    kept = np.flatnonzero(position >= 0)
    starts = [0, *accumulate(len(shard) for shard in stored)]

    def read(positions: npt.NDArray[np.int64]) -> Iterator[LabelledPicture]:
        rows = kept[positions]
        for number, path in enumerate(paths):
            inside = rows[(rows >= starts[number]) & (rows < starts[number + 1])]
            yield from _pictures(
                path, shapes[number], inside - starts[number], position, starts[number]
            )

    skipped = {"without a label": int(position.size - kept.size)}
    return Dataset(
        title,
        labels,
        position[kept],
        read,
        choice.notes,
        skipped,
        split=choice.split,
        config=choice.config,
    )


def _pictures(
    path: Path,
    shape: Shape,
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
                            None if boxes is None else box_of(boxes[inner].as_py()),
                        )
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def _cell(value: Any) -> tuple[bytes, str]:  # noqa: ANN401  whatever stands in the file
    """Return bytes and base name; a path alone is never followed."""
    if isinstance(value, bytes):
        return value, ""
    if isinstance(value, Mapping):
        content, name = value.get("bytes"), str(value.get("path") or "")
        return content if isinstance(content, bytes) else b"", re.split(r"[\\/]", name)[-1]
    return b"", ""
