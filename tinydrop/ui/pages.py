"""All pages in one app, as tabs in the header, each keeping its state."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from markupsafe import Markup

from tinydrop.core.errors import TinyDropError
from tinydrop.ui.coherence.gallery import Gallery, wire_gallery
from tinydrop.ui.coherence.gallery_maker import GalleryMaker
from tinydrop.ui.coherence.handlers import Coherence
from tinydrop.ui.coherence.page import coherence_page
from tinydrop.ui.coherence.wiring import wire_coherence
from tinydrop.ui.compare.data_set import DataSetPanel
from tinydrop.ui.compare.handlers import Compare
from tinydrop.ui.compare.page import compare_page
from tinydrop.ui.compare.wiring import wire_compare
from tinydrop.ui.explore.handlers import Explore
from tinydrop.ui.kit.blocks import AppBlocks
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.traces import TraceMaker, bundled_traces
from tinydrop.ui.kit.wiring import Parts
from tinydrop.ui.models.page import Check, check_page, wire_check
from tinydrop.ui.tune.handlers import Tune
from tinydrop.ui.tune.numbers import measured_line
from tinydrop.ui.tune.page import tune_page
from tinydrop.ui.tune.wiring import EXPLORE_ID, TUNE_ID, wire_tune
from tinydrop.ui.tune.zip import Jobs

COHERENCE_ID, COMPARE_ID, CHECK_ID = "coherence", "compare", "models"


def pair_traces(looks: LookMaker) -> TraceMaker:
    """Return the traces of the bundled pair; nothing is read before it is asked for."""
    return TraceMaker(lambda: bundled_traces(looks.pipeline(BUNDLED).pair))


def add_pages(
    demo: AppBlocks,
    explore_page: Callable[[], Parts],
    explore: Explore,
    looks: LookMaker,
    traces: TraceMaker,
) -> Parts:
    """Add the pages to the app that is being built, wire all but Explore, and return its parts.

    The other pages stay empty until they are first shown, so that Explore's first paint waits for
    nothing of them. To build them only then (``gr.render``) was tried: the app opened a tenth to a
    sixth faster, but the first click on every other tab took up to a second longer.
    """
    comparing = Compare(looks, explore.samples, crowd=demo)
    with gr.Tabs(selected=EXPLORE_ID, elem_id="td-pages") as pages:
        with gr.Tab("Explore", id=EXPLORE_ID):
            explore_parts = explore_page()
        with gr.Tab("Tune", id=TUNE_ID):
            parts = tune_page()
        with gr.Tab("Coherence", id=COHERENCE_ID) as coherence:
            coherence_parts = coherence_page()
        with gr.Tab("Compare", id=COMPARE_ID) as compare:
            compare_parts = compare_page(comparing.depth)
        with gr.Tab("Models", id=CHECK_ID) as models:
            check_parts = check_page()
    wire_coherence(
        coherence, coherence_parts, Coherence(looks, explore.samples, demo), explore_parts
    )
    wire_gallery(coherence, coherence_parts, Gallery(GalleryMaker(traces)))
    table = DataSetPanel(looks.pipeline(BUNDLED).pair)
    wire_compare(compare, compare_parts, comparing, table, explore_parts)
    wire_check(models, check_parts, Check(), demo)
    wire_tune(demo, pages, parts, Tune(traces), Jobs(), explore_parts, explore, demo)
    return explore_parts


def measured_by(traces: TraceMaker) -> Callable[[Look], Markup]:
    """Return what says, under Explore's sliders, what a look's setting does on the trace."""

    def measured(look: Look) -> Markup:
        if look.pair != BUNDLED:
            return measured_line(None, None)
        try:
            traced = traces.bundled()
            return measured_line(traced.measured(look.selector, look.setting), traced.full)
        except TinyDropError:  # Explore works without a trace; the Tune page says what is wrong
            return measured_line(None, None)

    return measured
