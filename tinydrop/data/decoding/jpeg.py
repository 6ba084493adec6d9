"""The structure of a JPEG: frame, scans, and what reading them needs."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from tinydrop.data.decoding.budget import Layout, OverfullError
from tinydrop.data.decoding.exif import exif_orientation, xmp_orientation

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_ARITHMETIC = {0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD}
_ALONE = {0x01, *range(0xD0, 0xD9)}
_MAX_SEGMENTS = 4096
_AFTER_DATA = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""The end of entropy-coded data: a marker that is neither a stuffed byte nor a restart."""

_MARKER = re.compile(rb"(?:\xff\x00)*\xff+([^\x00\xff])")


@dataclass
class _Frame:
    """What the walk found."""

    kind: int = 0
    size: tuple[int, int] = (0, 0)
    blocks: dict[int, int] = field(default_factory=dict)  # component -> 8x8 blocks
    scans: list[tuple[int, ...]] = field(default_factory=list)  # components of each


def jpeg_layout(data: bytes) -> Layout:
    """Return the layout of a JPEG's first picture.

    Raises:
        ValueError: if it is no JPEG that can be walked.
    """
    frame = _Frame()
    kept, start, metadata = _before_scans(data, frame)
    end = _walk_scans(data, start, frame)
    if not frame.kind or not frame.scans:
        raise ValueError("no frame or no scan")
    blocks = sum(frame.blocks.values())
    whole = frame.kind in _PROGRESSIVE or len(frame.scans[0]) < len(frame.blocks)
    lossless = frame.kind in _LOSSLESS
    steps = sum(frame.blocks.get(part, 0) for scan in frame.scans for part in scan)
    width = frame.size[0]
    orientation = next((found for found in metadata if found is not None), 1)
    # Arithmetic coding costs by the byte, lossless coding by the sample.
    steps += (end - start) // 2 if frame.kind in _ARITHMETIC else 0
    steps += 16 * blocks if lossless else 0
    return Layout(
        data=b"".join((*kept, memoryview(data)[start:end])),
        words=_words(frame, whole=whole),
        size=frame.size,
        pixel_bytes=1 if len(frame.blocks) == 1 else 4,
        orientation=orientation,
        decoder_bytes=(128 * blocks if whole or lossless else 0) + 64 * width,
        steps=steps if whole or lossless or frame.kind in _ARITHMETIC else 0,
        drafts=not lossless,
        plain=len(frame.blocks) == 3,
    )


def _words(frame: _Frame, *, whole: bool) -> str:
    if frame.kind in _PROGRESSIVE:
        return f"a progressive JPEG with {len(frame.scans)} scans"
    if frame.kind in _LOSSLESS:
        return "a lossless JPEG"
    return f"a JPEG with {len(frame.scans)} scans" if whole else "a JPEG"


def _before_scans(data: bytes, frame: _Frame) -> tuple[list[bytes], int, list[int | None]]:
    """Return the segments that decoding needs, where the first scan begins, and orientations."""
    kept = [data[:2]]
    metadata: list[int | None] = []
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker, at = _next_marker(data, at)
        if marker in _ALONE:
            continue
        if marker == _SOS:
            return kept, at - 2, metadata
        if marker == _EOI:
            break
        segment = _segment(data, at)
        if marker in _FRAMES:
            _read_frame(frame, marker, segment)
        elif marker == 0xE1 and segment.startswith(b"Exif\x00\x00"):
            metadata.insert(0, exif_orientation(segment))
        elif marker == 0xE1 and segment.startswith(b"http://ns.adobe.com/xap/1.0/\x00"):
            metadata.append(xmp_orientation(segment))
        first = marker == 0xE0 and segment.startswith(b"JFIF")
        if marker in _FRAMES | _TABLES or first or (marker == 0xEE and segment[:5] == b"Adobe"):
            kept.append(data[at - 2 : at + 2 + len(segment)])
        at += 2 + len(segment)
    else:
        raise OverfullError("tables")
    raise ValueError("no scan")


def _walk_scans(data: bytes, at: int, frame: _Frame) -> int:
    """Note the components of every scan; return where the picture ends."""
    for _ in range(_MAX_SEGMENTS):
        try:
            marker, at = _next_marker(data, at)
        except ValueError:  # cut short: the decoder will say so
            return len(data)
        if marker == _EOI:
            return at
        if marker in _ALONE:
            continue
        try:
            segment = _segment(data, at)
        except ValueError:
            return len(data)
        at += 2 + len(segment)
        if marker == _SOS:
            count = segment[0] if segment else 0
            frame.scans.append(tuple(segment[1 : 1 + 2 * count : 2]))
            found = _AFTER_DATA.search(data, at)
            if found is None:
                return len(data)
            at = found.start()
    raise OverfullError("scans and tables")


def _next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker's second byte and the place behind it; padding is skipped."""
    skipped = _MARKER.match(data, at)
    if skipped is None:
        raise ValueError("no marker")
    return skipped[1][0], skipped.end()


def _segment(data: bytes, at: int) -> bytes:
    """Return a segment's content, without its length."""
    if at + 2 > len(data):
        raise ValueError("cut short")
    (length,) = struct.unpack_from(">H", data, at)
    if length < 2 or at + length > len(data):
        raise ValueError("cut short")
    return data[at + 2 : at + length]


def _read_frame(frame: _Frame, marker: int, segment: bytes) -> None:
    """Read size and components; a second frame is not allowed."""
    if frame.kind or len(segment) < 6 or len(segment) < 6 + 3 * segment[5] or not segment[5]:
        raise ValueError("a frame header that cannot be")
    height, width = struct.unpack_from(">HH", segment, 1)
    frame.kind, frame.size = marker, (width, height)
    parts = {
        segment[6 + 3 * i]: (segment[7 + 3 * i] >> 4, segment[7 + 3 * i] & 15)
        for i in range(segment[5])
    }
    if len(parts) != segment[5] or not all(1 <= s <= 4 for two in parts.values() for s in two):
        raise ValueError("components that cannot be")
    most = max(h for h, _ in parts.values()), max(v for _, v in parts.values())
    across, down = -(-width // (8 * most[0])), -(-height // (8 * most[1]))
    frame.blocks = {part: across * h * down * v for part, (h, v) in parts.items()}
