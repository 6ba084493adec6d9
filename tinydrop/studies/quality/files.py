"""Tables of quality as Parquet files: typed columns, and where they come from as JSON beside them.

``<pair>-quality.parquet``, ``<pair>-interventions.parquet``, both also with ``-small`` for the
pictures with small objects, ``<pair>-coherence.parquet`` and ``<pair>-drift.parquet`` in one
folder; each is read back as the value that was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import Estimate
from tinydrop.data import read_table, write_table
from tinydrop.studies.quality.deciles import BINS, CoherenceTable
from tinydrop.studies.quality.drift import DriftTable
from tinydrop.studies.quality.interventions import Intervention, InterventionTable
from tinydrop.studies.quality.values import (
    MEASURES,
    MethodQuality,
    QualityProvenance,
    QualityReport,
)

TABLES = (
    "quality",
    "interventions",
    "quality-small",
    "interventions-small",
    "coherence",
    "drift",
)
_KEY = "tinydrop_quality"
_FORMAT = 1
_COUNTS = ("pictures", "correct", "full_correct")
_VALUES = ("low", "high", "percentile")

Columns = dict[str, npt.NDArray[Any]]


def table_path(folder: Path, pair: str, table: str) -> Path:
    """Return where a pair's table belongs; a pair's name may hold what no file name can."""
    if table not in TABLES:
        raise SettingError(f"Unknown table {quoted(table)}; choose one of {', '.join(TABLES)}.")
    safe = re.sub(r"[^\w.+-]", "_", pair)
    return folder / f"{safe}-{table}.parquet"


def write_tables(
    folder: str | Path, *tables: QualityReport | InterventionTable | CoherenceTable | DriftTable
) -> tuple[Path, ...]:
    """Write tables into a folder, which is made if needed, and return their files.

    Raises:
        SettingError: if the folder or a file cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"{folder} cannot be made ({error.strerror}); give a folder that can be written."
        ) from error
    paths = []
    for table in tables:
        if isinstance(table, QualityReport):
            name, pair = _name("quality", table.provenance), table.provenance.pair
            columns = _report_columns(table)
            described: dict[str, Any] = table.provenance.to_dict()
        elif isinstance(table, InterventionTable):
            name, pair = _name("interventions", table.provenance), table.provenance.pair
            columns, described = _intervention_columns(table), table.provenance.to_dict()
        elif isinstance(table, DriftTable):
            name, pair = "drift", table.provenance.pair
            columns, described = _drift_columns(table), table.provenance.to_dict()
        else:
            name, pair, columns = "coherence", table.pair, _coherence_columns(table)
            described = {key: getattr(table, key) for key in _COHERENCE_FACTS}
        path = table_path(folder, pair, name)
        content = {"format": _FORMAT, "table": name, "provenance": described}
        write_table(path, columns, {_KEY: json.dumps(content, ensure_ascii=False)})
        paths.append(path)
    return tuple(paths)


def read_report(path: str | Path) -> QualityReport:
    """Return the report in a file; SettingError if it holds none."""
    columns, described = _read(Path(path), "quality", "quality-small")
    try:
        names = list(dict.fromkeys(columns["name"].tolist()))
        methods = tuple(_method(name, columns) for name in names)
    except (KeyError, IndexError, ValueError) as error:
        raise _damaged(Path(path), error) from error
    return QualityReport(QualityProvenance.from_dict(described), methods)


def read_interventions(path: str | Path) -> InterventionTable:
    """Return the interventions in a file; SettingError if it holds none."""
    columns, described = _read(Path(path), "interventions", "interventions-small")
    try:
        keys = list(dict.fromkeys(zip(columns["kind"], columns["name"], strict=True)))
        found = [_intervention(str(kind), str(name), columns) for kind, name in keys]
        kept = tuple(int(k) for k in columns["kept"][:BUDGET_LEVELS])
        return InterventionTable(QualityProvenance.from_dict(described), kept, tuple(found))
    except (KeyError, IndexError, ValueError) as error:
        raise _damaged(Path(path), error) from error


def read_coherence(path: str | Path) -> CoherenceTable:
    """Return the accuracy by coherence in a file; SettingError if it holds none."""
    columns, described = _read(Path(path), "coherence")
    try:
        values: dict[str, Any] = {key: described[key] for key in _COHERENCE_FACTS}
        for name in _COUNTS + _VALUES:
            values[name] = columns[name].reshape(BUDGET_LEVELS, BINS)
        return CoherenceTable(**values)
    except (KeyError, ValueError) as error:
        raise _damaged(Path(path), error) from error


def read_drift(path: str | Path) -> DriftTable:
    """Return the classes without right positions in a file; SettingError if it holds none."""
    columns, described = _read(Path(path), "drift")
    try:
        ids = columns.pop("picture_id")
        provenance = QualityProvenance.from_dict(described)
        winner = {mode: values.astype(np.int64) for mode, values in columns.items()}
        return DriftTable(provenance, ids, winner)
    except (KeyError, ValueError) as error:
        raise _damaged(Path(path), error) from error


_COHERENCE_FACTS = (
    "pair",
    "pair_digest",
    "data",
    "data_fingerprint",
    "selector",
    "seed",
    "metric",
)


def _name(table: str, known: QualityProvenance) -> str:
    """Return what a table of these pictures is called."""
    return table if known.objects == "all" else f"{table}-{known.objects}"


