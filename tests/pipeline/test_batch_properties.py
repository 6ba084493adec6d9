"""Laws of the batch: no picture knows its neighbours, and deletion is insertion backwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_zoo import one_thread, picture_bytes, small_drop

from tinydrop import TinyDrop
from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.data import LabelledPicture
from tinydrop.pipeline.answers import answer, answer_levels
from tinydrop.pipeline.batch import Batch, Guided, Ranking, guide_batch, open_batch, rank_batch

N, COUNT = 16, 6
MARGIN = 1e-5
PICTURES = [LabelledPicture(str(n), 0, picture_bytes(n)) for n in range(COUNT)]
SELECTORS = ("gradcam", "coverage", "random", "uniform")

rows = st.lists(st.integers(0, COUNT - 1), min_size=1, max_size=2 * COUNT)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


def run(drop: TinyDrop, chosen: list[int]) -> tuple[Batch, Guided, dict[str, Ranking]]:
    batch = open_batch(drop.pair, [PICTURES[row] for row in chosen])
    assert batch is not None
    guided = guide_batch(drop.pair.guidance, batch.small, batch.digests)
    return batch, guided, rank_batch(drop.pair, guided, SELECTORS, seed=1)


@pytest.fixture(scope="module")
def alone(drop: TinyDrop) -> list[tuple[Batch, Guided, dict[str, Ranking]]]:
    """Every picture as a batch of one."""
    return [run(drop, [row]) for row in range(COUNT)]


@settings(max_examples=25, deadline=None)
@given(rows)
def test_no_picture_knows_its_neighbours(drop: TinyDrop, alone: list, chosen: list[int]) -> None:
    # In any order, any number of times, beside any others.
    batch, guided, rankings = run(drop, chosen)
    assert batch.ids == tuple(str(row) for row in chosen)
    for place, row in enumerate(chosen):
        one, own, orders = alone[row]
        assert (batch.large[place] == one.large[0]).all()
        scale = np.abs(own.logits).max()
        assert np.abs(guided.logits[place] - own.logits[0]).max() <= MARGIN * scale
        for name in ("random", "uniform"):
            assert np.array_equal(rankings[name].order[place], orders[name].order[0])
        found, expected = rankings["gradcam"].maps, orders["gradcam"].maps
        assert found is not None
        assert expected is not None
        values = expected.on_patches[0].values
        near = np.abs(found.on_patches[place].values - values).max()
        assert near <= MARGIN * np.abs(values).max()


@settings(max_examples=25, deadline=None)
@given(rows, st.integers(1, BUDGET_LEVELS), st.integers(0, 2**32 - 1))
def test_the_answers_do_not_either(
    drop: TinyDrop, alone: list, chosen: list[int], level: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    orders = [None if rng.random() < 0.3 else rng.permutation(N) for _ in chosen]
    batch, target = run(drop, chosen)[0], drop.pair.target
    ranking = Ranking.of(orders, N)
    found = next(
        one for one in answer_levels(target, batch.large, ranking) if one.level == level
    )  # fmt: skip
    for place, (row, order) in enumerate(zip(chosen, orders, strict=True)):
        keep = None if order is None else np.sort(order[: num_keep(level, N)])[None]
        own = answer(target, alone[row][0].large, keep)
        assert np.abs(found.logits[place] - own[0]).max() <= MARGIN * np.abs(own).max()


@given(
    st.lists(st.one_of(st.none(), st.permutations(range(N)).map(np.array)), min_size=1, max_size=8),
    st.integers(0, N),
)
def test_deletion_is_insertion_backwards(orders: list[np.ndarray | None], k: int) -> None:
    ranking = Ranking.of(orders, N)
    back = ranking.reversed()
    assert (back.unranked == ranking.unranked).all()
    for row, order in enumerate(orders):
        assert (ranking.one(row) is None) == (order is None) == (back.one(row) is None)
        if order is not None:
            gone = set(order[: N - k].tolist())
            assert set(back.order[row, :k].tolist()) == set(range(N)) - gone
    again = back.reversed()
    assert np.array_equal(again.order, ranking.order)
