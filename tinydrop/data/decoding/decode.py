"""Bytes to an upright 8-bit RGB picture: structure first, then the decoder, then colours."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile, _Tile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from tinydrop.core.errors import PictureError
from tinydrop.data.decoding.budget import (
    MAX_DECODE_BYTES,
    Layout,
    OverfullError,
    check_size,
    choose_scale,
)
from tinydrop.data.decoding.chunks import bmp_layout, gif_layout, png_layout, webp_layout
from tinydrop.data.decoding.convert import convert, scale_deep, uses_few_bits
from tinydrop.data.decoding.files import MAX_FILE_BYTES, too_heavy
from tinydrop.data.decoding.jpeg import jpeg_layout
from tinydrop.data.decoding.kinds import EXPECTED_PICTURE, picture_kind
from tinydrop.data.decoding.tiff import tiff_layout

Reader = Callable[[bytes], Layout]
Decoder = Callable[[io.BytesIO], ImageFile]

# Each class is called directly: ``PIL.Image.open`` would try more formats and would warn or refuse
# by PIL's own process-wide limit, which is not ours to change.
_KINDS: Mapping[str, tuple[Reader, Decoder]] = MappingProxyType(
    {
        "JPEG": (jpeg_layout, JpegImageFile),
        "PNG": (png_layout, PngImageFile),
        "GIF": (gif_layout, GifImageFile),
        "BMP": (bmp_layout, BmpImageFile),
        "TIFF": (tiff_layout, TiffImageFile),
        "WebP": (webp_layout, WebPImageFile),
    }
)


def decode(data: bytes, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the picture in ``data`` as upright RGB, and sentences on what was changed.

    Args:
        data: the bytes of a file, from anyone.
        name: what the messages call it.

    Raises:
        PictureError: if the bytes are empty, too many, of another kind, damaged, or would need
            more memory or time than is allowed.
    """
    if not data:
        raise PictureError(f"'{name}' is empty (0 bytes); give {EXPECTED_PICTURE}.")
    if len(data) > MAX_FILE_BYTES:
        raise too_heavy(name, len(data))
    kind = picture_kind(data, name)
    read, decoder = _KINDS[kind]
    try:
        layout = read(data)
        check_size(layout, name)
        return _decode(decoder, layout, choose_scale(layout, name), name)
    except PictureError:
        raise
    except OverfullError as error:
        raise PictureError(
            f"'{name}' is a {kind} file with more {error} than a picture needs; export it anew as "
            f"JPEG or PNG."
        ) from error
    except MemoryError as error:
        raise PictureError(
            f"'{name}' needs more memory than this machine has free; give a smaller picture."
        ) from error
    except Exception as error:  # on hostile bytes PIL raises anything from struct.error to EOFError
        raise PictureError(
            f"'{name}' starts like a {kind} picture but is damaged or cut short; "
            f"copy or download it again, or export it anew as JPEG or PNG."
        ) from error


def _decode(
    decoder: Decoder, layout: Layout, scale: int, name: str
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the first frame as upright RGB with notes; PIL's errors pass through."""
    notes = []
    width, height = layout.size
    if scale > 1:
        notes.append(f"The picture of {width} x {height} pixels was read at 1/{scale} of its size.")
    with decoder(io.BytesIO(layout.data)) as image:
        if image.size != layout.size:
            raise ValueError("the decoder sees another size")
        if layout.drafts and scale > 1 and isinstance(image, JpegImageFile):
            image.draft(None, (max(width // scale, 1), max(height // scale, 1)))
            scale = 1
        image.load()
        if layout.deep and uses_few_bits(image):
            notes.append(_brightened(decoder, layout, image))
        result, changes = convert(image, layout.orientation, name, scale)
    notes.extend(changes)
    if layout.several:
        notes.append("The file holds several pictures; only the first one is used.")
    return result, tuple(notes)


def _brightened(decoder: Decoder, layout: Layout, image: ImageFile) -> str:
    """Scale 16-bit colours by the range that they use, in place; return what was done.

    PIL keeps their upper bytes alone. Told that the bytes lie the other way round, it gives the
    lower ones.
    """
    if layout.needs(1) + layout.pixels * layout.pixel_bytes > MAX_DECODE_BYTES:
        return "The picture's 16-bit colours use few of their bits, so it is dark."
    with decoder(io.BytesIO(layout.data)) as again:
        again.tile = [_other_bytes(tile) for tile in again.tile]
        again.load()
        top = scale_deep(image, again)
    return f"Colours of 16 bits were scaled to 8 bits from the range 0 to {top} that they use."


def _other_bytes(tile: _Tile) -> _Tile:
    """Return the tile with the order of the two bytes of a number turned round."""
    raw, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args or ("",)
    order = raw[-1:]
    native = "B" if sys.byteorder == "little" else "L"
    other = raw[:-1] + {"B": "L", "L": "B", "N": native}[order]
    return tile._replace(args=other if isinstance(tile.args, str) else (other, *rest))
