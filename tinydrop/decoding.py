"""Untrusted files and bytes to an upright 8-bit RGB picture; the only door to PIL's decoders.

The size in the header is checked before a single pixel is decoded. The decoder is chosen by the
first bytes from a short list and its class is called directly: ``PIL.Image.open`` would try more
formats and would warn or refuse by PIL's own process-wide limit, which is not ours to change.
"""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tinydrop.errors import PictureError

__all__ = [
    "EXPECTED_PICTURE",
    "MAX_FILE_BYTES",
    "MAX_HEADER_PIXELS",
    "MAX_PIXELS",
    "decode",
    "display_name",
    "file_kind",
    "read_file",
    "upright_rgb",
]

MAX_FILE_BYTES = 50_000_000
MAX_HEADER_PIXELS = 200_000_000
MAX_PIXELS = 40_000_000
EXPECTED_PICTURE = "a JPEG, PNG, WebP, GIF, BMP or TIFF picture"

Decoder = Callable[[io.BytesIO], ImageFile]

_DECODERS: tuple[tuple[bytes, str, Decoder], ...] = (
    (b"\xff\xd8\xff", "JPEG", JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", "PNG", PngImageFile),
    (b"GIF87a", "GIF", GifImageFile),
    (b"GIF89a", "GIF", GifImageFile),
    (b"BM", "BMP", BmpImageFile),
    (b"II*\x00", "TIFF", TiffImageFile),
    (b"MM\x00*", "TIFF", TiffImageFile),
    (b"II+\x00", "TIFF", TiffImageFile),
    (b"MM\x00+", "TIFF", TiffImageFile),
)
_AS_JPEG = "export the picture as JPEG or PNG"
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture", _AS_JPEG),
    (b"\xff\x0a", "a JPEG XL picture", _AS_JPEG),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture", _AS_JPEG),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture", _AS_JPEG),
    (b"8BPS", "a Photoshop document", _AS_JPEG),
    (b"\x00\x00\x01\x00", "an icon", _AS_JPEG),
    (b"%PDF", "a PDF document", "export the page as PNG"),
    (b"%!PS", "a PostScript document", "export the page as PNG"),
    (b"PK\x03\x04", "a ZIP archive", "unpack it and give one picture"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and give one picture"),
    (b"\x1aE\xdf\xa3", "a video", "save one frame as JPEG or PNG"),
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def display_name(name: str) -> str:
    """Return the base name, with unprintable characters replaced, at most 80 characters long."""
    base = re.split(r"[\\/]", name.rstrip("\\/"))[-1] or "picture"
    printable = "".join(char if char.isprintable() else "?" for char in base)
    return printable if len(printable) <= 80 else f"{printable[:40]}…{printable[-39:]}"


def read_file(source: str | Path, name: str) -> bytes:
    """Return the bytes of a regular file on this machine.

    Raises:
        PictureError: if it is a web address, missing, a folder or a device, over 50 MB, or
            cannot be read.
    """
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/|data:image", str(source)):
        raise PictureError(
            f"'{name}' is a web address, but only files on this machine are read; "
            f"download the picture and give its path."
        )
    path = Path(source)
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_FILE_BYTES:
            with path.open("rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError(
            f"There is no file '{name}' at the given path; check the path or give another picture."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise PictureError(
            f"'{name}' cannot be read; check its path and permissions or give another picture."
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(f"'{name}' is a folder; give {EXPECTED_PICTURE} from inside it.")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(f"'{name}' is a device or a pipe; give {EXPECTED_PICTURE}.")
    raise _too_heavy(name, status.st_size)


def decode(data: bytes, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in ``data`` as upright RGB, and sentences on what was changed.

    Args:
        data: the bytes of a file, from anyone.
        name: what the messages call it.

    Raises:
        PictureError: if the bytes are empty, too many, of another kind, damaged or too large.
    """
    if not data:
        raise PictureError(f"'{name}' is empty (0 bytes); give {EXPECTED_PICTURE}.")
    if len(data) > MAX_FILE_BYTES:
        raise _too_heavy(name, len(data))
    kind, decoder = _choose_decoder(data, name)
    try:
        return _decode(decoder, data, name)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(
            f"'{name}' needs more memory than this machine has free; give a smaller picture."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(name, "declares") from error
    except Exception as error:  # on hostile bytes PIL raises anything from struct.error to EOFError
        raise PictureError(
            f"'{name}' starts like a {kind} picture but is damaged or cut short; "
            f"copy or download it again, or export it anew as JPEG or PNG."
        ) from error


def _choose_decoder(data: bytes, name: str) -> tuple[str, Decoder]:
    """Return the format's name and its decoder; PictureError for any other kind of file."""
    for magic, kind, decoder in _DECODERS:
        if data.startswith(magic):
            return kind, decoder
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP", WebPImageFile
    kind, advice = _describe(data)
    raise PictureError(f"'{name}' is {kind}, but {EXPECTED_PICTURE} is needed; {advice}.")


def file_kind(head: bytes) -> tuple[str, bool]:
    """Return what a file is by its first 4,096 bytes, and whether it is a picture to be read."""
    try:
        return _choose_decoder(head, "")[0], True
    except PictureError:
        return _describe(head)[0], False


def _describe(data: bytes) -> tuple[str, str]:
    """Return what a file that is not accepted seems to be, and what to do about it."""
    for magic, kind, advice in _REFUSED:
        if data.startswith(magic):
            return kind, advice
    if data[4:8] == b"ftyp":
        brands = {data[8:12]} | {data[at : at + 4] for at in range(16, min(len(data), 64), 4)}
        if brands & {b"avif", b"avis"}:
            return "an AVIF picture", _AS_JPEG
        if brands & _HEIC_BRANDS or data[8:12] in (b"mif1", b"msf1"):
            return "a HEIC picture", "export it as JPEG"
        return "a video", "save one frame as JPEG or PNG"
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in start and start.startswith(b"<"):
        return "an SVG drawing and not a photograph", "export it as PNG"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page", "save the picture itself from the page"
    return "not a picture that can be read", "open it in a picture viewer and export it as JPEG"


def _decode(decoder: Decoder, data: bytes, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the first frame as upright RGB with notes; PIL's errors pass through."""
    notes = []
    with decoder(io.BytesIO(data)) as image:
        width, height = image.size
        if width * height > MAX_HEADER_PIXELS:
            raise _too_large(name, f"is {width} x {height} pixels,")
        if isinstance(image, JpegImageFile) and width * height > MAX_PIXELS:
            scale = next(s for s in (2, 4, 8) if -(-width // s) * -(-height // s) <= MAX_PIXELS)
            image.draft(None, (width // scale, height // scale))
            notes.append(
                f"The picture of {width} x {height} pixels was read at 1/{scale} of its size."
            )
        _check_pixels(image, name)
        image.load()
        _check_pixels(image, name)  # a GIF frame may be larger than the GIF said
        result, changes = upright_rgb(image, name)
        notes.extend(changes)
        if _has_more_frames(image):
            notes.append("The file holds several pictures; only the first one is used.")
    return result, tuple(notes)


def _too_heavy(name: str, size: int) -> PictureError:
    return PictureError(
        f"'{name}' has {size / 1e6:.1f} MB, more than the {MAX_FILE_BYTES / 1e6:.0f} MB that are "
        f"accepted; save it smaller or as JPEG."
    )


def _too_large(name: str, size: str) -> PictureError:
    return PictureError(
        f"'{name}' {size} more than the {MAX_HEADER_PIXELS / 1e6:.0f} megapixels that are "
        f"accepted; give a smaller picture."
    )


def _check_pixels(image: Image.Image, name: str) -> None:
    """Refuse more than 40 megapixels (after a JPEG was reduced) and empty pictures."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"'{name}' is {width} x {height} pixels, more than the {MAX_PIXELS / 1e6:.0f} "
            f"megapixels that are accepted outside JPEG; save it smaller or as JPEG."
        )
    if width < 1 or height < 1:
        raise PictureError(f"'{name}' is {width} x {height} pixels; give a picture with pixels.")


def _has_more_frames(image: ImageFile) -> bool:
    """Whether the file holds more than the first frame; a damaged rest counts as none."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # noqa: BLE001 - the first frame is already read, the rest is not needed
        return False


def upright_rgb(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a new upright 8-bit RGB picture of any PIL picture, and sentences on what changed.

    Transparency is laid on white. 16-bit values are divided by 257; whole numbers or floats of
    another range are stretched from their smallest to their largest value.

    Raises:
        PictureError: if the picture is empty, over 40 megapixels or damaged.
    """
    _check_pixels(image, name)
    try:
        image.load()
        orientation = _orientation(image)
        converted, notes = _to_rgb(image)
    except Exception as error:  # a lazily opened file is decoded here
        raise PictureError(
            f"'{name}' could not be decoded or converted from the colour mode {image.mode}; "
            f"export it anew as an RGB JPEG or PNG."
        ) from error
    if orientation in _UPRIGHT:
        converted = converted.transpose(_UPRIGHT[orientation])
    return converted, notes


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) where there is none or it is unreadable."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - damaged metadata must not cost the person their picture
        return 1


def _to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a new RGB picture of the pixels as they lie, and sentences on what was changed."""
    if image.mode.startswith("I;16"):
        return _eight_bits(np.asarray(image), (65535.0,))
    if image.mode == "I":
        return _eight_bits(np.asarray(image), (65535.0,))
    if image.mode == "F":
        return _eight_bits(np.asarray(image), (1.0, 255.0, 65535.0))
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        if layered.getchannel("A").getextrema() == (255, 255):
            return layered.convert("RGB"), ()
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB"), (
            "Transparent parts were laid on white.",
        )
    notes = ("CMYK colours were converted to RGB.",) if image.mode == "CMYK" else ()
    return image.convert("RGB"), notes


def _eight_bits(
    values: npt.NDArray[np.generic], tops: tuple[float, ...]
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return grey ``values`` (rows, cols) as RGB.

    The range is 0 to the first of ``tops`` that holds every value, else smallest to largest.
    """
    levels = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(levels.min()), float(levels.max())
    top = next((top for top in tops if low >= 0.0 and high <= top), None)
    if top is not None:
        low, high = 0.0, top
    levels -= low
    levels *= 255.0 / (high - low or 1.0)
    grey = Image.fromarray(np.rint(levels).astype(np.uint8), mode=None)
    note = (
        "Grey values of more than 8 bits were scaled to 8 bits."
        if top is not None
        else f"Grey values from {low:g} to {high:g} were stretched to 8 bits."
    )
    return grey.convert("RGB"), (note,)
