"""How long from a click on a photograph to its whole duel on screen? Run it, it is no test.

    python tests/benchmarks/measure_compare.py [--pictures 12] [--url http://127.0.0.1:7860]

Each time is taken in the page itself. Click: from the press on a sample that was never shown to
the first frame with every tile of its duel and the large picture decoded. Slide: from the slider's
own event to the first frame after the tiles have changed, at levels whose answers are known.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from measuring import served, spoken
from reading import PATIENCE_MS, open_page

CLICK = """name => new Promise((done, fail) => {
  const first = () => document.querySelector('#cp-tiles .cp-tile img')?.src;
  const before = first();
  const start = performance.now();
  document.querySelector(`#cp-gallery [data-sample="${name}"]`).click();
  const look = () => {
    const images = [...document.querySelectorAll('#cp-tiles .cp-tile img, #cp-open .cp-large')];
    if (first() !== before && images.every((one) => one.complete && one.naturalWidth)) {
      return requestAnimationFrame(() => done(performance.now() - start));
    }
    if (performance.now() - start > 30000) return fail(new Error('no duel'));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
SLIDE = """value => new Promise((done, fail) => {
  const read = () => document.querySelector('#cp-tiles').innerHTML;
  const slider = document.querySelector('#cp-level input[type=range]');
  const before = read();
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
  const start = performance.now();
  set.call(slider, value);
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  const look = () => {
    if (read() !== before) return requestAnimationFrame(() => done(performance.now() - start));
    if (performance.now() - start > 30000) return fail(new Error('nothing moved'));
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""
LEVELS = (6, 10, 14, 8)


def settled(page: Any) -> None:
    """Wait until nothing is missing."""
    page.wait_for_function(
        "document.querySelector('#cp-ask [data-ask]')"
        " && !document.querySelector('#cp-ask [data-pending]')"
    )


def main() -> None:
    """Start the app unless one is named, click and slide, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--url")
    args = parser.parse_args()
    with served(args.url) as (browser, url):
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        open_page(page, url)
        page.get_by_role("tab", name="Compare").click()
        page.wait_for_selector("#cp-tiles .cp-tile")
        settled(page)
        names = page.eval_on_selector_all(
            "#cp-gallery [data-sample][aria-pressed=false]",
            "all => all.map((one) => one.dataset.sample)",
        )
        clicks = []
        for name in names[: args.pictures]:
            clicks.append(float(page.evaluate(CLICK, name)))
            settled(page)
        for level in LEVELS:
            page.evaluate(SLIDE, level)
            settled(page)
        print(spoken(clicks, "clicks to a duel"))
        print(spoken([float(page.evaluate(SLIDE, level)) for level in LEVELS * 5], "slides"))


if __name__ == "__main__":
    main()
