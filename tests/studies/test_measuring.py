"""The frame that trace, quality and comparison share: chunks, provenance, figures of pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import FrozenInstanceError, replace
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from trace_zoo import write_folder

from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.data import Dataset, LabelledPicture, open_dataset
from tinydrop.studies.quality.figures import Figures
from tinydrop.studies.trace import Provenance, Watch, chunks, measure_readable
from tinydrop.studies.trace.chunks import chunk_places, measure_chunks, with_unreadable

EVERY = np.array([0, 1, 3, 4, 5, 6, 8], dtype=np.int64)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(write_folder(tmp_path_factory.mktemp("d") / "s", {"fox": 4, "spider": 5}))


@pytest.fixture(autouse=True)
def _chunks_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 3)


def names(some: Sequence[LabelledPicture], inside: slice) -> list[str]:
    assert len(some) == inside.stop - inside.start
    return [one.id for one in some]


@pytest.mark.parametrize("total", [0, 1, 3, 7, 9])
def test_chunks_hold_every_picture_once(total: int) -> None:
    places = chunk_places(total)
    assert [n for place in places for n in range(total)[place]] == list(range(total))
    assert all(place.stop - place.start == 3 for place in places[:-1])


def test_each_chunk_gets_its_own_pictures_and_the_rest_is_told(data: Dataset) -> None:
    seen: list[tuple[int, int, float | None]] = []
    found = list(measure_chunks(data, EVERY, names, Watch(lambda *told: seen.append(told))))
    whole = [one.id for one in data.pictures(EVERY)]
    assert found == [(0, 3, whole[:3]), (1, 3, whole[3:6]), (2, 1, whole[6:])]
    assert [told[:2] for told in seen] == [(3, 7), (6, 7), (7, 7)]
    assert seen[-1][2] == 0.0
    assert all(told[2] is not None and told[2] > 0.0 for told in seen[:-1])


def test_the_time_left_is_that_of_the_pictures_left(
    data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = count(0.0, 6.0)  # six seconds pass between two looks at the clock
    monkeypatch.setattr(chunks, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    left: list[float | None] = []
    list(measure_chunks(data, EVERY, names, Watch(lambda *told: left.append(told[2])), [1, 2]))
    # Chunk 0 was there: 3 pictures in 6 s leave 1 at 2 s each; then nothing is left.
    assert left == [2.0, 0.0]


def test_what_is_done_is_not_measured_again(data: Dataset) -> None:
    seen: list[int] = []
    watch = Watch(lambda done, *_: seen.append(done))
    found = list(measure_chunks(data, EVERY, names, watch, [0, 2]))
    whole = [one.id for one in data.pictures(EVERY)]
    assert [one[2] for one in found] == [whole[:3], whole[6:]]
    assert seen == [6, 7]
    assert list(measure_chunks(data, EVERY, names, watch, [])) == []
    assert seen == [6, 7]


def test_a_wish_to_stop_ends_it_before_the_next_chunk(data: Dataset) -> None:
    def wishes() -> Iterator[bool]:
        yield from (False, False, True)

    wish = wishes()
    measured: list[list[str]] = []
    watch = Watch(None, lambda: next(wish), lambda so_far: TinyDropError(f"Ended{so_far}."))
    every = (measured.append(one[2]) for one in measure_chunks(data, EVERY, names, watch))
    with pytest.raises(TinyDropError, match=r"^Ended after 6 of 7 pictures\.$"):
        list(every)
    assert len(measured) == 2
    with pytest.raises(TinyDropError, match=r"^Ended\.$"):
        replace(watch, should_stop=lambda: True).check()


def test_chunks_that_nobody_can_read_are_passed_over(data: Dataset) -> None:
    def second(some: Sequence[LabelledPicture], inside: slice) -> list[str] | None:
        return names(some, inside) if inside.start == 3 else None

    whole = [one.id for one in data.pictures(EVERY)]
    assert measure_readable(data, EVERY, second, Watch()) == [whole[3:6]]
    with pytest.raises(SettingError, match="None of the 7 pictures of s can be read"):
        measure_readable(data, EVERY, lambda _some, _inside: None, Watch())
    assert with_unreadable({"class unknown": 2}, 3) == {"class unknown": 2, "unreadable": 3}
    assert with_unreadable({"class unknown": 2}, 0) == {"class unknown": 2}


def facts(**changes: object) -> Provenance:
    values = {
        "pair": "p", "pair_digest": "0" * 64, "data": "d", "data_fingerprint": "1" * 64,
        "seed": 3, "grid": [2, 5], "pictures": 7, "skipped": {"unreadable": 1},
        "versions": {"torch": "9", "numpy": "8"},
    }  # fmt: skip
    return Provenance(**{**values, **changes})  # type: ignore[arg-type]


def test_provenance_is_read_only_and_survives_json() -> None:
    known = facts()
    assert known.grid == (2, 5)
    assert known.num_patches == 10
    with pytest.raises(TypeError):
        known.skipped["unreadable"] = 5  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        known.pair = "q"  # type: ignore[misc]
    written = json.dumps(known.to_dict())
    assert written == json.dumps(facts(versions={"numpy": "8", "torch": "9"}).to_dict())
    assert Provenance.from_dict(json.loads(written) | {"of a later version": 1}) == known
    assert facts(seed=4) != known
    for damaged in ({"pair": "p"}, known.to_dict() | {"grid": []}):
        with pytest.raises(SettingError, match="incomplete"):
            Provenance.from_dict(damaged)


def figures(start: int, pictures: int) -> Figures:
    rows = np.arange(start, start + pictures)
    levels = rows[:, None] + np.arange(16)
    made = Figures(rows.astype(np.str_), rows, rows % 2 == 0, rows / 10)
    made.measures["energy", "gradcam"] = rows / 3
    made.curves["insertion", "gradcam"] = levels / 7
    made.unranked["gradcam"] = rows % 3 == 0
    made.right["selector", "gradcam"] = levels % 2 == 0
    made.agreeing["selector", "gradcam"] = levels % 5 == 0
    made.winner["right"] = levels
    return made


def arrays(known: Figures) -> dict[str, object]:
    """Return every array as lists."""
    return {
        name: {key: one.tolist() for key, one in value.items()}
        if isinstance(value, dict)
        else value.tolist()
        for name, value in vars(known).items()
    }


def test_figures_of_chunks_are_those_of_the_whole() -> None:
    whole = figures(0, 9)
    joined = Figures.joined([figures(0, 4), figures(4, 1), figures(5, 4)])
    assert arrays(joined) == arrays(whole)
    assert arrays(joined) != arrays(Figures.joined([figures(4, 5), figures(0, 4)]))
    late = whole.some(np.arange(9) >= 6)
    assert arrays(late) == arrays(figures(6, 3))
