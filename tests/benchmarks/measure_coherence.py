"""How long from a move of the level to all masks on screen? Run it, it is no test.

    python tests/benchmarks/measure_coherence.py [--moves 40] [--url http://127.0.0.1:7860]

Each move is made in the page itself and timed there, from the slider's own event to the first frame
after the stage's mask, the tiles, K and the measures have all changed. Answers of the target are
not part of it: the page shows those as running.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from measuring import served, told
from reading import PATIENCE_MS, open_page

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
    with served(args.url) as (browser, url):
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        open_page(page, url)
        page.get_by_role("tab", name="Coherence").click()
        page.wait_for_selector("#ch-board[tabindex]")
        measure(page, 4)
        print(told(measure(page, args.moves)))


if __name__ == "__main__":
    main()
