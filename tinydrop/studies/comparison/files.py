"""The table of a comparison as a Parquet file: typed columns, and where they come from as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import Estimate
from tinydrop.data import read_table, write_table
from tinydrop.models.reduction import Plan
from tinydrop.studies.bench import Spread
from tinydrop.studies.comparison.values import CompareProvenance, CompareRow, CompareTable

_KEY = "tinydrop_compare"
_FORMAT = 1
_ESTIMATES = ("drop", "gain")
_SPREADS = ("target_time", "time")

Columns = dict[str, npt.NDArray[Any]]


def compare_path(folder: str | Path, pair: str) -> Path:
    """Return where a pair's table belongs; a pair's name may hold what no file name can."""
    safe = re.sub(r"[^\w.+-]", "_", pair)
    return Path(folder) / f"{safe}-compare.parquet"


def write_compare(folder: str | Path, table: CompareTable) -> Path:
    """Write a table into a folder, which is made if needed, and return its file.

    Raises:
        SettingError: if the folder or the file cannot be written.
    """
    path = compare_path(folder, table.provenance.pair)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"{path.parent} cannot be made ({error.strerror}); give a folder that can be written."
        ) from error
    content = {"format": _FORMAT, "provenance": table.provenance.to_dict()}
    write_table(path, _columns(table), {_KEY: json.dumps(content, ensure_ascii=False)})
    return path


def read_compare(path: str | Path) -> CompareTable:
    """Return the table in a file; SettingError if it holds none."""
    columns, metadata = read_table(Path(path))
    try:
        content = json.loads(metadata[_KEY])
        version, described = content["format"], content["provenance"]
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(
            f"{path} is no table of a comparison; make one with python -m tinydrop compare DATA "
            f"--save-tables DIR."
        ) from error
    if version != _FORMAT:
        raise SettingError(
            f"{path} is in format {quoted(version)}, but {_FORMAT} is wanted; compare again."
        )
    provenance = CompareProvenance.from_dict(described)
    try:
        rows = tuple(_row(columns, at, provenance.pictures) for at in range(columns["method"].size))
    except (KeyError, IndexError, ValueError) as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(f"The table {path} is incomplete ({error}); compare again.") from error
    return CompareTable(provenance, rows)


def _columns(table: CompareTable) -> Columns:
    rows = table.rows
    plans = ["" if row.plan is None else json.dumps(row.plan.to_dict()) for row in rows]
    columns: Columns = {
        "method": np.array([row.method for row in rows], np.str_),
        "level": np.array([row.level for row in rows], np.uint8),
        "plan": np.array(plans, np.str_),
        "correct": np.array([row.correct for row in rows], np.int64),
        "agreeing": np.array([row.agreeing for row in rows], np.int64),
        "target_macs": np.array([row.target_macs for row in rows], np.float64),
        "macs": np.array([row.macs for row in rows], np.float64),
        "exit_rate": np.array([row.exit_rate for row in rows], np.float64),
    }
    for name in (*_ESTIMATES, *_SPREADS):
        for part in ("value" if name in _ESTIMATES else "median", "low", "high"):
            found = [getattr(getattr(row, name), part, np.nan) for row in rows]
            columns[f"{name}_{part}"] = np.array(found, np.float64)
    return columns


def _row(columns: Columns, at: int, pictures: int) -> CompareRow:
    def figures(name: str, middle: str) -> tuple[float, float, float] | None:
        value, low, high = (
            float(columns[f"{name}_{part}"][at]) for part in (middle, "low", "high")
        )
        return None if np.isnan(value) else (value, low, high)

    drop, gain = (figures(name, "value") for name in _ESTIMATES)
    target_time, time = (figures(name, "median") for name in _SPREADS)
    if drop is None:
        raise SettingError(f"Row {at} of the table has no accuracy drop; compare again.")
    text = str(columns["plan"][at])
    return CompareRow(
        method=str(columns["method"][at]),
        level=int(columns["level"][at]),
        plan=Plan.from_dict(json.loads(text)) if text else None,
        correct=int(columns["correct"][at]),
        agreeing=int(columns["agreeing"][at]),
        target_macs=float(columns["target_macs"][at]),
        macs=float(columns["macs"][at]),
        exit_rate=float(columns["exit_rate"][at]),
        drop=Estimate(*drop, pictures),
        gain=None if gain is None else Estimate(*gain, pictures),
        target_time=None if target_time is None else Spread(*target_time),
        time=None if time is None else Spread(*time),
    )
