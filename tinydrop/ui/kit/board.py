"""The patch board as one part of a page: its frame, its layers and its script."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
from markupsafe import Markup

from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.layout import plain
from tinydrop.ui.kit.stage import BOARD
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.wiring import Parts

LAYERS = ("picture", "map", "mask")


def add_board(
    parts: Parts,
    prefix: str,
    script: str,
    tools: Markup,
    first: Mapping[str, str] | None = None,
) -> None:
    """Add a board to the card that is being filled; its layers and ``stage`` become parts.

    Args:
        parts: the page's components, which are added to.
        prefix: of the element ids, the page's own: ``PREFIX-stage``, ``-board``, ``-readout``.
        script: file of the page's own script, which follows board.js; see there.
        tools: what stands under the board.
        first: layer -> its HTML at first paint; empty layers without it.
    """
    with gr.HTML(
        html_template=draw(BOARD, "frame", readout=f"{prefix}-readout", tools=tools),
        js_on_load=read_asset("kit/board.js") + read_asset(script),
        apply_default_css=False,
        elem_id=f"{prefix}-stage",
    ) as stage:
        parts["stage"] = stage
        with gr.Column(elem_id=f"{prefix}-board", elem_classes=["td-board"]):
            for name in LAYERS:
                parts[name] = plain(
                    (first or {}).get(name, ""), elem_classes=["td-layer", f"td-layer-{name}"]
                )
