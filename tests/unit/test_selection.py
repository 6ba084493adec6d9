"""Orders and selections by hand: ties, checkerboards, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from tinydrop.errors import SettingError
from tinydrop.selection import (
    GEOMETRIC_ORDERS,
    centre_order,
    random_order,
    saliency_order,
    select_tokens,
    uniform_order,
)
from tinydrop.tokens import PatchGrid, Saliency


def saliency(values: object) -> Saliency:
    return Saliency(np.array(values, dtype=np.float32), "gradcam", "layer4")


# --- saliency ------------------------------------------------------------------------------------


def test_ties_go_to_the_lowest_index():
    order = saliency_order(saliency([[1.0, 3.0, 1.0], [3.0, -2.0, 1.0]]))
    assert order.tolist() == [1, 3, 0, 2, 5, 4]


def test_zero_and_minus_zero_tie():
    assert saliency_order(saliency([[-0.0, 0.0, -1.0, -0.0]])).tolist() == [0, 1, 3, 2]


def test_negative_cells_are_ranked_among_themselves():
    """The reason for the signed map: after a ReLU these four would come in index order."""
    values = [[-4.0, -1.0], [-3.0, -2.0]]
    assert saliency_order(saliency(values)).tolist() == [1, 3, 2, 0]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((2, 2)), "zero everywhere"),
        (np.full((2, 2), 7.0), "flat"),
        ([[1.0, np.nan]], "not finite"),
        ([[1.0, np.inf]], "not finite"),
    ],
)
def test_an_unusable_map_is_never_ranked(values, reason):
    with pytest.raises(SettingError, match=f"{reason}; keep every patch"):
        saliency_order(saliency(values))


# --- geometric orders ----------------------------------------------------------------------------


def checkerboard(grid: PatchGrid) -> np.ndarray:
    return (np.indices((grid.rows, grid.cols)).sum(axis=0) % 2 == 0).reshape(-1)


@pytest.mark.parametrize("sides", [(8, 8), (14, 14), (7, 7), (3, 5), (5, 8), (16, 12), (1, 9)])
def test_half_of_the_uniform_order_is_a_checkerboard(sides):
    grid = PatchGrid(*sides)
    half = (grid.num_patches + 1) // 2
    np.testing.assert_array_equal(
        select_tokens(uniform_order(grid), grid, half, "uniform").token_mask, checkerboard(grid)
    )


@pytest.mark.parametrize("sides", [(8, 8), (14, 14), (16, 12), (6, 10)])
def test_a_quarter_of_the_uniform_order_is_every_second_patch_of_every_second_row(sides):
    grid = PatchGrid(*sides)
    mask = select_tokens(uniform_order(grid), grid, grid.num_patches // 4, "uniform").token_mask
    expected = np.zeros(sides, dtype=bool)
    expected[::2, ::2] = True
    np.testing.assert_array_equal(mask, expected.reshape(-1))


def test_uniform_4x4_is_the_bayer_matrix():
    ranks = np.empty(16, dtype=int)
    ranks[uniform_order(PatchGrid(4, 4))] = np.arange(16)
    # Bayer 1973, index matrix of order 4
    expected = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]
    assert ranks.reshape(4, 4).tolist() == expected


def test_centre_starts_in_the_middle_and_ends_in_the_corners():
    order = centre_order(PatchGrid(14, 14)).tolist()
    assert order[:4] == [6 * 14 + 6, 6 * 14 + 7, 7 * 14 + 6, 7 * 14 + 7]
    assert order[-4:] == [0, 13, 13 * 14, 195]
    assert centre_order(PatchGrid(3, 3)).tolist() == [4, 1, 3, 5, 7, 0, 2, 6, 8]


def test_centre_covers_a_wide_grid_in_its_own_proportions():
    """On 4x16 the inner half of each side is 2x8 cells; all of them come before a corner."""
    grid = PatchGrid(4, 16)
    mask = select_tokens(centre_order(grid), grid, 16, "centre").token_mask.reshape(4, 16)
    rows, cols = mask.any(axis=1), mask.any(axis=0)
    assert rows.tolist() == [False, True, True, False]
    assert cols.sum() == 8


def test_random_needs_a_seed_from_zero_on():
    with pytest.raises(SettingError, match="from 0 on, got -1"):
        random_order(PatchGrid(2, 2), -1)


def test_random_orders_cover_the_grid_evenly():
    """Each patch is in the first half as often as chance has it: 5 sigma over 2000 seeds."""
    grid, draws = PatchGrid(4, 4), 2000
    counts = np.zeros(16)
    for seed in range(draws):
        counts[random_order(grid, seed)[:8]] += 1
    assert np.abs(counts / draws - 0.5).max() < 5 * 0.5 / draws**0.5


def test_the_geometric_orders_are_named():
    assert list(GEOMETRIC_ORDERS) == ["random", "uniform", "centre"]


# --- select_tokens -------------------------------------------------------------------------------


def test_select_sorts_and_names_its_selector():
    grid = PatchGrid(2, 2)
    made = select_tokens(np.array([3, 0, 2, 1]), grid, 3, "gradcam")
    assert made.keep_indices.tolist() == [0, 2, 3]
    assert (made.grid, made.selector) == (grid, "gradcam")


@pytest.mark.parametrize("k", [0, 5, -1])
def test_select_refuses_k_out_of_range(k):
    with pytest.raises(SettingError, match="between 1 and 4"):
        select_tokens(np.arange(4), PatchGrid(2, 2), k, "x")


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2], [1, 2, 3, 4], [[0, 1], [2, 3]]])
def test_select_refuses_the_order_of_another_grid(order):
    with pytest.raises(SettingError, match="names each patch once"):
        select_tokens(np.array(order), PatchGrid(2, 2), 2, "x")
