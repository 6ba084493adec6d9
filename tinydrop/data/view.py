"""Pictures and the one view of them that guidance and target share.

The target's own resize and centre crop decides the region of the picture; the guidance sees the
same region at its own size, interpolation, mean and standard deviation. All geometry is kept in
picture pixels as floats, x to the right and y down, so patches map to rectangles and back.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.errors import PictureError, SettingError, quoted
from tinydrop.core.tokens import PatchGrid, Rectangle
from tinydrop.data.decoding import (
    EXPECTED_PICTURE,
    MAX_PIXELS,
    decode,
    display_name,
    read_file,
    upright_rgb,
)

CROP_MODES = ("center", "squash", "border")
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
}
SMALL_SIDE = 16
"""Pixels: a picture with a shorter side than this is used, with a note."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        image: upright, 8-bit RGB, fully loaded; never changed after construction.
        name: a file's base name, for display only.
        digest: SHA-256 (hex) over the size and the RGB pixels; equal pixels, equal digest.
        notes: sentences on what was changed while reading, for example a first frame taken.

    Raises:
        PictureError: if ``image`` is not RGB or has no pixels.
    """

    image: Image.Image
    name: str
    digest: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.image.mode != "RGB" or min(self.image.size) < 1:
            raise PictureError(
                f"'{self.name}' is a {self.image.mode} picture of {self.image.size} pixels, "
                f"but RGB with pixels is needed; use open_picture to convert it."
            )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.size


def open_picture(source: bytes | str | Path | Image.Image, name: str | None = None) -> Picture:
    """Return the picture in a file's bytes, at a path on this machine, or in a PIL image.

    Nothing is fetched from the network, and no more than 50 MB and 40 megapixels are read.

    Args:
        source: the bytes of a file, a path, or a PIL image.
        name: what messages and views call it; by default the file's base name or ``picture``.

    Raises:
        PictureError: if it is not a picture, damaged, too large, or not readable.
    """
    if isinstance(source, Image.Image):
        shown = display_name(name or "picture")
        image, notes = upright_rgb(source, shown)
    elif isinstance(source, bytes):
        shown = display_name(name or "picture")
        image, notes = decode(source, shown)
    elif isinstance(source, (str, Path)):
        shown = display_name(name or str(source))
        image, notes = decode(read_file(source, shown), shown)
    else:
        raise PictureError(
            f"A picture is given as a path, a file's bytes or a PIL image, "
            f"got {type(source).__name__}; give {EXPECTED_PICTURE}."
        )
    if min(image.size) < SMALL_SIDE:
        notes = (
            *notes,
            f"The picture is only {image.width} x {image.height} pixels, so there is little to "
            f"see in it.",
        )
    return Picture(image, shown, _digest(image), notes)


def _digest(image: Image.Image) -> str:
    """Return SHA-256 over size and pixels, in strips so that no second copy is held."""
    sha = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    rows = max(1, 1_000_000 // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        sha.update(strip.tobytes())
    return sha.hexdigest()


def _is_number(value: object) -> bool:
    """Tell whether a value is a number that a float holds, neither NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        return False
    return bool(abs(value) < 1e300)  # JSON has whole numbers that no float holds


def _has_numbers(values: object, count: int) -> bool:
    return (
        isinstance(values, tuple | list) and len(values) == count and all(map(_is_number, values))
    )


