"""A zip of class folders, read in place: nothing is unpacked to the disk, nothing is trusted.

The headers are judged before anything is decompressed, and what comes out is counted against them
while reading, since a header may lie.
"""

from __future__ import annotations

import copy
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError
from tinydrop.data.contents import HEAD_BYTES, Shelf, is_hidden
from tinydrop.data.layout import read_layout
from tinydrop.data.values import Dataset, LabelledPicture

_END_RECORD = b"PK\x05\x06"
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
)  # fmt: skip


@dataclass(frozen=True)
class ArchiveLimits:
    """What a zip may hold; the page takes less than the command line.

    Attributes:
        entries: files and folders.
        entry_bytes: of one file, uncompressed.
        total_bytes: of all files, uncompressed.
        ratio: uncompressed over compressed bytes, of one file over 1 MB and of all files.
    """

    entries: int = 200_000
    entry_bytes: int = 50_000_000
    total_bytes: int = 20_000_000_000
    ratio: float = 100.0


def open_archive(
    path: Path,
    limits: ArchiveLimits,
    title: str | None = None,
    split: str | None = None,
    config: str | None = None,
) -> Dataset:
    """Return the pictures of a zip of class folders.

    Args:
        path: the zip.
        limits: what it may hold.
        title: what messages call it; the file's name by default.
        split: the split that is wanted; the validation-like one by default.
        config: the configuration that is wanted.

    Raises:
        SettingError: if it is no zip, breaks a limit, has a path that leads out of it, a link or a
            password, holds no picture in a class folder, or no such split.
    """
    title = title or path.name
    entries = _entries(path, limits, title)
    with zipfile.ZipFile(path) as archive:
        shelf = Shelf(
            paths=tuple(name for name in entries if not is_hidden(name)),
            head=lambda name: _head(archive, entries[name]),
            read=lambda name: _content(archive, entries[name], title),
        )
        layout = read_layout(shelf, title, split, config)

    def read(positions: npt.NDArray[np.int64]) -> Iterator[LabelledPicture]:
        come = 0
        with zipfile.ZipFile(path) as archive:
            for position in positions:
                name = layout.paths[position]
                content = _content(archive, entries[name], title)
                come += len(content)
                if come > limits.total_bytes:
                    raise _bomb(title, f"more than {limits.total_bytes / 1e6:.0f} MB came out")
                box = layout.boxes.get(name)
                yield LabelledPicture(name, int(layout.label[position]), content, box)

    return layout.dataset(read)


def _entries(path: Path, limits: ArchiveLimits, title: str) -> dict[str, zipfile.ZipInfo]:
    """Return slash-separated name -> entry of every file whose headers keep to the limits."""
    try:
        count = _announced_entries(path)
        infos: list[zipfile.ZipInfo] = []
        if count <= limits.entries:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise SettingError(
            f"{title} is not a readable zip ({error}); zip the folder of class folders again."
        ) from error
    if max(count, len(infos)) > limits.entries:
        raise SettingError(
            f"{title} holds {max(count, len(infos)):,} files, more than the {limits.entries:,} "
            f"allowed; give a smaller zip."
        )
    files: dict[str, zipfile.ZipInfo] = {}
    packed = total = 0
    for info in infos:
        _check_name(info, title)
        # Old programs on Windows write backslashes, which zipfile leaves alone elsewhere.
        name = info.filename.replace("\\", "/")
        if name.endswith("/"):
            continue
        packed, total = packed + info.compress_size, total + info.file_size
        if info.file_size > limits.entry_bytes:
            raise _bomb(title, f"'{info.filename}' announces {info.file_size / 1e6:.0f} MB")
        if info.file_size > max(1_000_000, limits.ratio * info.compress_size):
            raise _bomb(title, f"'{info.filename}' shrank more than {limits.ratio:.0f} times")
        if total > limits.total_bytes:
            raise _bomb(title, f"it announces more than {limits.total_bytes / 1e6:.0f} MB")
        files[name] = info
    if packed > path.stat().st_size:
        raise _bomb(title, "its files overlap")
    if total > max(1_000_000, limits.ratio * packed):
        raise _bomb(title, f"its files shrank more than {limits.ratio:.0f} times")
    return files


def _announced_entries(path: Path) -> int:
    """Return the largest number of entries that the end of the file could announce.

    ``zipfile`` makes an object of each entry before anything can be checked. Each entry takes at
    least 46 bytes of the directory, whose size stands in the end record; zip64's huge value is
    answered with what the file's own size allows.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(_END_RECORD)
    if at < 0 or at + 16 > len(tail):
        return 0  # zipfile will say that it is no zip
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    count = int.from_bytes(tail[at + 10 : at + 12], "little")
    if directory == 0xFFFFFFFF or count == 0xFFFF:
        at64 = tail.rfind(b"PK\x06\x06")
        return int.from_bytes(tail[at64 + 32 : at64 + 40], "little") if at64 >= 0 else count
    return max(count, directory // 46 if directory > size else count)


def _check_name(info: zipfile.ZipInfo, title: str) -> None:
    """Refuse a path that leads out of the archive, a link, a password or an odd compression."""
    # orig_filename: zipfile itself turns the separators of this machine into slashes and cuts
    # the name at a null byte.
    for name in (info.filename, info.orig_filename):
        parts = re.split(r"[\\/]", name)
        if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
            raise SettingError(
                f"{title} holds the path '{name[:80]}', which leads out of the zip; "
                f"zip the folder of class folders itself."
            )
        if "\0" in name:
            raise SettingError(f"{title} holds a name with a null byte; zip the folder again.")
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        raise SettingError(
            f"{title} holds the link '{info.filename[:80]}'; zip the pictures themselves."
        )
    if info.flag_bits & 0x1:
        raise SettingError(f"{title} is locked with a password; zip the folder without one.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SettingError(
            f"{title} uses a rare compression for '{info.filename[:80]}'; "
            f"zip the folder with the usual one (deflate)."
        )


def _head(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | None:
    """Return one file's first bytes; None if it is damaged."""
    try:
        with archive.open(info) as file:
            return file.read(HEAD_BYTES)
    except _DAMAGE:
        return None


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, title: str) -> bytes:
    """Return one file's bytes; nothing if it is damaged; an error if it outgrows its header."""
    # zipfile cuts at the announced size and calls what follows damage; with room for more bytes
    # than are read, one byte too many can be told from damage.
    roomier = copy.copy(info)
    roomier.file_size = info.file_size + 8192  # zipfile inflates 4096 bytes at least
    try:
        with archive.open(roomier) as file:
            content = file.read(info.file_size + 1)
    except _DAMAGE:
        return b""
    if len(content) > info.file_size:
        raise _bomb(title, f"'{info.filename}' is larger than it announces")
    return content


def _bomb(title: str, fact: str) -> SettingError:
    return SettingError(
        f"{title} is refused as a zip bomb: {fact}; give a zip of ordinary pictures."
    )
