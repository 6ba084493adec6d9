"""The structure of PNG, GIF, WebP and BMP: sizes, frames, and the first picture alone."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tinydrop.data.decoding.budget import Layout, OverfullError
from tinydrop.data.decoding.exif import exif_orientation, xmp_orientation

_MAX_CHUNKS = 65_536
_MAX_BLOCKS = 1_000_000
_WEBP_CANVASES = 8
"""Bytes per pixel of libwebp's two canvases."""


def png_layout(data: bytes) -> Layout:
    """Return the layout of a PNG's first picture; ValueError if it cannot be walked."""
    kept = [data[:8]]
    header, orientation, frames, at = b"", None, 1, 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind == b"IHDR" and not header:
            header = data[at + 8 : at + 8 + length]
        elif kind == b"eXIf" and orientation is None:
            orientation = exif_orientation(data[at + 8 : at + 8 + min(length, 1_000_000)])
        elif kind == b"acTL" and length >= 4:
            (frames,) = struct.unpack_from(">I", data, at + 8)
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            kept.append(data[at:end])
        at = end
        if kind == b"IEND":
            break
    else:
        raise OverfullError("chunks")
    if len(header) != 13:
        raise ValueError("no header")
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 4)
    grey = {1: 1, 3: 1}.get(samples, 4) if samples == 1 else 4
    return Layout(
        data=b"".join(kept),
        words="a PNG",
        size=(width, height),
        pixel_bytes=2 if samples == 1 and depth == 16 else grey,
        orientation=orientation or 1,
        several=frames > 1,
        decoder_bytes=3 * (width * samples * depth // 8 + 1),
        deep=depth == 16 and samples > 2,
    )


def gif_layout(data: bytes) -> Layout:
    """Return the layout of a GIF's first picture; ValueError if it cannot be walked."""
    if len(data) < 13:
        raise ValueError("no header")
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    start = 13 + (3 << (flags & 7) + 1 if flags & 128 else 0)
    control, at = b"", start
    for _ in range(_MAX_CHUNKS):
        kind = data[at : at + 1]
        if kind == b"!":
            end = _past_blocks(data, at + 2)
            if data[at + 1 : at + 2] == b"\xf9":
                control = data[at:end]
            at = end
        elif kind == b",":
            break
        else:
            raise ValueError("no picture")
    else:
        raise OverfullError("blocks")
    if at + 10 > len(data):
        raise ValueError("cut short")
    left, top, across, down, local = struct.unpack_from("<4HB", data, at + 1)
    end = _past_blocks(data, at + 10 + (3 << (local & 7) + 1 if local & 128 else 0) + 1)
    return Layout(
        data=b"".join((data[:start], control, data[at:end], b";")),
        words="a GIF",
        size=(max(width, left + across), max(height, top + down)),
        pixel_bytes=1,
        several=_another_follows(data, end),
    )


def _past_blocks(data: bytes, at: int) -> int:
    """Return the place behind a chain of data blocks, or the end of a file that is cut short."""
    for _ in range(_MAX_BLOCKS):
        if at >= len(data):
            return len(data)
        length = data[at]
        at += 1 + length
        if not length:
            return at
    raise OverfullError("blocks")


def _another_follows(data: bytes, at: int) -> bool:
    """Tell whether another picture comes after ``at``; a damaged rest counts as none."""
    try:
        for _ in range(_MAX_CHUNKS):
            if data[at : at + 1] != b"!":
                break
            at = _past_blocks(data, at + 2)
    except ValueError:
        return False
    return data[at : at + 1] == b","


def webp_layout(data: bytes) -> Layout:
    """Return the layout of a WebP's first picture; ValueError if it cannot be walked."""
    kept: list[bytes] = []
    size, orientation, frames = (0, 0), None, 0
    for kind, body, whole in _riff(data):
        chunk = whole
        if kind == b"VP8X" and len(body) >= 10 and not kept:
            size = (
                1 + int.from_bytes(body[4:7], "little"),
                1 + int.from_bytes(body[7:10], "little"),
            )
            # Flags: alpha and animation stay; profile, EXIF and XMP are no longer there.
            chunk = whole[:8] + bytes([body[0] & 0b00010010]) + whole[9:]
        elif kind in (b"VP8 ", b"VP8L") and not size[0]:
            size = _webp_frame(kind, body)
        elif kind == b"EXIF":
            orientation = exif_orientation(body) or orientation
        elif kind == b"XMP ":
            orientation = orientation or xmp_orientation(body)
        frames += kind == b"ANMF"
        picture = kind in (b"VP8X", b"ANIM", b"ALPH", b"VP8 ", b"VP8L") or kind == b"ANMF"
        if picture and frames <= 1:
            kept.append(chunk)
    if not size[0]:
        raise ValueError("no picture")
    content = b"WEBP" + b"".join(kept)
    return Layout(
        data=b"RIFF" + struct.pack("<I", len(content)) + content,
        words="a WebP",
        size=size,
        pixel_bytes=4,
        orientation=orientation or 1,
        several=frames > 1,
        decoder_bytes=_WEBP_CANVASES * size[0] * size[1],
    )


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield (kind, content, whole chunk) of a RIFF file; the last may be cut short."""
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + (length & 1)
        yield kind, data[at + 8 : at + 8 + length], data[at:end]
        at = end
    raise OverfullError("chunks")


def _webp_frame(kind: bytes, body: bytes) -> tuple[int, int]:
    """Return (width, height) that a lossy or lossless bitstream states."""
    if kind == b"VP8L" and len(body) >= 5:
        (bits,) = struct.unpack_from("<I", body, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError("cut short")


def bmp_layout(data: bytes) -> Layout:
    """Return the layout of a BMP; ValueError if its header is cut short."""
    (header,) = struct.unpack_from("<I", data, 14) if len(data) >= 30 else (0,)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        packing = 0
    elif header >= 40 and len(data) >= 34:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", data, 18)
        width, height = abs(width), abs(height)
    else:
        raise ValueError("no header")
    run_lengths = packing in (1, 2)
    pixels = width * height
    # PIL unpacks run lengths in Python, and one jump may overshoot by 255 rows.
    return Layout(
        data=data,
        words="a BMP with run lengths" if run_lengths else "a BMP",
        size=(width, height),
        pixel_bytes=1 if bits <= 8 else 4,
        decoder_bytes=2 * (pixels + 256 * width) if run_lengths else 8 * width,
        steps=len(data) + pixels // 2 if run_lengths else 0,
    )
