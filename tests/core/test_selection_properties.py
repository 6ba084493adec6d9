"""Laws of orders: permutations, nested sets, one piece, shares of the map, and an even spread."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mask_zoo import CORNERS, pieces

from tinydrop.core.coherence import morans_i
from tinydrop.core.selection import (
    GEOMETRIC_ORDERS,
    MAP_ORDERS,
    SEEDED_ORDERS,
    coherent_order,
    coverage_order,
    inverse_order,
    random_order,
    saliency_order,
    scattered_order,
    select_tokens,
    uniform_order,
)
from tinydrop.core.tokens import PatchGrid, Saliency

sides = st.integers(1, 12)
grids = st.builds(PatchGrid, sides, sides)
maps = arrays(
    np.float32, st.tuples(sides, sides), elements=st.floats(-100, 100, width=32), fill=st.nothing()
).map(lambda values: Saliency(values, "gradcam", "x"))


@given(grids, st.sampled_from(list(GEOMETRIC_ORDERS)), st.integers(0, 2**32))
def test_every_order_is_a_permutation_and_repeats(grid, name, seed):
    order = GEOMETRIC_ORDERS[name](grid, seed)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(grid.num_patches))
    np.testing.assert_array_equal(order, GEOMETRIC_ORDERS[name](grid, seed))


@given(maps)
def test_a_saliency_order_falls_and_breaks_ties_by_index(saliency):
    if saliency.problem is not None:
        return
    order = saliency_order(saliency)
    flat = saliency.values.reshape(-1)
    assert sorted(order.tolist()) == list(range(flat.size))
    for earlier, later in pairwise(order.tolist()):
        assert (flat[earlier], -earlier) > (flat[later], -later)


@given(maps, st.floats(0.25, 4), st.floats(-8, 8))
def test_scale_and_offset_do_not_change_the_order(saliency, scale, offset):
    if saliency.problem is not None:
        return
    # Coarse values, so that float32 rounding can make or break no tie.
    coarse = np.round(saliency.values)
    moved = np.float32(np.float64(coarse) * np.float32(scale) + np.float32(offset))
    before, after = (Saliency(v, "gradcam", "x") for v in (coarse, moved))
    if before.problem is None and after.problem is None:
        np.testing.assert_array_equal(saliency_order(before), saliency_order(after))


@given(grids, st.sampled_from(list(GEOMETRIC_ORDERS)), st.data())
def test_a_larger_k_only_adds_patches(grid, name, data):
    order = GEOMETRIC_ORDERS[name](grid, 3)
    small, large = sorted(data.draw(st.tuples(*2 * [st.integers(1, grid.num_patches)])))
    first, second = (select_tokens(order, grid, k, name) for k in (small, large))
    assert first.num_keep == small
    assert set(first.keep_indices.tolist()) <= set(second.keep_indices.tolist())


@given(grids, st.integers(0, 1000))
def test_orders_without_a_seed_do_not_look_at_it(grid, seed):
    for name in set(GEOMETRIC_ORDERS) - SEEDED_ORDERS:
        np.testing.assert_array_equal(
            GEOMETRIC_ORDERS[name](grid, seed), GEOMETRIC_ORDERS[name](grid, 0)
        )


@given(st.sampled_from([8, 16]), st.data())
def test_every_beginning_of_the_uniform_order_is_even_over_the_quadrants(side, data):
    """A Bayer order puts its next patch where there are fewest: quadrants differ by one at most."""
    grid = PatchGrid(side, side)
    k = data.draw(st.integers(1, grid.num_patches))
    mask = select_tokens(uniform_order(grid), grid, k, "uniform").token_mask
    half = side // 2
    counts = mask.reshape(2, half, 2, half).sum(axis=(1, 3))
    assert counts.max() - counts.min() <= 1


@given(st.integers(4, 20), st.integers(4, 20), st.data())
def test_the_uniform_order_leaves_no_large_gap(rows, cols, data):
    """With a quarter or more kept, every 2x2 block of whole cells keeps at least one patch."""
    grid = PatchGrid(rows, cols)
    quarter = -(-rows // 2) * -(-cols // 2)
    k = data.draw(st.integers(quarter, grid.num_patches))
    mask = select_tokens(uniform_order(grid), grid, k, "uniform").token_mask.reshape(rows, cols)
    blocks = np.lib.stride_tricks.sliding_window_view(mask, (2, 2))
    assert blocks.any(axis=(2, 3)).all()


# --- other ways to read a map --------------------------------------------------------------------


@given(maps, st.sampled_from(list(MAP_ORDERS)))
def test_every_order_of_a_map_is_a_permutation(saliency, name):
    if saliency.problem is not None:
        return
    order = MAP_ORDERS[name](saliency)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(saliency.values.size))


@given(maps)
def test_the_inverse_keeps_what_the_map_leaves_out(saliency):
    if saliency.problem is not None:
        return
    top, bottom = saliency_order(saliency).tolist(), inverse_order(saliency).tolist()
    for k in range(len(top) + 1):
        assert set(bottom[:k]) == set(top[len(top) - k :])


def beginning(order: list[int], kept: set[int]) -> int:
    """Return how many patches of an order, from its start on, are all kept."""
    return next((n for n, patch in enumerate(order) if patch not in kept), len(order))


@given(maps, st.integers(0, 1000))
def test_coverage_is_a_beginning_of_the_map_and_one_of_the_lattice(saliency, thousandths):
    """Every K holds the ceil(share * K) most salient and so many of the lattice; nothing else."""
    if saliency.problem is not None:
        return
    order = coverage_order(saliency, thousandths / 1000).tolist()
    top, spread = saliency_order(saliency).tolist(), uniform_order(saliency.grid).tolist()
    for k in range(1, len(order) + 1, 3):
        kept = set(order[:k])
        by_map = -(-thousandths * k // 1000)  # exact, in whole numbers
        from_top, from_spread = beginning(top, kept), beginning(spread, kept)
        assert from_top >= by_map
        assert from_spread >= k - by_map
        assert kept == set(top[:from_top]) | set(spread[:from_spread])


@given(maps)
def test_all_of_the_share_is_the_map_and_none_of_it_the_lattice(saliency):
    if saliency.problem is not None:
        return
    np.testing.assert_array_equal(coverage_order(saliency, 1.0), saliency_order(saliency))
    np.testing.assert_array_equal(coverage_order(saliency, 0.0), uniform_order(saliency.grid))


@settings(max_examples=40)
@given(maps)
def test_every_beginning_of_the_coherent_order_is_one_piece_and_greedy(saliency):
    if saliency.problem is not None:
        return
    rows, cols = saliency.values.shape
    flat = saliency.values.reshape(-1)
    order = coherent_order(saliency).tolist()
    assert order[0] == saliency_order(saliency)[0]
    mask = np.zeros((rows, cols), dtype=bool)
    for k, patch in enumerate(order):
        if k:
            edge = {
                r * cols + c
                for r in range(rows)
                for c in range(cols)
                if not mask[r, c] and mask[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2].any()
            }
            assert patch == min(edge, key=lambda p: (-flat[p], p))
        mask[divmod(patch, cols)] = True
        assert len(pieces(mask, CORNERS)) == 1


@given(maps)
def test_a_map_with_one_hill_is_coherent_already(saliency):
    """Where every beginning of the plain order is one piece, growing changes nothing."""
    if saliency.problem is not None:
        return
    rows, cols = saliency.values.shape
    peak = divmod(int(saliency.values.argmax()), cols)
    distance = np.maximum(*np.abs(np.indices((rows, cols)) - np.array(peak)[:, None, None]))
    hill = Saliency(-distance.astype(np.float32), "gradcam", "x")
    if hill.problem is None:
        np.testing.assert_array_equal(coherent_order(hill), saliency_order(hill))


# --- scattered -----------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.integers(8, 16), st.integers(8, 16), st.integers(0, 10**6))
def test_scattered_patches_keep_apart_where_random_ones_do_not(rows, cols, seed):
    grid = PatchGrid(rows, cols)
    for share in (1 / 4, 1 / 2, 3 / 4):
        k = int(share * grid.num_patches)
        values = {}
        for make, draws in ((scattered_order, 6), (random_order, 60)):
            masks = np.zeros((draws, grid.num_patches), dtype=bool)
            for number, mask in enumerate(masks):
                mask[make(grid, seed + number)[:k]] = True
            values[make] = morans_i(masks.reshape(-1, rows, cols))
        assert values[scattered_order].max() < -0.2
        assert values[random_order].mean() > -0.1


@settings(max_examples=25)
@given(st.integers(6, 16), st.integers(6, 16), st.integers(0, 10**6))
def test_the_first_scattered_patches_are_far_from_each_other(rows, cols, seed):
    """At the lowest level a patch has 16 to itself; on the wrapped grid no two come within 2."""
    grid = PatchGrid(rows, cols)
    k = -(-grid.num_patches // 16)
    places = np.array(np.divmod(scattered_order(grid, seed)[:k], cols)).T
    apart = np.abs(places[:, None] - places[None])
    apart = np.minimum(apart, np.array([rows, cols]) - apart)
    distance = np.hypot(*np.moveaxis(apart, -1, 0))[~np.eye(k, dtype=bool)]
    assert distance.size == 0 or distance.min() > 2
