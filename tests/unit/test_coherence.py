"""Shape measures against drawn masks, slow re-implementations, published values, enumeration."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest

from tinydrop.coherence import (
    COHERENCE_METRICS,
    border_share,
    centroid_offset,
    component_count,
    describe_coherence,
    hole_count,
    largest_component_share,
    morans_i,
)
from tinydrop.errors import SettingError
from tinydrop.tokens import PatchGrid, TokenSelection


def stack(*drawings: str) -> np.ndarray:
    """Return masks drawn as rows of # (kept) and . (dropped), (M, rows, cols) bool."""
    return np.array([[[c == "#" for c in row] for row in d.split()] for d in drawings])


def random_masks(count: int, rows: int, cols: int) -> np.ndarray:
    rng = np.random.default_rng(rows * 100 + cols)
    masks = rng.random((count, rows, cols)) < rng.random((count, 1, 1))
    masks[:, rng.integers(rows), rng.integers(cols)] = True  # at least one patch is kept
    return masks


def select(mask: np.ndarray) -> TokenSelection:
    return TokenSelection.from_mask(PatchGrid(*mask.shape), mask, "drawn")


def disc() -> np.ndarray:
    """Return the 52 patches nearest to the centre of a 14x14 grid."""
    row, col = np.indices((14, 14))
    distance = (row - 6.5) ** 2 + (col - 6.5) ** 2
    mask = distance <= np.sort(distance, axis=None)[51]
    assert mask.sum() == 52
    return mask


def checkerboard() -> np.ndarray:
    return np.indices((14, 14)).sum(axis=0) % 2 == 0


