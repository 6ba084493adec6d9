"""One part for all pages: it tells every line that says "waiting" how many are ahead by now."""

from __future__ import annotations

import json

import gradio as gr

from tinydrop.ui.kit.blocks import AppBlocks
from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.lanes import HEAVY, QUICK_LANE, place_words
from tinydrop.ui.kit.wiring import QUICK


def add_line(demo: AppBlocks) -> None:
    """Add the part, which shows nothing itself, to the page that is being built."""
    line = gr.HTML(
        "",
        html_template="",
        js_on_load=read_asset("kit/line.js"),
        apply_default_css=False,
        elem_id="td-line",
    )

    def ask(request: gr.Request) -> str:
        places = {lane: demo.ahead(request.session_hash, lane) for lane in (QUICK_LANE, HEAVY)}
        return json.dumps({lane: place_words(ahead) for lane, ahead in places.items()})

    line.ask(ask, None, [line], trigger_mode="once", **QUICK)
