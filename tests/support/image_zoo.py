"""Small pictures and the refusals that the tests of pictures share."""

from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tinydrop.core.errors import PictureError
from tinydrop.data.view import InputSpec, open_picture

SPEC = InputSpec((64, 64), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "bicubic", 1.0, "center")


def gradient(width: int = 40, height: int = 30) -> Image.Image:
    rows, cols = np.mgrid[0:height, 0:width]
    pixels = np.stack([cols * 255 // max(width - 1, 1), rows * 255 // max(height - 1, 1), 0 * rows])
    return Image.fromarray(pixels.transpose(1, 2, 0).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def blank_png(width: int, height: int) -> bytes:
    """A one-bit PNG of any size in a few kB, built by hand as an attacker would."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def refusal(source: object, name: str | None = None) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(source, name)
    text = str(caught.value)
    one_sentence = r"[^\n]+[^.\n]\."
    assert re.fullmatch(one_sentence, text), text
    assert not re.search(r"\. [A-Z]", text), f"more than one sentence: {text}"
    for leak in ("PIL.", "Traceback", "<_io", "cannot identify", "Error"):
        assert leak not in text
    return text
