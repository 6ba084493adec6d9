"""A batch of n is n batches of one, and a batch of one is the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from trace_zoo import one_thread, picture_bytes, small_drop

from tinydrop import SELECTORS, TinyDrop
from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import MAP_ORDERS, SEEDED_ORDERS, map_method
from tinydrop.models.backbones import POSITION_MODES
from tinydrop.pipeline.answers import answer, answer_levels
from tinydrop.pipeline.batch import (
    Batch,
    Guided,
    Ranking,
    finite_logits,
    guide_batch,
    open_batch,
    rank_batch,
)

N, COUNT = 16, 5
MARGIN = 1e-5
"""Of the largest magnitude: what batching may round; decisions this close are left out."""


@dataclass(frozen=True)
class Photo:
    """A picture as a data set stores it."""

    id: str
    content: bytes
    box: tuple[float, float, float, float] | None = None


PHOTOS = tuple(
    Photo(f"{n}.png", picture_bytes(n, size=(40 + 3 * n, 36)), (2.0, 3.0, 20.0 + n, 30.0))
    for n in range(COUNT)
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def batch(drop: TinyDrop) -> Batch:
    return opened(drop, PHOTOS)


@pytest.fixture(scope="module")
def guided(drop: TinyDrop, batch: Batch) -> Guided:
    return guide_batch(drop.pair.guidance, batch.small, batch.digests)


@pytest.fixture(scope="module")
def rankings(drop: TinyDrop, guided: Guided) -> dict[str, Ranking]:
    return rank_batch(drop.pair, guided, SELECTORS, seed=3)


def opened(drop: TinyDrop, photos: tuple[Photo, ...]) -> Batch:
    found = open_batch(drop.pair, photos)
    assert found is not None
    return found


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of one model's outputs are equal up to the rounding of a batch."""
    return bool(np.abs(a - b).max() <= MARGIN * np.abs(b).max())


def test_the_pictures_are_opened_as_the_pipeline_opens_them(drop: TinyDrop, batch: Batch) -> None:
    grid = drop.pair.target.spec.grid
    coverage = batch.box_coverage(grid)
    assert batch.kept.tolist() == list(range(COUNT))
    assert len(set(batch.digests)) == COUNT
    for row, photo in enumerate(PHOTOS):
        guide = drop.guide(photo.content)
        assert (batch.ids[row], batch.views[row]) == (photo.id, guide.view)
        assert batch.digests[row] == guide.picture.digest
        for found, spec in (
            (batch.small, drop.pair.guidance.spec.input),
            (batch.large, drop.pair.target.spec.input),
        ):
            assert torch.equal(found[row], torch.from_numpy(guide.view.pixels(guide.picture, spec)))
            assert torch.equal(found[row : row + 1], guide.pixels(spec))
        assert photo.box is not None
        own = guide.view.box_coverage(grid, photo.box)
        assert np.array_equal(coverage[row], own.reshape(-1))
        assert 0 < own.sum() < N


def test_what_cannot_be_read_is_left_out(drop: TinyDrop) -> None:
    cut = Photo("cut.png", PHOTOS[0].content[:60])
    nothing = Photo("nothing.png", b"")
    mixed = (cut, PHOTOS[1], nothing, Photo("plain.png", PHOTOS[3].content))
    found = opened(drop, mixed)
    assert found.kept.tolist() == [1, 3]
    assert found.ids == ("1.png", "plain.png")
    alone = opened(drop, PHOTOS)
    assert torch.equal(found.large, alone.large[[1, 3]])
    coverage = found.box_coverage(drop.pair.target.spec.grid)
    assert coverage[0].any()
    assert not coverage[1].any()
    assert open_batch(drop.pair, (cut, nothing)) is None


def test_the_guidance_says_of_each_what_the_pipeline_says(drop: TinyDrop, guided: Guided) -> None:
    for row, photo in enumerate(PHOTOS):
        guide = drop.guide(photo.content)
        assert close(guided.logits[row], guide.answer.logits)
        assert guided.winner[row] == guide.answer.class_index
        for temperature in (0.5, 1.0, 2.0):
            own = torch.from_numpy(guide.answer.logits.copy()).double() / temperature
            expected = float(own.softmax(0).max())
            assert guided.confidence(temperature)[row] == pytest.approx(expected, abs=MARGIN)
    assert guided.confidence(1.0).dtype == np.float32


def decides(selector: str, values: np.ndarray, k: int) -> float:
    """Return the margin that decides the first K, or every place where the order depends on all."""
    steps = -np.diff(np.sort(values.astype(np.float64))[::-1]) / np.abs(values).max()
    return float(steps.min() if selector in MAP_ORDERS else steps[k - 1])


