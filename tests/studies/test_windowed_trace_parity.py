"""A windowed target through pipeline, trace and bench: each picture's kept set has its own MACs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop import Setting, TinyDrop
from tinydrop.core.budget import num_keep
from tinydrop.core.errors import SettingError
from tinydrop.data import Dataset, open_dataset, read_table
from tinydrop.models.macs import target_macs
from tinydrop.studies.bench import find_break_even, measure_target_speed
from tinydrop.studies.sweep import replay
from tinydrop.studies.trace import Trace, make_trace, read_trace

LEVELS = range(1, 17)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop(windowed=True)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("pictures")
    return open_dataset(write_folder(folder / "set", {"red fox": 3, "goldfish": 3}))


@pytest.fixture(scope="module")
def trace(drop: TinyDrop, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    return make_trace(drop, data, tmp_path_factory.mktemp("trace") / "t.parquet")


def contents(data: Dataset) -> list[bytes]:
    return [picture.content for picture in data.pictures()]


def test_every_level_of_every_picture_equals_the_pipeline(
    drop: TinyDrop, data: Dataset, trace: Trace
) -> None:
    for row, content in enumerate(contents(data)):
        guide = drop.guide(content)
        for level in LEVELS:
            selection = drop.select(guide, num_keep(level, 16)).selection
            assert trace.target_macs[row, level - 1] == drop.cost(selection).target
            assert trace.target_class[row, level - 1] == drop.classify(guide, selection).class_index
    half = trace.target_macs[:, 7]
    assert half.min() < half.max()  # the same K, other sets


def test_a_replay_equals_whole_calls_with_their_macs(
    drop: TinyDrop, data: Dataset, trace: Trace
) -> None:
    for tau, gamma in ((0.4, 1.0), (0.7, 0.5), (0.95, 2.0), (1.0, 8.0)):
        run = replay(trace, Setting(tau=tau, gamma=gamma))
        for row, content in enumerate(contents(data)):
            whole = drop(content, tau=tau, gamma=gamma, temperature=1.0)
            mine = (whole.exited, whole.final.class_index, whole.kept, whole.macs.total)
            theirs = (run.exited[row], run.class_index[row], run.num_keep[row], run.macs[row])
            assert mine == tuple(value.item() for value in theirs)


def test_the_file_holds_each_pictures_macs_and_nothing_else_changes(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "t.parquet"
    made = make_trace(drop, data, out, "random", seed=2)
    columns, _ = read_table(out)
    assert columns["target_macs"].dtype == np.int64
    again = read_trace(out, drop.pair)
    assert (again.target_macs == made.target_macs).all()
    plain = make_trace(small_drop(), data, tmp_path / "plain.parquet", "random", seed=2)
    before, _ = read_table(tmp_path / "plain.parquet")
    assert columns.keys() - before.keys() == {"target_macs"}
    assert (plain.target_macs == plain.target_macs[0]).all()


def test_a_map_that_cannot_be_ranked_costs_everything(data: Dataset, tmp_path: Path) -> None:
    flat = small_drop(flat=True, windowed=True)
    trace = make_trace(flat, data, tmp_path / "t.parquet", limit=2)
    assert trace.unranked.all()
    assert (trace.target_macs == flat.cost(16).target).all()


def test_costs_need_the_kept_set(drop: TinyDrop, data: Dataset) -> None:
    assert drop.cost(0).target == 0
    assert drop.cost(16).target == drop.cost(16).full_target
    with pytest.raises(SettingError, match="which patches are kept"):
        drop.cost(5)


def test_the_benchmark_states_macs_of_the_sets_it_timed(drop: TinyDrop) -> None:
    target = drop.pair.target
    speed = measure_target_speed(target, (0.5,), batch_size=2, repeats=1)
    full = target_macs(target.spec, 16).total
    assert [row.num_keep for row in speed] == [8, 16]
    assert speed[-1].macs_ratio == 1.0
    timed = torch.randperm(16, generator=torch.Generator().manual_seed(0))[:8]
    assert speed[0].macs_ratio == target_macs(target.spec, timed.numpy()).total / full
    assert 0.3 < speed[0].macs_ratio < 0.6
    assert find_break_even(drop.pair.guidance, target).measured is None
