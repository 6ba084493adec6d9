"""A visitor's own zip, traced in the page: with progress, a stop button and limits."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from markupsafe import Markup

from tinydrop.data import ArchiveLimits
from tinydrop.studies.errands import ErrandError, Runner, run_errand
from tinydrop.studies.trace import Trace, read_trace
from tinydrop.ui.kit.fragments import alert
from tinydrop.ui.kit.lanes import HEAVY, line_part
from tinydrop.ui.kit.page import Updates
from tinydrop.ui.kit.pieces import FILE, note
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.turns import Turns

MAX_MEGABYTES = 50
MAX_PICTURES = 1000
LIMITS = ArchiveLimits(
    entries=4 * MAX_PICTURES, entry_bytes=20_000_000, total_bytes=500_000_000, ratio=100.0
)
KIND = "trace"


@dataclass(frozen=True)
class Progress:
    """Pictures done, pictures in all (0 while not known), seconds left (None while not known)."""

    done: int = 0
    total: int = 0
    left: float | None = None


log = logging.getLogger(__name__)


class Jobs:
    """Traces of visitors' zips, each in a process of its own; the page looks at how far it is."""

    def __init__(self, turns: Turns | None = None, runner: Runner = run_errand) -> None:
        """Take whose turn it is, and what runs a trace."""
        self._turns = turns or Turns()
        self._runner = runner

    def ask(self, session: str | None, upload: tuple[str, str] | None, ahead: int) -> Updates:
        """Take the place of the session's older trace, and return what stands there meanwhile.

        Args:
            session: whose trace it is.
            upload: (path of the uploaded copy, name the visitor gave it).
            ahead: how many heavy jobs come first.
        """
        if upload is None:
            return {"job": ""}
        job = self._turns.claim(session, KIND)
        waits = line_part(HEAVY, ahead, "Starting…")
        return {"message": "", "job": job, "progress": progress_part(Progress(), waits)}

    def stop(self, job: str) -> None:
        """Ask a trace to stop; one that is over or unknown is left alone."""
        self._turns.stop(job)

    def trace(
        self,
        session: str | None,
        job: str,
        upload: tuple[str, str] | None,
        pair: str,
        finish: Callable[[str, Trace], Updates],
    ) -> Iterator[Updates]:
        """Yield what the page shows until the trace is done, stopped or refused.

        Args:
            session: whose trace it is.
            job: what ``ask`` named it.
            upload: (path of the uploaded copy, name the visitor gave it).
            pair: the pair that traces it.
            finish: makes the page of the finished trace, from its name and the trace.
        """
        if upload is None or self._turns.stopped(job):
            return
        path, name = upload
        try:
            with tempfile.TemporaryDirectory(prefix="tinydrop-zip-") as folder:
                out = Path(folder) / "own.parquet"
                wish = {
                    "pair": pair, "path": path, "name": name, "out": str(out),
                    "pictures": MAX_PICTURES, "limits": asdict(LIMITS),
                }  # fmt: skip
                now = Progress()
                for message in self._runner("trace", wish, lambda: self._turns.stopped(job)):
                    if "result" in message:
                        trace = read_trace(out)
                        yield finish(name, trace) | {"progress": done_part(name, len(trace))}
                        return
                    if "total" in message:
                        now = Progress(message["done"], message["total"], message["left"])
                    yield {"progress": progress_part(now)}
        except ErrandError as error:
            if self._turns.replaced(session, KIND, job):
                return
            if error.stopped:
                yield {"progress": note(STOPPED)}
            else:
                yield {"message": alert(str(error)), "progress": ""}
        except Exception:  # the visitor gets a sentence, the log gets the traceback
            log.exception("Tracing an uploaded zip failed")
            yield {"message": alert(FAILED), "progress": ""}


STOPPED = "Stopped; the trace on the page is the one from before."
FAILED = (
    "Something went wrong while tracing, and it is our fault; the trace on the page still stands, "
    "so try again or trace the folder with tinydrop trace."
)


def progress_part(now: Progress, waits: str = "") -> Markup:
    """Return the bar, the remaining time and the stop button.

    Args:
        now: how far it is.
        waits: what is said before anything is known, as HTML.
    """
    said = waits or "Reading the zip…"
    if now.total:
        rest = "" if now.left is None else f", about {max(1, round(now.left))} s left"
        said = f"Picture {now.done:,} of {now.total:,}{rest}"
    return draw(FILE, "progress", label="Tracing", said=said, done=now.done, total=now.total)


def done_part(name: str, pictures: int) -> Markup:
    """Return what stands where the bar was, with the way back."""
    said = f"{name}: {pictures:,} pictures traced; only you see them, and only for a while."
    return draw("tune/fragments.html", "traced", said=said)
