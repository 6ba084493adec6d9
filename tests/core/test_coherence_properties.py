"""Laws of the measures: symmetries of the square, complements, scale, ranges, pieces."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mask_zoo import CORNERS, SIDES, pieces, select

from tinydrop.core.coherence import (
    COHERENCE_METRICS,
    MAP_METRICS,
    describe_coherence,
    describe_map,
    gearys_c,
    judge_coherence,
    morans_i,
)
from tinydrop.core.tokens import Saliency

SHARES = {name for name in COHERENCE_METRICS if "share" in name} | {
    "compactness",
    "bounding_box_fill",
}

sides = st.integers(1, 9)
masks = arrays(np.bool_, st.tuples(sides, sides)).filter(np.any)
square_masks = sides.flatmap(lambda n: arrays(np.bool_, (n, n))).filter(np.any)
maps = arrays(
    np.float32, st.tuples(sides, sides), elements=st.integers(-50, 50).map(float), fill=st.nothing()
)


def turned(grid: np.ndarray) -> list[np.ndarray]:
    """Return the grid's seven other flips and quarter turns."""
    turns = [np.rot90(grid, k) for k in range(4)]
    return [*turns[1:], *(np.fliplr(turn) for turn in turns)]


@given(masks)
def test_flips_and_turns_change_no_measure(mask):
    """Turned by a quarter, a grid that is not square changes its shape with its mask."""
    for name, measure in COHERENCE_METRICS.items():
        (own,) = measure(mask[None])
        for other in turned(mask):
            np.testing.assert_allclose(measure(other[None]), [own], atol=1e-9, err_msg=name)


@settings(max_examples=40)
@given(square_masks, st.integers(0, 6))
def test_flips_and_turns_of_a_square_grid_change_no_percentile(mask, which):
    other = turned(mask)[which]
    first, second = (describe_coherence(select(one), draws=60) for one in (mask, other))
    for name in COHERENCE_METRICS:
        assert first[name]["percentile"] == second[name]["percentile"], name
    assert judge_coherence(select(mask), draws=60) == judge_coherence(select(other), draws=60)


@given(maps)
def test_flips_and_turns_change_no_measure_of_a_map(values):
    for name, measure in MAP_METRICS.items():
        (own,) = measure(values[None])
        for other in turned(values):
            np.testing.assert_allclose(measure(other[None]), [own], atol=1e-9, err_msg=name)


@given(masks)
def test_shares_lie_between_0_and_1_and_counts_are_whole(mask):
    for name, measure in COHERENCE_METRICS.items():
        (value,) = measure(mask[None])
        if name in SHARES:
            assert 0 <= value <= 1
        elif name in {"components", "components_4", "holes"}:
            assert value == int(value) >= 0
        elif name == "gearys_c":
            assert np.isnan(value) or value >= 0


@given(masks)
def test_pieces_equal_a_flood_fill(mask):
    for name, steps in (("components", CORNERS), ("components_4", SIDES)):
        found = pieces(mask, steps)
        assert COHERENCE_METRICS[name](mask[None]) == [len(found)]
        share = COHERENCE_METRICS[name.replace("components", "largest_component_share")]
        np.testing.assert_allclose(share(mask[None]), [max(map(len, found)) / mask.sum()])


@given(masks)
def test_kept_and_dropped_are_equally_correlated(mask):
    for measure in (morans_i, gearys_c):
        np.testing.assert_allclose(measure(~mask[None]), measure(mask[None]), atol=1e-9)


@given(maps, st.floats(0.25, 4), st.integers(-60, 60))
def test_scale_and_offset_change_no_autocorrelation(values, scale, offset):
    wide = values.astype(np.float64)
    for measure in MAP_METRICS.values():
        np.testing.assert_allclose(
            measure(scale * wide[None] + offset), measure(wide[None]), atol=1e-6
        )
        np.testing.assert_allclose(measure(-wide[None]), measure(wide[None]), atol=1e-9)


@given(masks)
def test_moved_inside_a_larger_grid_a_shape_keeps_its_compactness_and_fill(mask):
    larger = np.pad(mask, ((2, 0), (1, 3)))
    for name in ("compactness", "bounding_box_fill", "components", "largest_component_share_4"):
        measure = COHERENCE_METRICS[name]
        np.testing.assert_allclose(measure(larger[None]), measure(mask[None]), err_msg=name)


@given(st.lists(square_masks, min_size=1, max_size=4))
def test_a_stack_is_measured_mask_by_mask(several):
    side = max(mask.shape[0] for mask in several)
    stack = np.array([np.pad(m, (0, side - m.shape[0])) for m in several])
    for name, measure in COHERENCE_METRICS.items():
        alone = np.concatenate([measure(mask[None]) for mask in stack])
        np.testing.assert_allclose(measure(stack), alone, atol=1e-9, err_msg=name)


@settings(max_examples=40)
@given(maps)
def test_percentiles_of_a_map_are_none_or_from_0_to_100(values):
    described = describe_map(Saliency(values, "gradcam", "x"), draws=40)
    assert list(described) == list(MAP_METRICS)
    for entry in described.values():
        assert (entry["value"] is None) == (entry["percentile"] is None)
        assert entry["percentile"] is None or 0 <= entry["percentile"] <= 100
