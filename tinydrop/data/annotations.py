"""Lists beside pictures: Stanford's ``val_annotations.txt`` and the names of WordNet ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinydrop.data.contents import Shelf
from tinydrop.data.values import Box

LISTS = ("_annotations.txt", "_boxes.txt")
"""How the names of lists beside pictures end in Stanford's Tiny ImageNet."""
_FAR = 1e9
"""No picture is so wide, in pixels."""


@dataclass(frozen=True)
class Annotations:
    """What a list says of pictures, by the base names of their files.

    Attributes:
        classes: name -> class.
        boxes: name -> the object's box, where the list has a usable one.
    """

    classes: Mapping[str, str]
    boxes: Mapping[str, Box]


def read_annotations(content: bytes) -> Annotations:
    """Return what the lines ``name TAB class [TAB x0 TAB y0 TAB x1 TAB y1]`` say."""
    classes: dict[str, str] = {}
    boxes: dict[str, Box] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        name, *rest = (cell.strip() for cell in line.split("\t"))
        if not rest or not name or not rest[0]:
            continue
        classes[name] = rest[0]
        box = box_of(rest[1:])
        if box is not None:
            boxes[name] = box
    return Annotations(classes, boxes)


def class_names(shelf: Shelf, here: tuple[str, ...]) -> dict[str, str]:
    """Return WordNet id -> name from ``words.txt`` in a folder or around it; empty without one."""
    around = {"/".join((*here[:depth], "words.txt")) for depth in range(len(here) + 1)}
    found = {}
    for path in sorted(around & set(shelf.paths)):
        for line in shelf.read(path).decode("utf-8", "replace").splitlines():
            wnid, _, name = line.partition("\t")
            if re.fullmatch(r"n\d{8}", wnid) and name.strip():
                found[wnid] = name.strip()
    return found


def box_of(value: Any) -> Box | None:  # noqa: ANN401  whatever stands in a file
    """Return a box; None where there is none, or no four finite numbers that enclose an area."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    try:
        x0, y0, x1, y1 = (float(number) for number in value)
    except (TypeError, ValueError):
        return None
    # False for NaN as well.
    return (x0, y0, x1, y1) if -_FAR < x0 < x1 < _FAR and -_FAR < y0 < y1 < _FAR else None