@pytest.mark.parametrize("selector", SELECTORS)
def test_each_is_ranked_as_the_pipeline_ranks_it(
    drop: TinyDrop, rankings: dict[str, Ranking], selector: str
) -> None:
    found, compared = rankings[selector], 0
    assert (found.maps is None) == (map_method(selector) is None)
    for row, photo in enumerate(PHOTOS):
        guide = drop.guide(photo.content)
        order, saliency = drop.rank(guide, selector, seed=3)
        mine = found.one(row)
        assert order is not None
        assert mine is not None
        if saliency is None or found.maps is None:
            assert np.array_equal(mine, order)
            compared += N
            continue
        assert close(found.maps.on_patches[row].values, saliency.values)
        raw = drop.select(guide, N, selector).raw
        assert raw is not None
        assert close(found.maps.raw[row].values, raw.values)
        for k in range(1, N):
            if decides(selector, saliency.values.reshape(-1), k) > 2 * MARGIN:
                compared += 1
                assert set(mine[:k].tolist()) == set(order[:k].tolist()), (row, k)
    assert compared >= COUNT * (N - 1) * 0.8


def test_selectors_that_read_one_map_share_it(rankings: dict[str, Ranking]) -> None:
    readers = [name for name in SELECTORS if map_method(name) == "gradcam"]
    assert len(readers) == 1 + len(MAP_ORDERS)
    assert len({id(rankings[name].maps) for name in readers}) == 1
    assert rankings["hirescam"].maps is not rankings["gradcam"].maps


@pytest.mark.parametrize("selector", sorted(SEEDED_ORDERS))
def test_seeded_orders_differ_by_picture_and_seed(
    drop: TinyDrop, guided: Guided, rankings: dict[str, Ranking], selector: str
) -> None:
    orders = {tuple(order) for order in rankings[selector].order.tolist()}
    assert len(orders) == COUNT
    other = rank_batch(drop.pair, guided, [selector], seed=4)[selector]
    assert not np.array_equal(other.order, rankings[selector].order)


@pytest.mark.parametrize("mode", POSITION_MODES)
def test_the_answers_are_those_of_each_alone_at_every_level(
    drop: TinyDrop, batch: Batch, rankings: dict[str, Ranking], mode: str
) -> None:
    target, ranking = drop.pair.target, rankings["gradcam"]
    found = list(answer_levels(target, batch.large, ranking, positions=mode))
    assert [one.level for one in found] == list(range(1, BUDGET_LEVELS + 1))
    for level, keep, logits in found:
        assert keep.shape == (COUNT, num_keep(level, N))
        assert (np.diff(keep, axis=1) > 0).all()
        for row in range(COUNT):
            assert set(keep[row]) == set(ranking.order[row, : keep.shape[1]])
            alone = answer(target, batch.large[row : row + 1], keep[row : row + 1], mode)
            assert close(logits[row], alone[0])
    whole = answer(target, batch.large, None, mode)
    assert np.array_equal(found[-1].logits, whole)


def test_wrong_positions_give_other_answers(
    drop: TinyDrop, batch: Batch, rankings: dict[str, Ranking]
) -> None:
    target = drop.pair.target
    right, *wrong = (
        [one.logits for one in answer_levels(target, batch.large, rankings["gradcam"], None, mode)]
        for mode in POSITION_MODES
    )
    assert len(wrong) == 3
    for other in wrong:
        assert not close(other[6], right[6])


