"""Tables of quality: written and read back unchanged, or refused with a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import synthetic_trace
from quality_zoo import write_boxed
from trace_zoo import one_thread, small_drop

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError
from tinydrop.core.statistics import Estimate, wilson
from tinydrop.data import open_dataset, read_table, write_table
from tinydrop.studies.quality import (
    Intervention,
    MethodQuality,
    Quality,
    QualityProvenance,
    accuracy_by_coherence,
    measure_quality,
    read_coherence,
    read_interventions,
    read_report,
    table_path,
    write_tables,
)

COLUMN = np.zeros(BUDGET_LEVELS)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, _one_thread: None) -> Quality:
    data = open_dataset(write_boxed(tmp_path_factory.mktemp("boxed") / "x.parquet"))
    return measure_quality(small_drop(), data, ["gradcam"])


def test_every_table_comes_back_as_it_was(found: Quality, tmp_path: Path) -> None:
    coherence = accuracy_by_coherence(synthetic_trace(300))
    paths = write_tables(tmp_path / "new" / "tables", found.report, found.interventions, coherence)
    assert [path.name for path in paths] == [
        "small-quality.parquet", "small-interventions.parquet", "synthetic-coherence.parquet",
    ]  # fmt: skip
    report, table = read_report(paths[0]), read_interventions(paths[1])
    assert report.provenance == table.provenance == found.report.provenance
    assert report.to_dict() == found.report.to_dict()
    assert table.to_dict() == found.interventions.to_dict()
    assert read_coherence(paths[2]).to_dict() == coherence.to_dict()


def test_small_objects_have_tables_of_their_own(found: Quality, tmp_path: Path) -> None:
    paths = write_tables(tmp_path, *found.tables)
    assert [path.name for path in paths] == [
        "small-quality.parquet", "small-interventions.parquet", "small-drift.parquet",
        "small-quality-small.parquet", "small-interventions-small.parquet",
    ]  # fmt: skip
    report, table = read_report(paths[3]), read_interventions(paths[4])
    assert report.provenance == table.provenance
    assert report.provenance.objects == "small"
    assert found.small is not None
    assert report.to_dict() == found.small[0].to_dict() != found.report.to_dict()
    with pytest.raises(SettingError, match="Unknown pictures 'large'"):
        replace(report.provenance, objects="large")


def test_the_columns_can_be_read_without_this_package(found: Quality, tmp_path: Path) -> None:
    (path,) = write_tables(tmp_path, found.interventions)
    columns, _ = read_table(path)
    own = (columns["kind"] == "selector") & (columns["name"] == "random")
    accuracy = columns["correct"][own] / columns["pictures"][own]
    assert np.array_equal(columns["accuracy"][own], accuracy)
    low, high = wilson(columns["correct"][own], columns["pictures"][own])
    assert np.array_equal(columns["low"][own], low)
    assert np.array_equal(columns["high"][own], high)
    assert columns["level"][own].tolist() == list(range(1, 17))


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    path = table_path(tmp_path, "../hf-hub:a/b c+d", "quality")
    assert path.parent == tmp_path
    assert path.name == ".._hf-hub_a_b_c+d-quality.parquet"
    with pytest.raises(SettingError, match="Unknown table 'other'"):
        table_path(tmp_path, "x", "other")


def test_a_file_of_something_else_is_refused(found: Quality, tmp_path: Path) -> None:
    (report,) = write_tables(tmp_path, found.report)
    with pytest.raises(SettingError, match="holds the table 'quality'"):
        read_interventions(report)
    with pytest.raises(SettingError, match="'coherence' in format 1 is wanted"):
        read_coherence(report)
    plain = tmp_path / "plain.parquet"
    write_table(plain, {"a": np.arange(3)}, {})
    with pytest.raises(SettingError, match="no table of quality"):
        read_report(plain)
    with pytest.raises(SettingError, match="There is no file"):
        read_report(tmp_path / "missing.parquet")
    columns, metadata = read_table(report)
    del columns["low"]
    write_table(plain, columns, metadata)
    with pytest.raises(SettingError, match="is incomplete"):
        read_report(plain)


def test_a_folder_that_cannot_be_made(found: Quality, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(SettingError, match="cannot be made"):
        write_tables(tmp_path / "file" / "inside", found.report)


def test_values_refuse_what_contradicts_itself(found: Quality) -> None:
    ok = {"kind": "selector", "name": "x", "pictures": 5, "correct": COLUMN, "agreeing": COLUMN}
    gains = {"gain": COLUMN, "gain_low": COLUMN, "gain_high": COLUMN}
    Intervention(**ok, **gains)
    for wrong, sentence in (
        ({"kind": "other"}, "Unknown kind"),
        ({"correct": COLUMN[:15]}, "one value for each of the 16 levels"),
        ({"correct": COLUMN + 6}, "more were counted"),
    ):
        with pytest.raises(SettingError, match=sentence):
            Intervention(**{**ok, **wrong}, **gains)
    with pytest.raises(SettingError, match="Unknown measure 'beauty'"):
        MethodQuality("x", 0, {"beauty": Estimate(1, 1, 1, 1)})
    described = found.report.provenance.to_dict()
    with pytest.raises(SettingError, match="no more boxes than pictures"):
        QualityProvenance.from_dict(described | {"boxes": 99})
    del described["pair"]
    with pytest.raises(SettingError, match="incomplete"):
        QualityProvenance.from_dict(described)
