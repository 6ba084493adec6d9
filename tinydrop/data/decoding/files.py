"""Reading a file of this machine, and how its name is shown."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from tinydrop.core.errors import PictureError
from tinydrop.data.decoding.kinds import EXPECTED_PICTURE

MAX_FILE_BYTES = 50_000_000


def display_name(name: str) -> str:
    """Return the base name, with unprintable characters replaced, at most 80 characters long."""
    base = re.split(r"[\\/]", name[-4096:].rstrip("\\/"))[-1] or "picture"
    printable = "".join(char if char.isprintable() else "?" for char in base)
    return printable if len(printable) <= 80 else f"{printable[:40]}…{printable[-39:]}"


def read_file(source: str | Path, name: str) -> bytes:
    """Return the bytes of a regular file on this machine.

    Raises:
        PictureError: if it is a web address, missing, a folder or a device, over 50 MB, or
            cannot be read.
    """
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/|data:image", str(source)):
        raise PictureError(
            f"'{name}' is a web address, but only files on this machine are read; "
            f"download the picture and give its path."
        )
    path = Path(source)
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_FILE_BYTES:
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError(
            f"There is no file '{name}' at the given path; check the path or give another picture."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise PictureError(
            f"'{name}' cannot be read; check its path and permissions or give another picture."
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(f"'{name}' is a folder; give {EXPECTED_PICTURE} from inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(f"'{name}' is a device or a pipe; give {EXPECTED_PICTURE}.")
    raise too_heavy(name, status.st_size)


def too_heavy(name: str, size: int) -> PictureError:
    """Return the refusal of a file of ``size`` bytes."""
    return PictureError(
        f"'{name}' has {size / 1e6:.1f} MB, more than the {MAX_FILE_BYTES / 1e6:.0f} MB that are "
        f"accepted; save it smaller or as JPEG."
    )
