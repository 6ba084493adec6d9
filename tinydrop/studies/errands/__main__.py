"""The child's side: ``python -m tinydrop.studies.errands KIND``, one wish in, lines of JSON out.

check   {"model": name}                                -> {"result": the report's fields}
trace   {"pair", "path", "name", "out", "pictures", "limits"}
                                                   -> {"result": null}, the table in "out"
fetch   {"pair": name}                                 -> {"result": null}, its weights cached
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinydrop.core.errors import TinyDropError

Tell = Callable[[Mapping[str, Any]], None]


def check(wish: Mapping[str, Any], tell: Tell) -> object:
    """Check one model, shrunk and timed."""
    from tinydrop.studies.check import check_model

    report = check_model(
        wish["model"], shrunk=True, timed=True, tell=lambda phase: tell({"phase": phase})
    )
    return asdict(report)


def trace(wish: Mapping[str, Any], tell: Tell) -> object:
    """Trace an uploaded zip into a table."""
    from tinydrop.core.errors import SettingError
    from tinydrop.data import ArchiveLimits, open_archive
    from tinydrop.pipeline import TinyDrop
    from tinydrop.studies.trace import make_trace

    name, most = wish["name"], int(wish["pictures"])
    dataset = open_archive(Path(wish["path"]), ArchiveLimits(**wish["limits"]), name)
    if len(dataset) > most:
        raise SettingError(
            f"{name} holds {len(dataset):,} pictures, but the page traces up to {most:,}; "
            "put fewer in it, or use the command tinydrop trace."
        )

    def progress(done: int, total: int, left: float | None) -> None:
        tell({"done": done, "total": total, "left": left})

    make_trace(TinyDrop(wish["pair"]), dataset, Path(wish["out"]), progress=progress)
    return None


def fetch(wish: Mapping[str, Any], tell: Tell) -> object:
    """Bring a pair's weights to this machine; loading it shows that they fit."""
    from tinydrop.models.pairs import load_pair

    load_pair(wish["pair"], lambda said, share: tell({"said": said, "share": share}))
    return None


ERRANDS: Mapping[str, Callable[[Mapping[str, Any], Tell], object]] = {
    "check": check, "trace": trace, "fetch": fetch,
}  # fmt: skip


def main(kind: str) -> int:
    """Run one errand; what libraries print goes to stderr, the messages alone to stdout."""
    wish = json.loads(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_leave_with_parent, daemon=True).start()

    def tell(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message) + "\n")
        out.flush()

    try:
        tell({"result": ERRANDS[kind](wish, tell)})
    except TinyDropError as error:
        tell({"error": str(error)})
    return 0


def _leave_with_parent() -> None:
    """End this process when the one that started it is gone: its end of the pipe is closed."""
    while os.read(
        0, 4096
    ):  # not through sys.stdin: its lock would hold up an end in the main thread
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
