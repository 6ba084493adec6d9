"""Grey and colour values of more than 8 bits: scaled by the range that they use, and said."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from attack_zoo import chunk, tagged_tiff
from image_zoo import encode
from PIL import Image

from tinydrop.data.view import open_picture

BITS = (8, 10, 12, 14, 16)


def ramp(most: int, kind: str) -> np.ndarray:
    values = np.linspace(0, most, 400).round().astype(kind)
    return values.reshape(20, 20)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize(("kind", "file"), [("u2", "PNG"), ("u2", "TIFF"), ("i4", "TIFF")])
@pytest.mark.parametrize("share", [1.0, 0.9])
def test_whole_numbers_are_scaled_by_the_bits_they_use(
    bits: int, kind: str, file: str, share: float
) -> None:
    top = 2**bits - 1
    values = ramp(int(top * share), kind)
    picture = open_picture(encode(Image.fromarray(values), file))
    seen = np.asarray(picture.image)
    assert np.array_equal(seen[..., 0], np.rint(values * (255 / top)))
    assert np.array_equal(seen[..., 0], seen[..., 2])
    (note,) = picture.notes
    if bits == 16:
        assert note == "Grey values of more than 8 bits were scaled to 8 bits."
    else:
        assert note == (
            f"Grey values from 0 to {int(top * share)} were scaled to 8 bits from the range 0 to "
            f"{top} that they use."
        )


def test_whole_numbers_of_other_ranges_are_stretched() -> None:
    values = np.array([[-50, 0], [0, 50]], dtype=np.int32).repeat(20, 0).repeat(20, 1)
    picture = open_picture(Image.fromarray(values))
    assert sorted(set(np.asarray(picture.image).reshape(-1).tolist())) == [0, 128, 255]
    assert picture.notes == ("Grey values from -50 to 50 were stretched to 8 bits.",)
    large = open_picture(Image.fromarray(np.int32([[0, 70_000]] * 20).repeat(20, 1)))
    assert np.asarray(large.image)[0, [0, -1], 0].tolist() == [0, 255]


@pytest.mark.parametrize("value", [0, 7])
def test_one_value_is_no_reason_to_fail(value: int) -> None:
    picture = open_picture(Image.fromarray(np.full((20, 20), value, np.int32)))
    assert picture.image.getpixel((3, 3)) == (value,) * 3


def colours(most: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.integers(0, most + 1, (32, 40, channels)).astype(np.uint16)
    values[0, 0] = most
    return values


def deep_png(values: np.ndarray) -> bytes:
    rows, cols, channels = values.shape
    head = struct.pack(">IIBBBBB", cols, rows, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    raw = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in values)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def deep_tiff(values: np.ndarray, packing: int) -> bytes:
    rows, cols, channels = values.shape
    body = values.astype("<u2").tobytes()
    body = zlib.compress(body) if packing == 8 else body
    tags = {
        258: (3, (16,) * channels),
        259: (3, (packing,)),
        262: (3, (2,)),
        273: (4, (8,)),
        277: (3, (channels,)),
        278: (4, (rows,)),
        279: (4, (len(body),)),
    }
    return tagged_tiff(cols, rows, tags, body)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("file", ["PNG", "raw TIFF", "deflated TIFF"])
def test_colours_of_sixteen_bits_are_scaled_by_the_bits_they_use(bits: int, file: str) -> None:
    top = 2**bits - 1
    values = colours(top)
    data = deep_png(values) if file == "PNG" else deep_tiff(values, 1 if "raw" in file else 8)
    picture = open_picture(data)
    seen = np.asarray(picture.image)
    if bits == 16:
        assert np.array_equal(seen, values >> 8)  # PIL's own reading
        assert picture.notes == ()
    else:
        assert np.array_equal(seen, np.rint(values * (255 / top)))
        assert picture.notes == (
            f"Colours of 16 bits were scaled to 8 bits from the range 0 to {top} that they use.",
        )


def test_alpha_of_sixteen_bits_stays_what_it_is() -> None:
    values = colours(4095, channels=4)
    values[..., 3] = 65535
    values[:16, :, 3] = 0
    seen = np.asarray(open_picture(deep_png(values)).image)
    assert (seen[:16] == 255).all()
    assert np.array_equal(seen[16:], np.rint(values[16:, :, :3] * (255 / 4095)))
