"""What the commands on single pictures share: naming them, and doing one after the other."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from tinydrop.cli.common import complain, print_json
from tinydrop.core.errors import PictureError


def add_photos(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names pictures."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="a picture or a folder of them")


def photos_of(arguments: argparse.Namespace) -> list[Path]:
    """Return each named file, and the pictures of each named folder in order of their names.

    A folder's pictures are known by their content; what is left out is said on stderr.

    Raises:
        PictureError: if a folder holds no picture.
    """
    from tinydrop.data import picture_files  # loads pyarrow, and --help is quick

    photos: list[Path] = []
    for name in arguments.photos:
        path = Path(name)
        if not path.is_dir():
            photos.append(path)
            continue
        inside, left_out = picture_files(path)
        if left_out.counts:
            complain(left_out.sentence(str(path)))
        if not inside:
            raise PictureError(
                f"The folder {name} holds no pictures; give one with JPEG, PNG or WebP files."
            )
        photos += inside
    return photos


def each_photo(
    photos: Sequence[Path],
    work: Callable[[Path], tuple[dict[str, object], str]],
    *,
    as_json: bool,
) -> int:
    """Do the work on each picture, print what it says, and return the exit code.

    A picture that cannot be used becomes ``{file, error}`` and a line on stderr; the rest still
    run, and the exit code is 2.

    Args:
        photos: the files.
        work: returns a picture's JSON object, and the same as text for a person.
        as_json: print one JSON array at the end, and no text.
    """
    rows: list[dict[str, object]] = []
    for photo in tqdm(photos, unit="picture", disable=len(photos) < 2 or None, file=sys.stderr):
        try:
            row, text = work(photo)
        except PictureError as error:
            rows.append({"file": str(photo), "error": str(error)})
            tqdm.write(str(error), file=sys.stderr)
            continue
        rows.append(row)
        if not as_json:
            tqdm.write(text)
    if as_json:
        print_json(rows)
    return 2 if any("error" in row for row in rows) else 0
