"""Geometry of the shared view: round trips, tiling, registration; and hostile bytes."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from tinydrop.core.errors import PictureError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data.view import InputSpec, Picture, View, open_picture

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)

grids = st.builds(PatchGrid, st.integers(1, 20), st.integers(1, 20))
modes = st.sampled_from(["center", "squash", "border"])
percents = st.sampled_from([0.875, 0.9, 0.95, 0.965, 1.0, 1.1])


@st.composite
def views(draw: st.DrawFn, largest: int = 3000) -> View:
    size = (draw(st.integers(1, largest)), draw(st.integers(1, largest)))
    shape = (draw(st.integers(16, 400)), draw(st.integers(16, 400)))
    if draw(st.booleans()):
        shape = (shape[0], shape[0])
    return View(size, InputSpec(shape, MEAN, STD, "bicubic", draw(percents), draw(modes)))


@given(views(), grids, st.data())
def test_the_centre_of_a_patch_maps_back_to_it(
    view: View, grid: PatchGrid, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, grid.num_patches - 1))
    left, top, right, bottom = view.patch_rectangle(grid, index)
    assert left < right
    assert top < bottom
    assert view.patch_at(grid, (left + right) / 2, (top + bottom) / 2) == index


@given(views(), grids)
def test_rectangles_tile_the_region(view: View, grid: PatchGrid) -> None:
    boxes = np.array([view.patch_rectangle(grid, n) for n in range(grid.num_patches)])
    boxes = boxes.reshape(grid.rows, grid.cols, 4)
    assert np.array_equal(boxes[:, :-1, 2], boxes[:, 1:, 0])
    assert np.array_equal(boxes[:-1, :, 3], boxes[1:, :, 1])
    outer = (*boxes[0, 0, :2], *boxes[-1, -1, 2:])
    assert np.allclose(outer, view.region, rtol=1e-12, atol=1e-9)
    left, top, right, bottom = view.region
    x, y = (left + right) / 2, (top + bottom) / 2
    for point in ((left - 1e-3, y), (right + 1e-3, y), (x, top - 1e-3), (x, bottom + 1e-3)):
        assert view.patch_at(grid, *point) is None


@given(views(largest=200), st.sampled_from([32, 64, 97]))
@settings(max_examples=30, deadline=None)
def test_same_input_same_pixels(view: View, side: int) -> None:
    seed = np.random.default_rng(view.picture_size)
    values = seed.integers(0, 256, (*view.picture_size[::-1], 3), dtype=np.uint8)
    guide = InputSpec((side, side), MEAN, STD, "bilinear", 0.9)
    first, second = (open_picture(Image.fromarray(values)) for _ in range(2))
    assert first.digest == second.digest
    for spec, shape in ((view.spec, view.spec.size), (guide, (side, side))):
        pixels = view.pixels(first, spec)
        assert pixels.shape == (3, *shape)
        assert np.array_equal(pixels, view.pixels(second, spec))


def painted(view: View, grid: PatchGrid) -> tuple[Picture, np.ndarray]:
    """A picture in which every patch of the view has its own flat colour, and those colours."""
    seed = np.random.default_rng(grid.num_patches)
    colours = seed.permutation(np.linspace(20, 235, grid.num_patches * 3)).astype(np.uint8)
    colours = colours.reshape(grid.num_patches, 3)
    width, height = view.picture_size
    left, top, right, bottom = view.region
    xs = (np.arange(width) + 0.5 - left) / (right - left)
    ys = (np.arange(height) + 0.5 - top) / (bottom - top)
    cols = np.clip((xs * grid.cols).astype(int), 0, grid.cols - 1)
    rows = np.clip((ys * grid.rows).astype(int), 0, grid.rows - 1)
    return open_picture(Image.fromarray(colours[rows[:, None] * grid.cols + cols])), colours


def centres(pixels: np.ndarray, spec: InputSpec, grid: PatchGrid) -> np.ndarray:
    """The colour (0 to 255) in the middle of each patch of a model's input, (N, 3)."""
    mean, std = np.array(spec.mean), np.array(spec.std)
    picture = (pixels.transpose(1, 2, 0) * std + mean) * 255
    rows = ((np.arange(grid.rows) + 0.5) * spec.size[0] / grid.rows).astype(int)
    cols = ((np.arange(grid.cols) + 0.5) * spec.size[1] / grid.cols).astype(int)
    return picture[rows[:, None], cols].reshape(-1, 3)


