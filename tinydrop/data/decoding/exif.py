"""The one thing that is read from metadata: how the picture has to be turned."""

from __future__ import annotations

import re
import struct

_ORIENTATION = 0x0112
_MAX_ENTRIES = 1000
_XMP = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")


def exif_orientation(block: bytes) -> int | None:
    """Return the orientation, 1 to 8, in an EXIF block; None where it says none or is damaged.

    Args:
        block: a TIFF header and its first directory, after ``Exif`` and two zero bytes or not.
    """
    block = block[:1_000_000].removeprefix(b"Exif\x00\x00")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(f"{order}4xI", block)
        (entries,) = struct.unpack_from(f"{order}H", block, start)
        for index in range(min(entries, _MAX_ENTRIES)):
            at = start + 2 + 12 * index
            tag, kind, count = struct.unpack_from(f"{order}HHI", block, at)
            if tag == _ORIENTATION and count == 1 and kind in (3, 4):
                (value,) = struct.unpack_from(order + ("H" if kind == 3 else "I"), block, at + 8)
                return value if 1 <= value <= 8 else None
    except struct.error:
        return None
    return None


def xmp_orientation(block: bytes) -> int | None:
    """Return the orientation, 1 to 8, that an XMP packet states; None where it states none."""
    found = _XMP.search(block[:1_000_000])
    return None if found is None else int(found[1])
