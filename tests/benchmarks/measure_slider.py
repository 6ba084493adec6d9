"""How long from a slider's move to mask, decision and cost on screen? Run it, it is no test.

    python tests/benchmarks/measure_slider.py [--moves 40] [--url http://127.0.0.1:7860]

Each move is made in the page itself and timed there, from the slider's own event to the first frame
after mask, decision and cost have all changed. The target's new run is not part of it: the page
shows that as running.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from measuring import served, told
from reading import PATIENCE_MS, open_page, settled

MOVE = """value => new Promise((done, fail) => {
  const read = () => ['.td-mask', '.td-say', '.td-saved'].map((part) => {
    const found = document.querySelector(part);
    return found ? found.dataset.kept || found.innerText : null;
  });
  const slider = document.querySelector('#td-gamma input[type=range]');
  const before = read();
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const start = performance.now();
  set.call(slider, value);
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  const look = () => {
    if (read().every((now, part) => now !== null && now !== before[part])) {
      return requestAnimationFrame(() => done(performance.now() - start));
    }
    if (performance.now() - start > 20000) return fail(new Error('nothing moved'));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def measure(page: Any, moves: int) -> list[float]:
    """Return one time per move, in milliseconds; every move changes the number of patches."""
    values = (0.3, 0.8, 0.5, 1.4, 0.4, 2.5, 0.6, 1.8)
    times = []
    for move in range(moves):
        settled(page)
        times.append(float(page.evaluate(MOVE, values[move % len(values)])))
    return times


def main() -> None:
    """Start the app unless one is named, move, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--url")
    args = parser.parse_args()
    with served(args.url) as (browser, url):
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        open_page(page, url)
        measure(page, 4)
        print(told(measure(page, args.moves)))


if __name__ == "__main__":
    main()