@given(
    size=st.tuples(st.integers(200, 500), st.integers(200, 500)),
    grid=st.builds(PatchGrid, st.integers(2, 8), st.integers(2, 8)),
    shape=st.sampled_from([(64, 64), (224, 224), (96, 160)]),
    guide_shape=st.sampled_from([(64, 64), (224, 224), (256, 192)]),
    crop_pct=percents.filter(lambda value: value <= 1.0),
    guide_crop_pct=percents,
    mode=st.sampled_from(["center", "squash"]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
)
@settings(max_examples=60, deadline=None)
def test_guide_and_target_show_the_same_cells_in_the_same_places(
    size: tuple[int, int],
    grid: PatchGrid,
    shape: tuple[int, int],
    guide_shape: tuple[int, int],
    crop_pct: float,
    guide_crop_pct: float,
    mode: str,
    interpolation: str,
) -> None:
    target = InputSpec(shape, MEAN, STD, "bicubic", crop_pct, mode)
    guide = InputSpec(guide_shape, STD, MEAN, interpolation, guide_crop_pct, "border")
    view = View(size, target)
    left, top, right, bottom = view.region
    assume((right - left) / grid.cols >= 8 and (bottom - top) / grid.rows >= 8)
    picture, colours = painted(view, grid)
    for spec in (target, guide):
        seen = centres(view.pixels(picture, spec), spec, grid)
        nearest = np.abs(seen[:, None] - colours[None].astype(float)).sum(axis=2).argmin(axis=1)
        assert np.array_equal(nearest, np.arange(grid.num_patches))
    shown = np.asarray(view.crop(picture, 10_000), dtype=float)
    rows = ((np.arange(grid.rows) + 0.5) * shown.shape[0] / grid.rows).astype(int)
    cols = ((np.arange(grid.cols) + 0.5) * shown.shape[1] / grid.cols).astype(int)
    middle = shown[rows[:, None], cols].reshape(-1, 3)
    assert np.abs(middle - colours).max() <= 3


def test_a_guide_with_its_own_crop_is_not_registered() -> None:
    """The negative twin: the guide's own transform shows other cells in the same places."""
    grid = PatchGrid(8, 8)
    view = View((500, 300), InputSpec((64, 64), MEAN, STD, "bicubic", 1.0, "center"))
    picture, colours = painted(view, grid)
    guide = InputSpec((224, 224), MEAN, STD, "bicubic", 0.875, "squash")
    own = View(picture.size, guide)
    wrong = centres(own.pixels(picture, guide), guide, grid)
    right = centres(view.pixels(picture, guide), guide, grid)
    assert np.abs(right - colours).max() < 25
    assert (np.abs(wrong - colours).max(axis=1) > 25).mean() > 0.3


@given(
    size=st.tuples(st.integers(100, 400), st.integers(20, 60)),
    turned=st.booleans(),
    side=st.sampled_from([64, 224]),
    guide_side=st.sampled_from([96, 224]),
)
@settings(max_examples=30, deadline=None)
def test_padding_is_registered_within_one_pixel(
    size: tuple[int, int], turned: bool, side: int, guide_side: int
) -> None:
    """In border mode the edge of the picture lies at the same place for both models."""
    size = size[::-1] if turned else size
    black = (0.9, 0.9, 0.9)
    target = InputSpec((side, side), black, STD, "bicubic", 1.0, "border")
    guide = InputSpec((guide_side, guide_side), black, STD, "bicubic", 1.0, "center")
    view = View(size, target)
    picture = open_picture(Image.new("RGB", size, (0, 0, 0)))
    for spec in (target, guide):
        filled = view.pixels(picture, spec)[0] < -1.0
        along = filled.any(axis=1 if not turned else 0)
        inside = np.flatnonzero(along)
        region = view.region
        start, end, length = (
            (region[0], region[2], size[0]) if turned else (region[1], region[3], size[1])
        )
        scale = len(along) / (end - start)
        assert abs(inside[0] - (0 - start) * scale) <= 1.0
        assert abs(inside[-1] + 1 - (length - start) * scale) <= 1.0


def samples() -> list[bytes]:
    image = Image.effect_noise((40, 30), 60).convert("RGB")
    made = []
    for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"):
        stream = io.BytesIO()
        image.save(stream, kind)
        made.append(stream.getvalue())
    return made


def check_answer(data: bytes) -> None:
    """The bytes open as RGB or are refused in one sentence; nothing else may come out."""
    refusal = ""
    try:
        assert open_picture(data, "upload").image.mode == "RGB"
    except PictureError as error:
        refusal = str(error)
    assert not refusal or (refusal.startswith("'upload' ") and refusal.endswith("."))
    assert "\n" not in refusal


@given(
    data=st.sampled_from(samples()),
    cut=st.floats(0, 1),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_open_or_are_refused_in_one_sentence(
    data: bytes, cut: float, edits: list[tuple[float, int]]
) -> None:
    damaged = bytearray(data)
    for place, value in edits:
        damaged[int(place**3 * len(damaged))] = value
    damaged = damaged[: int(cut * len(damaged)) + 1] if cut < 0.5 else damaged
    check_answer(bytes(damaged))


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    check_answer(data)
