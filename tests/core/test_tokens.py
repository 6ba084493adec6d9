"""Grids, maps, kept sets and outlines: every refusal, and hand-checked values."""

from __future__ import annotations

import numpy as np
import pytest

from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection, mask_outline


def saliency(values: object) -> Saliency:
    return Saliency(np.array(values, dtype=np.float32), "gradcam", "layer4")


# --- PatchGrid -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [(0, 4), (4, 0), (-1, 4), (True, 4), (4, 1.0), ("3", 4)])
def test_grid_refuses_sides_that_are_not_positive_whole_numbers(sides):
    with pytest.raises(SettingError, match=r"whole number of (rows|cols)"):
        PatchGrid(*sides)


def test_grid_is_row_major():
    grid = PatchGrid(2, 3)
    assert grid.num_patches == 6
    assert [grid.position(i) for i in range(6)] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert grid.index(1, 2) == 5
    assert grid.rectangle(4) == (1 / 3, 1 / 2, 2 / 3, 1.0)


@pytest.mark.parametrize("index", [-1, 6])
def test_grid_refuses_a_patch_outside(index):
    with pytest.raises(SettingError, match="outside the 2x3 grid"):
        PatchGrid(2, 3).position(index)


@pytest.mark.parametrize("position", [(-1, 0), (0, -1), (2, 0), (0, 3)])
def test_grid_refuses_a_position_outside(position):
    with pytest.raises(SettingError, match="outside the 2x3 grid"):
        PatchGrid(2, 3).index(*position)


@pytest.mark.parametrize(
    "point", [(-1e-9, 0.5), (0.5, -1e-9), (1.0, 0.5), (0.5, 1.0), (float("nan"), 0.5)]
)
def test_patch_at_is_none_outside_the_view(point):
    assert PatchGrid(2, 3).patch_at(*point) is None


@pytest.mark.parametrize("side", [1, 2, 3, 7, 14, 16, 37, 49, 98, 103])
def test_a_patch_owns_its_left_and_top_edge_and_not_its_right_and_bottom_one(side):
    """49 and its kin: 1/49*49 < 1 in floating point, so that int(x*cols) picks the neighbour."""
    grid = PatchGrid(side, 1)
    for row in range(side):
        left, top, right, bottom = grid.rectangle(row)
        assert grid.patch_at(left, top) == row
        assert grid.patch_at((left + right) / 2, np.nextafter(bottom, 0.0)) == row


# --- Saliency ------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [[[1.0]]], np.zeros((0, 3))])
def test_saliency_refuses_another_shape(values):
    with pytest.raises(SettingError, match=r"shape \(rows, cols\)"):
        saliency(values)


def test_saliency_is_a_read_only_float32_copy():
    source = np.arange(6, dtype=np.float64).reshape(2, 3)
    made = Saliency(source, "gradcam", "layer4")
    source[:] = 0
    assert made.values.dtype == np.float32
    assert made.values[1, 2] == 5
    assert made.grid == PatchGrid(2, 3)
    with pytest.raises(ValueError, match="read-only"):
        made.values[0, 0] = 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_map_with_a_value_that_is_not_finite_is_a_problem(bad):
    made = saliency([[0.0, 1.0], [bad, 2.0]])
    assert made.problem == "the saliency map holds values that are not finite"
    assert not made.normalised().any()


def test_a_zero_map_is_a_problem():
    assert saliency(np.zeros((3, 3))).problem == "the saliency map is zero everywhere"


@pytest.mark.parametrize("level", [1.0, -3.5, 1e-30, 1e30])
def test_a_flat_map_is_a_problem_up_to_float32_rounding(level):
    ulp = np.spacing(np.float32(level))
    assert saliency([[level, level]]).problem == "the saliency map is flat"
    assert saliency([[level, level + 3 * ulp]]).problem == "the saliency map is flat"
    assert saliency([[level, level * (1 + 1e-4)]]).problem is None


def test_normalised_is_min_max():
    made = saliency([[-2.0, 0.0], [1.0, 2.0]])
    np.testing.assert_array_equal(made.normalised(), np.float32([[0.0, 0.5], [0.75, 1.0]]))


def test_normalised_survives_the_whole_float32_range():
    biggest = np.finfo(np.float32).max
    np.testing.assert_array_equal(
        saliency([[-biggest, 0.0, biggest]]).normalised(), np.float32([[0.0, 0.5, 1.0]])
    )


