"""The rank-flip film: flips, the smallest sufficient set, exact and by levels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from quality_zoo import frames_of
from trace_zoo import one_thread, picture_bytes, small_drop

from tinydrop import TinyDrop
from tinydrop.core.errors import SettingError
from tinydrop.core.results import Answer
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.pipeline import Guide
from tinydrop.studies.quality import Film, Frame, film_steps

N = 16


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def guide(drop: TinyDrop) -> Guide:
    return drop.guide(picture_bytes(0))


def made(decisions: list[int], steps: list[int] | None = None) -> Film:
    """Return a film of these decisions on a row of patches kept from right to left."""
    steps = steps or list(range(1, len(decisions) + 1))
    patches = list(range(steps[-1]))[::-1]
    frames, before = [], 0
    for kept, decision in zip(steps, decisions, strict=True):
        logits = np.zeros(3, np.float32)
        logits[decision] = 1.0
        frames.append(Frame(kept, tuple(patches[before:kept]), Answer(logits, ("a", "b", "c"))))
        before = kept
    return Film(PatchGrid(1, steps[-1]), "made", tuple(frames))


def test_flips_name_the_patch_and_both_decisions() -> None:
    film = made([2, 0, 0, 1, 0, 0])
    assert [(f.num_keep, f.patches, f.before, f.after) for f in film.flips] == [
        (2, (4,), 2, 0),
        (4, (2,), 0, 1),
        (5, (1,), 1, 0),
    ]
    assert film.full_class == 0
    assert film.first_agreeing == 2
    assert film.sufficient == 5
    assert film.exact


@pytest.mark.parametrize(
    ("decisions", "first", "sufficient"),
    [([1, 1, 1], 1, 1), ([0, 1, 2], 3, 3), ([1, 0, 1], 1, 3), ([2, 1, 1], 2, 2), ([1], 1, 1)],
)
def test_smallest_sets(decisions: list[int], first: int, sufficient: int) -> None:
    film = made(decisions)
    assert (film.first_agreeing, film.sufficient) == (first, sufficient)


def test_a_film_of_levels_names_all_patches_that_came_in() -> None:
    film = made([0, 1, 1], [2, 5, 6])
    assert not film.exact
    assert film.flips[0].patches == (3, 2, 1)
    assert film.sufficient == 5


@pytest.mark.parametrize("drop_frame", [0, 1, 2])
def test_a_film_that_is_not_whole_is_refused(drop_frame: int) -> None:
    frames = list(made([0, 1, 1]).frames)
    del frames[drop_frame]
    with pytest.raises(SettingError, match="runs until all 3 patches"):
        Film(PatchGrid(1, 3), "made", tuple(frames))


@pytest.mark.parametrize("exact", [True, False])
def test_frames_are_the_pipelines_answers(drop: TinyDrop, guide: Guide, *, exact: bool) -> None:
    order, _ = drop.rank(guide)
    assert order is not None
    grid = drop.pair.target.spec.grid
    frames = tuple(frames_of(drop, guide, order, "gradcam", exact=exact))
    assert len(frames) == len(film_steps(N, exact=exact)) == 16
    for frame in frames:
        kept = TokenSelection(grid, np.sort(order[: frame.num_keep]), "t")
        assert np.array_equal(frame.answer.logits, drop.classify(guide, kept).logits)
    film = Film(grid, "gradcam", frames)
    assert film.full_class == drop.classify(guide).class_index
    decisions = [frame.class_index for frame in frames]
    known = [k for k in range(1, N + 1) if set(decisions[k - 1 :]) == {film.full_class}]
    assert film.sufficient == known[0]


def test_lengths() -> None:
    assert (len(film_steps(196)), len(film_steps(196, exact=True))) == (16, 196)
    assert (len(film_steps(9)), len(film_steps(9, exact=True))) == (9, 9)


def test_the_film_can_be_stopped_at_any_frame(
    drop: TinyDrop, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    whole = TinyDrop.classify

    def counted(self: TinyDrop, guide: Guide, selection: TokenSelection) -> Answer:
        runs.append(selection.num_keep)
        return whole(self, guide, selection)

    monkeypatch.setattr(TinyDrop, "classify", counted)
    frames = frames_of(drop, guide, np.arange(N), "made", exact=True)
    assert runs == []
    assert [next(frames).num_keep for _ in range(3)] == [1, 2, 3]
    frames.close()
    assert runs == [1, 2, 3]


def test_an_order_of_another_grid_is_refused(drop: TinyDrop, guide: Guide) -> None:
    with pytest.raises(SettingError, match="names each patch once"):
        next(frames_of(drop, guide, np.arange(9), "made"))
