"""The Compare page: its parts. They are empty until it is first shown; see the wiring."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.ui.compare.handlers import START_LEVEL
from tinydrop.ui.compare.words import GROUPS, RANKERS, TRAINED
from tinydrop.ui.kit.chart import chart_part
from tinydrop.ui.kit.components import Dropzone, read_asset
from tinydrop.ui.kit.layout import card, fold, plain
from tinydrop.ui.kit.wiring import Parts

HEADER = (
    '<header class="td-header"><h1>TinyDrop</h1>'
    "<p>The same target, the same cost, every way to spend it: which one keeps the answer?</p>"
    "</header>"
)
TEACH = {
    "tiles": "Each method spends the same multiply-accumulates of the same frozen target; what "
    "differs is which patches it lets go, where, and whether it joins them.",
    "place": "Dropping later lets the target look before it forgets, but the blocks before are "
    "paid on every patch, so fewer can go on.",
    "slim": "A slim token is a weighted mix of patches that the student has learned to form: see "
    "what each one gathers. What attention mixes in between is not in it.",
    "chart": "One picture proves nothing: the same methods over a data set, each group beside "
    "Grad-CAM at the input with its 95 % interval. Point at a name to bring its line forward.",
    "table": "Sort by a heading; gains are paired, picture by picture, against Grad-CAM at the "
    "same level.",
}
COUNTED = {
    "tiles": (
        "Every method runs the dearest of its plans whose target MACs are within the budget, "
        "so each stays a little below it. Grad-CAM and what builds on it need the guidance and "
        "its map on top: the lighter part of a bar, after the plus.",
        "= same: the class is the one that the target names on every patch, which need not be the "
        "right one; whether it is right is said of the samples, whose subject is known. TinyDrop’s "
        "early exit plays no part here.",
    ),
    "place": (
        "K is the largest number of patches with which the target, dropping once after that "
        "many blocks, stays within the budget of the slider above. Random is one draw, always the "
        "same for a picture. Reading the class attention of the block before costs a little too.",
    ),
    "chart": (
        "Accuracy = pictures answered right / pictures, with Wilson’s 95 % interval. Cost "
        "is a share of the full target’s MACs, or of its measured time on the machine named below. "
        "Points that no line joins have a cost of their own.",
    ),
}


def compare_page(depth: int) -> Parts:
    """Lay the page out, section by section, and return its components by name.

    Args:
        depth: D, the blocks of the bundled target.
    """
    parts: Parts = {"wish": gr.State(None), "failed": gr.State(0), "staged": gr.State("")}
    plain(HEADER)
    parts["message"] = plain("", elem_classes=["tn-message"], elem_id="cp-message")
    parts["ask"] = _scripted("kit/ask.js", "cp-ask", look_event="cp-look", slider="#cp-level")
    with gr.Row(elem_id="cp-main"):
        with gr.Column(elem_id="cp-left"):
            _left(parts)
        with gr.Column(elem_id="cp-middle"), card("cp-card-open"):
            parts["open"] = plain('<p class="td-waiting">Looking…</p>', elem_id="cp-open")
        with gr.Column(elem_id="cp-right"):
            _right(parts)
    _places(parts, depth)
    with card("cp-card-slim", "What the slim tokens look at", TEACH["slim"]):
        parts["slim"] = _scripted("compare/slim.js", "cp-slim")
    _data_set(parts)
    return parts


def _scripted(script: str, elem_id: str, **props: Any) -> gr.HTML:
    return gr.HTML(
        "", js_on_load=read_asset(script), apply_default_css=False, elem_id=elem_id, **props
    )


def _left(parts: Parts) -> None:
    with card("cp-card-picture", "Picture"):
        parts["drop"] = Dropzone(elem_id="cp-dropzone")
        parts["gallery"] = _scripted("kit/gallery.js", "cp-gallery", look_event="cp-look")
        parts["credit"] = plain()
    with card("cp-card-level", "What may it cost?"):
        parts["level"] = gr.Slider(
            1, BUDGET_LEVELS, START_LEVEL, step=1, label="cost level", info="of 16",
            elem_id="cp-level", elem_classes=["td-slider"], interactive=True,
        )  # fmt: skip
        parts["cost"] = plain(elem_id="cp-cost")


def _right(parts: Parts) -> None:
    with card("cp-card-say"):
        parts["say"] = plain('<p class="td-say">Looking…</p>', elem_id="cp-say")
    with card("cp-card-tiles", "Same picture, same MACs", TEACH["tiles"]):
        parts["tiles"] = _scripted("compare/tiles.js", "cp-tiles")
        fold("How is this counted?", *COUNTED["tiles"])


def _places(parts: Parts, depth: int) -> None:
    with (
        card("cp-card-places", "Where to drop", TEACH["place"]),
        gr.Row(elem_id="cp-places-row"),
    ):
        with gr.Column(elem_id="cp-places-left"):
            parts["block"] = gr.Slider(
                0, depth - 1, 0, step=1, label="blocks before the drop",
                info=f"of {depth}; 0 is the input", elem_id="cp-block",
                elem_classes=["td-slider"], interactive=True,
            )  # fmt: skip
            parts["ranker"] = gr.Radio(
                [(name, key) for key, name in RANKERS.items()], value=next(iter(RANKERS)),
                label="who chooses the patches", elem_id="cp-ranker", interactive=True,
            )  # fmt: skip
            parts["place"] = plain(elem_id="cp-place")
        with gr.Column(elem_id="cp-places-right"):
            parts["places"] = _scripted("compare/places.js", "cp-places")
            fold("How is this counted?", *COUNTED["place"])


def _data_set(parts: Parts) -> None:
    with card("cp-card-chart", "Over a data set", TEACH["chart"]):
        parts["axes"] = gr.HTML(
            _axes(), js_on_load=read_asset("compare/axes.js"), apply_default_css=False,
            elem_id="cp-axes",
        )  # fmt: skip
        parts["chart"] = chart_part("cp-chart", read_asset("compare/chart.js"))
        fold("How is this counted?", *COUNTED["chart"])
    with card("cp-card-table", "The figures", TEACH["table"]):
        parts["table"] = _scripted("compare/table.js", "cp-table")
        parts["foot"] = plain(elem_id="cp-foot")


def _axes() -> str:
    """Return the chart's switches: what cost is, whether the guide is in it, which groups."""
    groups = "".join(
        _chip("group", group.key, group.title, pressed=True) for group in GROUPS
    ) + _chip("group", TRAINED.key, "Trained, and the yardsticks", pressed=True)
    axis = _chip("axis", "macs", "MACs", pressed=True)
    axis += _chip("axis", "time", "measured time", pressed=False)
    shown = _chip("shown", "accuracy", "accuracy", pressed=True)
    shown += _chip("shown", "gain", "gain on Grad-CAM", pressed=False)
    guide = _chip("guide", "1", "with the guide", pressed=True)
    return (
        f'<div class="cp-filter"><div class="td-chips" role="group" aria-label="Cost in">{axis}'
        f'</div><div class="td-chips" role="group" aria-label="Shown as">{shown}'
        f'</div><div class="td-chips" role="group" aria-label="Guide">{guide}</div>'
        f'<div class="td-chips" role="group" aria-label="Groups">{groups}</div></div>'
    )


def _chip(kind: str, key: str, words: str, *, pressed: bool) -> str:
    return (
        f'<button type="button" class="td-chip" data-{kind}="{key}" '
        f'aria-pressed="{str(pressed).lower()}">{words}</button>'
    )
