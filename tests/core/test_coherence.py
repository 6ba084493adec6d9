"""Shape measures against drawn masks, slow re-implementations, published values, enumeration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from mask_zoo import CORNERS, SIDES, checkerboard, disc, pieces, random_masks, stack

from tinydrop.core.coherence import (
    border_share,
    bounding_box_fill,
    centroid_offset,
    compactness,
    component_count,
    gearys_c,
    hole_count,
    largest_component_share,
    morans_i,
)
from tinydrop.core.errors import SettingError

# --- pieces and holes ----------------------------------------------------------------------------


def test_a_diagonal_is_one_piece_by_corners_and_three_by_sides():
    masks = stack("#.. .#. ..#")
    assert component_count(masks).tolist() == [1]
    assert component_count(masks, connectivity=4).tolist() == [3]
    assert largest_component_share(masks).tolist() == [1]
    assert largest_component_share(masks, connectivity=4).tolist() == [1 / 3]


def test_masks_of_a_stack_do_not_touch_each_other():
    masks = stack("#.. ... ...", "#.. ... ..#", "### ### ###")
    assert component_count(masks).tolist() == [1, 2, 1]
    assert largest_component_share(masks).tolist() == [1, 0.5, 1]


def test_holes_close_through_corners_and_the_edge_is_open():
    masks = stack(
        "### #.# ###",  # one hole
        ".#. #.# .#.",  # closed, since kept patches connect through corners
        "#.# #.# ###",  # open at the top
        "### ### ###",  # none
    )
    assert hole_count(masks).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("sides", [(1, 1), (1, 7), (6, 1), (2, 2), (5, 8), (9, 9)])
def test_pieces_and_holes_equal_a_flood_fill(sides):
    masks = random_masks(40, *sides)
    for connectivity, steps in ((4, SIDES), (8, CORNERS)):
        slow = [pieces(mask, steps) for mask in masks]
        assert component_count(masks, connectivity).tolist() == [len(found) for found in slow]
        np.testing.assert_allclose(
            largest_component_share(masks, connectivity),
            [max(map(len, found)) / mask.sum() for found, mask in zip(slow, masks, strict=True)],
        )
    rows, cols = sides
    closed = [
        sum(
            all(0 < r < rows - 1 and 0 < c < cols - 1 for r, c in piece)
            for piece in pieces(~mask, SIDES)
        )
        for mask in masks
    ]
    assert hole_count(masks).tolist() == closed


def test_pieces_minus_holes_is_the_euler_number_from_local_counts():
    """V - E + F of the kept patches as closed squares, which touch at corners: 8-connected."""
    masks = random_masks(60, 7, 8)
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    across = padded[:, :, 1:] | padded[:, :, :-1]
    down = padded[:, 1:] | padded[:, :-1]
    corner = down[:, :, 1:] | down[:, :, :-1]
    euler = corner.sum(axis=(1, 2)) - across.sum(axis=(1, 2)) - down.sum(axis=(1, 2))
    euler = euler + masks.sum(axis=(1, 2))
    np.testing.assert_array_equal(component_count(masks) - hole_count(masks), euler)


def test_another_neighbourhood_is_refused():
    with pytest.raises(SettingError, match="4 or to 8"):
        component_count(stack("#"), connectivity=6)


# --- Moran's I and Geary's C ----------------------------------------------------------------------


def test_autocorrelation_of_a_disc_and_of_a_checkerboard():
    """esda's values (reference, peers-and-platform.md part 5)."""
    masks = np.stack([disc(), checkerboard()])
    assert morans_i(masks)[0] == pytest.approx(0.8236, abs=5e-5)
    assert morans_i(masks)[1] == pytest.approx(-1, abs=1e-12)
    assert gearys_c(masks)[0] == pytest.approx(0.2244, abs=5e-5)
    assert gearys_c(masks)[1] == pytest.approx(1.9898, abs=5e-5)


def test_the_reference_values_tell_rook_from_queen_neighbours():
    """The negative twin: with corners as neighbours the same disc gives other values."""
    x = disc().astype(float)
    z = x - x.mean()
    shifts = [(0, 1), (1, 0), (1, 1), (1, -1)]
    pairs = [
        (z[: 14 - d, max(0, -r) : 14 - max(0, r)], z[d:, max(0, r) : 14 + min(0, r)])
        for d, r in shifts
    ]
    count = sum(a.size for a, _ in pairs)
    moran = sum((a * b).sum() for a, b in pairs) / count / (z**2).mean()
    assert abs(moran - 0.8236) > 0.02