@dataclass(frozen=True)
class InputSpec:
    """How a model wants its pictures; the fields of timm's ``pretrained_cfg``.

    Attributes:
        size: (height, width) in pixels.
        mean: per channel, on the scale 0 to 1.
        std: per channel, on the scale 0 to 1, above 0.
        interpolation: one of ``INTERPOLATIONS``.
        crop_pct: share of the resized picture's side that the crop keeps, above 0 and up to 2
            (above 1 the picture is padded).
        crop_mode: ``center`` (shorter side fits, crop), ``squash`` (both sides fit, the aspect
            changes) or ``border`` (longer side fits, padded with the mean).

    Raises:
        SettingError: if a field is outside what its line above allows.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    crop_pct: float = 0.875
    crop_mode: str = "center"

    def __post_init__(self) -> None:
        if not _has_numbers(self.size, 2) or not all(
            type(side) is int and 1 <= side <= 4096 for side in self.size
        ):
            raise SettingError(
                f"An input size is (height, width) in whole pixels from 1 to 4096, "
                f"got {quoted(self.size)}."
            )
        for label, values, above in (("mean", self.mean, -math.inf), ("std", self.std, 0.0)):
            if not _has_numbers(values, 3) or not all(
                math.isfinite(v) and v > above for v in values
            ):
                raise SettingError(
                    f"The input {label} has three finite numbers (std above 0), got "
                    f"{quoted(values)}."
                )
        if not isinstance(self.interpolation, str) or self.interpolation not in INTERPOLATIONS:
            raise SettingError(
                f"The interpolation is one of {', '.join(INTERPOLATIONS)}, "
                f"got {quoted(self.interpolation)}."
            )
        if (
            not _is_number(self.crop_pct)
            or not 0.0 < self.crop_pct <= 2.0
            or math.floor(min(self.size) / self.crop_pct) < 1
        ):
            raise SettingError(f"crop_pct lies above 0 and up to 2, got {quoted(self.crop_pct)}.")
        if self.crop_mode not in CROP_MODES:
            raise SettingError(
                f"The crop mode is one of {', '.join(CROP_MODES)}, got {quoted(self.crop_mode)}."
            )
        object.__setattr__(self, "size", tuple(self.size))
        object.__setattr__(self, "mean", tuple(float(value) for value in self.mean))
        object.__setattr__(self, "std", tuple(float(value) for value in self.std))


@dataclass(frozen=True)
class View:
    """The part of a picture that both models see: the target's resize and centre crop.

    Attributes:
        picture_size: (width, height) of the picture, in pixels.
        spec: the target's input.

    Raises:
        SettingError: if the picture has no pixels.
    """

    picture_size: tuple[int, int]
    spec: InputSpec

    def __post_init__(self) -> None:
        if len(self.picture_size) != 2 or min(self.picture_size) < 1:
            raise SettingError(
                f"A view needs a picture (width, height) of at least 1 x 1 pixels, "
                f"got {quoted(self.picture_size)}."
            )

    @property
    def region(self) -> Rectangle:
        """What the models see, in picture pixels; reaches outside where the input is padded."""
        width, height = self.picture_size
        resized_width, resized_height = self._resized
        left, top = self._offset
        rows, cols = self.spec.size
        return (
            left * width / resized_width,
            top * height / resized_height,
            (left + cols) * width / resized_width,
            (top + rows) * height / resized_height,
        )

    def pixels(self, picture: Picture, spec: InputSpec) -> npt.NDArray[np.float32]:
        """Return the view as a model's normalised input, (3, height, width) float32.

        For the target's own spec this is bit for bit timm's evaluation transform. For another
        spec the same region is resampled to ``spec.size``; its crop fields are not used.

        Raises:
            SettingError: if the picture's size is not the view's.
        """
        self._check(picture)
        fill: tuple[int, ...] = (0, 0, 0)
        if self.spec.crop_mode == "border":
            fill = tuple(min(max(round(255 * value), 0), 255) for value in spec.mean)
        resample = INTERPOLATIONS[spec.interpolation]
        width, height = self._resized
        same = (spec.size, spec.interpolation) == (self.spec.size, self.spec.interpolation)
        # A picture 1 pixel wide would be resized to gigabytes; only its region is made then.
        if same and width * height <= MAX_PIXELS:
            left, top = self._offset
            seen = Image.new("RGB", spec.size[::-1], fill)
            seen.paste(picture.image.resize((width, height), resample), (-left, -top))
        else:
            seen = _resample(picture.image, self.region, spec.size[::-1], resample, fill)
        values = np.asarray(seen, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
        mean = np.array(spec.mean, dtype=np.float32).reshape(3, 1, 1)
        std = np.array(spec.std, dtype=np.float32).reshape(3, 1, 1)
        result: npt.NDArray[np.float32] = np.ascontiguousarray((values - mean) / std)
        return result

    def crop(self, picture: Picture, max_side: int = 512) -> Image.Image:
        """Return the region for display: RGB, longer side at most ``max_side``, never enlarged.

        Raises:
            SettingError: if the picture's size is not the view's or ``max_side`` is below 1.
        """
        self._check(picture)
        if max_side < 1:
            raise SettingError(f"A crop is at least 1 pixel wide, got max_side={quoted(max_side)}.")
        left, top, right, bottom = self.region
        scale = min(1.0, max_side / max(right - left, bottom - top))
        size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
        return _resample(
            picture.image, self.region, size, Image.Resampling.BICUBIC, (128, 128, 128)
        )

    def patch_rectangle(self, grid: PatchGrid, index: int) -> Rectangle:
        """Return a patch's rectangle in picture pixels; SettingError if outside the grid."""
        left, top, right, bottom = self.region
        x0, y0, x1, y1 = grid.rectangle(index)
        width, height = right - left, bottom - top
        return (left + x0 * width, top + y0 * height, left + x1 * width, top + y1 * height)

    def patch_at(self, grid: PatchGrid, x: float, y: float) -> int | None:
        """Return the patch under a point in picture pixels, or None outside the region."""
        left, top, right, bottom = self.region
        return grid.patch_at((x - left) / (right - left), (y - top) / (bottom - top))

    def box_coverage(self, grid: PatchGrid, box: Rectangle) -> npt.NDArray[np.float64]:
        """Return the share (0 to 1) of every patch that lies in a box, (rows, cols) float64.

        All zeros where the crop shows nothing of the box.

        Args:
            grid: the patches of the view, of either model.
            box: left, top, right, bottom in picture pixels; what reaches outside of the picture
                does not count.
        """
        width, height = self.picture_size
        left, top, right, bottom = self.region
        wide, tall = right - left, bottom - top
        x0, x1 = ((min(max(x, 0.0), width) - left) / wide for x in (box[0], box[2]))
        y0, y1 = ((min(max(y, 0.0), height) - top) / tall for y in (box[1], box[3]))
        return grid.coverage((x0, y0, x1, y1))

    def _check(self, picture: Picture) -> None:
        if picture.size != self.picture_size:
            raise SettingError(
                f"This view was made for a picture of {self.picture_size} pixels, "
                f"got {picture.size}; make the view from the picture's own size."
            )

    @property
    def _resized(self) -> tuple[int, int]:
        """(width, height) of the whole picture after the target's resize, as timm rounds it."""
        width, height = self.picture_size
        tall, wide = (math.floor(side / self.spec.crop_pct) for side in self.spec.size)
        if self.spec.crop_mode == "squash":
            return wide, tall
        if self.spec.crop_mode == "center" and tall == wide:
            if width <= height:
                return wide, int(wide * height / width)
            return int(tall * width / height), tall
        fit = max if self.spec.crop_mode == "border" else min
        ratio = fit(height / tall, width / wide)
        return max(1, round(width / ratio)), max(1, round(height / ratio))

    @property
    def _offset(self) -> tuple[int, int]:
        """(left, top) of the crop in the resized picture; negative where it is padded."""
        left, top = (
            round((inner - crop) / 2.0) if inner >= crop else -((crop - inner) // 2)
            for inner, crop in zip(self._resized, self.spec.size[::-1], strict=True)
        )
        return left, top


def _resample(
    image: Image.Image,
    region: Rectangle,
    size: tuple[int, int],
    resample: Image.Resampling,
    fill: tuple[int, ...],
) -> Image.Image:
    """Return ``region`` of the picture at ``size`` (width, height), ``fill`` where it is outside.

    The filter is widened when reducing, as PIL does. The picture is first cut down to what the
    filter can reach, because PIL holds the box in float32.
    """
    target: list[tuple[int, int]] = []
    box: list[tuple[float, float]] = []
    cut: list[tuple[int, int]] = []
    for start, end, length, out in (
        (region[0], region[2], image.width, size[0]),
        (region[1], region[3], image.height, size[1]),
    ):
        scale = (end - start) / out
        first = min(max(0, round(-start / scale)), out - 1)
        last = max(min(out, round((length - start) / scale)), first + 1)
        target.append((first, last))
        low = min(max(start + first * scale, 0.0), length - min(scale, 1.0, length))
        high = max(min(start + last * scale, float(length)), low + 1e-3)
        reach = math.ceil(3.0 * max(1.0, scale)) + 1
        near = max(0, math.floor(low) - reach)
        far = min(length, math.ceil(high) + reach)
        cut.append((near, far))
        box.append((low - near, min(high - near, far - near)))
    source = image.crop((cut[0][0], cut[1][0], cut[0][1], cut[1][1]))
    inside = (target[0][1] - target[0][0], target[1][1] - target[1][0])
    part = source.resize(inside, resample, (box[0][0], box[1][0], box[0][1], box[1][1]))
    if inside == size:
        return part
    canvas = Image.new("RGB", size, fill)
    canvas.paste(part, (target[0][0], target[1][0]))
    return canvas
