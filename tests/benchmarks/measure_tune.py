"""Slider to screen on the Tune page, in a real Chromium: a benchmark, not a test.

    python tests/benchmarks/measure_tune.py [--moves 60] [--synthetic 50000] [--url URL]

Without ``--url`` it serves the app itself, on the bundled trace or on a made-up one. Every move is
timed inside the page, from the slider's event to the frame after the new figures (and the moved
marker) are in the document. What follows a move is timed in the same way.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [
    str(Path(__file__).resolve().parents[2]),
    str(Path(__file__).resolve().parents[1] / "support"),
]

MOVE = """async ([name, value]) => {
  const input = document.querySelector(`#${name} input[type="range"]`);
  const numbers = document.querySelector('#tn-numbers');
  const plot = document.querySelector('#tn-frontier .tc-plot');
  const key = () => numbers.querySelector('.tn-now')?.dataset.follow;
  const before = key();
  const node = () => [...plot.querySelectorAll('.scatterlayer .trace')]
    .find((one) => one.__data__?.[0]?.trace?.meta?.line === 'here').querySelector('path.point');
  const ring = () => node().getAttribute('transform');
  const spot = ring();
  const start = performance.now();
  const until = (done, limit) => new Promise((resolve) => {
    const look = () => {
      if (done()) return requestAnimationFrame(() => resolve(performance.now() - start));
      if (performance.now() - start > limit) return resolve(null);
      requestAnimationFrame(look);
    };
    look();
  });
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  const figures = await until(() => key() !== before, 5000);
  const marker = await until(() => ring() !== spot, 400);
  const filled = () => numbers.querySelector('[data-interval="accuracy"]').textContent.trim();
  const intervals = await until(() => Boolean(filled()), 8000);
  return { figures, marker, intervals };
}"""


def main() -> None:
    """Serve, move, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--synthetic", type=int, default=0, help="pictures of a made-up trace")
    parser.add_argument("--url", default="", help="an app that is already served")
    arguments = parser.parse_args()
    demo, url = (None, arguments.url) if arguments.url else _serve(arguments.synthetic)
    try:
        print(json.dumps(_measured(url, arguments.moves), indent=1))
    finally:
        if demo is not None:
            demo.close()


def _serve(pictures: int) -> tuple[Any, str]:
    from made_up import synthetic_trace

    from tinydrop.ui import build_app, launch_options
    from tinydrop.ui.kit.traces import KnownTrace, TraceMaker

    def made_up() -> KnownTrace:
        names = ("gradcam", "random", "uniform")
        one, two, three = (synthetic_trace(pictures, 0, selector=name) for name in names)
        return KnownTrace("bundled", "Made up", one, random=two, uniform=three)

    demo = build_app(traces=TraceMaker(made_up) if pictures else None)
    options = launch_options()
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, **options)
    return demo, url


def _measured(url: str, moves: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(url)
        page.wait_for_selector("#td-tau")
        page.wait_for_timeout(3000)
        opened = page.evaluate(
            """() => new Promise((resolve) => {
              const start = performance.now();
              const result = {};
              const look = () => {
                if (!result.figures && document.querySelector('.tn-now')) result.figures = performance.now() - start;
                if (document.querySelector('#tn-frontier .tc-plot[data-ready]')) return resolve({ ...result, chart: performance.now() - start });
                requestAnimationFrame(look);
              };
              [...document.querySelectorAll('[role="tab"]')].find((one) => one.textContent === 'Tune').click();
              look();
            })"""  # noqa: E501 - a script
        )
        page.wait_for_timeout(4000)
        times: dict[str, list[float]] = {"figures": [], "marker": [], "intervals": []}
        for move in range(moves):
            name = "tn-tau" if move % 2 else "tn-gamma"
            value = round(0.2 + 0.6 * ((move * 37) % 101) / 100, 2) * (1 if move % 2 else 4)
            for what, took in page.evaluate(MOVE, [name, f"{value:.2f}"]).items():
                if took is not None:
                    times[what].append(took)
        browser.close()
    return {"opened_ms": opened} | {what: _summary(values) for what, values in times.items()}


def _summary(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "moves": len(ordered),
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 1),
        "most_ms": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    main()
