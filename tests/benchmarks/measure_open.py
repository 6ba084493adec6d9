"""How long until the page is open, and until another tab is shown? Run it, it is no test.

    python tests/benchmarks/measure_open.py [--loads 9] [--url URL ...]

With several addresses their loads take turns, so that a busy machine is as unfair to each. Every
load is a new visitor with an empty cache. "said" is when the decision is on the page, "ready" when
the stage reacts, both since the start of the navigation; "work" is the processor time of the page's
main thread until then. Each other tab is clicked once ("first") and once more ("again"), until its
layout is in sight.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from measuring import served
from reading import PATIENCE_MS

NOTE = """
window.tdSeen = {};
(function look() {
  const read = (part) => document.querySelector(part);
  if (!tdSeen.said && read('.td-say')) tdSeen.said = performance.now();
  if (read('#td-board[tabindex]') && read('#td-readout')?.textContent) {
    tdSeen.ready = performance.now();
    return;
  }
  requestAnimationFrame(look);
})();
"""
SHOW = """([name, part]) => new Promise((done, fail) => {
  const start = performance.now();
  const tabs = [...document.querySelectorAll('[role=tab]')];
  tabs.find((tab) => tab.textContent.trim() === name).click();
  (function look() {
    if (document.querySelector(part)?.offsetParent) {
      return requestAnimationFrame(() => done(performance.now() - start));
    }
    if (performance.now() - start > 20000) return fail(new Error('nothing is shown'));
    requestAnimationFrame(look);
  })();
})"""
TABS = {"Tune": "#tn-main", "Coherence": "#ch-main", "Compare": "#cp-main", "Models": "#ck-main"}
REST_MS = 600  # between clicks: what the last one started is over
Times = dict[str, list[float]]


def load(browser: Any, url: str, times: Times) -> None:
    """Open the page once as a new visitor, show each tab twice, and note the times."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.add_init_script(NOTE)
    devtools = context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    page.wait_for_function("window.tdSeen.ready")
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    times["work"].append(1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration"))
    for name, value in page.evaluate("tdSeen").items():
        times[name].append(value)
    for turn in ("first", "again"):
        for tab, part in TABS.items():
            page.wait_for_timeout(REST_MS)
            times[f"{tab} {turn}"].append(page.evaluate(SHOW, [tab, part]))
    context.close()


def main() -> None:
    """Start the app unless one is named, open it again and again, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=9)
    parser.add_argument("--url", nargs="+")
    args = parser.parse_args()
    with served(args.url[0] if args.url else None) as (browser, own):
        urls = args.url or [own]
        times: dict[str, Times] = {url: defaultdict(list) for url in urls}
        for url in urls:
            load(browser, url, defaultdict(list))
        for _ in range(args.loads):
            for url in urls:
                load(browser, url, times[url])
        for url in urls:
            medians = {name: statistics.median(values) for name, values in times[url].items()}
            print(f"{url}, {args.loads} loads, medians in ms")
            print("  " + ", ".join(f"{name} {value:.0f}" for name, value in medians.items()))


if __name__ == "__main__":
    main()
