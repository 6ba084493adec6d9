"""Laws of orders: permutations, nested sets, symmetry, and an even spread."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinydrop.selection import GEOMETRIC_ORDERS, saliency_order, select_tokens, uniform_order
from tinydrop.tokens import PatchGrid, Saliency

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
def test_centre_and_uniform_do_not_look_at_the_seed(grid, seed):
    for name in ("centre", "uniform"):
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
