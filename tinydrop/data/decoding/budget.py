"""What decoding a file may use, counted before a pixel is decoded.

Memory is counted in bytes of everything that is held at once: the file and its rewritten copy, the
decoder's own buffers (all coefficients of a progressive JPEG), the pixels as PIL keeps them, and
the RGB picture that they become. Time is counted in the steps that cost it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tinydrop.core.errors import PictureError

MAX_HEADER_PIXELS = 200_000_000
MAX_PIXELS = 40_000_000
MAX_RESULT_PIXELS = 25_000_000
"""A larger picture is read at a half, a quarter or an eighth of its size."""
MAX_DECODE_BYTES = 280_000_000
MAX_STEPS = 10_000_000
"""Of about 0.2 microseconds: a block of 8x8 coefficients in one scan of a JPEG, two bytes of run
lengths or of arithmetic coding."""
_SCALES = (1, 2, 4, 8)
_BLOCKS_IN_WORK = 24_000_000
"""Bytes that converting block by block uses at most, whatever the picture's size."""


class OverfullError(ValueError):
    """A file has more parts than any picture needs; the text says of what."""


@dataclass(frozen=True)
class Layout:
    """The first picture of a file, as its structure describes it.

    Attributes:
        data: the rewritten file: this picture alone, without metadata.
        words: what it is, such as ``a progressive JPEG``.
        size: (width, height) in pixels, before any rotation.
        pixel_bytes: bytes per pixel as PIL keeps them: 1, 2 or 4.
        orientation: EXIF orientation, 1 to 8.
        several: whether the file holds further pictures.
        decoder_bytes: what the decoder holds beside file and pixels.
        steps: units of work that do not follow from the size, see ``MAX_STEPS``.
        drafts: whether the decoder itself can read it smaller.
        plain: whether its pixels are RGB already, so that nothing is converted.
        deep: whether its colours have 16 bits, of which PIL keeps the upper 8.
    """

    data: bytes = field(repr=False)
    words: str
    size: tuple[int, int]
    pixel_bytes: int
    orientation: int = 1
    several: bool = False
    decoder_bytes: int = 0
    steps: int = 0
    drafts: bool = False
    plain: bool = False
    deep: bool = False

    @property
    def pixels(self) -> int:
        """The number of its pixels."""
        return self.size[0] * self.size[1]

    def needs(self, scale: int) -> int:
        """Return the bytes held at once when it is read at 1/scale of its size."""
        width, height = self.size
        out = -(-width // scale) * -(-height // scale)
        decoded = out if self.drafts else width * height
        unchanged = self.plain and decoded == out
        # Beside what was decoded: the RGB picture, and that picture turned.
        results = 1 if unchanged or self.orientation == 1 else 2
        pixels = self.pixel_bytes * decoded + 4 * results * out
        small = 0 if unchanged else min(_BLOCKS_IN_WORK, 24 * decoded)
        return 2 * len(self.data) + self.decoder_bytes + pixels + small


def check_size(layout: Layout, name: str) -> None:
    """Refuse a picture by its number of pixels, or without any.

    Raises:
        PictureError: with its size and what is accepted.
    """
    width, height = layout.size
    if width * height > MAX_HEADER_PIXELS:
        raise PictureError(
            f"'{name}' is {width} x {height} pixels, more than the "
            f"{MAX_HEADER_PIXELS / 1e6:.0f} megapixels that are accepted; give a smaller picture."
        )
    if width * height > MAX_PIXELS and not layout.drafts:
        raise PictureError(
            f"'{name}' is {width} x {height} pixels, more than the {MAX_PIXELS / 1e6:.0f} "
            f"megapixels that are accepted outside JPEG; save it smaller or as JPEG."
        )
    if width < 1 or height < 1:
        raise PictureError(f"'{name}' is {width} x {height} pixels; give a picture with pixels.")


def choose_scale(layout: Layout, name: str) -> int:
    """Return 1, 2, 4 or 8: at 1/scale of its size the picture can be read.

    Raises:
        PictureError: if decoding would need too much memory or time at any scale.
    """
    width, height = layout.size
    fits = [
        scale
        for scale in _SCALES
        if -(-width // scale) * -(-height // scale) <= MAX_RESULT_PIXELS
        and layout.needs(scale) <= MAX_DECODE_BYTES
    ]
    if not fits:
        raise PictureError(
            f"'{name}' is {layout.words} of {width} x {height} pixels that needs "
            f"{layout.needs(_SCALES[-1]) / 1e6:,.0f} MB to decode, more than the "
            f"{MAX_DECODE_BYTES / 1e6:.0f} MB that are accepted; save it smaller or "
            f"{_advice(layout)}."
        )
    if layout.steps > MAX_STEPS:
        raise PictureError(
            f"'{name}' is {layout.words} of {width} x {height} pixels that takes too long to "
            f"decode ({layout.steps / 1e6:,.0f} million steps, at most {MAX_STEPS / 1e6:.0f} are "
            f"accepted); save it smaller or {_advice(layout)}."
        )
    return fits[0]


def _advice(layout: Layout) -> str:
    return "as a baseline JPEG" if "JPEG" in layout.words else "as JPEG"
