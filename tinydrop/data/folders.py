"""A folder with one folder of pictures per class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydrop.data.layout import read_layout
from tinydrop.data.values import Dataset, LabelledPicture
from tinydrop.errors import SettingError

__all__ = ["MAX_PICTURE_BYTES", "open_folder"]

MAX_PICTURE_BYTES = 50_000_000
"""A larger file is no picture for ``open_picture`` and is not read at all."""


def open_folder(folder: Path, title: str | None = None) -> Dataset:
    """Return the pictures of a folder with one folder per class.

    Raises:
        SettingError: if it cannot be read, holds no picture in a class folder, or one class alone.
    """
    title = title or folder.name or str(folder)
    layout = read_layout(_files(folder), title)

    def read(positions: npt.NDArray[np.int64]) -> Iterator[LabelledPicture]:
        for position in positions:
            path = layout.paths[position]
            yield LabelledPicture(path, int(layout.label[position]), _content(folder / path))

    return Dataset(title, layout.labels, layout.label, read, layout.notes)


def _files(folder: Path) -> Iterator[str]:
    """Yield every file below the folder, slash-separated; a linked folder is entered once."""
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
        inner.sort()
        for name in names:
            yield Path(where, name).relative_to(folder).as_posix()


def _content(path: Path) -> bytes:
    """Return the file's bytes; nothing if it cannot be read or is far too large."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_PICTURE_BYTES:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
