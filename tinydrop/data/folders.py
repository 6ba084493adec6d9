"""A folder with one folder of pictures per class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError
from tinydrop.data.contents import Shelf, is_hidden, read_head
from tinydrop.data.layout import read_layout
from tinydrop.data.values import Dataset, LabelledPicture

MAX_PICTURE_BYTES = 50_000_000
"""A larger file is no picture for ``open_picture`` and is not read at all."""


def open_folder(
    folder: Path, title: str | None = None, split: str | None = None, config: str | None = None
) -> Dataset:
    """Return the pictures of a folder with one folder per class.

    Args:
        folder: where they are.
        title: what messages call it; the folder's name by default.
        split: the split that is wanted; the validation-like one by default.
        config: the configuration that is wanted.

    Raises:
        SettingError: if it cannot be read, holds no picture in a class folder, or no such split.
    """
    title = title or folder.resolve().name or str(folder)
    layout = read_layout(folder_shelf(folder), title, split, config)

    def read(positions: npt.NDArray[np.int64]) -> Iterator[LabelledPicture]:
        for position in positions:
            path = layout.paths[position]
            content = _content(folder / path)
            yield LabelledPicture(
                path, int(layout.label[position]), content, layout.boxes.get(path)
            )

    return layout.dataset(read)


def folder_shelf(folder: Path) -> Shelf:
    """Return the files below a folder, without the hidden ones."""
    return Shelf(
        paths=tuple(files_below(folder)),
        head=lambda path: read_head(folder / path),
        read=lambda path: _content(folder / path),
    )


def files_below(folder: Path) -> Iterator[str]:
    """Yield every file below the folder but hidden ones, slash-separated; links entered once.

    Raises:
        SettingError: if a folder cannot be listed.
    """
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise SettingError(
            f"The folder {error.filename} cannot be read ({error.strerror}); check its permissions."
        ) from error

    for where, inner, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            inner.clear()
            continue
        seen.add(real)
        inner[:] = sorted(name for name in inner if not is_hidden(name))
        for name in sorted(name for name in names if not is_hidden(name)):
            yield Path(where, name).relative_to(folder).as_posix()


def _content(path: Path) -> bytes:
    """Return the file's bytes; nothing if it cannot be read or is far too large."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_PICTURE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
