"""A visitor's own zip, traced in the page: with progress, a stop button and limits."""

from __future__ import annotations

import logging
import queue
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydrop.data.archives import ArchiveLimits, open_archive
from tinydrop.errors import SettingError, TinyDropError
from tinydrop.pipeline import TinyDrop
from tinydrop.trace import Trace
from tinydrop.tracing import TraceStoppedError, make_trace
from tinydrop.ui.cache import BoundedCache
from tinydrop.ui.frames import alert
from tinydrop.views.markup import escape

__all__ = ["MAX_MEGABYTES", "MAX_PICTURES", "Jobs", "progress_part", "trace_zip"]

MAX_MEGABYTES = 50
MAX_PICTURES = 1000
LIMITS = ArchiveLimits(
    entries=4 * MAX_PICTURES, entry_bytes=20_000_000, total_bytes=500_000_000, ratio=100.0
)
STEP = 0.25  # seconds between two looks at the progress

Updates = dict[str, Any]


@dataclass(frozen=True)
class Progress:
    """Pictures done, pictures in all (0 while not known), seconds left (None while not known)."""

    done: int = 0
    total: int = 0
    left: float | None = None


Teller = Callable[[Progress], None]
Tracer = Callable[[TinyDrop, Path, str, Path, Teller, Callable[[], bool]], Trace]
"""(pipeline, the zip, its name, an empty folder, progress, should stop) -> its trace."""

log = logging.getLogger(__name__)


class Jobs:
    """Traces of visitors' zips, each in a thread of its own; the page looks at how far it is."""

    def __init__(self, pipeline: Callable[[str], TinyDrop], tracer: Tracer | None = None) -> None:
        """Take how a pair's pipeline is had, and how a zip is traced."""
        self._pipeline = pipeline
        self._tracer = tracer or trace_zip
        self._stops: BoundedCache[str, threading.Event] = BoundedCache(64)

    def stop(self, job: str) -> None:
        """Ask a trace to stop; one that is over or unknown is left alone."""
        wish = self._stops.get(job)
        if wish is not None:
            wish.set()

    def trace(
        self, upload: tuple[str, str] | None, pair: str, finish: Callable[[str, Trace], Updates]
    ) -> Iterator[Updates]:
        """Yield what the page shows until the trace is done, stopped or refused.

        Args:
            upload: (path of the uploaded copy, name the visitor gave it).
            pair: the pair that traces it.
            finish: makes the page of the finished trace, from its name and the trace.
        """
        if upload is None:
            return
        path, name = upload
        job, wish = secrets.token_hex(16), threading.Event()
        self._stops.put(job, wish)
        yield {"message": "", "job": job, "progress": progress_part(Progress())}
        news: queue.SimpleQueue[Progress] = queue.SimpleQueue()
        result: list[Trace | BaseException] = []
        worker = threading.Thread(
            target=self._work, args=(Path(path), name, pair, news, wish, result), daemon=True
        )
        worker.start()
        try:
            now = Progress()
            while worker.is_alive():
                worker.join(STEP)
                while not news.empty():
                    now = news.get()
                yield {"progress": progress_part(now)}
            yield self._finished(result[0], name, finish)
        finally:
            wish.set()  # the visitor left, or it is over: nothing runs on for nobody

    def _work(
        self,
        path: Path,
        name: str,
        pair: str,
        news: queue.SimpleQueue[Progress],
        wish: threading.Event,
        result: list[Trace | BaseException],
    ) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="tinydrop-zip-") as folder:
                made = self._tracer(
                    self._pipeline(pair), path, name, Path(folder), news.put, wish.is_set
                )
            result.append(made)
        except BaseException as error:  # noqa: BLE001 - told apart where the page is made
            result.append(error)

    def _finished(
        self,
        result: Trace | BaseException,
        name: str,
        finish: Callable[[str, Trace], Updates],
    ) -> Updates:
        if isinstance(result, Trace):
            return finish(name, result) | {"progress": done_part(name, len(result))}
        if isinstance(result, TraceStoppedError):
            note = '<p class="td-hint">Stopped; the trace on the page is the one from before.</p>'
            return {"progress": note}
        if isinstance(result, TinyDropError):
            return {"message": alert(str(result)), "progress": ""}
        log.error("Tracing an uploaded zip failed", exc_info=result)
        return {"message": alert(FAILED), "progress": ""}


FAILED = (
    "Something went wrong while tracing, and it is our fault; the trace on the page still stands, "
    "so try again or trace the folder with tinydrop trace."
)


def progress_part(now: Progress) -> str:
    """Return the bar, the remaining time and the stop button."""
    if not now.total:
        said, bar = "Reading the zip…", '<progress aria-label="Tracing"></progress>'
    else:
        rest = "" if now.left is None else f", about {max(1, round(now.left))} s left"
        said = f"Picture {now.done:,} of {now.total:,}{rest}"
        bar = f'<progress aria-label="Tracing" max="{now.total}" value="{now.done}"></progress>'
    return (
        f'<div class="tn-progress">{bar}<p class="td-hint" role="status">{said}</p>'
        '<button type="button" class="td-button" data-action="stop">Stop</button></div>'
    )


def done_part(name: str, pictures: int) -> str:
    """Return what stands where the bar was, with the way back."""
    return (
        f'<div class="tn-progress"><p class="td-hint" role="status">{escape(name)}: {pictures:,} '
        "pictures traced; only you see them, and only for a while.</p>"
        '<button type="button" class="td-button" data-action="back">Back to the bundled trace'
        "</button></div>"
    )


def trace_zip(
    pipeline: TinyDrop,
    path: Path,
    name: str,
    folder: Path,
    tell: Teller,
    should_stop: Callable[[], bool],
) -> Trace:
    """Trace an uploaded zip within the page's limits.

    Raises:
        TraceStoppedError: if the visitor asks for it.
        TinyDropError: if the zip breaks a limit, is none, or holds no picture that can be used.
    """
    dataset = open_archive(path, LIMITS, name)
    if len(dataset) > MAX_PICTURES:
        raise SettingError(
            f"{name} holds {len(dataset):,} pictures, but the page traces up to {MAX_PICTURES:,}; "
            "put fewer in it, or use the command tinydrop trace."
        )

    def progress(done: int, total: int, left: float | None) -> None:
        tell(Progress(done, total, left))

    return make_trace(
        pipeline, dataset, folder / "own.parquet", progress=progress, should_stop=should_stop
    )
