"""The pieces that every page is laid out of: plain HTML, HTML with a script, a card, a fold."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.pieces import FILE, paragraphs
from tinydrop.ui.kit.templates import draw


def plain(value: str = "", **more: Any) -> gr.HTML:
    """Return HTML without gradio's own looks, and without a script unless one is given."""
    return gr.HTML(value, apply_default_css=False, **{"js_on_load": None} | more)


def scripted(script: str, elem_id: str, value: str = "", **more: Any) -> gr.HTML:
    """Return HTML with a script of ours, such as ``kit/gallery.js``."""
    return plain(value, js_on_load=read_asset(script), elem_id=elem_id, **more)


def card(elem_id: str, title: str = "", teach: str = "") -> gr.Column:
    """Return a card to fill, with a title and one sentence that teaches, if they are given."""
    column = gr.Column(elem_id=elem_id, elem_classes=["td-card"])
    if title:
        with column:
            plain(draw(FILE, "heading", title=title, teach=teach))
    return column


def fold(label: str, *said: str) -> None:
    """Add a formula or an explanation that opens on demand: paragraphs, or one ``Markup``."""
    with folded(label):
        ready = len(said) == 1 and isinstance(said[0], Markup)
        plain(said[0] if ready else paragraphs(said), elem_classes=["td-formula"])


def folded(label: str) -> gr.Accordion:
    """Return what opens on demand, to fill."""
    return gr.Accordion(label, open=False, elem_classes=["td-fold"])
