"""Percentiles of masks, maps and boxes: enumeration, published values, float32, refusals."""

from __future__ import annotations

import time
from itertools import combinations, permutations

import numpy as np
import pytest
from mask_zoo import checkerboard, disc, random_masks, select

from tinydrop.core.coherence import (
    COHERENCE_METRICS,
    MAP_METRICS,
    coherence_percentiles,
    describe_box,
    describe_coherence,
    describe_map,
    gearys_c,
    morans_i,
)
from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
from tinydrop.models.saliency import resize_saliency


def saliency(values: object) -> Saliency:
    return Saliency(np.asarray(values, dtype=np.float32), "gradcam", "layer4")


# --- kept sets -----------------------------------------------------------------------------------


PUBLISHED = {  # K: measure -> (mean, 95 % quantile), peers-and-platform.md part 5
    20: {"largest_component_share_4": (0.14, 0.20), "largest_component_share": (0.19, 0.30),
         "components_4": (16.4, None), "components": (13.6, None), "morans_i": (-0.004, 0.091)},
    49: {"largest_component_share_4": (0.14, 0.22), "largest_component_share": (0.26, 0.45),
         "components_4": (27.2, None), "components": (15.8, None), "morans_i": (-0.005, 0.081)},
    78: {"largest_component_share_4": (0.21, 0.36), "largest_component_share": (0.59, 0.87),
         "components_4": (25.0, None), "components": (8.2, None), "morans_i": (-0.006, 0.078)},
    98: {"largest_component_share_4": (0.34, 0.59), "largest_component_share": (0.88, 0.99),
         "components_4": (18.1, None), "components": (3.8, None), "morans_i": (-0.006, 0.077)},
    118: {"largest_component_share_4": (0.63, 0.89), "largest_component_share": (0.98, 1.00),
          "components_4": (10.0, None), "components": (1.9, None), "morans_i": (-0.007, 0.078)},
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
    assert (solid["gearys_c"]["percentile"], scattered["gearys_c"]["percentile"]) == (0, 100)
    assert solid["compactness"]["percentile"] == solid["bounding_box_fill"]["percentile"] == 100


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
    map_ = Saliency(np.arange(4.0).reshape(2, 2), "gradcam", "x")
    for describe in (
        lambda: describe_coherence(select(disc()), draws=0),
        lambda: coherence_percentiles("holes", [1.0], PatchGrid(4, 4), 3, draws=0),
        lambda: describe_map(map_, draws=0),
    ):
        with pytest.raises(SettingError, match="at least one random set"):
            describe()


def test_it_is_quick():
    """About 10 ms for a new K on 14x14 and under 1 ms after; the bound allows a busy machine."""
    start = time.perf_counter()
    for k in range(30, 40):
        describe_coherence(TokenSelection(PatchGrid(14, 14), np.arange(k), "x"), seed=9)
    assert time.perf_counter() - start < 10 * 0.2


@pytest.mark.parametrize("k", [3, 40, 195])
def test_many_values_at_once_give_the_same_percentiles_even_from_float32(k):
    """A trace holds float32, of which each must still tie with its own value."""
    grid, rng = PatchGrid(14, 14), np.random.default_rng(k)
    some = [TokenSelection(grid, np.sort(rng.choice(196, k, replace=False)), "x") for _ in range(9)]
    described = [describe_coherence(one) for one in some]
    for name in COHERENCE_METRICS:
        values = np.array([one[name]["value"] for one in described], dtype=np.float32)
        expected = [one[name]["percentile"] for one in described]
        assert coherence_percentiles(name, values, grid, k).tolist() == expected


def test_values_without_a_meaning_have_no_percentile():
    grid = PatchGrid(4, 4)
    ranks = coherence_percentiles("morans_i", [np.nan, 1.0], grid, 4)
    assert np.isnan(ranks).tolist() == [True, False]
    assert np.isnan(coherence_percentiles("holes", [0.0, 0.0], grid, 16)).all()


@pytest.mark.parametrize(
    ("metric", "k", "says"),
    [("size", 3, "Unknown measure 'size'; choose one of components"), ("holes", 0, "1 and 16"),
     ("holes", 17, "1 and 16")],
)  # fmt: skip
def test_bad_requests_are_one_sentence(metric, k, says):
    with pytest.raises(SettingError, match=says):
        coherence_percentiles(metric, [0.0], PatchGrid(4, 4), k)


# --- maps ----------------------------------------------------------------------------------------


def test_a_slope_is_smooth_and_a_checkered_map_is_not():
    slope = describe_map(saliency(np.add.outer(np.arange(7.0), np.arange(7.0))))
    checkered = describe_map(saliency(np.indices((7, 7)).sum(axis=0) % 2))
    assert list(slope) == list(MAP_METRICS) == ["morans_i", "gearys_c"]
    assert (slope["morans_i"]["percentile"], slope["gearys_c"]["percentile"]) == (100, 0)
    assert (checkered["morans_i"]["percentile"], checkered["gearys_c"]["percentile"]) == (0, 100)


def test_map_percentiles_agree_with_all_permutations():
    values = np.array([0.3, -1.0, 2.5, 0.1, 0.9, -0.2], dtype=np.float32)
    every = np.array(list(permutations(values.astype(float)))).reshape(-1, 2, 3)
    described = describe_map(saliency(values.reshape(2, 3)), draws=4000)
    for name, measure in (("morans_i", morans_i), ("gearys_c", gearys_c)):
        chance, value = measure(every), measure(values.astype(float).reshape(1, 2, 3))[0]
        exact = 50 * ((chance < value - 1e-9).mean() + (chance < value + 1e-9).mean())
        assert described[name]["value"] == pytest.approx(value)
        assert described[name]["percentile"] == pytest.approx(exact, abs=5 * 50 / 4000**0.5)


def test_a_map_without_order_is_typical_and_a_resized_one_is_not():
    """Why the map is described on the guidance's own grid: bilinear resizing makes it smooth."""
    rng = np.random.default_rng(3)
    maps = [saliency(rng.normal(size=(7, 7))) for _ in range(60)]
    raw = [describe_map(one)["morans_i"]["percentile"] for one in maps]
    resized = [
        describe_map(resize_saliency(one, PatchGrid(14, 14)))["morans_i"]["percentile"]
        for one in maps
    ]
    assert abs(np.mean(raw) - 50) < 5 * 29 / 60**0.5
    assert min(resized) == 100


def test_scale_and_offset_do_not_change_a_map_s_percentiles():
    values = np.random.default_rng(4).normal(size=(6, 5))
    first, second = describe_map(saliency(values)), describe_map(saliency(8 * values - 32))
    for name in MAP_METRICS:
        assert first[name]["value"] == pytest.approx(second[name]["value"], abs=1e-4)
        assert first[name]["percentile"] == pytest.approx(second[name]["percentile"], abs=0.5)


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((3, 3), 2.0), [[1.0, np.nan]]])
def test_a_map_that_cannot_be_ranked_is_not_described(values):
    assert set(map(str, describe_map(saliency(values)).values())) == {
        "{'value': None, 'percentile': None}"
    }


