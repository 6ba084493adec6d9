"""A trace as a Parquet file: typed columns, and provenance and costs as JSON beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.data import read_metadata, read_table
from tinydrop.models.pairs import Pair
from tinydrop.pipeline import TinyDrop
from tinydrop.studies.trace.outcomes import COHERENCE_PREFIX
from tinydrop.studies.trace.provenance import TraceProvenance
from tinydrop.studies.trace.values import Trace

TRACE_KEY = "tinydrop_trace"
TRACE_FORMAT = 1


def trace_metadata(drop: TinyDrop, provenance: TraceProvenance, run: str) -> dict[str, str]:
    """Return what stands beside the columns.

    Args:
        drop: the pair.
        provenance: of the whole trace.
        run: digest of what was traced and how, by which a finished trace is known again.
    """
    patches = provenance.num_patches
    full = drop.cost(patches, provenance.selector)
    target = None  # where the kept set decides, each picture has its own, in a column
    if not drop.pair.target.spec.cost.depends_on_set:
        levels = range(1, BUDGET_LEVELS + 1)
        target = [drop.cost(num_keep(level, patches)).target for level in levels]
    content = {
        "format": TRACE_FORMAT,
        "run": run,
        "provenance": provenance.to_dict(),
        "macs": {
            "guidance": full.guidance,
            "saliency": full.saliency,
            "saliency_literal": full.saliency_literal,
            "target": target,
        },
    }
    return {TRACE_KEY: json.dumps(content, ensure_ascii=False)}


def read_provenance(path: Path, metadata: dict[str, str]) -> tuple[TraceProvenance, dict[str, Any]]:
    """Return a trace's provenance and its MACs, from a file's metadata.

    Raises:
        SettingError: if the file is no trace of this format.
    """
    try:
        content = json.loads(metadata[TRACE_KEY])
        if content["format"] != TRACE_FORMAT:
            raise SettingError(
                f"{path} is a trace in format {content['format']}, this version reads format "
                f"{TRACE_FORMAT}; trace the pictures again."
            )
        return TraceProvenance.from_dict(content["provenance"]), dict(content["macs"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, SettingError):
            raise
        raise SettingError(
            f"{path} is no trace; make one with python -m tinydrop trace DATA --out FILE.parquet."
        ) from error


def is_trace_of(path: Path, run: str) -> bool:
    """Tell whether there is a finished trace of exactly this run."""
    try:
        _, metadata = read_metadata(path)
        return bool(json.loads(metadata[TRACE_KEY]).get("run") == run)
    except (SettingError, KeyError, ValueError, AttributeError):
        return False


def read_trace(path: str | Path, pair: Pair | None = None) -> Trace:
    """Return the trace in a file.

    Args:
        path: a file that ``make_trace`` wrote.
        pair: the pair it must belong to; any by default.

    Raises:
        SettingError: if it is no trace, damaged, or of another pair, naming the difference.
    """
    path = Path(path)
    columns, metadata = read_table(path)
    provenance, macs = read_provenance(path, metadata)
    if pair is not None:
        _check_pair(path, provenance, pair)
    try:
        unranked = columns["unranked"].astype(np.bool_)
        levels = range(1, BUDGET_LEVELS + 1)
        ladder = np.array([num_keep(level, provenance.num_patches) for level in levels], np.int64)
        return Trace(
            provenance=provenance,
            picture_id=columns["picture_id"],
            label=_wide(columns["label"]),
            guidance_logits=columns["guidance_logits"],
            confidence=columns["confidence"],
            guidance_class=_wide(columns["guidance_class"]),
            guidance_rank=_wide(columns["guidance_rank"]),
            target_class=_wide(columns["target_class"]),
            target_rank=_wide(columns["target_rank"]),
            target_confidence=columns["target_confidence"],
            unranked=unranked,
            num_keep=np.where(unranked[:, None], ladder[-1], ladder),
            target_macs=_target_macs(columns, macs["target"], unranked),
            guidance_macs=int(macs["guidance"]),
            saliency_macs=int(macs["saliency"]),
            saliency_macs_literal=int(macs["saliency_literal"]),
            coherence={
                name.removeprefix(COHERENCE_PREFIX): values
                for name, values in columns.items()
                if name.startswith(COHERENCE_PREFIX)
            },
            order=columns["order"].astype(np.int32),
            saliency_map=columns.get("saliency_map"),
            box=_known_boxes(columns.get("box")),
        )
    except KeyError as error:
        raise SettingError(f"The trace {path} lacks {error}; trace the pictures again.") from error


def _check_pair(path: Path, found: TraceProvenance, pair: Pair) -> None:
    """Refuse a trace of another pair, naming the first thing in which they differ."""
    grid = (pair.target.spec.grid.rows, pair.target.spec.grid.cols)
    difference = None
    if found.classes != pair.classes:
        difference = (
            f"it has {len(found.classes)} classes ('{found.classes[0]}', ...), the pair "
            f"{len(pair.classes)} ('{pair.classes[0]}', ...)"
        )
        if len(found.classes) == len(pair.classes):
            at = next(i for i, c in enumerate(pair.classes) if c != found.classes[i])
            difference = (
                f"its class {at} is '{found.classes[at]}', the pair's is '{pair.classes[at]}'"
            )
    elif found.grid != grid:
        difference = (
            f"its target has {found.grid[0]}x{found.grid[1]} patches, the pair's "
            f"{grid[0]}x{grid[1]}"
        )
    elif found.pair_digest != pair.digest:
        difference = (
            f"it was made with the weights {found.pair_digest[:12]} of '{found.pair}', the pair "
            f"has {pair.digest[:12]}"
        )
    if difference:
        raise SettingError(
            f"The trace {path} does not belong to the pair '{pair.name}': {difference}; trace the "
            f"pictures again with this pair."
        )


def _target_macs(
    columns: Mapping[str, npt.NDArray[Any]],
    per_level: list[int] | None,
    unranked: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return every picture's MACs, (M, L): its own column's, or those that K alone decides."""
    if per_level is None:
        return _wide(columns["target_macs"])
    costs = np.array(per_level, dtype=np.int64)
    every: npt.NDArray[np.int64] = np.where(unranked[:, None], costs[-1], costs)
    return every


def _known_boxes(values: npt.NDArray[Any] | None) -> npt.NDArray[np.bool_] | None:
    """Return the boxes on the grid; None where nobody knows one, or an older trace holds none."""
    return values.astype(np.bool_) if values is not None and values.any() else None


def _wide(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return values.astype(np.int64)
