"""Does a visitor wait for another one's heavy work? Run it, it is no test.

    python tests/benchmarks/measure_crowd.py [--photos 20] [--url http://127.0.0.1:7860]

Visitor A checks a model, traces a zip and films every K, each begun anew as soon as it is over, so
that all three are running or in line the whole time. Meanwhile visitor B chooses photographs that
nobody has shown before, and moves the slider. "seen" is when the new photograph is on the stage,
"answered" when its verdict is complete, both since the file was chosen; "slides" are timed as in
measure_slider.py. First B alone, then with A, in the same app.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from measure_slider import MOVE
from measuring import served, told
from reading import PATIENCE_MS, SAMPLES, changed, open_page, set_number, settled

from tinydrop.models.pairs import load_pair

MODEL = "swin_base_patch4_window7_224"
PICTURES = 900
NOTE = """() => {
  window.tdTimes = null;
  const start = performance.now();
  const old = document.querySelector('.td-photo').src;
  const times = { stale: 0 };
  (function look() {
    const photo = document.querySelector('.td-photo');
    const card = document.querySelector('#td-card-decision');
    const waits = card.querySelector('[data-waiting]');
    const pending = card.querySelector('[data-pending]');
    if (photo && photo.src !== old) {
      times.seen ??= performance.now() - start;
      if (!waits && document.querySelector('.td-mask')) times.first ??= performance.now() - start;
      if (!pending) times.answered ??= performance.now() - start;
    }
    if (times.answered) { window.tdTimes = times; return; }
    requestAnimationFrame(look);
  })();
}"""


def photograph(index: int, rng: np.random.Generator) -> bytes:
    """Return a file that no cache knows: a sample, cut in a way of its own."""
    samples = sorted(SAMPLES.glob("*.jpg"))
    with Image.open(samples[index % len(samples)]) as picture:
        left, top = (int(rng.integers(0, side // 6)) for side in picture.size)
        stream = io.BytesIO()
        picture.crop((left, top, *picture.size)).save(stream, "JPEG", quality=92)
        return stream.getvalue()


def photographs(count: int, rng: np.random.Generator) -> list[bytes]:
    """Return so many of them."""
    return [photograph(index, rng) for index in range(count)]


def make_zip(path: Path) -> Path:
    """Write a zip of class folders that takes minutes to trace."""
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for name in load_pair("bundled").classes[:2]:
            for index in range(PICTURES // 2):
                pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                stream = io.BytesIO()
                Image.fromarray(pixels).resize((64, 64)).save(stream, "JPEG")
                archive.writestr(f"{name}/{index:04d}.jpg", stream.getvalue())
    return path


class Visitor:
    """Visitor A: a browser tab for each kind of heavy work."""

    def __init__(self, browser: Any, url: str, path: Path) -> None:
        """Open the pages; nothing is running yet."""
        self.path = path
        self.check, self.tune, self.film = (visit(browser, url, calm=True) for _ in range(3))
        self.check.get_by_role("tab", name="Models").click()
        self.check.wait_for_selector("#ck-report .td-say")
        field = self.check.locator("#ck-model input")
        field.click()
        field.fill("")
        field.press_sequentially(MODEL)
        self.check.locator("ul[role=listbox] li", has_text=MODEL).first.click()
        self.tune.get_by_role("tab", name="Tune").click()
        self.tune.wait_for_selector("#tn-numbers .tn-figure, #tn-numbers b")
        self.tune.get_by_role("button", name="Trace my own zip").click()
        self.film.get_by_role("tab", name="Coherence").click()
        self.film.wait_for_selector("#ch-board[tabindex]")
        self.place = 0

    def busy(self) -> str:
        """Begin again what is over, and return what is going on in words."""
        if not self.check.query_selector("#ck-report [data-action=stop]"):
            self.check.get_by_role("button", name="Check this model").click()
        if not self.tune.query_selector("#tn-progress [data-action=stop]"):
            self.tune.set_input_files("#tn-zip input[type=file]", str(self.path))
        if not self.film.query_selector("#ch-exact [data-action=stop]"):
            button = self.film.query_selector("#ch-exact [data-action=film]")
            if button:
                button.click()
            else:
                tiles = self.film.query_selector_all("#ch-tiles [data-key]")
                self.place = (self.place + 1) % len(tiles)
                tiles[self.place].click()
        parts = ((self.check, "#ck-report"), (self.tune, "#tn-progress"), (self.film, "#ch-exact"))
        return " | ".join(" ".join(page.inner_text(part).split())[:60] for page, part in parts)


def visit(browser: Any, url: str, *, calm: bool = False) -> Any:
    """Open the page as a new visitor; a calm one draws no spinners, which this machine would pay.

    A real visitor draws them on a machine of his own.
    """
    motion = "reduce" if calm else "no-preference"
    size = {"width": 1400, "height": 900}
    page = browser.new_context(viewport=size, reduced_motion=motion).new_page()
    page.set_default_timeout(PATIENCE_MS)
    open_page(page, url)
    settled(page)
    if calm:
        page.add_style_tag(content="progress, .td-spin { display: none; }")
    return page


def measure(page: Any, files: list[bytes], a: Visitor | None) -> None:
    """Print B's times, alone or beside A."""
    times: dict[str, list[float]] = {"seen": [], "first": [], "answered": []}
    slides: list[float] = []
    for index, data in enumerate(files):
        if a is not None:
            doing = a.busy()
            if index % 5 == 0:
                print(f"  A: {doing}")
        page.evaluate(NOTE)
        part = {"name": f"own-{index}.jpg", "mimeType": "image/jpeg", "buffer": data}
        page.set_input_files("#td-dropzone .td-file", part)
        page.wait_for_function("window.tdTimes")
        for name, value in page.evaluate("tdTimes").items():
            if name in times:
                times[name].append(value)
        settled(page)
        slides += [float(page.evaluate(MOVE, value)) for value in (0.2, 0.4, 0.3)]
    for name, values in times.items():
        print("  " + told(values, f"photographs, {name}"))
    print("  " + told(slides, "slides"))


def main() -> None:
    """Start the app unless one is named, and print B's times without and with A."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--url")
    args = parser.parse_args()
    rng = np.random.default_rng()
    with tempfile.TemporaryDirectory() as folder, served(args.url) as (browser, url):
        path = make_zip(Path(folder) / "long.zip")
        page = visit(browser, url)
        for name, value in (("tau", 1.0), ("temperature", 3.0)):  # nothing exits, all sliders move
            before = settled(page)
            if name == "temperature":
                page.get_by_role("button", name="Temperature and rule").click()
            set_number(page, name, value)
            changed(page, before)
        print(f"B alone; load {os.getloadavg()[0]:.1f}")
        measure(page, photographs(args.photos, rng), None)
        a = Visitor(browser, url, path)
        a.busy()
        time.sleep(8)  # until the first of A's child processes has imported its libraries
        print(f"B beside A; load {os.getloadavg()[0]:.1f}")
        measure(page, photographs(args.photos, rng), a)
        print(f"  at the end: load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
