"""Tracing a labelled set: chunk after chunk, each kept as a complete part, joined at the end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.coherence import COHERENCE_METRICS
from tinydrop.core.errors import SettingError, TinyDropError, quoted
from tinydrop.core.selection import SEEDED_ORDERS, map_method
from tinydrop.core.writing import claimed, clear_leftovers
from tinydrop.data import Dataset, join_tables
from tinydrop.pipeline import TinyDrop, check_selector
from tinydrop.studies.trace.files import is_trace_of, read_trace, trace_metadata
from tinydrop.studies.trace.offered import library_versions, offered_pictures
from tinydrop.studies.trace.outcomes import trace_chunk
from tinydrop.studies.trace.parts import Parts, parts_folder
from tinydrop.studies.trace.provenance import TraceProvenance, stated_temperatures
from tinydrop.studies.trace.values import Trace

CHUNK = 64
"""Pictures per part; bounds are multiples of it among the pictures whose class the pair knows."""

Progress = Callable[[int, int, float | None], None]
"""Told pictures done, pictures in all, and seconds left (None while unknown)."""


class TraceStoppedError(TinyDropError):
    """Someone asked to stop; what is done is kept."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is traced: positions in the data set, the pair's class of each, and the provenance."""

    positions: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    provenance: TraceProvenance

    @property
    def chunks(self) -> int:
        """The number of parts."""
        return -(-self.positions.size // CHUNK)

    def chunk(self, index: int) -> slice:
        """Return a part's pictures among ``positions``."""
        return slice(index * CHUNK, min((index + 1) * CHUNK, self.positions.size))

    def run(self) -> dict[str, Any]:
        """Return what makes two runs the same run, so that their parts fit together."""
        values = self.provenance.to_dict()
        # What the fingerprint says already is left out.
        for key in ("pictures", "skipped", "data", "split", "config", "drawn"):
            del values[key]
        labels = hashlib.sha256(self.truth.tobytes()).hexdigest()
        return {
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
    started = _Stopper(should_stop, out)
    with claimed(out, "tracing", parts_folder(out) / ".run.lock"):
        clear_leftovers(out)
        plan = _plan(drop, dataset, selector, seed, limit, started)
        parts = Parts(out, plan.run())
        if not (resume and is_trace_of(out, parts.digest)):
            parts.open(resume=resume)
            _trace_missing(drop, dataset, plan, parts, progress, started)
            _join(drop, dataset, plan, parts, out)
        parts.remove()
        return read_trace(out, drop.pair)


class _Stopper:
    """Asks now and then whether to stop."""

    def __init__(self, should_stop: Callable[[], bool] | None, out: Path) -> None:
        self._should_stop = should_stop
        self._out = out

    def __call__(self, done: int = 0, total: int = 0) -> None:
        if self._should_stop is not None and self._should_stop():
            kept = f" after {done:,} of {total:,} pictures" if total else ""
            raise TraceStoppedError(
                f"Tracing was stopped{kept}; the same call with --resume (resume=True) goes on "
                f"from there and writes {self._out.name}."
            )


def _plan(
    drop: TinyDrop,
    dataset: Dataset,
    selector: str,
    seed: int,
    limit: int | None,
    stopper: _Stopper,
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
    grid, guidance = pair.target.spec.grid, pair.guidance.spec
    own = pair.setting
    provenance = TraceProvenance(
        pair=pair.name,
        pair_digest=pair.digest,
        selector=selector,
        seed=seed if selector in SEEDED_ORDERS else 0,
        data=dataset.title,
        data_fingerprint=dataset.fingerprint(offered.positions, stopper),
        grid=(grid.rows, grid.cols),
        classes=pair.classes,
        temperatures=stated_temperatures([own.temperature]),
        setting=own.as_dict(),
        map_grid=(guidance.map_grid.rows, guidance.map_grid.cols) if looks else None,
        map_layer=guidance.layer if looks else None,
        pictures=int(offered.positions.size),
        skipped=offered.skipped,
        versions=library_versions(pair),
        budget_levels=BUDGET_LEVELS,
        split=dataset.split,
        config=dataset.config,
        drawn=offered.drawn,
    )
    return _Plan(offered.positions, offered.truth, provenance)


def _trace_missing(
    drop: TinyDrop,
    dataset: Dataset,
    plan: _Plan,
    parts: Parts,
    progress: Progress | None,
    stopper: _Stopper,
) -> None:
    """Write every part that is not there yet, in order."""
    missing = [index for index in range(plan.chunks) if parts.rows(index) is None]
    total = int(plan.positions.size)
    done = total - sum(len(range(total)[plan.chunk(index)]) for index in missing)
    if progress is not None:
        progress(done, total, None)
    if not missing:
        return
    wanted = np.concatenate([plan.positions[plan.chunk(index)] for index in missing])
    pictures = iter(dataset.pictures(wanted))
    start, before = time.monotonic(), done
    for index in missing:
        stopper(done, total)
        inside = plan.chunk(index)
        some = list(islice(pictures, inside.stop - inside.start))
        columns = trace_chunk(
            drop,
            some,
            plan.truth[inside],
            plan.provenance.temperatures,
            plan.provenance.selector,
            plan.provenance.seed,
        )
        rows = columns["picture_id"].size if columns else 0
        parts.write(index, columns, len(some) - rows)
        done += len(some)
        if progress is not None:
            pace = (time.monotonic() - start) / (done - before)
            progress(done, total, pace * (total - done))


def _join(drop: TinyDrop, dataset: Dataset, plan: _Plan, parts: Parts, out: Path) -> None:
    """Write the whole table, in the order of the pictures."""
    found = [(index, parts.rows(index)) for index in range(plan.chunks)]
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
        raise SettingError(
            f"None of the {unreadable:,} pictures of {dataset.title} can be read; give JPEG, PNG "
            f"or WebP pictures."
        )
    skipped = dict(plan.provenance.skipped)
    if unreadable:
        skipped["unreadable"] = unreadable
    provenance = replace(plan.provenance, pictures=rows, skipped=skipped)
    files: Iterator[Path] = (
        parts.path(index) for index, part in found if part is not None and part[0]
    )
    join_tables(files, out, trace_metadata(drop, provenance, parts.digest))
