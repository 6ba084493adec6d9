"""Tables of measured numbers: written, joined and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_zoo import one_sentence

from tinydrop.core.errors import SettingError
from tinydrop.data import (
    join_tables,
    read_metadata,
    read_table,
    write_table,
)


def columns(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "id": np.array([f"é{n}" for n in range(rows)], dtype=np.str_),
        "small": rng.integers(0, 256, (rows, 4)).astype(np.uint8),
        "half": rng.normal(size=(rows, 3)).astype(np.float16),
        "single": np.where(rng.random((rows, 2)) < 0.2, np.nan, 1.5).astype(np.float32),
        "flag": rng.random(rows) < 0.5,
        "whole": rng.integers(0, 60_000, rows).astype(np.uint16),
    }


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(
        a[n].dtype.kind == b[n].dtype.kind
        and np.array_equal(a[n], b[n], equal_nan=a[n].dtype.kind != "U")
        for n in a
    )


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_tables_come_back_unchanged(tmp_path: Path, rows: int) -> None:
    given = columns(rows)
    write_table(tmp_path / "t.parquet", given, {"key": "värde"})
    found, metadata = read_table(tmp_path / "t.parquet")
    assert same(found, given)
    assert all(found[n].dtype == given[n].dtype for n in given if n != "id")
    assert metadata["key"] == "värde"
    assert read_metadata(tmp_path / "t.parquet")[0] == rows
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_joined_tables_hold_all_rows_in_order(tmp_path: Path) -> None:
    sizes, paths, given = [3000, 3000, 1, 4500], [], []
    for number, rows in enumerate(sizes):
        given.append(columns(rows, number))
        paths.append(tmp_path / f"{number}.parquet")
        write_table(paths[-1], given[-1], {"part": str(number)})
    join_tables(paths, tmp_path / "all.parquet", {"whole": "yes"})
    found, metadata = read_table(tmp_path / "all.parquet")
    assert same(found, {n: np.concatenate([g[n] for g in given]) for n in given[0]})
    assert metadata == {"whole": "yes"}


def test_an_unwritable_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be written") as error:
        write_table(tmp_path / "no" / "t.parquet", columns(1), {})
    assert one_sentence(error)