# --- boxes ---------------------------------------------------------------------------------------


def test_the_share_in_a_box_agrees_with_all_sets_of_that_size():
    box = np.zeros((3, 4), dtype=bool)
    box[1:, :2] = True
    every = [set(kept) for kept in combinations(range(12), 5)]
    hits = np.array([len(kept & set(np.flatnonzero(box))) for kept in every])
    for kept, own in zip(every[::37], hits[::37], strict=True):
        selection = TokenSelection(PatchGrid(3, 4), np.array(sorted(kept)), "x")
        entry = describe_box(selection, box)
        assert entry["value"] == pytest.approx(own / 5)
        exact = 50 * ((hits < own).mean() + (hits <= own).mean())
        assert entry["percentile"] == pytest.approx(exact, abs=1e-9)
        assert describe_box(selection, box.reshape(-1)) == entry


def test_where_every_set_has_the_same_share_there_is_no_percentile():
    whole, some = TokenSelection.everything(PatchGrid(3, 4), "x"), select(np.eye(3, 4) > 0)
    half = np.arange(12).reshape(3, 4) < 6
    assert describe_box(whole, half) == {"value": 0.5, "percentile": None}
    assert describe_box(some, np.ones((3, 4), dtype=bool)) == {"value": 1.0, "percentile": None}
    assert describe_box(some, np.zeros((3, 4), dtype=bool)) == {"value": 0.0, "percentile": None}


def test_a_box_on_a_fine_grid_is_exact_too():
    """1369 patches: numbers of ways far beyond float64."""
    grid = PatchGrid(37, 37)
    box = np.zeros((37, 37), dtype=bool)
    box[:20] = True
    entry = describe_box(TokenSelection(grid, np.arange(700), "x"), box)
    assert entry["value"] == 1.0
    assert entry["percentile"] == pytest.approx(100)


def test_a_box_of_another_grid_is_refused():
    with pytest.raises(SettingError, match=r"3x4 grid is a mask of shape \(12,\) or \(3, 4\)"):
        describe_box(select(np.eye(3, 4) > 0), np.ones((4, 3), dtype=bool))
