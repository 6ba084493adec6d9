"""The Explore page: its parts, already filled with the first analysis."""

from __future__ import annotations

import gradio as gr

from tinydrop.core.budget import BUDGET_RULES, MAX_GAMMA
from tinydrop.core.selection import RULE_TITLES, SELECTOR_TITLES, SELECTORS
from tinydrop.ui.explore.cards import ACCOUNTING
from tinydrop.ui.explore.handlers import pair_choices
from tinydrop.ui.explore.texts import TAGLINE, TOUR
from tinydrop.ui.explore.times import PARTS
from tinydrop.ui.kit.board import LAYERS, add_board
from tinydrop.ui.kit.components import Dropzone, read_asset
from tinydrop.ui.kit.glossary import define, glossary
from tinydrop.ui.kit.layout import card, plain
from tinydrop.ui.kit.page import Updates
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.wiring import Parts


def explore_page(first: Updates, samples_html: str) -> Parts:
    """Lay out the page with everything already on it, and return its components by name."""
    parts: Parts = {
        "look": gr.State(first["look"]),
        "staged": gr.State(first["staged"]),
        "query": gr.State({}),
        "job": gr.State(""),
    }
    plain(draw(PARTS, "header", tagline=TAGLINE), elem_id="td-head")
    parts["message"] = plain("", elem_id="td-message")
    gr.HTML(
        html_template=read_asset("explore/tour.html"),
        js_on_load=read_asset("explore/tour.js"),
        steps=[dict(step) for step in TOUR],
        apply_default_css=False,
    )
    parts["flow"] = plain(
        first["flow"], js_on_load=read_asset("explore/flow.js"), elem_id="td-flow"
    )
    with gr.Row(elem_id="td-main"):
        with gr.Column(elem_id="td-left"):
            _left(parts, first, samples_html)
        with gr.Column(elem_id="td-right"):
            _right(parts, first)
    plain(glossary(), elem_id="td-glossary")
    parts["foot"] = plain(first["foot"])
    parts["files"] = gr.HTML(
        "", js_on_load=read_asset("explore/files.js"), elem_id="td-files", apply_default_css=False
    )
    return parts


def _left(parts: Parts, first: Updates, samples_html: str) -> None:
    with card("td-card-stage"):
        tools = draw("explore/stage.html", "tools")
        add_board(parts, "td", "explore/stage.js", tools, {name: first[name] for name in LAYERS})
        parts["credit"] = plain(first["credit"], elem_id="td-credit")
    with card("td-card-picture"), gr.Row(elem_id="td-pictures"):
        parts["drop"] = Dropzone(elem_id="td-dropzone")
        parts["gallery"] = gr.HTML(
            samples_html,
            js_on_load=read_asset("kit/gallery.js"),
            apply_default_css=False,
            elem_id="td-gallery",
        )
    with card("td-card-answers", "What each model says"):
        parts["answers"] = plain(first["answers"])
    with card("td-card-classes", "What can it recognise?"):
        parts["classes"] = plain(
            first["classes"], js_on_load=read_asset("explore/classes.js"), elem_id="td-classes"
        )


def _thresholds(parts: Parts, first: Updates) -> None:
    with card("td-card-thresholds", "Turn the two knobs"):
        parts["tau"] = gr.Slider(
            0.01, 1.0, first["tau"], step=0.01, label="How sure must the small model be? (tau)",
            info="above it, its answer stands", elem_id="td-tau", elem_classes=["td-slider"],
        )  # fmt: skip
        parts["gamma"] = gr.Slider(
            0.05, MAX_GAMMA, first["gamma"], step=0.05, label="How boldly to drop (gamma)",
            info="low drops more", elem_id="td-gamma", elem_classes=["td-slider"],
        )  # fmt: skip
        words = {name: define(name) for name in ("early exit", "keep ratio", "patch")}
        plain(draw(PARTS, "knobs", **{name.replace(" ", "_"): one for name, one in words.items()}))
        parts["curve"] = plain(first["curve"])
        with gr.Accordion("How many patches?", open=False, elem_classes=["td-fold"]):
            parts["budget_formula"] = plain(first["budget_formula"], elem_classes=["td-formula"])
        with gr.Accordion("Temperature and rule", open=False, elem_classes=["td-fold"]):
            parts["temperature"] = gr.Number(
                first["temperature"], label="temperature", elem_id="td-temperature",
                info="divides the guidance's logits; the default is the pair's own",
            )  # fmt: skip
            parts["rule"] = gr.Dropdown(
                [(RULE_TITLES[name].title, name) for name in BUDGET_RULES],
                value=first["rule"], label="budget rule", elem_id="td-rule",
            )  # fmt: skip


def _models(parts: Parts, first: Updates) -> None:
    with card("td-card-models", "Models"), gr.Column(elem_id="td-models"):
        with gr.Column(min_width=0):
            parts["pair"] = gr.Dropdown(
                pair_choices(), value=first["pair"], label="guidance and target", elem_id="td-pair"
            )
            parts["pair_note"] = plain(first["pair_note"], js_on_load=read_asset("explore/pair.js"))
        with gr.Column(min_width=0):
            parts["selector"] = gr.Dropdown(
                [(SELECTOR_TITLES[name].title, name) for name in SELECTORS],
                value=first["selector"], label="who chooses the patches", elem_id="td-selector",
            )  # fmt: skip
            parts["selector_note"] = plain(first["selector_note"])


def _right(parts: Parts, first: Updates) -> None:
    with card("td-card-decision"):
        parts["decision"] = gr.HTML(
            first["decision"],
            js_on_load="watch('value', () => {"
            " if (element.querySelector('[data-pending]')) trigger('pending'); });",
            apply_default_css=False,
        )
    _thresholds(parts, first)
    with card("td-card-cost", "Cost of this answer"):
        parts["cost"] = plain(first["cost"])
        with gr.Accordion("How is this counted?", open=False, elem_classes=["td-fold"]):
            parts["accounting"] = gr.Radio(
                list(ACCOUNTING), value=ACCOUNTING[0], elem_id="td-accounting",
                label="the saliency step is counted as",
            )  # fmt: skip
            parts["cost_formula"] = plain(first["cost_formula"], elem_classes=["td-formula"])
    _models(parts, first)
    with gr.Column(elem_id="td-card-actions"):
        parts["actions"] = gr.HTML(
            first["actions"],
            html_template=read_asset("explore/actions.html"),
            js_on_load=read_asset("explore/actions.js"),
            apply_default_css=False,
        )
