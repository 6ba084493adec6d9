"""The app in a process of its own, with no way to the Hub, and a real Chromium looking at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browser.reading import PATIENCE_MS, App, Seen, note_outside, open_page
from browser.tuning import drawn

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_app(
    port: int, folder: Path, program: Sequence[str] = ("app.py",)
) -> subprocess.Popen[bytes]:
    """Start the app as a user would; the Hub's address leads nowhere and its cache is empty."""
    env = os.environ | {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "HF_HOME": str(folder / "hub"),
        "HF_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        env.pop(name, None)
    with (folder / "app.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, *program], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=log
        )


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    yield from served(tmp_path_factory.mktemp("app"))


def served(folder: Path, program: Sequence[str] = ("app.py",)) -> Iterator[App]:
    """Serve the app while a test needs it."""
    port = free_port()
    process = start_app(port, folder, program)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while not answers(url):
            log = (folder / "app.log").read_text()
            assert process.poll() is None, f"the app ended:\n{log}"
            assert time.monotonic() < deadline, f"the app does not answer:\n{log}"
            time.sleep(0.1)
        yield App(url, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/config", timeout=5):  # noqa: S310 - our own address
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on this machine: install Debian's package `chromium`")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {"viewport": {"width": 1400, "height": 900}}


@pytest.fixture
def page(app: App, chromium: Any, seen: Seen, context_options: dict[str, Any]) -> Iterator[Any]:
    context = chromium.new_context(**context_options)
    context.grant_permissions(["clipboard-read", "clipboard-write", "camera"], origin=app.url)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: note_outside(seen, request.url, app.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on(
        "console",
        lambda message: seen.errors.append(message.text) if message.type == "error" else None,
    )
    open_page(page, app.url)
    yield page
    context.close()


@pytest.fixture
def tune(page: Any) -> Any:
    """Explore as it opens, then the Tune page, drawn."""
    page.get_by_role("tab", name="Tune").click()
    drawn(page)
    return page


@pytest.fixture
def linked(app: App, chromium: Any, seen: Seen, context_options: dict[str, Any]) -> Iterator[Any]:
    """A browser tab that opens links, in the look that ``context_options`` asks for."""
    context = chromium.new_context(**context_options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: note_outside(seen, request.url, app.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield page
    context.close()
