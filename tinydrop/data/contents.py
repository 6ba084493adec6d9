"""What the files of a folder or a zip are, decided by their first bytes and never by their suffix.

The one list for class folders, zips and the pictures that a command is given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tinydrop.data.decoding import file_kind

HEAD_BYTES = 4096
"""What of a file is looked at to tell its kind."""
NO_PICTURE = "no picture"
_LITTER = frozenset(("thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "@eadir"))


def is_hidden(path: str) -> bool:
    """Tell whether a system or a program keeps the file for itself: ``._x.jpg``, ``__MACOSX/x``."""
    parts = PurePosixPath(path).parts
    return any(p.startswith(".") or p == "__MACOSX" or p.lower() in _LITTER for p in parts)


@dataclass
class LeftOut:
    """Counts what is left out and why, with an example of each reason.

    Attributes:
        counts: reason -> files.
        example: reason -> the first of them.
    """

    counts: Counter[str] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, path: str) -> None:
        """Count one file."""
        self.counts[reason] += 1
        self.example.setdefault(reason, path)

    def sentence(self, title: str) -> str:
        """Return what was left out in words; empty where nothing was."""
        if not self.counts:
            return ""
        total = self.counts.total()
        reasons = ", ".join(
            f"{reason} ({count:,}, such as {self.example[reason][-80:]})"
            for reason, count in sorted(self.counts.items())
        )
        files = "file is" if total == 1 else "files are"
        return f"{total:,} {files} left out of {title}: {reasons}."


@dataclass(frozen=True)
class Shelf:
    """The files of a folder or a zip, and how they are looked into.

    Attributes:
        paths: slash-separated, hidden ones left away already.
        head: path -> its first ``HEAD_BYTES`` bytes; None where they cannot be read.
        read: path -> all of it; empty where it cannot be read.
    """

    paths: tuple[str, ...]
    head: Callable[[str], bytes | None]
    read: Callable[[str], bytes]

    def why_not(self, path: str) -> str | None:
        """Return why a file is no picture to be read; None for one that is, or that is damaged."""
        head = self.head(path)
        # What cannot be read is counted as unreadable later, when it is read.
        return None if head is None else why_no_picture(head)


def why_no_picture(head: bytes) -> str | None:
    """Return, for a file's first bytes, why it is no picture to be read; None for one that is."""
    if not head:
        return "empty"
    kind, readable = file_kind(head)
    if readable:
        return None
    return NO_PICTURE if kind.startswith("not a picture") else re.sub(r"^an? ", "", kind)


def read_head(path: Path) -> bytes | None:
    """Return a file's first bytes; None for what is no regular file or cannot be read."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return None


def picture_files(folder: Path) -> tuple[list[Path], LeftOut]:
    """Return the pictures that lie in a folder itself, by name, and the files that are none.

    Pictures of a kind that is refused (HEIC, AVIF, ...) are among them: each gets its own sentence.

    Raises:
        OSError: if the folder cannot be listed.
    """
    found, left_out = [], LeftOut()
    for path in sorted(folder.iterdir()):
        if is_hidden(path.name) or path.is_dir():
            continue
        head = read_head(path)
        reason = None if head is None else why_no_picture(head)
        if reason is None or (reason != NO_PICTURE and reason.endswith("picture")):
            found.append(path)
        else:
            left_out.add(reason, path.name)
    return found, left_out


def sift(shelf: Shelf, paths: Iterable[str], left_out: LeftOut) -> list[str]:
    """Return those of the paths that are pictures; the others are counted."""
    kept = []
    for path in paths:
        reason = shelf.why_not(path)
        if reason is None:
            kept.append(path)
        else:
            left_out.add(reason, path)
    return kept
