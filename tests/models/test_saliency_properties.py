"""Laws of the maps: registration, batches, scale, mirror images, and what a resize may do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn
from torch.nn import functional as F

from tinydrop.core.selection import SALIENCY_METHODS
from tinydrop.core.tokens import PatchGrid, Saliency
from tinydrop.data.view import InputSpec
from tinydrop.models.backbones import Features, Guidance, GuidanceSpec
from tinydrop.models.saliency import compute_saliency, resize_saliency

CELL, ROWS, COLS = 4, 8, 8
CLASSES = 3


class CellAverages(nn.Module):
    """A guide whose features are the cells' mean colours, with a head that is not linear."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.fc = nn.Linear(3, CLASSES)
        with torch.no_grad():
            for parameter in self.fc.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.fc(feature_map.mean(dim=(2, 3))))


class CellSplit:
    layer = "cells"

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def features(self, pixels: torch.Tensor) -> Features:
        cells = F.avg_pool2d(pixels, CELL)
        return Features(cells, (), self.module(cells))

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return self.module(feature_map)

    def rebuilt(self, module: nn.Module) -> CellSplit:
        return CellSplit(module)


def make_guidance() -> Guidance:
    module = CellAverages().eval()
    size = InputSpec((ROWS * CELL, COLS * CELL), (0.5,) * 3, (0.5,) * 3, "bicubic", 1.0, "center")
    spec = GuidanceSpec(
        name="cells", family="Cells", layer="cells", num_classes=CLASSES, input=size,
        map_grid=PatchGrid(ROWS, COLS), map_channels=3, parameters=12, constant_query_macs=0,
    )  # fmt: skip
    return Guidance(spec, module, CellSplit(module))


GUIDANCE = make_guidance()


def maps_of(pixels: torch.Tensor, classes: list[int], method: str) -> list[Saliency]:
    return list(compute_saliency(GUIDANCE, GUIDANCE.features(pixels), classes, method))


def whole_pixels(seed: int, batch: int = 1) -> torch.Tensor:
    """Return whole numbers from -8 to 7, whose sums are exact in any order."""
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, 3, ROWS * CELL, COLS * CELL)
    return torch.randint(-8, 8, shape, generator=generator).float()


@given(
    st.integers(0, 10_000), st.integers(0, ROWS - 1), st.integers(0, COLS - 1),
    st.integers(0, CLASSES - 1),
)  # fmt: skip
@settings(max_examples=20)
def test_a_shift_by_whole_cells_shifts_the_map_exactly(seed, down, right, index):
    pixels = whole_pixels(seed)
    moved = pixels.roll((down * CELL, right * CELL), dims=(2, 3))
    for method in ("gradcam", "gradcam++", "hirescam", "layercam"):
        (before,), (after,) = (maps_of(p, [index], method) for p in (pixels, moved))
        np.testing.assert_array_equal(after.values, np.roll(before.values, (down, right), (0, 1)))


@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(0, 4))
@settings(max_examples=20)
def test_the_shift_reaches_the_targets_finer_grid_exactly(seed, down, right):
    """A thing on an empty ground, moved by whole cells: its map on 16x16 moves by twice as many."""
    thing = torch.zeros((1, 3, ROWS * CELL, COLS * CELL))
    thing[:, :, CELL : 3 * CELL, CELL : 3 * CELL] = whole_pixels(seed)[:, :, : 2 * CELL, : 2 * CELL]
    moved = thing.roll((down * CELL, right * CELL), dims=(2, 3))
    (before,), (after,) = (maps_of(p, [1], "gradcam") for p in (thing, moved))
    fine = [
        resize_saliency(found, PatchGrid(2 * ROWS, 2 * COLS)).values for found in (before, after)
    ]
    np.testing.assert_array_equal(fine[1], np.roll(fine[0], (2 * down, 2 * right), (0, 1)))


def test_negative_twin_a_shift_by_half_a_cell_does_not_shift_the_map():
    pixels = whole_pixels(3)
    (before,), (after,) = (
        maps_of(p, [1], "gradcam") for p in (pixels, pixels.roll(CELL // 2, dims=3))
    )
    for step in (0, 1):
        shifted = np.roll(before.values, step, 1)
        assert np.abs(after.values - shifted).max() > 0.05 * np.abs(before.values).max()


@pytest.mark.parametrize("method", SALIENCY_METHODS)
@given(st.integers(0, 10_000), st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=5))
@settings(max_examples=15)
def test_a_batch_gives_each_picture_its_own_map(method, seed, classes):
    pixels = whole_pixels(seed, len(classes))
    together = maps_of(pixels, classes, method)
    for picture, index in enumerate(classes):
        (alone,) = maps_of(pixels[picture : picture + 1], [index], method)
        scale = np.abs(alone.values).max()
        assert np.abs(together[picture].values - alone.values).max() <= 1e-5 * scale


@pytest.mark.parametrize("method", SALIENCY_METHODS)
@given(st.integers(0, 10_000))
@settings(max_examples=15)
def test_a_mirrored_picture_has_a_mirrored_map(method, seed):
    pixels = whole_pixels(seed)
    (plain,), (mirrored,) = (maps_of(p, [0], method) for p in (pixels, pixels.flip(3)))
    scale = np.abs(plain.values).max()
    if method == "eigencam" and abs(plain.values.max() + plain.values.min()) < 1e-3 * scale:
        return  # both ends are equally far out: either may count as salient
    assert np.abs(plain.values[:, ::-1] - mirrored.values).max() <= 1e-4 * scale


sides = st.integers(1, 12)
maps = arrays(
    np.float32, st.tuples(sides, sides), elements=st.floats(-100, 100, width=32), fill=st.nothing()
).map(lambda values: Saliency(values, "gradcam", "x"))


@given(maps, st.builds(PatchGrid, sides, sides))
def test_a_resized_map_lies_within_the_range_of_its_source(source, grid):
    found = resize_saliency(source, grid)
    assert found.grid == grid
    slack = 1e-6 * np.abs(source.values).max()
    assert found.values.min() >= source.values.min() - slack
    assert found.values.max() <= source.values.max() + slack


@given(maps, st.builds(PatchGrid, sides, sides))
def test_a_map_without_an_order_gets_none_by_resizing(source, grid):
    if source.problem is not None:
        assert resize_saliency(source, grid).problem == source.problem


@given(maps, st.builds(PatchGrid, sides, sides))
def test_resizing_commutes_with_mirroring(source, grid):
    mirrored = Saliency(source.values[:, ::-1], "gradcam", "x")
    np.testing.assert_allclose(
        resize_saliency(mirrored, grid).values,
        resize_saliency(source, grid).values[:, ::-1],
        atol=1e-5,
    )
