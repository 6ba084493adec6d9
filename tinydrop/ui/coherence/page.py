"""The Coherence page: its parts. They are empty until it is first shown; see the wiring."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from markupsafe import Markup

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.ui.coherence.gallery import gallery_section
from tinydrop.ui.coherence.handlers import START_LEVEL
from tinydrop.ui.coherence.measures import measure_formulas
from tinydrop.ui.coherence.panels import panels_section
from tinydrop.ui.kit.board import add_board
from tinydrop.ui.kit.components import Dropzone, read_asset
from tinydrop.ui.kit.layout import card, fold, plain
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.wiring import Parts

HEADER = (
    '<header class="td-header"><h1>TinyDrop</h1>'
    "<p>Do the kept patches hang together, and does the target mind if they do not?</p></header>"
)
TEACH = {
    "tiles": "The same number of patches, chosen in eight ways, each patch at its right position: "
    "is it the choice that counts, or just how many?",
    "modes": "The patches on the stage as the target believes them to lie: lost positions are how "
    "dropping goes wrong unseen.",
    "film": "Patches come in one level after the other: where does the target change its mind, and "
    "how few are enough?",
    "measures": "A number alone says little, since random patches also form pieces: so each bar "
    "shows where it lies among random sets as large.",
}
LEVEL_NOTE = (
    "The early exit is left out here: the target looks at every picture, however sure the guidance "
    "is."
)
LOGIT_NOTE = Markup(
    "<p>A <b>logit</b> is the target’s score for a class before softmax; one more multiplies the "
    "odds against any other class by e = 2.72, if that one’s score stays.</p>"
    "<p>change = logit(stage) − logit(the other set), both for the class that the target names on "
    "every patch.</p>"
)


def coherence_page() -> Parts:
    """Lay the page out, section by section, and return its components by name."""
    parts: Parts = {"wish": gr.State(None), "failed": gr.State(0), "staged": gr.State("")}
    plain(HEADER)
    parts["message"] = plain("", elem_classes=["tn-message"], elem_id="ch-message")
    parts["ask"] = gr.HTML(
        "", js_on_load=read_asset("kit/ask.js"), apply_default_css=False, elem_id="ch-ask"
    )
    for section in SECTIONS:
        section(parts)
    return parts


def _one_picture(parts: Parts) -> None:
    """One picture: what is kept of it, what else could be, and what the target says."""
    with gr.Row(elem_id="ch-main"):
        with gr.Column(elem_id="ch-left"):
            _left(parts)
        with gr.Column(elem_id="ch-middle"):
            _middle(parts)
        with gr.Column(elem_id="ch-right"):
            _right(parts)


def _film(parts: Parts) -> None:
    """The film of the arrangement: level by level, and at every K on demand."""
    with card("ch-card-film", "Film", TEACH["film"]):
        parts["film"] = gr.HTML(
            "",
            html_template='${value}<output class="ch-film-said" aria-live="polite"></output>',
            js_on_load=read_asset("coherence/film.js"),
            apply_default_css=False,
            elem_id="ch-film",
        )
        parts["exact"] = gr.HTML(
            "",
            html_template='${value}<output class="ch-exact-said" aria-live="polite"></output>',
            js_on_load=read_asset("coherence/exact.js"),
            apply_default_css=False,
            elem_id="ch-exact",
        )


def _measures(parts: Parts) -> None:
    """The verdict, and what it rests on."""
    with card("ch-card-measures", "Is what is kept coherent?"):
        parts["verdict"] = plain('<p class="td-waiting">Looking…</p>', elem_id="ch-verdict")
        plain(f'<p class="td-hint">{TEACH["measures"]}</p>')
        parts["measures"] = plain(elem_id="ch-measures")
        fold("How is each counted?", measure_formulas())


SECTIONS: tuple[Callable[[Parts], None], ...] = (
    _one_picture,
    _film,
    _measures,
    gallery_section,
    panels_section,
)
"""What the page consists of, from top to bottom; each adds its components to the parts."""


def _left(parts: Parts) -> None:
    with card("ch-card-picture", "Picture"):
        parts["drop"] = Dropzone(elem_id="ch-dropzone")
        parts["gallery"] = gr.HTML(
            "",
            js_on_load=read_asset("kit/gallery.js"),
            look_event="ch-look",
            apply_default_css=False,
            elem_id="ch-gallery",
        )
    with card("ch-card-level", "How many patches?"):
        parts["level"] = gr.Slider(
            1, BUDGET_LEVELS, START_LEVEL, step=1, label="level", info="of 16",
            elem_id="ch-level", elem_classes=["td-slider"], interactive=True,
        )  # fmt: skip
        parts["kept"] = plain(elem_id="ch-kept")
        plain(f'<p class="td-hint">{LEVEL_NOTE}</p>')
        fold("How many is that?", "K = ⌈N · level / 16⌉ of the N patches, as in Explore.")


def _middle(parts: Parts) -> None:
    with card("ch-card-stage"):
        add_board(parts, "ch", "coherence/stage.js", draw("coherence/stage.html", "tools"))
    with card("ch-card-paint", "What painting does"):
        parts["paint"] = plain(elem_id="ch-paint")
        fold("What is a logit?", LOGIT_NOTE)
    with gr.Column(elem_id="ch-credit"):
        parts["credit"] = plain()


def _right(parts: Parts) -> None:
    with card("ch-card-say"):
        parts["say"] = plain('<p class="td-say">Looking…</p>', elem_id="ch-say")
    for name, title in (("tiles", "Other choices, same K"), ("modes", "Other positions")):
        with card(f"ch-card-{name}", title, TEACH[name]):
            parts[name] = gr.HTML(
                "",
                js_on_load=read_asset("coherence/tiles.js"),
                apply_default_css=False,
                elem_id=f"ch-{name}",
            )
