"""The web app: one maker of looks, the Explore page over it, and how to serve it."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from markupsafe import Markup
from starlette.middleware import Middleware

from tinydrop.ui.endpoint import add_endpoint
from tinydrop.ui.explore.handlers import Explore
from tinydrop.ui.explore.links import LINK_FIELDS
from tinydrop.ui.explore.page import explore_page
from tinydrop.ui.explore.wiring import wire
from tinydrop.ui.kit.blocks import SESSIONS_HELD, AppBlocks
from tinydrop.ui.kit.chart import chart_head
from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.doors import Doors
from tinydrop.ui.kit.fragments import gallery
from tinydrop.ui.kit.line import add_line
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.pieces import script
from tinydrop.ui.kit.samples import Sample, SampleOutcome, find_samples, sample_outcome, truth_of
from tinydrop.ui.kit.traces import TraceMaker
from tinydrop.ui.pages import add_pages, measured_by, pair_traces

UPLOADS_KEPT_SECONDS = 3600
PAGE = {"body_background_fill": "#fbfbf9", "body_background_fill_dark": "#12161c"}
THEME = {
    "block_background_fill": "transparent",
    "block_border_width": "0px",
    "block_info_text_color": "var(--td-mute)",
    "block_label_text_color": "var(--td-ink)",
    "block_padding": "0px",
    "block_shadow": "none",
    "block_title_text_color": "var(--td-ink)",
    "body_text_color": "var(--td-ink)",
    "body_text_color_subdued": "var(--td-mute)",
    "border_color_primary": "var(--td-line)",
    "checkbox_label_background_fill": "transparent",
    "color_accent": "var(--td-accent)",
    "input_background_fill": "var(--td-card)",
    "input_border_color": "var(--td-line)",
    "input_border_width": "1px",
    "slider_color": "var(--td-accent)",
}
"""The same names in light and dark: the values behind them change in explore.css."""


def build_app(looks: LookMaker | None = None, traces: TraceMaker | None = None) -> gr.Blocks:
    """Return the app with its first analysis already done.

    Args:
        looks: what computes and remembers; one over the bundled pair without it.
        traces: the traces that Tune shows; those of the bundled pair without it.
    """
    looks = looks or LookMaker()
    traces = traces or pair_traces(looks)
    opening = [(sample, _look_at(looks, sample)) for sample in find_samples()]
    shown = _varied([(sample, _outcome(looks, sample, look)) for sample, look in opening])
    start = dict(opening)[shown[0][0]]
    demo = AppBlocks(
        title="TinyDrop",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(UPLOADS_KEPT_SECONDS, UPLOADS_KEPT_SECONDS),
    )
    explore = Explore(looks, tuple(s for s, _ in shown), start, measured_by(traces), demo)
    with demo:
        first, samples = explore.first(), gallery(shown)
        parts = add_pages(demo, lambda: explore_page(first, samples), explore, looks, traces)
        wire(demo, parts, explore)
        add_line(demo)
        add_endpoint(looks)
        demo.unload(demo.page_closed)
    return demo.queue(max_size=64)


def launch_options() -> dict[str, Any]:
    """Return how ``launch`` serves the page: looks, limits, and nothing from other machines."""
    sans = ["Inter", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    mono = ["ui-monospace", "Menlo", "Consolas", "monospace"]
    theme = gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=sans, font_mono=mono
    )
    both = dict(THEME)
    both |= {
        f"{name}_dark": value for name, value in THEME.items() if hasattr(theme, f"{name}_dark")
    }
    theme.set(**both, **PAGE)
    return {
        "theme": theme,
        "head": _head(),
        "css": "".join(
            read_asset(f"{sheet}.css")
            for sheet in (
                "explore/page",
                "kit/chart",
                "explore/flow",
                "explore/layout",
                "kit/board",
                "kit/glossary",
                "tune/page",
                "coherence/page",
                "coherence/gallery",
                "compare/page",
                "models/page",
            )
        ),
        "app_kwargs": {"middleware": [Middleware(Doors)]},
        "enable_monitoring": False,
        "footer_links": ["api"],
        "max_file_size": "50mb",
        "run_history": False,
        "share": False,
        "show_error": False,
        "ssr_mode": False,
        "state_session_capacity": SESSIONS_HELD,
    }


def _head() -> str:
    """Return what every page needs before it is drawn.

    That a first look is not the one which its link names, the meanings of words, tabs that
    the arrow keys reach, and the library that draws charts.
    """
    fields = f"const fields = {json.dumps(LINK_FIELDS)};"
    own = (fields + read_asset("explore/coming.js"), read_asset("kit/glossary.js"),
           read_asset("kit/tabs.js"))  # fmt: skip
    return Markup().join(script(text) for text in own) + chart_head()


def _look_at(looks: LookMaker, sample: Sample) -> Look:
    setting = looks.pipeline(BUNDLED).pair.setting
    return Look(str(sample.path), sample.path.name, sample.name, BUNDLED, setting)


def _outcome(looks: LookMaker, sample: Sample, look: Look) -> SampleOutcome | str:
    looks.answer(look)
    known = looks.known(look)
    return "" if known is None else sample_outcome(known.result, truth_of(sample, known.pair))


def _varied(
    samples: list[tuple[Sample, SampleOutcome | str]],
) -> tuple[tuple[Sample, SampleOutcome | str], ...]:
    """Return the samples with the first of each kind in front: a right drop that saves leads."""
    firsts: dict[tuple[object, ...], tuple[Sample, SampleOutcome | str]] = {}
    for entry in samples:
        firsts.setdefault(_kind(entry[1]), entry)
    leading = [firsts[kind] for kind in sorted(firsts)]
    return (*leading, *(entry for entry in samples if entry not in leading))


def _kind(found: SampleOutcome | str) -> tuple[object, ...]:
    """Return what sorts outcomes: right ones first, drops that save before exits."""
    if isinstance(found, str):
        return (9,)
    truth = ("right", "wrong", "no such class", "").index(found.truth_word)
    return (truth, found.exited, not found.agrees, found.saved < 0)
