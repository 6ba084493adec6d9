"""Pixels of any kind to upright 8-bit RGB, block by block, so that no second copy is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from tinydrop.core.errors import PictureError
from tinydrop.data.decoding.budget import MAX_PIXELS

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BLOCK = 1024
"""Side of a square block in pixels; wide or tall pictures get blocks of the same area."""
_WHOLE_TOPS = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16))
_FLOAT_TOPS = (1.0, 255.0, 65535.0)
Box = tuple[int, int, int, int]


def upright_rgb(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a new upright 8-bit RGB picture of any PIL picture, and sentences on what changed.

    Transparency is laid on white. Grey values of more than 8 bits are scaled from the number of
    bits that they use (8, 10, 12, 14 or 16); whole numbers or floats of another range are stretched
    from their smallest to their largest value.

    Raises:
        PictureError: if the picture is empty, over 40 megapixels or damaged.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError(
            f"'{name}' is {width} x {height} pixels, more than the {MAX_PIXELS / 1e6:.0f} "
            f"megapixels that are accepted; make it smaller."
        )
    if width < 1 or height < 1:
        raise PictureError(f"'{name}' is {width} x {height} pixels; give a picture with pixels.")
    try:
        image.load()
    except Exception as error:  # a lazily opened file is decoded here
        raise _unconverted(image, name) from error
    return convert(image, _orientation(image), name)


def convert(
    image: Image.Image, orientation: int, name: str, scale: int = 1
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a new upright RGB picture at 1/scale of the size, and sentences on what changed.

    Args:
        image: loaded pixels of any kind.
        orientation: of EXIF, 1 to 8.
        name: what messages call it.
        scale: by how much both sides shrink; averages over squares.

    Raises:
        PictureError: if its kind of pixels cannot be converted.
    """
    try:
        converted, notes = _to_rgb(image, scale)
    except Exception as error:
        raise _unconverted(image, name) from error
    if orientation in _UPRIGHT:
        converted = converted.transpose(_UPRIGHT[orientation])
    return (converted.copy() if converted is image else converted), notes


def _unconverted(image: Image.Image, name: str) -> PictureError:
    return PictureError(
        f"'{name}' could not be decoded or converted from the colour mode {image.mode}; "
        f"export it anew as an RGB JPEG or PNG."
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) where there is none or it is unreadable."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - damaged metadata must not cost the person their picture
        return 1


def _blocks(size: tuple[int, int]) -> Iterator[Box]:
    """Yield boxes of at most 2**20 pixels that tile a picture, their sides multiples of 8."""
    width, height = size
    across = min(width + -width % 8, _BLOCK**2 // 8)
    down = max(8, _BLOCK**2 // across // 8 * 8)
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def _to_rgb(image: Image.Image, scale: int) -> tuple[Image.Image, tuple[str, ...]]:
    """Return an RGB picture of the pixels as they lie, perhaps the same, and what was changed."""
    if image.mode == "RGB" and scale == 1 and not image.has_transparency_data:
        return image, ()
    width, height = image.size
    result = Image.new("RGB", (-(-width // scale), -(-height // scale)))
    one, notes = _recipe(image)
    changed = False
    for box in _blocks(image.size):
        block, different = one(image.crop(box))
        changed = changed or different
        small = block.reduce(scale) if scale > 1 else block
        result.paste(small, (box[0] // scale, box[1] // scale))
    return result, notes if changed else ()


def _recipe(
    image: Image.Image,
) -> tuple[Callable[[Image.Image], tuple[Image.Image, bool]], tuple[str, ...]]:
    """Return how a block becomes RGB (and whether that changed it), and the note of a change."""
    if image.mode.startswith("I") or image.mode == "F":
        tops = _FLOAT_TOPS if image.mode == "F" else _WHOLE_TOPS
        levels = _levels(image, tops)
        return levels.apply, (levels.note,)
    if image.has_transparency_data:
        return _on_white, ("Transparent parts were laid on white.",)
    notes = ("CMYK colours were converted to RGB.",) if image.mode == "CMYK" else ()
    return lambda block: (block.convert("RGB"), True), notes


def _on_white(block: Image.Image) -> tuple[Image.Image, bool]:
    """Lay transparency on white; tell whether there was any."""
    layered = block.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return layered.convert("RGB"), False
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB"), True


@dataclass(frozen=True)
class _Levels:
    """How grey values become 8 bits: ``low`` is black, ``high`` is white."""

    low: float
    high: float
    note: str

    def apply(self, block: Image.Image) -> tuple[Image.Image, bool]:
        """Return a block as RGB."""
        values = _finite(block)
        values -= np.float32(self.low)
        values *= np.float32(255.0 / (self.high - self.low or 1.0))
        grey = Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))
        return grey.convert("RGB"), True


def _finite(block: Image.Image) -> npt.NDArray[np.float32]:
    values = np.asarray(block).astype(np.float32)
    return np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _levels(image: Image.Image, tops: tuple[float, ...]) -> _Levels:
    """Return the range of a grey picture: 0 to the first of ``tops`` that holds every value.

    Where none does, it is from the smallest to the largest value.
    """
    low, high = np.inf, -np.inf
    for box in _blocks(image.size):
        values = _finite(image.crop(box))
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    top = next((top for top in tops if low >= 0.0 and high <= top), None)
    if top is None:
        return _Levels(low, high, f"Grey values from {low:g} to {high:g} were stretched to 8 bits.")
    if top in (1.0, 65535.0):
        return _Levels(0.0, top, "Grey values of more than 8 bits were scaled to 8 bits.")
    return _Levels(
        0.0,
        top,
        f"Grey values from {low:g} to {high:g} were scaled to 8 bits from the range 0 to {top:g} "
        f"that they use.",
    )


def uses_few_bits(high: Image.Image) -> bool:
    """Tell whether 16-bit colours, of which ``high`` holds the upper bytes, use 14 bits or less."""
    ranges = [high.getchannel(band).getextrema() for band in high.getbands() if band in "RGB"]
    return bool(ranges) and all(int(top) < 64 for _, top in ranges)  # type: ignore[arg-type]


def scale_deep(high: Image.Image, low: Image.Image) -> int:
    """Scale 16-bit colours to 8 bits by the range that they use; return the value of white.

    Args:
        high: the colours' upper bytes, replaced by the result; alpha stays.
        low: their lower bytes.
    """
    most = 0
    for box in _blocks(high.size):
        most = max(most, int(_deep(high, low, box).max()))
    top = next(int(top) for top in _WHOLE_TOPS if most <= top)
    for box in _blocks(high.size):
        scaled = np.rint(_deep(high, low, box) * np.float32(255 / top)).astype(np.uint8)
        block = Image.fromarray(scaled)
        if high.mode == "RGBA":
            block.putalpha(high.crop(box).getchannel("A"))
        high.paste(block, box)
    return top


def _deep(high: Image.Image, low: Image.Image, box: Box) -> npt.NDArray[np.float32]:
    """Return a block's colours as numbers, (rows, cols, 3)."""
    upper, lower = (np.asarray(one.crop(box))[..., :3].astype(np.float32) for one in (high, low))
    return upper * 256 + lower
