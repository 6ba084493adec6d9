"""Opening pictures of every kind, and every refusal's sentence."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from image_zoo import SPEC, blank_png, encode, gradient, refusal
from PIL import Image

from tinydrop.data.decoding import MAX_FILE_BYTES
from tinydrop.data.view import InputSpec, View, open_picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_accepted_kind_opens(kind: str) -> None:
    lossless = {"lossless": True} if kind == "WEBP" else {}
    picture = open_picture(encode(gradient(), kind, **lossless), "photo")
    assert (picture.image.mode, picture.size, picture.notes) == ("RGB", (40, 30), ())
    if kind in ("PNG", "WEBP", "BMP", "TIFF"):
        assert picture.digest == open_picture(gradient()).digest


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello, I am a text", "is not a picture that can be read"),
        (b"\x00" * 100, "is not a picture that can be read"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "is a HEIC picture"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "is a HEIC picture"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1", "is an AVIF picture"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp41", "is a video"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><svg/>', "is an SVG drawing"),
        (b"<!DOCTYPE html><html><body><svg/></body></html>", "is an SVG drawing"),
        (b"<html><body>404</body></html>", "is a web page"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"PK\x03\x04....", "is a ZIP archive"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "is a JPEG 2000 picture"),
        (b"\xff\x0a..", "is a JPEG XL picture"),
        (b"\x89PNG\r\n\x1a\n", "starts like a PNG picture but is damaged"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "starts like a WebP picture but is damaged"),
        (b"\xff\xd8\xff\xe0", "starts like a JPEG picture but is damaged"),
        (b"BM", "starts like a BMP picture but is damaged"),
    ],
)
def test_other_bytes_are_refused_by_what_they_are(data: bytes, words: str) -> None:
    assert refusal(data, "upload.jpg").startswith(f"'upload.jpg' {words}")


def test_heic_says_to_export_as_jpeg() -> None:
    text = refusal(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "IMG_1.HEIC")
    assert text == (
        "'IMG_1.HEIC' is a HEIC picture, but a JPEG, PNG, WebP, GIF, BMP or TIFF picture is "
        "needed; export it as JPEG."
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused(kind: str, share: float) -> None:
    noise = Image.effect_noise((64, 64), 80).convert("RGB")
    data = encode(noise, kind)
    assert "is damaged or cut short" in refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        (20000, 20000, "'bomb.png' is 20000 x 20000 pixels, more than the 200 megapixels"),
        (13000, 13000, "'bomb.png' is 13000 x 13000 pixels, more than the 40 megapixels"),
        (10000, 9000, "'bomb.png' is 10000 x 9000 pixels, more than the 40 megapixels"),
    ],
)
def test_huge_pngs_are_refused_from_the_header(width: int, height: int, words: str) -> None:
    data = blank_png(width, height)
    assert len(data) < 60_000
    start = time.perf_counter()
    text = refusal(data, "bomb.png")
    assert time.perf_counter() - start < 1.0
    assert text.startswith(words)


def test_a_huge_png_costs_no_memory(tmp_path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(blank_png(20000, 20000))
    script = (
        "import resource, sys\n"
        "from tinydrop.core.errors import PictureError\n"
        "from tinydrop.data.view import open_picture\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    open_picture(sys.argv[1])\n"
        "except PictureError:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 8 * 1024  # kB; decoding it would take 50 MB at one bit per pixel
    assert done.stderr == ""


def test_a_large_jpeg_is_read_smaller_and_says_so() -> None:
    picture = open_picture(encode(Image.new("RGB", (9000, 5001), (200, 30, 60)), "JPEG"))
    assert picture.size == (4500, 2501)
    assert picture.notes == ("The picture of 9000 x 5001 pixels was read at 1/2 of its size.",)


def test_a_jpeg_over_200_megapixels_is_refused_from_its_header() -> None:
    data = bytearray(encode(Image.new("RGB", (16, 16)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 20000, 20000)
    assert "is 20000 x 20000 pixels, more than the 200 megapixels" in refusal(bytes(data))


def test_too_many_bytes_are_refused(tmp_path) -> None:
    assert "has 50.0 MB, more than the 50 MB" in refusal(b"\xff\xd8\xff" + bytes(MAX_FILE_BYTES))
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(3 * MAX_FILE_BYTES)
    assert refusal(path).startswith("'huge.jpg' has 150.0 MB")


def test_animated_pictures_give_the_first_frame() -> None:
    first, second = Image.new("RGB", (20, 20), (255, 0, 0)), Image.new("RGB", (20, 20), (0, 0, 255))
    for kind, options in (("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        data = encode(first, kind, save_all=True, append_images=[second], **options)
        picture = open_picture(data)
        assert picture.image.getpixel((5, 5)) == (255, 0, 0), kind
        assert picture.notes == ("The file holds several pictures; only the first one is used.",)


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32768, 65535]] * 20, dtype=np.uint16).repeat(5, axis=1)
    for kind in ("PNG", "TIFF"):
        picture = open_picture(encode(Image.fromarray(values), kind))
        seen = np.asarray(picture.image)[0, ::5]
        assert seen.tolist() == [[level] * 3 for level in (0, 1, 128, 255)]
        assert picture.notes == ("Grey values of more than 8 bits were scaled to 8 bits.",)
    clipped = np.asarray(Image.fromarray(values.astype(np.int32)).convert("L"))[0, ::5]
    assert clipped.tolist() != [0, 1, 128, 255]  # what PIL's own conversion would give


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiff_of_either_byte_order(order: str) -> None:
    values = np.full((20, 20), 0x9234, dtype=order)  # 16 bits are used
    picture = open_picture(encode(Image.fromarray(values), "TIFF"))
    assert picture.image.getpixel((3, 3)) == (round(0x9234 / 257),) * 3


def test_floats_of_zero_to_one_are_scaled_and_other_ranges_stretched() -> None:
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    unit = np.asarray(open_picture(encode(Image.fromarray(ramp), "TIFF")).image)[..., 0]
    assert np.array_equal(unit, np.rint(ramp * 255))
    wide = open_picture(encode(Image.fromarray(ramp * 8 - 3), "TIFF"))
    assert np.array_equal(np.asarray(wide.image)[..., 0], unit)
    assert wide.notes == ("Grey values from -3 to 5 were stretched to 8 bits.",)
    hole = ramp.copy()
    hole[0, 0] = np.nan
    assert open_picture(encode(Image.fromarray(hole), "TIFF")).image.getpixel((0, 0)) == (0, 0, 0)


def test_transparency_is_laid_on_white() -> None:
    note = ("Transparent parts were laid on white.",)
    half = Image.new("RGBA", (20, 20), (255, 0, 0, 128))
    picture = open_picture(encode(half, "PNG"))
    assert picture.image.getpixel((0, 0)) == (255, 127, 127)
    assert picture.notes == note
    palette = Image.new("P", (20, 20), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.paste(1, (0, 0, 10, 20))
    for transparency in (0, b"\x00\xff"):
        picture = open_picture(encode(palette, "PNG", transparency=transparency))
        assert picture.image.getpixel((15, 5)) == (255, 255, 255)
        assert picture.image.getpixel((5, 5)) == (40, 50, 60)
        assert picture.notes == note
    grey = open_picture(encode(Image.new("LA", (20, 20), (0, 0)), "PNG"))
    assert grey.image.getpixel((0, 0)) == (255, 255, 255)


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    opaque = gradient()
    opaque.putalpha(255)
    picture = open_picture(encode(opaque, "PNG"))
    assert picture.notes == ()
    assert picture.digest == open_picture(gradient()).digest


def test_cmyk_grey_and_bitmap_become_rgb() -> None:
    cmyk = open_picture(encode(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"))
    assert cmyk.notes == ("CMYK colours were converted to RGB.",)
    red, green, blue = cmyk.image.getpixel((9, 9))
    assert red > 240
    assert max(green, blue) < 15
    grey = open_picture(encode(Image.new("L", (20, 20), 77), "PNG"))
    assert grey.image.getpixel((0, 0)) == (77, 77, 77)
    bitmap = open_picture(encode(Image.new("1", (20, 20), 1), "PNG"))
    assert bitmap.image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied_once(orientation: int, kind: str) -> None:
    stored = gradient(48, 32)
    stored.paste((255, 255, 255), (0, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    # The stored top left corner belongs here, by the EXIF table (tag 274): row, column.
    corner = ["tl", "tr", "br", "bl", "tl", "tr", "br", "bl"][orientation - 1]
    picture = open_picture(encode(stored, kind, exif=exif))
    assert picture.size == ((48, 32) if orientation <= 4 else (32, 48))
    width, height = picture.size
    x = 8 if corner[1] == "l" else width - 8
    y = 8 if corner[0] == "t" else height - 8
    assert min(picture.image.getpixel((x, y))) > 200
    lazy = open_picture(Image.open(io.BytesIO(encode(stored, kind, exif=exif))))
    assert lazy.digest == picture.digest


def test_damaged_metadata_does_not_cost_the_picture() -> None:
    data = encode(gradient(), "WEBP", lossless=True, exif=b"Exif\x00\x00no TIFF header here")
    assert open_picture(data).digest == open_picture(gradient()).digest


def test_a_picture_does_not_follow_its_source() -> None:
    source = gradient()
    picture = open_picture(source, "copy")
    digest = picture.digest
    source.paste((0, 0, 0), (0, 0, 40, 30))
    assert open_picture(picture.image).digest == digest


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (1, 100_000), (2, 3)])
def test_one_pixel_wide_pictures_run(size: tuple[int, int]) -> None:
    picture = open_picture(encode(Image.new("RGB", size, (10, 200, 30)), "PNG"))
    assert picture.notes[-1].startswith(f"The picture is only {size[0]} x {size[1]} pixels")
    for mode in ("center", "squash", "border"):
        spec = InputSpec((224, 224), SPEC.mean, SPEC.std, "bicubic", 0.9, mode)
        view = View(picture.size, spec)
        for seen in (view.pixels(picture, spec), view.pixels(picture, SPEC)):
            assert np.isfinite(seen).all()
            half = seen.shape[1] // 2  # padding may put the one column just beside the middle
            middle = seen[:, half - 2 : half + 2, half - 2 : half + 2].reshape(3, -1).T
            colour = (np.array([10, 200, 30]) / 255 - 0.5) / 0.25
            assert np.abs(middle - colour).max(axis=1).min() < 1e-5
        assert max(view.crop(picture, 64).size) <= 64