def _read(path: Path, *tables: str) -> tuple[Columns, Mapping[str, Any]]:
    """Return the columns and the description of a table of one of these kinds."""
    columns, metadata = read_table(path)
    try:
        content = json.loads(metadata[_KEY])
        found, version, described = content["table"], content["format"], content["provenance"]
    except (KeyError, TypeError, ValueError) as error:
        raise SettingError(
            f"{path} is no table of quality; make one with python -m tinydrop quality DATA "
            f"--save-tables DIR."
        ) from error
    if version != _FORMAT or found not in tables:
        raise SettingError(
            f"{path} holds the table {quoted(found)} in format {quoted(version)}, but "
            f"{quoted(tables[0])} in format "
            f"{_FORMAT} is wanted; measure it again or give another file."
        )
    return columns, dict(described)


def _damaged(path: Path, error: Exception) -> SettingError:
    if isinstance(error, SettingError):
        return error
    return SettingError(f"The table {path} is incomplete ({error}); measure it again.")


def _report_columns(report: QualityReport) -> Columns:
    """Return one row per figure: level 0 for a measure, 1 to 16 along a curve."""
    rows: list[tuple[str, str, int, float, float, float, int]] = []
    for method in report.methods:
        ranked = report.provenance.pictures - method.unranked
        rows.append((method.name, "unranked", 0, float(method.unranked), np.nan, np.nan, ranked))
        rows += [
            (method.name, measure, 0, found.value, found.low, found.high, found.pictures)
            for measure, found in method.measures.items()
        ]
        for name, curve in (("insertion", method.insertion), ("deletion", method.deletion)):
            if curve is not None:
                rows += [
                    (method.name, name, level, float(value), np.nan, np.nan, ranked)
                    for level, value in enumerate(curve, start=1)
                ]
    names, measures, levels, values, lows, highs, pictures = zip(*rows, strict=True)
    return {
        "name": np.array(names, np.str_),
        "measure": np.array(measures, np.str_),
        "level": np.array(levels, np.uint8),
        "value": np.array(values, np.float64),
        "low": np.array(lows, np.float64),
        "high": np.array(highs, np.float64),
        "pictures": np.array(pictures, np.int64),
    }


def _method(name: str, columns: Columns) -> MethodQuality:
    own = columns["name"] == name
    measures, curves = {}, {}
    for measure in MEASURES:
        scalar = np.flatnonzero(own & (columns["measure"] == measure) & (columns["level"] == 0))
        if scalar.size:
            low, value, high = (float(columns[c][scalar[0]]) for c in ("low", "value", "high"))
            pictures = int(columns["pictures"][scalar[0]])
            measures[measure] = Estimate(value, low, high, pictures)
        curve = np.flatnonzero(own & (columns["measure"] == measure) & (columns["level"] > 0))
        if curve.size:
            curves[measure] = columns["value"][curve[np.argsort(columns["level"][curve])]]
    unranked = np.flatnonzero(own & (columns["measure"] == "unranked"))
    return MethodQuality(name, int(columns["value"][unranked[0]]), measures, **curves)


def _intervention_columns(table: InterventionTable) -> Columns:
    every = table.interventions
    levels = np.arange(1, BUDGET_LEVELS + 1)
    names = ("correct", "agreeing", "gain", "gain_low", "gain_high")
    low, high = zip(*(one.interval for one in every), strict=True)
    return {
        "kind": np.repeat([one.kind for one in every], BUDGET_LEVELS),
        "name": np.repeat([one.name for one in every], BUDGET_LEVELS),
        "level": np.tile(levels, len(every)).astype(np.uint8),
        "kept": np.tile(np.array(table.kept, np.int64), len(every)),
        "pictures": np.repeat([one.pictures for one in every], BUDGET_LEVELS).astype(np.int64),
        "accuracy": np.concatenate([one.accuracy for one in every]),
        "low": np.concatenate(low),
        "high": np.concatenate(high),
        **{name: np.concatenate([getattr(one, name) for one in every]) for name in names},
    }


def _intervention(kind: str, name: str, columns: Columns) -> Intervention:
    own = np.flatnonzero((columns["kind"] == kind) & (columns["name"] == name))
    own = own[np.argsort(columns["level"][own])]
    names = ("correct", "agreeing", "gain", "gain_low", "gain_high")
    values = {column: columns[column][own] for column in names}
    return Intervention(kind, name, int(columns["pictures"][own[0]]), **values)


def _drift_columns(table: DriftTable) -> Columns:
    """Return the pictures' names and a column per mode, in the smallest type that holds them."""
    top = max((int(values.max(initial=0)) for values in table.winner.values()), default=0)
    kind = np.uint8 if top < 256 else np.uint16 if top < 65536 else np.uint32
    return {
        "picture_id": table.picture_id,
        **{mode: values.astype(kind) for mode, values in table.winner.items()},
    }


def _coherence_columns(table: CoherenceTable) -> Columns:
    tenths = np.arange(1, BINS + 1)
    return {
        "level": np.repeat(np.arange(1, BUDGET_LEVELS + 1), BINS).astype(np.uint8),
        "tenth": np.tile(tenths, BUDGET_LEVELS).astype(np.uint8),
        **{name: getattr(table, name).reshape(-1) for name in _COUNTS + _VALUES},
    }
