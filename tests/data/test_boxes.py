"""Boxes of objects: read from Parquet, mapped through the crop onto patches."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from quality_zoo import write_boxed
from real_pictures import tiny_imagenet

from tinydrop.core.tokens import PatchGrid, covered_patches
from tinydrop.data import open_dataset
from tinydrop.data.view import InputSpec, Picture, View


def spec(size: tuple[int, int], mode: str, crop_pct: float) -> InputSpec:
    return InputSpec(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", crop_pct, mode)


# --- reading -----------------------------------------------------------------------------------


def test_usable_boxes_are_read_and_the_others_are_missing(tmp_path: Path) -> None:
    boxes = [
        [1, 2.5, 30, 31],
        [0, 0, 0, 0],  # no area
        [30, 2, 1, 31],  # right of its own right edge
        [5, 9, 8, 9],  # no height
        [1, 2, math.nan, 4],
        [1, 2, math.inf, 4],
        [1, 2, None, 4],
        [1, 2, 3],
        [],
        None,
        [-3, -2, 1e4, 5],  # reaches outside: the crop decides
    ]
    data = open_dataset(write_boxed(tmp_path / "x.parquet", boxes))
    read = [picture.box for picture in data.pictures()]
    assert read[0] == (1.0, 2.5, 30.0, 31.0)
    assert read[1:10] == [None] * 9
    assert read[10] == (-3.0, -2.0, 10000.0, 5.0)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([[[1, 2, 3, 4], [5, 6, 7, 8]]] * 4, None),  # several boxes in one picture
        ([["a", "b", "c", "d"]] * 4, None),
        (["1 2 3 4"] * 4, None),
        ([7] * 4, None),
        ([None] * 4, pa.list_(pa.int64())),
    ],
)
def test_a_column_of_something_else_is_no_box(tmp_path: Path, column: object, kind: object) -> None:
    data = open_dataset(write_boxed(tmp_path / "x.parquet", column, box_type=kind))
    assert [picture.box for picture in data.pictures()] == [None] * 4


def test_pictures_without_a_box_column_stay_fine(tmp_path: Path) -> None:
    path = write_boxed(tmp_path / "x.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["bbox"]), path)
    pictures = list(open_dataset(path).pictures())
    assert len(pictures) == 8
    assert all(picture.box is None for picture in pictures)


@pytest.mark.pictures
def test_the_boxes_of_tiny_imagenet_are_those_of_its_column() -> None:
    (path,) = (tiny_imagenet() / "data").glob("validation*.parquet")
    stored = np.array(pq.read_table(path, columns=["bbox"]).column("bbox").to_pylist())
    area = (stored[:, 2] - stored[:, 0]) * (stored[:, 3] - stored[:, 1])
    found = [picture.box for picture in open_dataset(path).pictures()]
    assert [box is None for box in found] == (area <= 0).tolist()
    assert all(box is None or box == tuple(row) for box, row in zip(found, stored, strict=True))
    assert found.count(None) == 18


# --- geometry ----------------------------------------------------------------------------------


def counted(view: View, grid: PatchGrid, box: tuple[float, ...], fine: int) -> np.ndarray:
    """Each patch's share in the box, by counting fine x fine points of it."""
    width, height = view.picture_size
    shares = []
    for index in range(grid.num_patches):
        x0, y0, x1, y1 = view.patch_rectangle(grid, index)
        x = x0 + (np.arange(fine) + 0.5) / fine * (x1 - x0)
        y = y0 + (np.arange(fine) + 0.5) / fine * (y1 - y0)
        in_x = (x >= max(box[0], 0)) & (x < min(box[2], width))
        in_y = (y >= max(box[1], 0)) & (y < min(box[3], height))
        shares.append(in_x.mean() * in_y.mean())
    return np.reshape(shares, (grid.rows, grid.cols))


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
@pytest.mark.parametrize("crop_pct", [1.0, 0.875])
def test_coverage_equals_counted_points(mode: str, crop_pct: float) -> None:
    rng = np.random.default_rng(0)
    for size, input_size, grid in (
        ((40, 36), (32, 32), PatchGrid(4, 4)),
        ((500, 333), (64, 64), PatchGrid(8, 8)),
        ((70, 200), (48, 80), PatchGrid(3, 5)),
    ):
        view = View(size, spec(input_size, mode, crop_pct))
        for _ in range(4):
            x = np.sort(rng.uniform(-0.2, 1.2, 2)) * size[0]
            y = np.sort(rng.uniform(-0.2, 1.2, 2)) * size[1]
            box = (x[0], y[0], x[1], y[1])
            ours = view.box_coverage(grid, box)
            assert np.abs(ours - counted(view, grid, box, 400)).max() < 2 * 2 / 400
            # The negative twin: without the crop the box would lie elsewhere.
            plain = grid.coverage(
                (box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1])
            )
            if mode == "center" and size != (40, 36) and 0.05 < ours.mean() < 0.6:
                assert np.abs(plain - ours).max() > 0.1


@pytest.mark.parametrize("mode", ["center", "squash"])
def test_coverage_equals_what_the_model_sees_of_a_white_box(mode: str) -> None:
    image = Image.new("RGB", (300, 220))
    box = (97, 40, 233, 171)
    image.paste((255, 255, 255), box)
    view = View(image.size, spec((64, 64), mode, 0.9))
    seen = view.pixels(Picture(image, "box", "0" * 64), view.spec)[0]
    blocks = seen.reshape(8, 8, 8, 8).mean(axis=(1, 3))
    ours = view.box_coverage(PatchGrid(8, 8), box)
    assert np.abs(ours - blocks).max() < 0.02  # the resize blurs over an edge
    assert np.abs(ours.T - blocks).max() > 0.5


def test_a_box_on_patch_edges_covers_whole_patches() -> None:
    grid = PatchGrid(7, 7)
    view = View((49, 49), spec((49, 49), "center", 1.0))
    shares = view.box_coverage(grid, (7, 14, 28, 21))
    expected = np.zeros((7, 7))
    expected[2, 1:4] = 1.0
    assert np.allclose(shares, expected, atol=1e-12)
    assert (covered_patches(shares) == expected.astype(bool)).all()


@pytest.mark.parametrize("box", [(0, 0, 9, 100), (60, 0, 80, 30), (20, 50, 40, 70)])
def test_a_box_that_the_crop_does_not_show_covers_nothing(box: tuple[float, ...]) -> None:
    view = View((60, 40), spec((40, 40), "center", 1.0))  # columns 10 to 50
    shares = view.box_coverage(PatchGrid(4, 4), box)
    assert not shares.any()
    assert not covered_patches(shares).any()


def test_which_patches_belong_to_what_covers_them() -> None:
    shares = np.array([[0.5, 0.49, 1.0], [0.0, 0.5 - 1e-12, 0.1]])
    assert covered_patches(shares).tolist() == [[True, False, True], [False, True, False]]
    small = np.array([0.1, 0.3, 0.3, 0.0])  # nothing reaches a half: the most covered belong
    assert covered_patches(small).tolist() == [False, True, True, False]
