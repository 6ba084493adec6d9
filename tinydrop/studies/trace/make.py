"""Tracing a labelled set: chunk after chunk, each kept as a complete part, joined at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.coherence import COHERENCE_METRICS
from tinydrop.core.errors import SettingError, TinyDropError, quoted
from tinydrop.core.selection import SEEDED_ORDERS, map_method
from tinydrop.core.writing import claimed, clear_leftovers
from tinydrop.data import Dataset, LabelledPicture, join_tables
from tinydrop.pipeline import TinyDrop, check_selector
from tinydrop.studies.trace.chunks import (
    Progress,
    Watch,
    chunk_places,
    measure_chunks,
    none_readable,
    with_unreadable,
)
from tinydrop.studies.trace.files import is_trace_of, read_trace, trace_metadata
from tinydrop.studies.trace.offered import common_facts, offered_pictures
from tinydrop.studies.trace.outcomes import Columns, trace_chunk
from tinydrop.studies.trace.parts import Parts, parts_folder
from tinydrop.studies.trace.provenance import TraceProvenance, stated_temperatures
from tinydrop.studies.trace.values import Trace


class TraceStoppedError(TinyDropError):
    """Someone asked to stop; what is done is kept."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is traced: positions in the data set, the pair's class of each, and the provenance."""

    positions: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    provenance: TraceProvenance

    def run(self) -> dict[str, Any]:
        """Return what makes two runs the same run, so that their parts fit together."""
        values = self.provenance.to_dict()
        # What the fingerprint says already is left out.
        for key in ("pictures", "skipped", "data", "split", "config", "drawn"):
            del values[key]
        labels = hashlib.sha256(self.truth.tobytes()).hexdigest()
        # Of two differences the first is named, and whose trace it is says most.
        first = {key: values[key] for key in ("pair", "pair_digest", "selector")}
        return {
            **first,
            **values,
            "offered": int(self.positions.size),
            "labels": labels,
            "coherence": list(COHERENCE_METRICS),
            "boxes": True,
        }


def make_trace(
    drop: TinyDrop,
    dataset: Dataset,
    out: str | Path,
    selector: str = "gradcam",
    seed: int = 0,
    limit: int | None = None,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Trace:
    """Trace labelled pictures at all 16 levels into a Parquet file and return the trace.

    The pictures are read twice, first for the fingerprint. A finished file of the same name is
    replaced. Killed or stopped at any moment, the parts in ``FILE.parts`` stay, and the same call
    with ``resume`` gives the table that an undisturbed run gives.

    Args:
        drop: the pair.
        dataset: what ``open_dataset`` returned.
        out: the Parquet file.
        selector: a name in ``SELECTORS``.
        seed: of the random and the scattered selector.
        limit: trace only so many pictures whose class the pair knows: the first ones, or of class
            folders some of every class.
        resume: go on with the parts of an earlier run, or return its finished trace.
        progress: told after every chunk.
        should_stop: asked before every chunk, and while the fingerprint is taken.

    Raises:
        SettingError: if an argument is out of range, no class matches, no picture can be read,
            parts of another run are there, somebody else is tracing into that file, or it cannot
            be written.
        TraceStoppedError: if ``should_stop`` says so.
    """
    out = Path(out)
    if out.is_dir():
        raise SettingError(f"{out} is a folder; give the file to write, like {out / 't.parquet'}.")

    def stopped(so_far: str) -> TraceStoppedError:
        return TraceStoppedError(
            f"Tracing was stopped{so_far}; the same call with --resume (resume=True) goes on from "
            f"there and writes {out.name}."
        )

    watch = Watch(progress, should_stop, stopped)
    with claimed(out, "tracing", parts_folder(out) / ".run.lock"):
        clear_leftovers(out)
        plan = _plan(drop, dataset, selector, seed, limit, watch)
        parts = Parts(out, plan.run())
        if not (resume and is_trace_of(out, parts.digest)):
            parts.open(resume=resume)
            _trace_missing(drop, dataset, plan, parts, watch)
            _join(drop, dataset, plan, parts, out)
        parts.remove()
        return read_trace(out, drop.pair)


def _plan(
    drop: TinyDrop,
    dataset: Dataset,
    selector: str,
    seed: int,
    limit: int | None,
    watch: Watch,
) -> _Plan:
    """Return what is to be traced, after checking every argument."""
    pair = drop.pair
    check_selector(selector)
    if seed < 0:
        raise SettingError(
            f"A seed is a whole number from 0 on, got {quoted(seed)}; use for example 0."
        )
    offered = offered_pictures(dataset, pair, limit)
    looks = map_method(selector) is not None
    guidance, own = pair.guidance.spec, pair.setting
    fingerprint = dataset.fingerprint(offered.positions, watch.check)
    count, own_seed = int(offered.positions.size), seed if selector in SEEDED_ORDERS else 0
    provenance = TraceProvenance(
        **common_facts(pair, dataset, offered, fingerprint, count, own_seed),
        selector=selector,
        classes=pair.classes,
        temperatures=stated_temperatures([own.temperature]),
        setting=own.as_dict(),
        map_grid=(guidance.map_grid.rows, guidance.map_grid.cols) if looks else None,
        map_layer=guidance.layer if looks else None,
        split=dataset.split,
        config=dataset.config,
        drawn=offered.drawn,
    )
    return _Plan(offered.positions, offered.truth, provenance)


def _trace_missing(
    drop: TinyDrop, dataset: Dataset, plan: _Plan, parts: Parts, watch: Watch
) -> None:
    """Write every part that is not there yet, in order."""
    total = int(plan.positions.size)
    places = chunk_places(total)
    missing = [number for number in range(len(places)) if parts.rows(number) is None]
    left = sum(places[number].stop - places[number].start for number in missing)
    watch.tell(total - left, total, None)
    known = plan.provenance

    def measure(some: Sequence[LabelledPicture], inside: slice) -> Columns:
        truth = plan.truth[inside]
        return trace_chunk(drop, some, truth, known.temperatures, known.selector, known.seed)

    for number, offered, columns in measure_chunks(
        dataset, plan.positions, measure, watch, missing
    ):
        rows = columns["picture_id"].size if columns else 0
        parts.write(number, columns, offered - rows)


def _join(drop: TinyDrop, dataset: Dataset, plan: _Plan, parts: Parts, out: Path) -> None:
    """Write the whole table, in the order of the pictures."""
    found = [(index, parts.rows(index)) for index in range(len(chunk_places(plan.positions.size)))]
    lost = [index for index, part in found if part is None]
    if lost:
        raise SettingError(
            f"{parts.path(lost[0])} disappeared while tracing; run it again with --resume."
        )
    counts = [part for _, part in found if part is not None]
    rows = sum(part[0] for part in counts)
    unreadable = sum(part[1] for part in counts)
    if rows == 0:
        parts.remove()
        raise none_readable(unreadable, dataset)
    skipped = with_unreadable(plan.provenance.skipped, unreadable)
    provenance = replace(plan.provenance, pictures=rows, skipped=skipped)
    files: Iterator[Path] = (
        parts.path(index) for index, part in found if part is not None and part[0]
    )
    join_tables(files, out, trace_metadata(drop, provenance, parts.digest))
