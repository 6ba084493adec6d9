"""The pieces that every page is laid out of: plain HTML, a card, a fold."""

from __future__ import annotations

from typing import Any

import gradio as gr


def plain(value: str = "", **more: Any) -> gr.HTML:
    """Return HTML without gradio's own looks, and without a script unless one is given."""
    return gr.HTML(value, apply_default_css=False, **{"js_on_load": None} | more)


def card(elem_id: str, title: str = "", teach: str = "") -> gr.Column:
    """Return a card to fill, with a title and one sentence that teaches, if they are given."""
    column = gr.Column(elem_id=elem_id, elem_classes=["td-card"])
    if title:
        with column:
            said = f'<p class="td-hint">{teach}</p>' if teach else ""
            plain(f"<h2>{title}</h2>{said}")
    return column


def fold(label: str, text: str) -> None:
    """Add a formula or an explanation that opens on demand."""
    with gr.Accordion(label, open=False, elem_classes=["td-fold"]):
        plain(text, elem_classes=["td-formula"])
