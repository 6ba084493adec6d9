"""View.pixels against timm's own evaluation transform, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from timm.data import create_transform

from tinydrop.data.view import InputSpec, Picture, View, open_picture

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# (width, height): square, wide, tall, smaller than the input, odd, already at the resized size.
PICTURES = [(300, 300), (640, 427), (333, 517), (50, 41), (9, 200), (256, 256), (64, 64)]


def noise(size: tuple[int, int]) -> Picture:
    seed = np.random.default_rng(size[0] * 1000 + size[1])
    return open_picture(Image.fromarray(seed.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)))


def timm_pixels(picture: Picture, spec: InputSpec) -> np.ndarray:
    transform = create_transform(
        input_size=(3, *spec.size),
        is_training=False,
        interpolation=spec.interpolation,
        mean=spec.mean,
        std=spec.std,
        crop_pct=spec.crop_pct,
        crop_mode=spec.crop_mode,
    )
    return transform(picture.image).numpy()


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("crop_pct", [0.875, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("size", [(224, 224), (64, 64), (160, 96)])
def test_pixels_are_timms(
    size: tuple[int, int], crop_pct: float, interpolation: str, crop_mode: str
) -> None:
    spec = InputSpec(size, MEAN, STD, interpolation, crop_pct, crop_mode)
    for picture_size in PICTURES:
        picture = noise(picture_size)
        ours = View(picture.size, spec).pixels(picture, spec)
        theirs = timm_pixels(picture, spec)
        assert ours.dtype == theirs.dtype == np.float32
        assert np.array_equal(ours, theirs), picture_size


def test_padding_and_other_interpolations_are_timms() -> None:
    picture = noise((333, 201))
    for spec in (
        InputSpec((224, 224), MEAN, STD, "bicubic", 1.2, "center"),
        InputSpec((224, 224), (0.0, 0.5, 1.0), STD, "bicubic", 1.2, "border"),
        InputSpec((96, 96), MEAN, STD, "nearest", 0.9, "center"),
        InputSpec((96, 96), MEAN, STD, "lanczos", 0.9, "center"),
    ):
        ours = View(picture.size, spec).pixels(picture, spec)
        assert np.array_equal(ours, timm_pixels(picture, spec)), spec


@pytest.mark.parametrize(
    "wrong",
    [
        {"interpolation": "bilinear"},
        {"crop_pct": 0.9},
        {"crop_mode": "squash"},
        {"mean": (0.5, 0.456, 0.406)},
        {"std": (0.229, 0.224, 0.2251)},
    ],
)
def test_a_wrong_field_is_seen(wrong: dict[str, object]) -> None:
    """The negative twin: the comparison above fails for any single wrong field."""
    picture = noise((640, 427))
    spec = InputSpec((224, 224), MEAN, STD, "bicubic", 0.875, "center")
    changed = replace(spec, **wrong)
    ours = View(picture.size, changed).pixels(picture, changed)
    assert not np.array_equal(ours, timm_pixels(picture, spec))


def test_resampling_the_region_agrees_with_resize_then_crop() -> None:
    """The guide's path, at the target's own size, gives nearly the pixels of the exact path.

    They differ by the 8-bit rounding of a crop that starts between pixels, no more.
    """
    picture = open_picture(noise((640, 427)).image.resize((1200, 800), Image.Resampling.BICUBIC))
    spec = InputSpec((224, 224), (0.0,) * 3, (1.0,) * 3, "bicubic", 0.875, "center")
    view = View(picture.size, spec)
    exact = view.pixels(picture, spec)
    box = picture.image.resize((224, 224), Image.Resampling.BICUBIC, view.region)
    resampled = np.asarray(box, dtype=np.float32).transpose(2, 0, 1) / 255
    assert np.abs(exact - resampled).max() <= 1.5 / 255
    shifted = picture.image.resize(
        (224, 224), Image.Resampling.BICUBIC, tuple(edge + 2.0 for edge in view.region)
    )
    wrong = np.asarray(shifted, dtype=np.float32).transpose(2, 0, 1) / 255
    assert np.abs(exact - wrong).max() > 10 / 255
