"""The app in a process of its own, with no way to the Hub."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

from reading import App

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