def pieces(cells: np.ndarray, steps: list[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    """Return connected pieces by flood fill, one mask, no library."""
    left, found = {tuple(map(int, cell)) for cell in np.argwhere(cells)}, []
    while left:
        stack_, piece = [left.pop()], set()
        while stack_:
            r, c = stack_.pop()
            piece.add((r, c))
            near = {(r + dr, c + dc) for dr, dc in steps} & left
            left -= near
            stack_.extend(near)
        found.append(piece)
    return found


SIDES = [(1, 0), (-1, 0), (0, 1), (0, -1)]
CORNERS = [*SIDES, (1, 1), (1, -1), (-1, 1), (-1, -1)]


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


# --- Moran's I -----------------------------------------------------------------------------------


def test_morans_i_of_a_disc_and_of_a_checkerboard():
    """0.8236 and -1: esda's values (reference, peers-and-platform.md part 5)."""
    values = morans_i(np.stack([disc(), checkerboard()]))
    assert values[0] == pytest.approx(0.8236, abs=5e-5)
    assert values[1] == pytest.approx(-1, abs=1e-12)


@pytest.mark.parametrize("sides", [(1, 7), (5, 4), (9, 9)])
def test_morans_i_equals_its_definition(sides):
    masks = random_masks(20, *sides)
    cells = list(np.ndindex(sides))
    weights = np.array([[abs(a - c) + abs(b - d) == 1 for c, d in cells] for a, b in cells])
    for mask, value in zip(masks, morans_i(masks), strict=True):
        z = mask.reshape(-1) - mask.mean()
        if mask.all():
            assert np.isnan(value)
        else:
            expected = len(z) / weights.sum() * (z @ weights @ z) / (z @ z)
            assert value == pytest.approx(expected, abs=1e-12)


def test_morans_i_averages_to_minus_one_over_n_minus_one():
    """E[I] = -1/(N-1) over all sets of the same size, exactly: every 4 of 3x4 patches."""
    masks = np.zeros((495, 12), dtype=bool)
    for mask, kept in zip(masks, combinations(range(12), 4), strict=True):
        mask[list(kept)] = True
    assert morans_i(masks.reshape(-1, 3, 4)).mean() == pytest.approx(-1 / 11, abs=1e-12)


# --- border and centroid -------------------------------------------------------------------------


def test_border_share_counts_the_outermost_ring():
    masks = stack("#... .#.. .... ....", ".... .##. .##. ....", "#### #### #### ####")
    np.testing.assert_allclose(border_share(masks), [0.5, 0, 12 / 16])
    assert border_share(stack("#.. ..#")).tolist() == [1]


def test_centroid_offset_is_0_in_the_centre_and_reaches_for_1_in_a_corner():
    masks = stack("#.# ... #.#", "#.. ... ...", "... ..# ...")
    # A corner patch's centre lies 1/3 off on both axes, of 1/2; a side patch's on one.
    np.testing.assert_allclose(centroid_offset(masks), [0, 2 / 3, 2 / 3 / np.sqrt(2)], atol=1e-12)


# --- percentiles ---------------------------------------------------------------------------------


PUBLISHED = {  # K: measure -> (mean, 95 % quantile), peers-and-platform.md part 5
    20: {"largest_component_share_4": (0.14, 0.20), "largest_component_share": (0.19, 0.30),
         "components_4": (16.4, None), "components": (13.6, None), "morans_i": (-0.004, 0.091)},
    49: {"largest_component_share_4": (0.14, 0.22), "largest_component_share": (0.26, 0.45),
         "components_4": (27.2, None), "components": (15.8, None), "morans_i": (-0.005, 0.081)},
    98: {"largest_component_share_4": (0.34, 0.59), "largest_component_share": (0.88, 0.99),
         "components_4": (18.1, None), "components": (3.8, None), "morans_i": (-0.006, 0.077)},
    147: {"largest_component_share_4": (0.97, 1.00), "largest_component_share": (1.00, 1.00),
          "components_4": (2.8, None), "components": (1.1, None), "morans_i": (-0.006, 0.084)},
}  # fmt: skip


@pytest.mark.parametrize("k", PUBLISHED)
def test_random_sets_on_14x14_give_the_published_table(k):
    rng = np.random.default_rng(7)
    masks = (rng.random((2000, 196)).argsort(axis=1) < k).reshape(-1, 14, 14)
    for name, (mean, high) in PUBLISHED[k].items():
        values = COHERENCE_METRICS[name](masks)
        error = 5 * values.std() / 2000**0.5
        rounding = 0.05 if name.startswith("components") else 0.006
        assert values.mean() == pytest.approx(mean, abs=error + rounding), name
        if high is not None:
            assert np.quantile(values, 0.95) == pytest.approx(high, abs=0.02), name


def test_a_disc_is_coherent_and_a_checkerboard_is_not():
    solid, scattered = (describe_coherence(select(mask)) for mask in (disc(), checkerboard()))
    assert list(solid) == list(COHERENCE_METRICS)
    assert solid["morans_i"]["percentile"] == 100
    assert scattered["morans_i"]["percentile"] == 0
    assert solid["components_4"] == {"value": 1.0, "percentile": 0.0}
    assert scattered["components_4"] == {"value": 98.0, "percentile": 100.0}
    assert solid["centroid_offset"]["percentile"] == 0
    assert solid["border_share"] == {"value": 0.0, "percentile": 0.0}


def test_percentiles_agree_with_all_sets_of_that_size():
    """Every 4 of 4x4 patches; the simulation may be off by five standard errors."""
    masks = np.zeros((1820, 16), dtype=bool)
    for mask, kept in zip(masks, combinations(range(16), 4), strict=True):
        mask[list(kept)] = True
    chosen = masks[777].reshape(4, 4)
    described = describe_coherence(select(chosen), draws=4000)
    for name, measure in COHERENCE_METRICS.items():
        every, value = measure(masks.reshape(-1, 4, 4)), measure(chosen[None])[0]
        exact = 50 * ((every < value - 1e-9).mean() + (every < value + 1e-9).mean())  # mid-rank
        assert described[name]["value"] == pytest.approx(value)
        assert described[name]["percentile"] == pytest.approx(exact, abs=5 * 50 / 4000**0.5)


def test_a_typical_random_set_is_typical():
    """Mid-ranks of random sets average 50, whatever the ties."""
    grid, rng = PatchGrid(14, 14), np.random.default_rng(5)
    ranks = [
        [e["percentile"] for e in describe_coherence(TokenSelection(grid, kept, "x")).values()]
        for kept in (np.sort(rng.choice(196, 60, replace=False)) for _ in range(200))
    ]
    assert np.abs(np.mean(ranks, axis=0) - 50).max() < 5 * 29 / 200**0.5


def test_there_is_no_percentile_where_there_is_one_set():
    described = describe_coherence(TokenSelection.everything(PatchGrid(14, 14), "all"))
    assert {entry["percentile"] for entry in described.values()} == {None}
    assert described["morans_i"]["value"] is None
    assert described["components"]["value"] == 1


@pytest.mark.parametrize("sides", [(1, 1), (1, 5), (5, 1), (2, 2), (3, 2)])
def test_every_set_on_a_tiny_grid_is_described(sides):
    grid = PatchGrid(*sides)
    for k in range(1, grid.num_patches + 1):
        entries = describe_coherence(TokenSelection(grid, np.arange(k), "x"), draws=50)
        for name, entry in entries.items():
            if k < grid.num_patches:
                assert 0 <= entry["percentile"] <= 100, name
            assert entry["value"] is None or np.isfinite(entry["value"])


def test_the_description_repeats_and_its_seed_matters():
    made = select(random_masks(1, 14, 14)[0])
    assert describe_coherence(made) == describe_coherence(made)
    assert describe_coherence(made, seed=1) != describe_coherence(made)


def test_no_draws_is_refused():
    with pytest.raises(SettingError, match="at least one random set"):
        describe_coherence(select(disc()), draws=0)


def test_it_is_quick():
    """About 10 ms for a new K on 14x14 and under 1 ms after; the bound allows a busy machine."""
    start = time.perf_counter()
    for k in range(30, 40):
        describe_coherence(TokenSelection(PatchGrid(14, 14), np.arange(k), "x"), seed=9)
    assert time.perf_counter() - start < 10 * 0.2