@pytest.mark.parametrize("sides", [(1, 7), (5, 4), (9, 9)])
@pytest.mark.parametrize("kind", ["mask", "map"])
def test_autocorrelation_equals_its_definition(sides, kind):
    grids = random_masks(20, *sides)
    if kind == "map":
        grids = np.random.default_rng(1).normal(-3, 5, (20, *sides)).astype(np.float32)
    cells = list(np.ndindex(sides))
    found = zip(grids, morans_i(grids), gearys_c(grids), strict=True)
    for grid, moran, geary in found:
        x = [float(grid[cell]) for cell in cells]
        mean = sum(x) / len(x)
        around = sum((value - mean) ** 2 for value in x)
        products = squares = weights = 0.0
        for (a, b), u in zip(cells, x, strict=True):
            for (c, d), v in zip(cells, x, strict=True):
                if abs(a - c) + abs(b - d) == 1:
                    weights += 1
                    products += (u - mean) * (v - mean)
                    squares += (u - v) ** 2
        if around == 0:
            assert np.isnan(moran)
            assert np.isnan(geary)
        else:
            assert moran == pytest.approx(len(x) / weights * products / around, abs=1e-9)
            assert geary == pytest.approx((len(x) - 1) / (2 * weights) * squares / around, abs=1e-9)


def test_autocorrelation_averages_to_what_chance_gives():
    """E[I] = -1/(N-1) and E[C] = 1 over all sets of the same size, exactly: every 4 of 3x4."""
    masks = np.zeros((495, 12), dtype=bool)
    for mask, kept in zip(masks, combinations(range(12), 4), strict=True):
        mask[list(kept)] = True
    assert morans_i(masks.reshape(-1, 3, 4)).mean() == pytest.approx(-1 / 11, abs=1e-12)
    assert gearys_c(masks.reshape(-1, 3, 4)).mean() == pytest.approx(1, abs=1e-12)


def test_a_single_patch_and_a_constant_have_no_autocorrelation():
    for grids in (np.ones((2, 3, 4), dtype=bool), np.full((1, 3, 3), 0.1), np.ones((1, 1, 1))):
        assert np.isnan(morans_i(grids)).all()
        assert np.isnan(gearys_c(grids)).all()


# --- border and centroid -------------------------------------------------------------------------


def test_border_share_counts_the_outermost_ring():
    masks = stack("#... .#.. .... ....", ".... .##. .##. ....", "#### #### #### ####")
    np.testing.assert_allclose(border_share(masks), [0.5, 0, 12 / 16])
    assert border_share(stack("#.. ..#")).tolist() == [1]


def test_centroid_offset_is_0_in_the_centre_and_reaches_for_1_in_a_corner():
    masks = stack("#.# ... #.#", "#.. ... ...", "... ..# ...")
    # A corner patch's centre lies 1/3 off on both axes, of 1/2; a side patch's on one.
    np.testing.assert_allclose(centroid_offset(masks), [0, 2 / 3, 2 / 3 / np.sqrt(2)], atol=1e-12)


# --- compactness and bounding box ----------------------------------------------------------------


@pytest.mark.parametrize("side", [1, 2, 5])
def test_every_square_is_as_compact(side):
    mask = np.zeros((1, 9, 7), dtype=bool)
    mask[:, 1 : 1 + side, 2 : 2 + side] = True
    assert compactness(mask)[0] == pytest.approx(3 / np.pi)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_line_of_n_patches_follows_its_formula(n):
    """I = n (n^2 + 1) / 12 for an n x 1 rectangle, so C = 6 n / (pi (n^2 + 1))."""
    masks = np.zeros((1, 3, 9), dtype=bool)
    masks[:, 1, :n] = True
    expected = 6 * n / (np.pi * (n**2 + 1))
    assert compactness(masks)[0] == pytest.approx(expected)
    assert compactness(masks.transpose(0, 2, 1))[0] == pytest.approx(expected)


def test_compactness_equals_the_moment_from_all_pairs():
    """Huygens: the moment about the centroid is the sum of squared distances of all pairs / K."""
    for mask, value in zip(masks := random_masks(20, 6, 9), compactness(masks), strict=True):
        places = np.argwhere(mask).tolist()
        k = len(places)
        pairs = sum((a - c) ** 2 + (b - d) ** 2 for a, b in places for c, d in places) / 2
        assert value == pytest.approx(k**2 / (2 * np.pi * (pairs / k + k / 6)))


def test_a_disc_is_nearly_1_and_far_pieces_nearly_0():
    corners = np.zeros((14, 14), dtype=bool)
    corners[[0, 0, 13, 13], [0, 13, 0, 13]] = True
    values = compactness(np.stack([disc(), corners]))
    assert 0.98 < values[0] < 1
    assert values[1] < 0.01


def test_the_bounding_box_is_the_smallest_upright_one():
    masks = stack("#... .#.. ....", ".... .##. .##.", "#..# .... #..#", "..#. ...# ....")
    assert bounding_box_fill(masks).tolist() == [2 / 4, 4 / 4, 4 / 12, 2 / 4]


def test_the_bounding_box_equals_a_search():
    for mask, value in zip(masks := random_masks(40, 5, 8), bounding_box_fill(masks), strict=True):
        rows, cols = np.argwhere(mask).T
        area = (max(rows) - min(rows) + 1) * (max(cols) - min(cols) + 1)
        assert value == pytest.approx(len(rows) / area)
