"""What the measure_*.py scripts share: an app that is served, a browser, and times in words."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from serving import FLAGS, answers, free_port, start_app

__all__ = ["served", "told"]


@contextmanager
def served(url: str | None) -> Iterator[tuple[Any, str]]:
    """Yield a Chromium and the address of an app, which is started unless one is named."""
    process = None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        if url is None:
            port = free_port()
            process, url = start_app(port, Path(folder)), f"http://127.0.0.1:{port}"
            while not answers(url):
                time.sleep(0.1)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield browser, url
        finally:
            browser.close()
            if process is not None:
                process.terminate()
                process.wait(timeout=30)


def told(times: Sequence[float], name: str = "moves") -> str:
    """Return the times' median, 95th percentile and longest, in milliseconds."""
    times = sorted(times)
    p95 = times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]
    return (
        f"{len(times)} {name}: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, "
        f"longest {times[-1]:.0f} ms"
    )
