"""Deletion and insertion by dropping tokens, against one run of the pipeline per point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from trace_zoo import one_thread, picture_bytes, small_drop

from tinydrop import TinyDrop
from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import inverse_order, reversed_order, select_tokens
from tinydrop.core.tokens import TokenSelection
from tinydrop.pipeline.batch import Ranking
from tinydrop.studies.quality import area_under, kept_counts, outcomes_at_levels, picture_curves

N = 16


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


def test_the_kept_counts_are_the_levels() -> None:
    assert kept_counts(196).tolist() == [-(-196 * level // 16) for level in range(1, 17)]
    assert kept_counts(1).tolist() == [1] * 16


@pytest.mark.parametrize("patches", [16, 64, 196, 7])
def test_the_area_is_the_trapezoid_rule_over_the_share_kept(patches: int) -> None:
    rng = np.random.default_rng(0)
    curve = rng.random((3, BUDGET_LEVELS))
    shares = np.array([num_keep(level, patches) / patches for level in range(1, 17)])
    known = np.trapezoid(curve, shares, axis=1) / (1 - shares[0])
    assert np.allclose(area_under(curve, patches), known, atol=1e-12)
    assert area_under(np.full(16, 0.3), patches) == pytest.approx(0.3)
    straight = 2 * shares - 1  # a line has the height of its middle
    assert area_under(straight, patches) == pytest.approx(straight[[0, -1]].mean())


def test_an_area_of_something_else_is_refused() -> None:
    with pytest.raises(SettingError, match="one value per level"):
        area_under(np.ones(15), 64)
    assert area_under(np.linspace(0, 1, 16), 1) == 1.0


def test_a_reversed_order_keeps_what_deletion_leaves() -> None:
    order = np.random.default_rng(0).permutation(N)
    for kept in range(1, N + 1):
        dropped = set(order[: N - kept].tolist())
        assert set(reversed_order(order)[:kept].tolist()) == set(range(N)) - dropped


def test_curves_of_one_picture_are_those_of_the_pipeline(drop: TinyDrop) -> None:
    guide = drop.guide(picture_bytes(3))
    order, saliency = drop.rank(guide)
    assert order is not None
    assert saliency is not None
    found = picture_curves(drop, guide, order)
    full = drop.classify(guide)
    assert found.class_index == full.class_index
    grid = drop.pair.target.spec.grid

    def probability(patches: np.ndarray) -> float:
        answer = drop.classify(guide, TokenSelection(grid, np.sort(patches), "test"))
        logits = torch.from_numpy(answer.logits.copy()).double()
        return float(logits.softmax(0)[full.class_index])

    kept = kept_counts(N)
    insertion = [probability(order[:k]) for k in kept]
    deletion = [probability(order[N - k :]) for k in kept]
    assert np.allclose(found.insertion, insertion, atol=1e-6)
    assert np.allclose(found.deletion, deletion, atol=1e-6)
    assert np.abs(found.insertion - deletion).max() > 1e-3  # the two are not the same thing
    shares = kept / N
    for area, curve in ((found.insertion_area, insertion), (found.deletion_area, deletion)):
        assert area == pytest.approx(np.trapezoid(curve, shares) / (1 - shares[0]), abs=1e-6)
    # Deletion by a map is insertion by its inverse.
    inverse = picture_curves(drop, guide, inverse_order(saliency))
    assert np.array_equal(inverse.insertion, found.deletion)


def test_an_order_of_another_grid_is_refused(drop: TinyDrop) -> None:
    guide = drop.guide(picture_bytes(3))
    with pytest.raises(SettingError, match="names each patch once"):
        picture_curves(drop, guide, np.arange(9))


@pytest.mark.parametrize("mode", ["right", "first", "shuffled", "none"])
def test_outcomes_of_a_batch_are_those_of_each_picture(drop: TinyDrop, mode: str) -> None:
    guides = [drop.guide(picture_bytes(seed)) for seed in range(3)]
    target = drop.pair.target
    pixels = torch.cat(
        [torch.from_numpy(g.view.pixels(g.picture, target.spec.input))[None] for g in guides]
    )
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(N) for _ in guides])
    unranked = np.array([False, True, False])
    full = target.logits(pixels, None, mode).numpy()
    classes = np.array([0, 2, 1])
    found = outcomes_at_levels(target, pixels, Ranking(order, unranked), full, classes, mode)
    for row, guide in enumerate(guides):
        for level in (1, 5, 11, 16):
            kept = N if unranked[row] else num_keep(level, N)
            selection = select_tokens(order[row], target.spec.grid, kept, "test")
            answer = drop.classify(guide, selection, positions=mode)
            logits = torch.from_numpy(answer.logits.copy()).double()
            assert found.winner[row, level - 1] == answer.class_index
            known = float(logits.softmax(0)[classes[row]])
            assert found.probability[row, level - 1] == pytest.approx(known, abs=1e-5)
