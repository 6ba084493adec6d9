"""The parent's side: start an errand, read what it tells, and end it whenever that is wanted."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from tinydrop.core.errors import TinyDropError

Message = Mapping[str, Any]
"""What an errand tells: ``{"phase": ...}``, ``{"done", "total", "left"}``, ``{"said", "share"}``,
``{"result": ...}`` at the end, or ``{"error": sentence, "stopped": bool}``."""

NICER = 10
"""How much lower an errand's priority is: on a busy machine it gets a tenth of a page's share."""
TICK = 0.5  # seconds between two looks at whether to stop
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
ROOT = Path(__file__).resolve().parents[3]


class ErrandError(TinyDropError):
    """An errand was refused, with the sentence that its own error had, or was stopped."""

    def __init__(self, sentence: str, *, stopped: bool = False) -> None:
        """Take the sentence, and whether somebody had asked the errand to stop."""
        super().__init__(sentence)
        self.stopped = stopped


class Runner(Protocol):
    """Runs an errand; see ``run_errand``."""

    def __call__(
        self, kind: str, wish: Mapping[str, Any], should_stop: Callable[[], bool]
    ) -> Iterator[Message]:
        """Yield what the errand tells."""
        ...


def run_errand(
    kind: str, wish: Mapping[str, Any], should_stop: Callable[[], bool]
) -> Iterator[Message]:
    """Run one errand in a child process and yield what it tells, the result last.

    An empty message comes every half second in which nothing was told. The child is killed
    when the iterator is closed, when ``should_stop`` says so, and when this process ends.

    Args:
        kind: ``check``, ``trace`` or ``fetch``.
        wish: its arguments, JSON-ready; see ``tinydrop.studies.errands.__main__``.
        should_stop: asked between messages.

    Raises:
        ErrandError: if the errand was refused or stopped.
        RuntimeError: if it broke; its traceback is on stderr.
    """
    process = _start(kind, wish)
    news: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process.stdout, news), daemon=True).start()
    try:
        while True:
            if should_stop():
                raise ErrandError("Stopped.", stopped=True)
            try:
                message = news.get(timeout=TICK)
            except queue.Empty:
                yield {}
                continue
            if message is None:
                raise RuntimeError(f"The errand {kind} ended with code {process.wait()}.")
            if "error" in message:
                raise ErrandError(str(message["error"]), stopped=bool(message.get("stopped")))
            yield message
            if "result" in message:
                return
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _start(kind: str, wish: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONPATH": os.pathsep.join(paths)}
    process = subprocess.Popen(  # noqa: S603 - our own module, and the wish goes over a pipe
        [sys.executable, "-m", "tinydrop.studies.errands", kind],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env,
    )  # fmt: skip
    if hasattr(os, "setpriority"):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, process.pid, min(19, own + NICER))
    assert process.stdin is not None  # noqa: S101 - for the type checker: a pipe was asked for
    # It stays open: when this process is gone, the child reads its end and goes too.
    process.stdin.write(json.dumps(wish).encode() + b"\n")
    process.stdin.flush()
    return process


def _read(pipe: IO[bytes] | None, news: queue.SimpleQueue[Message | None]) -> None:
    try:
        for line in pipe or ():
            news.put(json.loads(line))
    except ValueError:  # the pipe was closed because the errand was ended
        pass
    news.put(None)
