"""Geometry that must hold on every grid; outlines against area, perimeter and containment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection, mask_outline

sides = st.integers(1, 9)
grids = st.builds(PatchGrid, sides, sides)


@st.composite
def masks(draw):
    shape = (draw(sides), draw(sides))
    return draw(arrays(np.bool_, shape, elements=st.booleans(), fill=st.nothing()))


@given(grids, st.data())
def test_index_position_rectangle_and_patch_at_agree(grid, data):
    index = data.draw(st.integers(0, grid.num_patches - 1))
    row, col = grid.position(index)
    assert grid.index(row, col) == index
    left, top, right, bottom = grid.rectangle(index)
    across, down = data.draw(st.floats(0, 0.999)), data.draw(st.floats(0, 0.999))
    assert grid.patch_at(left + across * (right - left), top + down * (bottom - top)) == index


@given(
    st.builds(PatchGrid, st.integers(1, 200), st.integers(1, 200)),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_the_patch_at_a_point_holds_the_point(grid, x, y):
    index = grid.patch_at(x, y)
    assert index is not None
    left, top, right, bottom = grid.rectangle(index)
    assert left <= x < right
    assert top <= y < bottom


@given(masks())
def test_mask_and_indices_round_trip(mask):
    if not mask.any():
        return
    made = TokenSelection.from_mask(PatchGrid(*mask.shape), mask, "x")
    np.testing.assert_array_equal(made.token_mask, mask.reshape(-1))
    assert made.num_keep == mask.sum()
    assert made.keep_indices.tolist() == [i for i, kept in enumerate(mask.flat) if kept]


@given(masks(), st.data())
def test_toggling_twice_changes_nothing(mask, data):
    if not mask.any():
        return
    made = TokenSelection.from_mask(PatchGrid(*mask.shape), mask, "x")
    patches = data.draw(st.sets(st.integers(0, mask.size - 1)))
    if (made.token_mask ^ np.isin(np.arange(mask.size), list(patches))).any():
        assert made.forced(patches).forced(patches) == made


def signed_area(loop):
    """Return the shoelace area in cells; positive when the inside lies on the right (y is down)."""
    return sum(
        (x * next_y - next_x * y) / 2
        for (x, y), (next_x, next_y) in zip(loop, loop[1:] + loop[:1], strict=True)
    )


def length(loop):
    return sum(
        abs(next_x - x) + abs(next_y - y)
        for (x, y), (next_x, next_y) in zip(loop, loop[1:] + loop[:1], strict=True)
    )


def winding(loops, x, y):
    """Return how often the loops wind around (x, y): +1 per downward edge to its right, -1 up."""
    total = 0
    for loop in loops:
        for (x0, y0), (x1, y1) in zip(loop, loop[1:] + loop[:1], strict=True):
            if x0 == x1 > x and min(y0, y1) < y < max(y0, y1):
                total += 1 if y1 > y0 else -1
    return total


@given(masks())
def test_outline_encloses_the_kept_cells_and_nothing_else(mask):
    loops = mask_outline(mask)
    rows, cols = mask.shape
    inside = [[winding(loops, c + 0.5, r + 0.5) for c in range(cols)] for r in range(rows)]
    np.testing.assert_array_equal(np.array(inside), mask.astype(int))
    assert sum(map(signed_area, loops)) == mask.sum()


@given(masks())
def test_outline_is_as_long_as_the_border_between_kept_and_dropped(mask):
    padded = np.pad(mask, 1)
    border = (padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum()
    assert sum(map(length, mask_outline(mask))) == border


@given(masks())
def test_every_corner_of_an_outline_is_a_turn(mask):
    for loop in mask_outline(mask):
        for (ax, ay), (bx, by), (cx, cy) in zip(
            loop[-1:] + loop[:-1], loop, loop[1:] + loop[:1], strict=True
        ):
            assert (ax == bx) != (ay == by)  # along one axis
            assert (bx == cx) != (by == cy)
            assert (ax == bx) != (bx == cx)  # then along the other


@given(masks())
def test_there_is_one_outer_loop_per_4_connected_piece(mask):
    """Pieces counted by flood fill, independently of the tracing."""
    left, pieces = {tuple(cell) for cell in np.argwhere(mask)}, 0
    while left:
        pieces += 1
        stack = [left.pop()]
        while stack:
            r, c = stack.pop()
            near = {(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)} & left
            left -= near
            stack.extend(near)
    assert sum(signed_area(loop) > 0 for loop in mask_outline(mask)) == pieces


@given(
    arrays(np.float32, st.tuples(sides, sides), elements=st.floats(-1e6, 1e6, width=32), fill=None)
)
def test_normalising_lies_in_0_to_1_and_keeps_the_order(values):
    made = Saliency(values, "gradcam", "x")
    scaled = made.normalised()
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    if made.problem is None:
        assert scaled.max() == 1
        assert scaled.min() == 0
        order = np.argsort(values, axis=None)
        assert (np.diff(scaled.flat[order]) >= 0).all()
