"""Orders and selections by hand: ties, checkerboards, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from tinydrop.core.budget import BUDGET_RULES
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import (
    COVERAGE_SHARE,
    GEOMETRIC_ORDERS,
    MAP_ORDERS,
    METHOD_TITLES,
    RULE_TITLES,
    SEEDED_ORDERS,
    SELECTOR_TITLES,
    SELECTORS,
    YARDSTICK_TITLES,
    centre_order,
    coherent_order,
    coverage_order,
    inverse_order,
    label_of,
    map_method,
    map_order,
    random_order,
    saliency_order,
    scattered_order,
    select_tokens,
    uniform_order,
)
from tinydrop.core.tokens import PatchGrid, Saliency


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
    for order in (saliency_order, *MAP_ORDERS.values()):
        with pytest.raises(SettingError, match=f"{reason}; keep every patch"):
            order(saliency(values))
    for selector in ("gradcam", "eigencam", *MAP_ORDERS):
        assert map_order(selector, saliency(values)) is None


# --- other ways to read a map --------------------------------------------------------------------


def test_the_inverse_turns_the_order_round_ties_included():
    made = saliency([[1.0, 3.0, 1.0], [3.0, -2.0, 1.0]])
    assert inverse_order(made).tolist() == [4, 5, 2, 0, 3, 1]


def test_the_coherent_order_grows_over_a_valley_to_the_second_hill():
    """The second hill (8) comes only when the region touches it, which the plain order ignores."""
    made = saliency([[9.0, 5.0, 0.0, 1.0, 8.0], [4.0, 3.0, -1.0, 2.0, 7.0]])
    assert saliency_order(made).tolist()[:3] == [0, 4, 9]
    assert coherent_order(made).tolist() == [0, 1, 5, 6, 2, 8, 4, 9, 3, 7]


def test_the_coherent_order_goes_through_corners_and_breaks_ties_by_index():
    made = saliency([[5.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 3.0]])
    assert coherent_order(made).tolist() == [0, 4, 8, 1, 2, 3, 5, 6, 7]


def test_coverage_alternates_between_the_map_and_the_lattice():
    """4x4: the Bayer order starts 0, 10, 2, 8, 5; the map prefers the last row from the right."""
    made = saliency(np.arange(16.0).reshape(4, 4))
    assert uniform_order(PatchGrid(4, 4)).tolist()[:5] == [0, 10, 2, 8, 5]
    assert coverage_order(made, 0.5).tolist()[:8] == [15, 0, 14, 10, 13, 2, 12, 8]
    # The map reaches 10, which the lattice has brought already, and goes on with 9.
    assert coverage_order(made, 0.5).tolist()[8:13] == [11, 5, 9, 7, 6]
    assert COVERAGE_SHARE == 0.25
    assert coverage_order(made).tolist()[:6] == [15, 0, 10, 2, 14, 8]
    assert coverage_order(made, 0.75).tolist()[:6] == [15, 14, 13, 0, 12, 11]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(SettingError, match="number from 0 to 1, got"):
        coverage_order(saliency([[1.0, 2.0]]), share)


def test_one_function_says_whose_map_a_selector_reads():
    assert list(MAP_ORDERS) == ["coverage", "coherent", "inverse"]
    assert {map_method(name) for name in MAP_ORDERS} == {"gradcam"}
    assert [map_method(name) for name in ("gradcam", "layercam")] == ["gradcam", "layercam"]
    assert {map_method(name) for name in GEOMETRIC_ORDERS} == {None}


def test_a_saliency_method_is_ranked_from_its_top():
    made = saliency([[1.0, 3.0], [2.0, 0.0]])
    assert map_order("layercam", made).tolist() == [1, 2, 0, 3]
    assert map_order("inverse", made).tolist() == [3, 0, 2, 1]


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


@pytest.mark.parametrize("name", sorted(SEEDED_ORDERS))
def test_a_seed_is_a_number_from_zero_on(name):
    with pytest.raises(SettingError, match="from 0 on, got -1"):
        GEOMETRIC_ORDERS[name](PatchGrid(2, 2), -1)


@pytest.mark.parametrize("make", [random_order, scattered_order])
def test_seeded_orders_cover_the_grid_evenly(make):
    """Each patch is in the first half as often as chance has it: 5 sigma over 2000 seeds."""
    grid, draws = PatchGrid(4, 4), 2000
    counts = np.zeros(16)
    for seed in range(draws):
        counts[make(grid, seed)[:8]] += 1
    assert np.abs(counts / draws - 0.5).max() < 5 * 0.5 / draws**0.5


def test_scattered_patches_form_no_lattice():
    """Moved so that the first patch lies at 0, lattices are all the same set; these are not."""
    grid = PatchGrid(8, 8)

    def shapes(order_of):
        found = set()
        for seed in range(12):
            rows, cols = np.divmod(order_of(seed)[:16], 8)
            moved = zip((rows - rows[0]) % 8, (cols - cols[0]) % 8, strict=True)
            found.add(frozenset((int(r), int(c)) for r, c in moved))
        return found

    def moved_lattice(seed):
        rows, cols = np.divmod(uniform_order(grid), 8)
        return (rows + seed) % 8 * 8 + (cols + 3 * seed) % 8

    assert len(shapes(moved_lattice)) == 1
    assert len(shapes(lambda seed: scattered_order(grid, seed))) >= 10


def test_the_geometric_orders_are_named():
    assert list(GEOMETRIC_ORDERS) == ["random", "scattered", "uniform", "centre"]
    assert {"random", "scattered"} == SEEDED_ORDERS


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


def test_every_name_has_one_title_and_one_sentence() -> None:
    assert set(SELECTOR_TITLES) == set(SELECTORS)
    assert set(RULE_TITLES) == set(BUDGET_RULES)
    for table in (SELECTOR_TITLES, RULE_TITLES, METHOD_TITLES, YARDSTICK_TITLES):
        for spelling in ("title", "label", "short", "note"):
            said = [getattr(one, spelling) for one in table.values()]
            assert all(said)
            assert len(set(said)) == len(said), "two things of one table never read alike"
        assert all(one.note.endswith(".") for one in table.values())
    assert label_of("coverage") == "coverage (salient + even)"
    assert label_of("object box") == "object’s box (oracle)"
    assert label_of("soft-student") == "soft-student"
