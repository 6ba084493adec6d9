"""Where a picture may come from, and the region of it that both models see."""

from __future__ import annotations

import io
import os
import threading

import numpy as np
import pytest
from image_zoo import SPEC, blank_png, encode, gradient, refusal
from PIL import Image

from tinydrop.core.errors import PictureError, SettingError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data.view import InputSpec, Picture, View, open_picture


def test_paths(tmp_path, monkeypatch) -> None:
    path = tmp_path / "cat photo.png"
    path.write_bytes(encode(gradient(), "PNG"))
    for source in (path, str(path)):
        assert open_picture(source).name == "cat photo.png"
    assert open_picture(path, "given").name == "given"
    assert refusal(tmp_path).endswith("TIFF picture from inside it.")
    assert refusal(tmp_path / "none.jpg").startswith("There is no file 'none.jpg'")
    assert "cannot be read" in refusal(str(path / "inside"))
    assert "cannot be read" in refusal("nul\0byte.png")
    assert "cannot be read" in refusal("x" * 5000)
    fifo = tmp_path / "pipe.png"
    os.mkfifo(fifo)
    assert "is a device or a pipe" in refusal(fifo)

    def denied(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", denied)
    assert "'cat photo.png' cannot be read; check its path and permissions" in refusal(path)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/cat.jpg",
        "file:///etc/passwd",
        "HTTP://example.com/cat.jpg",
        "data:image/png;base64,AAAA",
    ],
)
def test_web_addresses_are_not_fetched(address: str) -> None:
    assert "is a web address, but only files on this machine are read" in refusal(address)


@pytest.mark.parametrize("source", [None, 3, np.zeros((4, 4, 3)), ["a.jpg"], io.BytesIO(b"x")])
def test_other_types_are_refused(source: object) -> None:
    assert refusal(source).startswith("A picture is given as a path, a file's bytes or a PIL image")


def test_pil_images_are_checked_too() -> None:
    assert "more than the 40 megapixels" in refusal(Image.new("1", (8000, 8000)))
    assert "is 0 x 5 pixels" in refusal(Image.new("RGB", (0, 5)))
    data = encode(Image.effect_noise((64, 64), 80), "PNG")
    cut = Image.open(io.BytesIO(data[: len(data) // 2]))
    assert "could not be decoded" in refusal(cut, "lazy.png")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a/b/c.jpg", "c.jpg"),
        ("C:\\pictures\\c.jpg", "c.jpg"),
        ("bad\nname\x1b[31m.jpg", "bad?name?[31m.jpg"),
        ("half\udcff.jpg", "half?.jpg"),
        ("/", "picture"),
        ("x" * 200 + ".jpg", "x" * 40 + "…" + "x" * 35 + ".jpg"),
    ],
)
def test_names_are_safe_to_show(given: str, shown: str) -> None:
    assert open_picture(gradient(), given).name == shown


def test_nothing_global_is_changed_and_threads_agree(recwarn) -> None:
    data = [encode(gradient(50 + n, 40), kind) for n, kind in enumerate(["JPEG", "PNG", "GIF"])]
    limit = Image.MAX_IMAGE_PIXELS
    alone = [open_picture(one).digest for one in data]
    large = blank_png(11000, 10000)  # PIL's own opening would warn about this one
    together: list[list[str]] = []

    def work() -> None:
        for _ in range(5):
            together.append([open_picture(one).digest for one in data])
            with pytest.raises(PictureError):
                open_picture(large)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [alone] * 40
    assert limit == Image.MAX_IMAGE_PIXELS
    assert not recwarn.list


def test_equal_pixels_have_equal_digests_and_size_counts() -> None:
    assert open_picture(gradient()).digest == open_picture(encode(gradient(), "PNG")).digest
    flat = [open_picture(Image.new("RGB", size)).digest for size in ((20, 30), (30, 20))]
    assert flat[0] != flat[1]


def test_picture_refuses_other_modes() -> None:
    with pytest.raises(PictureError, match="RGB with pixels is needed"):
        Picture(Image.new("L", (4, 4)), "grey", "")


@pytest.mark.parametrize(
    "change",
    [
        {"size": (0, 64)},
        {"size": (64,)},
        {"size": (64.0, 64)},
        {"size": (5000, 64)},
        {"mean": (0.5, 0.5)},
        {"mean": (0.5, 0.5, float("nan"))},
        {"std": (0.0, 0.5, 0.5)},
        {"interpolation": "random"},
        {"crop_pct": 0.0},
        {"crop_pct": float("nan")},
        {"crop_pct": 2.5},
        {"crop_mode": "centre"},
    ],
)
def test_input_specs_are_validated(change: dict[str, object]) -> None:
    fields = {"size": (64, 64), "mean": (0.5,) * 3, "std": (0.5,) * 3} | change
    with pytest.raises(SettingError):
        InputSpec(**fields)


def test_views_know_their_picture() -> None:
    picture = open_picture(gradient())
    with pytest.raises(SettingError, match="made for a picture"):
        View((41, 30), SPEC).pixels(picture, SPEC)
    with pytest.raises(SettingError):
        View((0, 30), SPEC)
    with pytest.raises(SettingError):
        View(picture.size, SPEC).crop(picture, 0)


def test_region_by_hand() -> None:
    # 400 x 300 resized to 85 x 64 (int(64*400/300)), cropped from column round(21/2) = 10.
    view = View((400, 300), SPEC)
    assert view.region == pytest.approx((10 * 400 / 85, 0, 74 * 400 / 85, 300))
    grid = PatchGrid(8, 8)
    left, top, right, bottom = view.patch_rectangle(grid, 63)
    assert (left, top) == pytest.approx((66 * 400 / 85, 262.5))
    assert (right, bottom) == pytest.approx((74 * 400 / 85, 300))
    assert view.patch_at(grid, 47.0, 10.0) is None
    assert view.patch_at(grid, 48.0, 10.0) == 0
    with pytest.raises(SettingError):
        view.patch_rectangle(grid, 64)


def test_crop_has_the_regions_shape_and_is_never_enlarged() -> None:
    picture = open_picture(gradient(400, 300))
    view = View(picture.size, SPEC)
    assert view.crop(picture, 100).size == (100, 100)
    assert view.crop(picture, 5000).size == (301, 300)
    squash = InputSpec((64, 64), SPEC.mean, SPEC.std, "bicubic", 1.0, "squash")
    assert View(picture.size, squash).crop(picture, 100).size == (100, 75)
