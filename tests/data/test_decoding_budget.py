"""Files made to cost memory or time are refused by rule; what is read is the same as ever."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from attack_zoo import (
    REFUSED,
    commented_gif,
    flat_gif,
    flat_png,
    greedy_exif,
    many_scans,
    segment,
    shared_tags,
    text_chunks,
    turned,
    with_segments,
)
from image_zoo import encode, gradient, refusal
from PIL import Image

from tinydrop.core.errors import PictureError
from tinydrop.data.decoding import MAX_DECODE_BYTES
from tinydrop.data.decoding.budget import MAX_RESULT_PIXELS, Layout, choose_scale
from tinydrop.data.decoding.convert import convert
from tinydrop.data.decoding.jpeg import jpeg_layout
from tinydrop.data.decoding.tiff import tiff_layout
from tinydrop.data.view import open_picture


@pytest.mark.parametrize("attack", REFUSED)
def test_what_would_cost_too_much_is_refused_in_words(
    attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, words = REFUSED[attack]
    data = make()
    assert len(data) < 21_000_000

    def decoded(*_: object, **__: object) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    text = refusal(data, "attack.bin")
    assert text.startswith("'attack.bin' ")
    assert words in text


def test_metadata_is_never_handed_to_a_decoder() -> None:
    """Each of these made PIL copy a long run of bytes once per entry, or text by the megabyte."""
    photo = gradient(64, 48)
    plain = encode(photo, "JPEG")
    exif = segment(0xE1, b"Exif\0\0" + greedy_exif(65_000))
    assert open_picture(with_segments(plain, exif)).digest == open_picture(plain).digest
    layout = jpeg_layout(with_segments(plain, exif * 5))
    assert len(layout.data) == len(plain)
    assert open_picture(flat_png(9, 9, 8, 2, text_chunks(9))).size == (9, 9)
    directory = tiff_layout(shared_tags()).data[-(2 + 9 * 12 + 4) :]
    assert struct.unpack_from("<H", directory) == (9,)  # of 3009 entries
    picture = open_picture(shared_tags())
    assert picture.size == (8, 8)
    comment = open_picture(commented_gif(3_000_000))
    assert comment.digest == open_picture(encode(gradient(), "GIF")).digest


def test_the_coefficients_of_every_scan_are_counted() -> None:
    """Blocks of 8x8 by hand: 4:2:0 of 100x60 has 14x8 and twice 7x4 of them."""
    photo = Image.new("RGB", (100, 60), "teal")
    baseline = jpeg_layout(encode(photo, "JPEG", subsampling=2))
    progressive = jpeg_layout(encode(photo, "JPEG", subsampling=2, progressive=True))
    blocks = 14 * 8 + 2 * 7 * 4
    assert (baseline.words, baseline.steps) == ("a JPEG", 0)
    assert progressive.decoder_bytes - baseline.decoder_bytes == 128 * blocks
    assert progressive.words == "a progressive JPEG with 10 scans"
    full = jpeg_layout(encode(photo, "JPEG", subsampling=0, progressive=True))
    assert full.decoder_bytes - baseline.decoder_bytes == 128 * 13 * 8 * 3
    grey = jpeg_layout(many_scans(64, 7))
    ordinary = jpeg_layout(many_scans(64, 1))
    assert grey.steps - ordinary.steps == 6 * 64
    assert grey.pixel_bytes == 1


WRITTEN = {
    "JPEG": ("RGB", "L", "1", "CMYK"),
    "PNG": ("RGB", "L", "1", "P", "RGBA", "LA", "I;16"),
    "WEBP": ("RGB", "L", "P", "RGBA"),
    "GIF": ("RGB", "L", "1", "P", "RGBA"),
    "BMP": ("RGB", "L", "1", "P", "RGBA"),
    "TIFF": ("RGB", "L", "1", "P", "CMYK", "RGBA", "LA", "I;16", "F"),
}


@pytest.mark.parametrize(("kind", "mode"), [(k, mode) for k in WRITTEN for mode in WRITTEN[k]])
def test_rewritten_files_hold_the_same_pixels(kind: str, mode: str) -> None:
    """What the decoder gets is another file; PIL's reading of the whole file is the oracle."""
    photo = gradient(203, 117)
    if mode == "I;16":
        photo = Image.fromarray(np.arange(203 * 117, dtype=np.uint16).reshape(117, 203) * 2)
    elif mode == "F":
        photo = Image.fromarray(np.linspace(0, 1, 203 * 117, dtype=np.float32).reshape(117, 203))
    else:
        photo = photo.quantize(50) if mode == "P" else photo.convert(mode)
    data = encode(photo, kind, **({"lossless": True} if kind == "WEBP" else {}))
    if photo.mode != "I;16" and photo.mode != "F":
        with Image.open(io.BytesIO(data)) as whole:
            expected = np.asarray(whole.convert("RGB"))
        assert np.array_equal(np.asarray(open_picture(data).image), expected)
    else:
        assert open_picture(data).size == photo.size


