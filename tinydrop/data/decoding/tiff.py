"""The structure of a TIFF: its first directory, rewritten with what decoding needs and no more."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from tinydrop.data.decoding.budget import Layout, OverfullError

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8, 17: 8}
_CODES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MAX_TAGS = 4096
_MAX_TAG_BYTES = 400_000
_JPEG_BYTES = 100_000_000
"""What libtiff allows libjpeg."""
_WIDTH, _HEIGHT, _BITS, _PACKING, _ORIENTATION = 256, 257, 258, 259, 274
_SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, _FORMAT = 277, 278, 322, 323, 339
# Layout of the pixels, tables of the compressions, colour; nothing that only describes.
_NEEDED = frozenset(
    {255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 318, 319, 320}
    | {322, 323, 324, 325, 332, 334, 338, 339, 347, *range(512, 522), 529, 530, 531, 532}
)
_EACH = {_WIDTH, _HEIGHT, _PACKING, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, _ORIENTATION}


@dataclass(frozen=True)
class _Form:
    """How a TIFF or a BigTIFF writes its directory."""

    order: str
    big: bool

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        return self.order + ("HHQ8s" if self.big else "HHI4s")

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")


def tiff_layout(data: bytes) -> Layout:
    """Return the layout of a TIFF's first picture; ValueError if it cannot be walked."""
    form = _Form("<" if data[:2] == b"II" else ">", data[2:4] in (b"+\x00", b"\x00+"))
    at = 8 if form.big else 4
    try:
        (start,) = struct.unpack_from(form.offset, data, at)
        entries, following = _entries(data, form, start)
        values = {tag: _first_values(data, form, entry) for tag, entry in entries.items()}
    except struct.error as error:
        raise ValueError("cut short") from error
    width, height = (int(values.get(tag, (0,))[0]) for tag in (_WIDTH, _HEIGHT))
    bits = values.get(_BITS, (1,))
    samples = int(values.get(_SAMPLES, (len(bits),))[0])
    kept = {tag: entry for tag, entry in entries.items() if tag in _NEEDED}
    orientation = int(values.get(_ORIENTATION, (1,))[0])
    return Layout(
        data=_rewritten(data, form, at, kept),
        words="a TIFF",
        size=(width, height),
        pixel_bytes=_pixel_bytes(values, int(bits[0]), samples),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        several=following != 0,
        decoder_bytes=_buffers(values, width, height, max(map(int, bits)) * max(samples, 1)),
        deep=bits[0] == 16 and samples > 2,
    )


def _entries(data: bytes, form: _Form, start: int) -> tuple[dict[int, tuple[Any, ...]], int]:
    """Return tag -> (tag, type, count, value or offset) of a directory, and what follows it."""
    (count,) = struct.unpack_from(form.count, data, start)
    if count > _MAX_TAGS:
        raise OverfullError("entries")
    at = start + struct.calcsize(form.count)
    size = struct.calcsize(form.entry)
    found: dict[int, tuple[Any, ...]] = {}
    for index in range(count):
        entry = struct.unpack_from(form.entry, data, at + index * size)
        if entry[0] in _NEEDED and _SIZES.get(entry[1], 1) * entry[2] > _MAX_TAG_BYTES:
            raise OverfullError("values in one entry")
        found.setdefault(entry[0], entry)
    try:
        (following,) = struct.unpack_from(form.offset, data, at + count * size)
    except struct.error:
        following = 0
    return found, following


def _first_values(data: bytes, form: _Form, entry: tuple[Any, ...]) -> tuple[int, ...]:
    """Return up to 16 of an entry's whole numbers; (0,) for other types."""
    tag, kind, count, inline = entry
    if kind not in _CODES or count < 1 or (tag not in _EACH and tag not in (_BITS, _FORMAT)):
        return (0,)
    amount = min(count, 16)
    code = f"{form.order}{amount}{_CODES[kind]}"
    if _SIZES[kind] * count <= len(inline):
        return struct.unpack_from(code, inline)
    (offset,) = struct.unpack(form.offset, inline)
    return struct.unpack_from(code, data, offset)


def _pixel_bytes(values: dict[int, tuple[int, ...]], bits: int, samples: int) -> int:
    """Return how many bytes PIL keeps per pixel."""
    if samples > 1 or values.get(_PACKING, (1,))[0] in (6, 7):
        return 4
    if bits <= 8:
        return 1
    return 2 if bits <= 16 and values.get(_FORMAT, (1,))[0] == 1 else 4


def _buffers(values: dict[int, tuple[int, ...]], width: int, height: int, bits: int) -> int:
    """Return the bytes that libtiff and PIL hold for one strip or tile, and for a row."""
    packing = int(values.get(_PACKING, (1,))[0])
    row = width * bits // 8 + 1
    if packing == 1:
        return 2 * row
    if _TILE_WIDTH in values and _TILE_HEIGHT in values:
        pixels = int(values[_TILE_WIDTH][0]) * int(values[_TILE_HEIGHT][0])
    else:
        pixels = min(int(values.get(_ROWS, (height,))[0]), height) * width
    if packing in (6, 7):
        return 4 * pixels + min(_JPEG_BYTES, 8 * pixels) + 2 * row
    return pixels * bits // 8 + 2 * row


def _rewritten(data: bytes, form: _Form, at: int, kept: dict[int, tuple[Any, ...]]) -> bytes:
    """Return the file with one directory, of the kept entries, at its end."""
    pad = b"\x00" * (-len(data) % 8)
    directory = struct.pack(form.count, len(kept))
    directory += b"".join(struct.pack(form.entry, *kept[tag]) for tag in sorted(kept))
    directory += struct.pack(form.offset, 0)
    first = struct.pack(form.offset, len(data) + len(pad))
    view = memoryview(data)
    return b"".join((view[:at], first, view[at + len(first) :], pad, directory))
