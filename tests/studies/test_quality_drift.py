"""Drift, picture by picture: against the pipeline's own stages, and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from quality_zoo import write_boxed
from trace_zoo import one_thread, small_drop

from tinydrop import TinyDrop
from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import select_tokens
from tinydrop.data import Dataset, open_dataset, read_table
from tinydrop.models.backbones import POSITION_MODES
from tinydrop.studies.quality import DriftTable, Quality, measure_quality, read_drift, write_tables
from tinydrop.studies.trace import make_trace


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(write_boxed(tmp_path_factory.mktemp("boxed") / "x.parquet", damaged=[5]))


@pytest.fixture(scope="module")
def found(drop: TinyDrop, data: Dataset, _one_thread: None) -> Quality:
    return measure_quality(drop, data, ["gradcam"])


def test_every_class_is_what_the_pipeline_says(
    found: Quality, drop: TinyDrop, data: Dataset
) -> None:
    grid = drop.pair.target.spec.grid
    pictures = [one for number, one in enumerate(data.pictures()) if number != 5]
    assert found.drift.picture_id.tolist() == [one.id for one in pictures]
    assert tuple(found.drift.winner) == POSITION_MODES
    differs = 0
    for row, stored in enumerate(pictures):
        guide = drop.guide(stored.content)
        order, _ = drop.rank(guide, "gradcam")
        for mode in POSITION_MODES:
            for level in (1, 7, BUDGET_LEVELS):
                kept = select_tokens(order, grid, num_keep(level, grid.num_patches), "t")
                said = drop.classify(guide, kept, positions=mode).class_index
                assert found.drift.winner[mode][row, level - 1] == said
                differs += said != found.drift.winner["right"][row, level - 1]
    assert differs > 0  # else a mode that is ignored would pass


def test_it_is_the_trace_and_the_interventions_picture_by_picture(
    found: Quality, drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    trace = make_trace(drop, data, tmp_path / "t.parquet")
    aligned = found.drift.aligned("right", trace.picture_id)
    assert np.array_equal(aligned, trace.target_class)
    for mode in POSITION_MODES:
        right = (found.drift.aligned(mode, trace.picture_id) == trace.label[:, None]).sum(axis=0)
        assert right.tolist() == found.interventions.find("positions", mode).correct.tolist()


def test_pictures_and_modes_that_nobody_measured_are_marked(found: Quality) -> None:
    own = found.drift.picture_id
    asked = np.array([own[2], "elsewhere", own[0]])
    aligned = found.drift.aligned("none", asked)
    assert np.array_equal(aligned[[0, 2]], found.drift.winner["none"][[2, 0]])
    assert (aligned[1] == -1).all()
    assert (found.drift.aligned("sideways", own) == -1).all()


def test_a_table_comes_back_as_it_was_and_is_small(found: Quality, tmp_path: Path) -> None:
    (path,) = write_tables(tmp_path, found.drift)
    assert path.name == "small-drift.parquet"
    again = read_drift(path)
    assert again.provenance == found.drift.provenance
    assert again.picture_id.tolist() == found.drift.picture_id.tolist()
    assert {m: v.tolist() for m, v in again.winner.items()} == {
        m: v.tolist() for m, v in found.drift.winner.items()
    }
    columns, _ = read_table(path)
    assert columns["first"].dtype == np.uint8
    with pytest.raises(SettingError, match="holds the table 'interventions'"):
        read_drift(*write_tables(tmp_path, found.interventions))


def test_what_contradicts_itself_is_refused(found: Quality) -> None:
    known, ids = found.drift.provenance, found.drift.picture_id
    with pytest.raises(SettingError, match="7 different pictures, got 6"):
        DriftTable(known, np.array([*ids[:6], ids[0]]), {})
    with pytest.raises(SettingError, match="positions 'none' is a class per picture"):
        DriftTable(known, ids, {"none": np.zeros((7, 15), np.int64)})