def test_a_ranking_that_knows_the_full_answer_runs_fifteen_levels(
    drop: TinyDrop,
    batch: Batch,
    rankings: dict[str, Ranking],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target, ranking = drop.pair.target, rankings["gradcam"]
    full = answer(target, batch.large)
    runs: list[int | None] = []
    whole = type(target).logits

    def counted(self: object, pixels: object, keep: torch.Tensor | None, mode: str) -> object:
        runs.append(None if keep is None else keep.shape[1])
        return whole(self, pixels, keep, mode)  # type: ignore[arg-type]

    monkeypatch.setattr(type(target), "logits", counted)
    told = [one.logits for one in answer_levels(target, batch.large, ranking, full)]
    assert runs == list(range(1, BUDGET_LEVELS))
    runs.clear()
    untold = [one.logits for one in answer_levels(target, batch.large, ranking)]
    assert runs == [None, *range(1, BUDGET_LEVELS)]
    assert all(np.array_equal(a, b) for a, b in zip(told, untold, strict=True))


def test_a_flat_map_keeps_everything_and_the_pipeline_says_so() -> None:
    flat = small_drop(flat=True)
    batch = opened(flat, PHOTOS)
    guided = guide_batch(flat.pair.guidance, batch.small, batch.digests)
    for name, ranking in rank_batch(flat.pair, guided, SELECTORS).items():
        if ranking.maps is None:
            assert not ranking.unranked.any()
            continue
        reads_gradient = map_method(name) != "eigencam"
        assert ranking.unranked.all() == reads_gradient
        if not reads_gradient:
            continue
        assert ranking.one() is None
        assert (ranking.order == np.arange(N)).all()
        full = answer(flat.pair.target, batch.large)
        for _, keep, logits in answer_levels(flat.pair.target, batch.large, ranking, full):
            assert keep.shape[0] == 0
            assert np.array_equal(logits, full)
        selected = flat.select(flat.guide(PHOTOS[0].content), 3, name)
        assert selected.selection.num_keep == N
        assert selected.order is None
        assert any("Every patch is kept (level 16)" in text for text in selected.warnings)


def test_a_picture_without_a_rank_leaves_the_others_as_they_are(
    drop: TinyDrop, batch: Batch, rankings: dict[str, Ranking]
) -> None:
    target, all_ranked = drop.pair.target, rankings["gradcam"]
    orders = [None if row in (1, 4) else all_ranked.order[row] for row in range(COUNT)]
    mixed = Ranking.of(orders, N)
    assert mixed.unranked.tolist() == [False, True, False, False, True]
    assert [mixed.one(row) is None for row in range(COUNT)] == mixed.unranked.tolist()
    full = answer(target, batch.large)
    whole = answer_levels(target, batch.large, all_ranked)
    for one, other in zip(answer_levels(target, batch.large, mixed, full), whole, strict=True):
        assert np.array_equal(one.keep, other.keep[[0, 2, 3]])
        assert np.array_equal(one.logits[[1, 4]], full[[1, 4]])
        assert close(one.logits[[0, 2, 3]], other.logits[[0, 2, 3]])
        if one.level < 8:
            assert not close(other.logits[[1, 4]], full[[1, 4]])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_not_finite_are_an_error(bad: float) -> None:
    good = torch.tensor([[0.5, -1.0], [2.0, 3.0]])
    assert finite_logits(good.half()).dtype == np.float32
    assert np.array_equal(finite_logits(good), good.numpy())
    good[1, 0] = bad
    with pytest.raises(SettingError, match="not finite"):
        finite_logits(good)


def test_a_guidance_that_is_not_finite_stops_the_batch() -> None:
    broken = small_drop()
    batch = opened(broken, PHOTOS[:2])
    torch.nn.init.constant_(broken.pair.guidance.module.get_classifier().bias[:1], float("nan"))
    with pytest.raises(SettingError, match="not finite"):
        guide_batch(broken.pair.guidance, batch.small, batch.digests)
    with pytest.raises(SettingError, match="not finite"):
        broken.guide(PHOTOS[0].content)


def test_a_target_that_is_not_finite_stops_the_batch() -> None:
    broken = small_drop()
    target, batch = broken.pair.target, opened(broken, PHOTOS[:2])
    guided = guide_batch(broken.pair.guidance, batch.small, batch.digests)
    ranking = rank_batch(broken.pair, guided, ["centre"])["centre"]
    full = answer(target, batch.large)
    torch.nn.init.constant_(target.module.get_classifier().bias[:1], float("nan"))
    guide = broken.guide(PHOTOS[0].content)
    for ask in (
        lambda: answer(target, batch.large),
        lambda: next(answer_levels(target, batch.large, ranking, full)),
        lambda: broken.classify(guide),
    ):
        with pytest.raises(SettingError, match="not finite"):
            ask()


def test_an_unknown_selector_is_refused(drop: TinyDrop, guided: Guided) -> None:
    with pytest.raises(SettingError, match="Unknown selector 'best'"):
        rank_batch(drop.pair, guided, ["gradcam", "best"])


def test_what_does_not_belong_together_is_refused(
    drop: TinyDrop, batch: Batch, guided: Guided
) -> None:
    target = drop.pair.target
    for ranking in (Ranking.of([np.arange(N)], N), Ranking.of([np.arange(9)] * COUNT, 9)):
        with pytest.raises(SettingError, match="orders the 16 patches of each of the 5 pictures"):
            next(answer_levels(target, batch.large, ranking))
    with pytest.raises(SettingError, match="one truth value for each"):
        Ranking(np.arange(N)[None], np.zeros(2, dtype=np.bool_))
    with pytest.raises(SettingError, match="each of its 5 pictures"):
        Guided(batch.digests[:4], guided.features, guided.logits)
