"""Files made to cost memory or time when they are decoded: few bytes, much work.

``REFUSED`` are refused by rule; their pixel data need not be real. ``COSTLY`` are real files at or
near what is accepted, for the benchmark: they must stay cheap, whether they are read or refused.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping

import numpy as np
from image_zoo import blank_png, encode, gradient
from PIL import Image

__all__ = ["COSTLY", "REFUSED", "chunk", "resized_jpeg", "tagged_tiff"]


def resized_jpeg(width: int, height: int, **options: object) -> bytes:
    """A JPEG whose frame header states another size than its data holds."""
    mode = options.pop("mode", "RGB")
    data = bytearray(encode(Image.effect_noise((64, 64), 50).convert(mode), "JPEG", **options))
    at = next(i for i in (data.find(b"\xff\xc2"), data.find(b"\xff\xc0")) if i > 0) + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def many_scans(side: int, scans: int, *, grey: bool = True) -> bytes:
    """A progressive JPEG that repeats its last refinement scan."""
    picture = Image.new("L" if grey else "RGB", (side, side), 90)
    data = encode(picture, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(width: int, height: int, depth: int, colour: int, *extra: bytes) -> bytes:
    """A PNG of zeros, with further chunks before its pixels."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer = zlib.compressobj(9)
    row = bytes(1 + (width * samples * depth + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


def text_chunks(count: int) -> bytes:
    """Compressed texts of a megabyte each, in which one character makes every one take 4 bytes."""
    text = zlib.compress(("\U0001f600" + "a" * 1_000_000).encode())
    return b"".join(chunk(b"iTXt", b"k%d\x00\x01\x00\x00\x00" % n + text) for n in range(count))


def greedy_exif(size: int) -> bytes:
    """An EXIF block whose every entry points at the same long run of bytes."""
    entries = size // 24
    body = b"".join(
        struct.pack("<HHII", 0x8000 + n % 0x7000, 7, size - entries * 12 - 20, entries * 12 + 14)
        for n in range(entries)
    )
    block = b"II*\x00" + struct.pack("<IH", 8, entries) + body + bytes(4)
    return block + bytes(size - len(block))


def with_segments(data: bytes, segments: bytes) -> bytes:
    """A JPEG with further segments at its start."""
    return data[:2] + segments + data[2:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def tagged_tiff(
    width: int, height: int, tags: Mapping[int, tuple[int, tuple[int, ...]]], body: bytes = b""
) -> bytes:
    """A little-endian TIFF of the given tags, tag -> (3 short or 4 long, values)."""
    every = {256: (4, (width,)), 257: (4, (height,))} | dict(tags)
    out = io.BytesIO()
    out.write(b"II*\x00" + bytes(4) + body)
    entries = b""
    for tag, (kind, values) in sorted(every.items()):
        packed = struct.pack(f"<{len(values)}{'H' if kind == 3 else 'I'}", *values)
        if len(packed) > 4:
            place = out.tell()
            out.write(packed)
            packed = struct.pack("<I", place)
        entries += struct.pack("<HHI4s", tag, kind, len(values), packed)
    start = out.tell()
    out.write(struct.pack("<H", len(every)) + entries + bytes(4))
    out.seek(4)
    out.write(struct.pack("<I", start))
    return out.getvalue()


def flat_tiff(width: int, height: int, bits: tuple[int, ...], form: int = 1, **more: int) -> bytes:
    """A deflated TIFF of zeros in one strip or one tile."""
    packer = zlib.compressobj(9)
    row = bytes(width * sum(bits) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    tags: dict[int, tuple[int, tuple[int, ...]]] = {
        258: (3, bits),
        259: (3, (8,)),
        262: (3, (2 if len(bits) > 1 else 1,)),
        277: (3, (len(bits),)),
        339: (3, (form,) * len(bits)),
    }
    place = (4, (8,)), (4, (len(body),))
    if "tile" in more:
        size = (4, (more["tile"],))
        tags |= {322: size, 323: size, 324: place[0], 325: place[1]}
    else:
        tags |= {273: place[0], 278: (4, (more.get("rows", height),)), 279: place[1]}
    return tagged_tiff(more.get("shown", width), more.get("shown", height), tags, body)


def shared_tags() -> bytes:
    """A TIFF of 8x8 pixels with 3000 further tags, all of the same megabyte."""
    own = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 8, 279: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in own.items())
    entries += b"".join(struct.pack("<HHII", 40_000 + n, 7, 1_000_000, 8) for n in range(3_000))
    body = bytes(1_000_000)
    start = struct.pack("<I", 8 + len(body))
    return b"II*\x00" + start + body + struct.pack("<H", 3_009) + entries + bytes(4)


def flat_gif(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    data = bytearray(encode(Image.new("P", (64, 64)), "GIF"))
    at = data.index(b",", 13)
    data[6:10] = struct.pack("<HH", width, height)
    data[at + 5 : at + 9] = struct.pack("<HH", *(frame or (width, height)))
    return bytes(data)


def commented_gif(size: int) -> bytes:
    """A GIF with a comment of many small blocks before its picture."""
    data = encode(gradient(), "GIF")
    at = data.index(b",", 13 + 768)
    block = b"\xff" + b"c" * 255
    return data[:at] + b"!\xfe" + block * (size // 256) + b"\x00" + data[at:]


def run_length_bmp(width: int, height: int, body: bytes) -> bytes:
    palette = bytes(1024)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + palette + body


def webp_canvas(width: int, height: int, *, animated: bool) -> bytes:
    """A small picture or two on a huge canvas."""
    frames = [gradient(64, 64), Image.new("RGB", (64, 64), "red")]
    options = (
        {"save_all": True, "append_images": frames[1:]}
        if animated
        else {"exif": turned(1).tobytes()}
    )
    data = bytearray(encode(frames[0], "WEBP", **options))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def apng(width: int, height: int) -> bytes:
    frames = [Image.new("RGBA", (width, height), (n, 0, 0, 9)) for n in (1, 2)]
    return encode(frames[0], "PNG", save_all=True, append_images=frames[1:])


REFUSED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "progressive 14000x14000": (
        lambda: resized_jpeg(14000, 14000, progressive=True),
        "is a progressive JPEG with 10 scans of 14000 x 14000 pixels that needs",
    ),
    "progressive 7000x7000 in CMYK": (
        lambda: resized_jpeg(7000, 7000, progressive=True, mode="CMYK"),
        "is a progressive JPEG with",
    ),
    "a thousand scans": (lambda: many_scans(2048, 1000), "takes too long to decode"),
    "PNG of 16-bit colour in one row": (
        lambda: flat_png(39_000_000, 1, 16, 6),
        "is a PNG of 39000000 x 1 pixels that needs",
    ),
    "PNG of 50 megapixels": (lambda: blank_png(10_000, 5_000), "more than the 40 megapixels"),
    "GIF with a frame larger than its canvas": (
        lambda: flat_gif(10, 10, (60_000, 60_000)),
        "is 60000 x 60000 pixels",
    ),
    "GIF with a giant canvas": (lambda: flat_gif(60_000, 60_000, (9, 9)), "is 60000 x 60000"),
    "WebP with a giant canvas": (
        lambda: webp_canvas(16_000, 12_000, animated=True),
        "is 16000 x 12000 pixels, more than the 40 megapixels",
    ),
    "WebP of 36 megapixels": (
        lambda: webp_canvas(6_000, 6_000, animated=False),
        "is a WebP of 6000 x 6000 pixels that needs",
    ),
    "TIFF of 39 megapixels of floats in one strip": (
        lambda: flat_tiff(6_500, 6_000, (32,), 3),
        "is a TIFF of 6500 x 6000 pixels that needs",
    ),
    "TIFF with a tile far larger than its picture": (
        lambda: flat_tiff(16_000, 16_000, (8, 8, 8), tile=16_000, shown=64),
        "is a TIFF of 64 x 64 pixels that needs",
    ),
    "TIFF with ten million values for one tag": (
        lambda: tagged_tiff(64, 64, {258: (3, (8,) * 10_000_000), 273: (4, (8,))}),
        "is a TIFF file with more values in one entry than a picture needs",
    ),
    "BMP of run lengths, one pixel each": (
        lambda: run_length_bmp(6_000, 6_000, b"\x01\x07" * 2_000_000),
        "is a BMP with run lengths of 6000 x 6000 pixels that takes too long",
    ),
    "BMP of run lengths that jumps": (
        lambda: run_length_bmp(3_900_000, 1, b"\x00\x02\xff\xff" * 9),
        "is a BMP with run lengths of 3900000 x 1 pixels that needs",
    ),
    "JPEG with a hundred thousand tables": (
        lambda: with_segments(encode(gradient(), "JPEG"), segment(0xDD, b"\0\0") * 100_000),
        "is a JPEG file with more tables than a picture needs",
    ),
    "PNG with a hundred thousand chunks": (
        lambda: flat_png(9, 9, 8, 2, chunk(b"abCd", b"") * 100_000),
        "is a PNG file with more chunks than a picture needs",
    ),
}
"""What it is -> (its bytes, words of its refusal)."""

JPEG = lambda: encode(gradient(400, 300), "JPEG")  # noqa: E731

COSTLY: Mapping[str, Callable[[], bytes]] = {
    "progressive JPEG, 14000x14000": lambda: encode(
        Image.new("RGB", (14_000, 14_000), (9, 99, 199)), "JPEG", progressive=True
    ),
    "progressive JPEG, 48 MP": lambda: encode(
        Image.effect_noise((8_000, 6_000), 60).convert("RGB"), "JPEG", progressive=True
    ),
    "progressive JPEG, 24 MP, 4:4:4": lambda: encode(
        Image.effect_noise((6_000, 4_000), 60).convert("RGB"),
        "JPEG",
        progressive=True,
        subsampling=0,
        quality=90,
    ),
    "progressive JPEG, CMYK, 16 MP": lambda: encode(
        Image.effect_noise((4_000, 4_000), 60).convert("CMYK"), "JPEG", progressive=True
    ),
    "progressive JPEG, 300 scans": lambda: many_scans(2048, 300),
    "progressive JPEG, 900 scans": lambda: many_scans(1024, 900),
    "JPEG, 190 MP": lambda: encode(Image.new("RGB", (14_000, 13_600), (9, 99, 199)), "JPEG"),
    "JPEG, 50 MP of noise": lambda: encode(
        Image.effect_noise((8_000, 6_250), 90).convert("RGB"), "JPEG", quality=95
    ),
    "JPEG, 25 MP": lambda: encode(
        Image.effect_noise((5_000, 4_990), 40).convert("RGB"), "JPEG", exif=turned(6)
    ),
    "JPEG, greedy EXIF": lambda: with_segments(
        JPEG(), segment(0xE1, b"Exif\0\0" + greedy_exif(65_000))
    ),
    "JPEG, 700 EXIF segments": lambda: with_segments(
        JPEG(), segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 700
    ),
    "JPEG, 45 MB of padding": lambda: with_segments(JPEG(), b"\xff" * 45_000_000),
    "PNG, 16-bit colour and alpha, 39 MP": lambda: flat_png(6_500, 6_000, 16, 6),
    "PNG, palette with transparency, 39 MP": lambda: flat_png(
        6_500, 6_000, 8, 3, chunk(b"PLTE", bytes(768)), chunk(b"tRNS", bytes(256))
    ),
    "PNG, 16-bit grey, 39 MP": lambda: flat_png(6_500, 6_000, 16, 0),
    "PNG, grey, one row": lambda: flat_png(39_000_000, 1, 8, 0),
    "PNG, greedy EXIF": lambda: flat_png(64, 64, 8, 2, chunk(b"eXIf", greedy_exif(900_000))),
    "PNG, 64 texts of a megabyte": lambda: flat_png(64, 64, 8, 2, text_chunks(60)),
    "PNG, animated, 9 MP": lambda: apng(3_000, 3_000),
    "GIF, 45 MB of comment": lambda: commented_gif(45_000_000),
    "GIF, 39 MP": lambda: encode(
        Image.effect_noise((6_500, 6_000), 60).quantize(4), "GIF", transparency=0
    ),
    "WebP, lossless, 12 MP": lambda: encode(
        Image.effect_noise((4_000, 3_000), 60).convert("RGBA"), "WEBP", lossless=True, method=0
    ),
    "WebP, lossy, 12 MP": lambda: encode(
        Image.effect_noise((4_000, 3_000), 60).convert("RGB"), "WEBP", method=0
    ),
    "TIFF, 39 MP of floats, one strip": lambda: flat_tiff(6_500, 6_000, (32,), 3),
    "TIFF, 39 MP of floats, short strips": lambda: encode(
        Image.new("F", (6_500, 6_000), 1.5), "TIFF", compression="tiff_adobe_deflate"
    ),
    "TIFF, 39 MP of colours, raw strips": lambda: encode(
        Image.new("RGB", (4_000, 4_000), "teal"), "TIFF"
    ),
    "TIFF, JPEG inside, 39 MP": lambda: encode(
        Image.effect_noise((6_500, 6_000), 20).convert("RGB"), "TIFF", compression="jpeg"
    ),
    "TIFF, LZMA, 39 MP": lambda: encode(
        Image.new("RGB", (6_500, 6_000), "teal"), "TIFF", compression="lzma"
    ),
    "TIFF, 3000 tags that share a megabyte": shared_tags,
    "BMP, run lengths, 4 MP": lambda: run_length_bmp(
        2_000, 1_980, (b"\x08\x07" * 250 + bytes(2)) * 1_980
    ),
    "BMP, 15 MP": lambda: encode(Image.new("RGB", (4_000, 3_900), "teal"), "BMP"),
}
"""What it is -> its bytes."""


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def noise_floats(side: int) -> Image.Image:
    """Floats that are not 0 to 1."""
    return Image.fromarray(np.random.default_rng(0).normal(size=(side, side)).astype(np.float32))
