"""What does a visitor leave behind in memory? Run it, it is no test.

    python tests/benchmarks/measure_sessions.py [--sessions 2000] [--url URL --pid PID]

Each session does what a browser does: it opens the heartbeat, runs the page's own opening event,
uploads a photograph that nobody has shown before, waits for its verdict, moves a slider, and goes.
Resident memory is read when the app is ready, after a warm-up, and on the way to the last session.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from measure_crowd import photograph
from serving import answers, free_port, start_app

WARM_UP = 50
CONTROLS = [0.7, 1.0, 1.0, "curvature", "gradcam", "head only"]


class Session:
    """One visitor over plain HTTP."""

    def __init__(self, http: httpx.Client, config: dict[str, Any]) -> None:
        """Take the connection and the page's configuration."""
        self.http, self.config, self.name = http, config, secrets.token_hex(8)
        self.parts = {part["props"].get("elem_id"): part["id"] for part in config["components"]}

    def fn(self, event: str, part: str | None = None, takes: str | None = None) -> dict[str, Any]:
        """Return an event by its name, its component's id on the page, and one of its inputs."""
        for one in self.config["dependencies"]:
            if takes is not None and self.parts[takes] not in one["inputs"]:
                continue
            for target, name in one["targets"]:
                if name == event and (part is None or target == self.parts[part]):
                    return dict(one)
        raise LookupError(event)

    def run(self, fn: dict[str, Any], data: list[Any], event: dict[str, Any] | None = None) -> Any:
        """Run an event, in the queue where it has one."""
        body = {
            "data": data, "fn_index": fn["id"], "session_hash": self.name, "event_data": event,
            "trigger_id": fn["targets"][0][0],
        }  # fmt: skip
        if not fn["queue"]:
            return self.http.post("/gradio_api/run/predict", json=body).raise_for_status().json()
        self.http.post("/gradio_api/queue/join", json=body).raise_for_status()
        address = f"/gradio_api/queue/data?session_hash={self.name}"
        with self.http.stream("GET", address) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:"):
                    message = json.loads(line[5:])
                    if message["msg"] == "process_completed":
                        return message["output"]
        return None

    def visit(self, photo: bytes, gamma: float) -> None:
        """Do what a visitor does, and leave."""
        address = f"/gradio_api/heartbeat/{self.name}"
        with self.http.stream("GET", address) as beat:
            lines = beat.iter_lines()  # kept: without it the page would count as closed
            next(lines)
            self.run(self.fn("load", takes="td-accounting"), ["head only"])
            paths = self.http.post(
                "/gradio_api/upload", files={"files": ("own.jpg", photo, "image/jpeg")}
            ).raise_for_status()
            file = {
                "path": paths.json()[0], "orig_name": "own.jpg", "size": len(photo),
                "meta": {"_type": "gradio.FileData"},
            }  # fmt: skip
            controls = [CONTROLS[0], gamma, *CONTROLS[2:]]
            self.run(self.fn("upload", "td-dropzone"), [None, file, *controls])
            pending = self.fn("pending", takes="td-gamma")
            for _ in range(2):
                self.run(pending, [None, *controls])
            shown = self.run(self.fn("change", "td-gamma"), [None, *controls])
            if "says" not in json.dumps(shown):
                raise SystemExit(f"A session got no verdict: {json.dumps(shown)[:300]}")


def megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def measure(url: str, pid: int, sessions: int) -> None:
    """Open and close so many sessions and print the memory."""
    ready = megabytes(pid)
    print(f"ready: {ready:.0f} MB; load {os.getloadavg()[0]:.1f}")
    rng = np.random.default_rng(0)
    start, base = time.monotonic(), ready
    with httpx.Client(base_url=url, trust_env=False, timeout=120) as http:
        config = http.get("/config").json()
        for index in range(WARM_UP + sessions):
            Session(http, config).visit(photograph(index, rng), 0.3 + 0.1 * (index % 30))
            done = index + 1 - WARM_UP
            if done == 0:
                base = megabytes(pid)
                print(f"after a warm-up of {WARM_UP}: {base:.0f} MB")
            elif done > 0 and (done % max(1, sessions // 8) == 0 or done == sessions):
                now = megabytes(pid)
                print(f"{done} sessions: {now:.0f} MB, {now - base:+.0f} MB", flush=True)
    print(f"{time.monotonic() - start:.0f} s; load {os.getloadavg()[0]:.1f}")


def main() -> None:
    """Start the app unless one is named, and measure it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--url")
    parser.add_argument("--pid", type=int)
    args = parser.parse_args()
    if args.url:
        measure(args.url, args.pid, args.sessions)
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        process = start_app(port, Path(folder))
        try:
            while not answers(f"http://127.0.0.1:{port}"):
                time.sleep(0.1)
            measure(f"http://127.0.0.1:{port}", process.pid, args.sessions)
        finally:
            process.terminate()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
