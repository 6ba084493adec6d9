"""Coherence in traces: every measure of today in a new one, and older ones stay readable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mask_zoo import CORNERS, pieces
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop import TinyDrop
from tinydrop.core.coherence import COHERENCE_METRICS
from tinydrop.core.errors import SettingError
from tinydrop.data import Dataset, open_dataset, read_table, write_table
from tinydrop.studies.trace import Trace, TraceStoppedError, chunks, make, make_trace, read_trace

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "traces"


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("columns") / "set"
    return open_dataset(write_folder(folder, {"goldfish": 3, "spider": 3}))


def without(path: Path, columns: set[str]) -> None:
    """Write the trace again without some columns, as an older version did."""
    table, metadata = read_table(path)
    assert columns <= set(table)
    write_table(path, {n: v for n, v in table.items() if n not in columns}, metadata)


def test_a_trace_holds_every_measure_of_every_kept_set(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    trace = make_trace(drop, data, tmp_path / "t.parquet", "coverage")
    assert list(trace.coherence) == list(COHERENCE_METRICS)
    for row in range(len(trace)):
        for level in (1, 6, 11):
            mask = np.zeros(16, dtype=bool)
            mask[trace.order[row, :level]] = True  # 16 patches: K is the level
            mask = mask.reshape(4, 4)
            found = len(pieces(mask, CORNERS))
            assert trace.coherence["components"][row, level - 1] == found
            for name, measure in COHERENCE_METRICS.items():
                own = trace.coherence[name][row, level - 1]
                assert own == pytest.approx(measure(mask[None])[0], abs=1e-6)
    assert np.isnan(trace.coherence["gearys_c"][:, -1]).all()


def test_a_trace_without_the_newer_measures_is_read_as_it_is(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "t.parquet"
    trace = make_trace(drop, data, path)
    newer = {"gearys_c", "compactness", "bounding_box_fill"}
    without(path, {f"coherence.{name}" for name in newer})
    older = read_trace(path, drop.pair)
    assert set(older.coherence) == set(COHERENCE_METRICS) - newer
    assert np.array_equal(older.target_class, trace.target_class)
    assert set(older.take([0, 2]).coherence) == set(older.coherence)


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.parquet")), ids=lambda path: path.name)
def test_the_bundled_traces_are_readable_and_know_no_strange_measure(path: Path) -> None:
    trace = read_trace(path)
    assert isinstance(trace, Trace)
    assert {"components", "morans_i"} <= set(trace.coherence) <= set(COHERENCE_METRICS)


def test_parts_with_other_measures_are_not_mixed(
    drop: TinyDrop, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "t.parquet"
    done: list[int] = [0]
    monkeypatch.setattr(chunks, "CHUNK", 2)
    with monkeypatch.context() as older:
        older.setattr(make, "COHERENCE_METRICS", {"components": None})
        with pytest.raises(TraceStoppedError):
            make_trace(
                drop,
                data,
                out,
                progress=lambda so_far, _total, _left: done.append(so_far),
                should_stop=lambda: done[-1] >= 2,
            )
    with pytest.raises(SettingError, match="coherence measures differ"):
        make_trace(drop, data, out, resume=True)