# --- TokenSelection ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("indices", "reason"),
    [
        ([], "at least one patch"),
        ([[0, 1]], "flat list"),
        ([0, 6], "between 0 and 5"),
        ([-1, 2], "between 0 and 5"),
        ([2, 1], "sorted and unique"),
        ([1, 1], "sorted and unique"),
        ([0.0, 1.5], "whole numbers"),
        ([False, True], "use from_mask"),  # would read as patches 0 and 1
    ],
)
def test_selection_refuses_bad_indices(indices, reason):
    with pytest.raises(SettingError, match=reason):
        TokenSelection(PatchGrid(2, 3), np.array(indices), "random")


@pytest.mark.parametrize("shape", [(6,), (2, 3)])
def test_from_mask_takes_the_two_shapes_of_its_grid(shape):
    mask = np.array([1, 0, 0, 0, 1, 1], dtype=bool).reshape(shape)
    assert TokenSelection.from_mask(PatchGrid(2, 3), mask, "x").keep_indices.tolist() == [0, 4, 5]


@pytest.mark.parametrize("shape", [(3, 2), (5,), (6, 1), (1, 2, 3)])
def test_from_mask_refuses_another_shape(shape):
    with pytest.raises(SettingError, match="has shape"):
        TokenSelection.from_mask(PatchGrid(2, 3), np.ones(shape, dtype=bool), "x")


def test_from_mask_refuses_an_empty_set():
    with pytest.raises(SettingError, match="at least one patch"):
        TokenSelection.from_mask(PatchGrid(2, 3), np.zeros(6, dtype=bool), "x")


def test_selections_are_equal_by_grid_and_set_not_by_who_chose():
    grid = PatchGrid(2, 3)
    first, second = TokenSelection(grid, [0, 4], "a"), TokenSelection(grid, [0, 4], "b")
    assert first == second
    assert hash(first) == hash(second)
    assert first != TokenSelection(PatchGrid(3, 2), [0, 4], "a")
    assert first != TokenSelection(grid, [0, 5], "a")
    assert first != "a selection"


def test_the_kept_set_is_read_only():
    indices = np.array([0, 4])
    made = TokenSelection(PatchGrid(2, 3), indices, "a")
    indices[0] = 3
    assert made.keep_indices.tolist() == [0, 4]
    with pytest.raises(ValueError, match="read-only"):
        made.keep_indices[0] = 1


def test_forced_toggles_and_refuses_to_empty_the_set():
    made = TokenSelection(PatchGrid(2, 3), [0, 4], "a")
    assert made.forced([4, 5]).keep_indices.tolist() == [0, 5]
    assert made.forced([5, 5]) == made
    with pytest.raises(SettingError, match="at least one patch"):
        made.forced([0, 4])
    with pytest.raises(SettingError, match="outside the 2x3 grid"):
        made.forced([6])


def test_everything_keeps_all():
    made = TokenSelection.everything(PatchGrid(2, 3), "all")
    assert made.num_keep == 6
    assert made.token_mask.all()


# --- mask_outline, by hand -----------------------------------------------------------------------


def test_outline_of_one_cell_runs_clockwise_on_screen():
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 2] = True
    assert mask_outline(mask) == (((2, 1), (3, 1), (3, 2), (2, 2)),)


def test_outline_leaves_out_corners_on_a_straight_line():
    assert mask_outline(np.ones((2, 5), dtype=bool)) == (((0, 0), (5, 0), (5, 2), (0, 2)),)


def test_outline_gives_a_hole_its_own_loop_the_other_way_round():
    mask = np.ones((3, 3), dtype=bool)
    mask[1, 1] = False
    assert mask_outline(mask) == (
        ((0, 0), (3, 0), (3, 3), (0, 3)),
        ((1, 1), (1, 2), (2, 2), (2, 1)),
    )


@pytest.mark.parametrize("mask", [np.eye(2, dtype=bool), ~np.eye(2, dtype=bool)])
def test_outline_parts_cells_that_touch_at_a_corner_alone(mask):
    loops = mask_outline(mask)
    assert len(loops) == 2
    assert all(len(loop) == 4 for loop in loops)


def test_outline_of_nothing_is_empty():
    assert mask_outline(np.zeros((3, 3), dtype=bool)) == ()


def test_outline_refuses_a_flat_mask():
    with pytest.raises(SettingError, match="needs a"):
        mask_outline(np.ones(9, dtype=bool))
