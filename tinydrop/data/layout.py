"""Which class each picture of a folder belongs to, told from its path alone; folders and zips."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from tinydrop.data.values import PICTURE_SUFFIXES, TEST_SPLITS, ClassLabel, choose_split
from tinydrop.errors import SettingError

__all__ = ["Layout", "read_layout"]

_SPLITS = frozenset((*TEST_SPLITS, "train", "training", "testing"))


@dataclass(frozen=True, eq=False)
class Layout:
    """Pictures sorted into classes.

    Attributes:
        paths: the pictures, sorted by their path.
        labels: the classes, sorted by their folder's name.
        label: (M,) int64, each picture's position in ``labels``.
        notes: sentences on what was chosen or left out.
    """

    paths: tuple[str, ...]
    labels: tuple[ClassLabel, ...]
    label: npt.NDArray[np.int64]
    notes: tuple[str, ...]


def read_layout(paths: Iterable[str], title: str) -> Layout:
    """Sort pictures into classes by the folder they lie in.

    One folder around everything is looked through; of several splits one is taken, validation or
    test before training. Pictures that lie beside the class folders have no class.

    Args:
        paths: slash-separated paths inside the folder or zip; those that are no pictures or are
            hidden are passed over.
        title: what messages call the whole.

    Raises:
        SettingError: if there is no picture in any class folder.
    """
    pictures = sorted(path for path in paths if _is_picture(path))
    if not pictures:
        raise SettingError(
            f"{title} holds no pictures; give a folder with one folder of JPEG, PNG or WebP "
            f"pictures per class, or a zip of one."
        )
    parts = {path: PurePosixPath(path).parts for path in pictures}
    notes: list[str] = []
    depth = 0
    while True:
        inside = [path for path in pictures if len(parts[path]) > depth + 1]
        heads = {parts[path][depth] for path in inside}
        deep = bool(inside) and all(len(parts[path]) > depth + 2 for path in inside)
        if deep and heads and all(head.lower() in _SPLITS for head in heads):
            split = choose_split(heads)
            if len(heads) > 1:
                notes.append(
                    f"Of the splits {', '.join(sorted(heads))} of {title} only {split} is used."
                )
            pictures = [path for path in inside if parts[path][depth] == split]
        elif not (deep and len(heads) == 1):
            break
        depth += 1
    loose = [path for path in pictures if len(parts[path]) <= depth + 1]
    if loose:
        notes.append(
            f"{len(loose)} pictures of {title} lie in no class folder and are left out, "
            f"{loose[0]} for example."
        )
    if not inside:
        raise SettingError(
            f"The pictures of {title} lie in no class folders; put them into one folder per "
            f"class, named after the class."
        )
    names = sorted({parts[path][depth] for path in inside})
    place = {name: index for index, name in enumerate(names)}
    label = np.array([place[parts[path][depth]] for path in inside], dtype=np.int64)
    return Layout(
        tuple(inside), tuple(ClassLabel.parse(name) for name in names), label, tuple(notes)
    )


def _is_picture(path: str) -> bool:
    pure = PurePosixPath(path)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in pure.parts)
    return pure.suffix.lower() in PICTURE_SUFFIXES and not hidden