@pytest.mark.parametrize(
    "compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd"]
)
@pytest.mark.parametrize("big", [False, True])
def test_tiffs_of_every_compression_are_read(compression: str, big: bool) -> None:
    photo = Image.effect_noise((300, 200), 40).convert("RGB")
    exif = turned(6)
    data = encode(photo, "TIFF", compression=compression, big_tiff=big, exif=exif, tiffinfo=exif)
    with Image.open(io.BytesIO(data)) as whole:
        expected = np.asarray(whole.convert("RGB"))  # PIL turns a TIFF when it is loaded
    assert np.array_equal(np.asarray(open_picture(data).image), expected)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "F", "I", "I;16"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_block_by_block_is_the_same_as_at_once(mode: str, orientation: int, scale: int) -> None:
    rng = np.random.default_rng(7)
    size = (1701, 903)
    if mode in ("F", "I", "I;16"):
        kind = {"F": "f4", "I": "i4", "I;16": "u2"}[mode]
        photo = Image.fromarray(rng.integers(0, 60_000, size[::-1]).astype(kind))
        grey = np.rint(np.asarray(photo) * np.float32(255 / 65535)).astype(np.uint8)
        whole = Image.fromarray(grey).convert("RGB")
    else:
        photo = Image.fromarray(rng.integers(0, 256, (*size[::-1], 4), dtype=np.uint8))
        photo = photo if mode == "RGBA" else photo.convert("RGB").convert(mode)
        layered = photo.convert("RGBA")
        white = Image.new("RGBA", size, "white")
        whole = Image.alpha_composite(white, layered).convert("RGB")
    whole = whole.reduce(scale) if scale > 1 else whole
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_270}
    whole = whole.transpose(turns[orientation]) if orientation in turns else whole
    result, _ = convert(photo, orientation, "noise", scale)
    assert result.size == whole.size
    assert np.array_equal(np.asarray(result), np.asarray(whole))
    assert result is not photo


def test_a_large_picture_is_read_smaller_and_says_so() -> None:
    picture = open_picture(encode(Image.new("L", (6001, 5000), 77), "PNG"))
    assert picture.size == (3001, 2500)
    assert picture.image.getpixel((9, 9)) == (77, 77, 77)
    assert picture.notes == ("The picture of 6001 x 5000 pixels was read at 1/2 of its size.",)


def test_the_smallest_scale_that_fits_is_taken() -> None:
    def scale(width: int, height: int, **more: object) -> int:
        return choose_scale(Layout(b"", "a PNG", (width, height), 4, **more), "x")

    assert scale(4000, 3000) == 1
    side = int(MAX_RESULT_PIXELS**0.5)
    assert scale(side, side, plain=True) == 1
    assert scale(side + 1, side + 1, plain=True) == 2
    assert scale(14_000, 14_000, drafts=True, plain=True) == 4
    most = MAX_DECODE_BYTES - 16 * 12_000_000 - 24_000_000 + 8 * 12_000_000
    assert scale(4000, 3000, decoder_bytes=most) == 1
    assert scale(4000, 3000, decoder_bytes=most + 1) == 2
    with pytest.raises(PictureError, match=r"needs 2,0[0-9]{2} MB to decode, more than the 280 MB"):
        scale(4000, 3000, decoder_bytes=2_000_000_000)


def test_a_gif_of_many_pictures_gives_its_first_whatever_follows() -> None:
    frames = [Image.new("P", (30, 20), n) for n in range(3)]
    for frame in frames:
        frame.putpalette(list(range(9)))
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    picture = open_picture(data)
    assert picture.image.getpixel((3, 3)) == (0, 1, 2)
    assert picture.notes == ("The file holds several pictures; only the first one is used.",)
    cut = data[: len(data) - 9]  # the last picture is damaged
    assert open_picture(cut).digest == picture.digest


def test_padding_and_strange_segments_do_not_cost_the_picture() -> None:
    plain = encode(gradient(), "JPEG")
    strange = with_segments(plain, b"\xff" * 9 + segment(0xFE, b"note") + segment(0xE2, b"MPF\0"))
    assert open_picture(strange).digest == open_picture(plain).digest
    assert open_picture(plain + b"\0" * 99 + plain).digest == open_picture(plain).digest


def test_a_jpeg_is_turned_by_xmp_where_exif_says_nothing() -> None:
    plain = encode(gradient(40, 30), "JPEG")
    packet = b'http://ns.adobe.com/xap/1.0/\x00<x tiff:Orientation="6"/>'
    assert open_picture(with_segments(plain, segment(0xE1, packet))).size == (30, 40)
    both = segment(0xE1, packet) + segment(0xE1, b"Exif\0\0" + turned(3).tobytes()[6:])
    assert open_picture(with_segments(plain, both)).size == (40, 30)


def test_small_frames_lie_on_the_canvas_of_their_gif() -> None:
    data = flat_gif(80, 70, (64, 64))
    assert open_picture(data).size == (80, 70)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_damaged_files_give_a_picture_or_a_sentence(kind: str) -> None:
    """Bytes flipped at random: never a traceback, whatever the structure says then."""
    rng = np.random.default_rng(11)
    whole = encode(gradient(48, 36), kind)
    said: list[str] = []
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, min(len(data), 400), 3):
            data[at] = rng.integers(0, 256)
        if bytes(data[:4]) != whole[:4]:
            data[:12] = whole[:12]
        try:
            open_picture(bytes(data))
        except PictureError as error:
            said.append(str(error))
    assert said
    assert not [text for text in said if "\n" in text]


def test_orientation_of_either_byte_order_is_read() -> None:
    from tinydrop.data.decoding.exif import exif_orientation

    for order, mark in (("<", b"II*\x00"), (">", b"MM\x00*")):
        entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 8, 0)
        block = mark + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
        assert exif_orientation(b"Exif\0\0" + block) == 8
        assert exif_orientation(block[:15]) is None
        assert exif_orientation(block.replace(entry, entry[:8] + b"\xff\xff\0\0")) is None
