"""How long from a move of the level to all masks on screen? Run it, it is no test.

    python tests/browser/measure_coherence.py [--moves 40] [--url http://127.0.0.1:7860]

Each move is made in the page itself and timed there, from the slider's own event to the first frame
after the stage's mask, the tiles, K and the measures have all changed. Answers of the target are
not part of it: the page shows those as running.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser.conftest import FLAGS, answers, free_port, start_app
from browser.reading import PATIENCE_MS, open_page

MOVE = """value => new Promise((done, fail) => {
  const read = () => [
    document.querySelector('#ch-board .td-mask').dataset.kept,
    ...['kept', 'measures', 'tiles'].map((part) => document.querySelector(`#ch-${part}`).innerHTML),
  ];
  const slider = document.querySelector('#ch-level input[type=range]');
  const before = read();
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const start = performance.now();
  set.call(slider, value);
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  const look = () => {
    const now = read();
    if (now.every((one, part) => one !== before[part])) {
      return requestAnimationFrame(() => done(performance.now() - start));
    }
    if (performance.now() - start > 20000) return fail(new Error('nothing moved'));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
LEVELS = (3, 12, 6, 15, 2, 9, 13, 5)


def measure(page: Any, moves: int) -> list[float]:
    """Return one time per move, in milliseconds."""
    times = []
    for move in range(moves):
        page.wait_for_function("!document.querySelector('#ch-ask [data-pending]')")
        times.append(float(page.evaluate(MOVE, LEVELS[move % len(LEVELS)])))
    return times


def main() -> None:
    """Start the app unless one is named, move, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--url")
    args = parser.parse_args()
    process, url = None, args.url
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        if url is None:
            port = free_port()
            process, url = start_app(port, Path(folder)), f"http://127.0.0.1:{port}"
            while not answers(url):
                time.sleep(0.1)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        open_page(page, url)
        page.get_by_role("tab", name="Coherence").click()
        page.wait_for_selector("#ch-board[tabindex]")
        measure(page, 4)
        times = sorted(measure(page, args.moves))
        p95 = times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]
        print(
            f"{len(times)} moves: p50 {statistics.median(times):.0f} ms, p95 {p95:.0f} ms, "
            f"longest {times[-1]:.0f} ms"
        )
        browser.close()
        if process is not None:
            process.terminate()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
