"""The Check page: does this timm model fit? A measured table at once, any other name on demand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import gradio as gr

from tinydrop.assets import asset
from tinydrop.check import FamiliesTable, check_model, known_models, read_families
from tinydrop.errors import SettingError, TinyDropError
from tinydrop.ui.components import read_asset
from tinydrop.ui.frames import alert
from tinydrop.ui.layout import plain
from tinydrop.ui.wiring import MODEL_QUEUE, PRIVATE, QUICK
from tinydrop.views.check_card import models_table, report_card
from tinydrop.views.markup import escape

__all__ = ["Check", "check_page", "wire_check"]

Parts = dict[str, Any]
FIRST = "vit_base_patch16_224"
CHECK_HEADER = (
    '<header class="td-header"><h1>TinyDrop</h1>'
    "<p>Does your transformer run on kept patches alone? Proved, or refused with the reason.</p>"
    "</header>"
)


class Check:
    """What the page's events call; the table is read once, checks are never remembered."""

    @cached_property
    def table(self) -> FamiliesTable:
        """The bundled table of families."""
        return read_families(asset("tables", "families.json"))

    def open(self) -> dict[str, str]:
        """Return the page as it first shows: the table, and the card of its first model."""
        reports = self.table.reports
        chosen = next((one for one in reports if one.model == FIRST), reports[0])
        return {
            "models": models_table(reports, chosen.model),
            "report": report_card(chosen),
            "foot": f'<p class="td-foot">{escape(self.table.made_with)}</p>',
        }

    def show(self, model: str) -> dict[str, str]:
        """Return the card of a model of the table.

        Raises:
            SettingError: if the table does not hold it.
        """
        for report in self.table.reports:
            if report.model == model:
                return {"report": report_card(report), "message": ""}
        raise SettingError(f"The table holds no model {model!r}; choose one of its rows.")

    def run(self, model: object) -> Iterator[dict[str, str]]:
        """Yield that a model is being checked, then its card.

        Only names that timm lists are taken: never a repository, a folder or an address. The model
        is shrunk, and one of more than 1 GB is refused, so a visitor cannot fill the machine.

        Raises:
            SettingError: if timm lists no such model.
        """
        if not isinstance(model, str) or model not in known_models():
            raise SettingError(
                f"timm lists no model {str(model)[:80]!r}; choose a name from the menu, "
                "such as swin_tiny_patch4_window7_224."
            )
        yield {
            "message": "",
            "report": f'<p class="td-state"><span class="td-spin"></span>Building {escape(model)} '
            "with a few of its blocks, proving it, counting and timing it.</p>",
        }
        report = check_model(model, shrunk=True, timed=True)
        yield {"message": "", "report": report_card(report)}


def check_page() -> Parts:
    """Lay the page out and return its components by name; it is filled when first shown."""
    parts: Parts = {}
    plain(CHECK_HEADER)
    parts["message"] = plain("", elem_classes=["tn-message"], elem_id="ck-message")
    with gr.Row(elem_id="ck-main"):
        with gr.Column(elem_id="ck-left"):
            with gr.Column(elem_classes=["td-card"], elem_id="ck-card-any"):
                plain("<h2>Any model of timm</h2>")
                parts["model"] = gr.Dropdown(
                    [FIRST], value=FIRST, label="model", info="random weights, no download",
                    elem_id="ck-model", filterable=True, interactive=True,
                )  # fmt: skip
                parts["go"] = gr.Button("Check this model", elem_id="ck-go", variant="primary")
            with gr.Column(elem_classes=["td-card"], elem_id="ck-card-list"):
                plain("<h2>Checked beforehand</h2>")
                parts["models"] = plain("", js_on_load=read_asset("check.js"), elem_id="ck-models")
        with (
            gr.Column(elem_id="ck-right"),
            gr.Column(elem_classes=["td-card"], elem_id="ck-card-report"),
        ):
            parts["report"] = plain("", elem_id="ck-report")
    parts["foot"] = plain("")
    return parts


def wire_check(tab: gr.Tab, parts: Parts, check: Check) -> None:
    """Connect the page's events to their handlers."""
    shown = [parts[name] for name in ("message", "report", "models", "foot")]

    def opened() -> dict[Any, Any]:
        names = list(known_models())
        try:
            filled = {parts[name]: value for name, value in check.open().items()}
        except TinyDropError as error:
            filled = {parts["message"]: alert(str(error))}
        return filled | {parts["model"]: gr.Dropdown(choices=names, value=FIRST)}

    tab.select(opened, None, [*shown, parts["model"]], **QUICK)

    def show(event: gr.EventData) -> dict[Any, Any]:
        data = getattr(event, "_data", None)
        model = data.get("model") if isinstance(data, dict) else None
        try:
            return {parts[name]: value for name, value in check.show(str(model)).items()}
        except TinyDropError as error:
            return {parts["message"]: alert(str(error))}

    parts["models"].open(show, None, shown, trigger_mode="always_last", **QUICK)

    def run(model: object) -> Iterator[dict[Any, Any]]:
        try:
            for updates in check.run(model):
                yield {parts[name]: value for name, value in updates.items()}
        except TinyDropError as error:
            yield {parts["message"]: alert(str(error))}

    gr.on(
        [parts["go"].click],
        run,
        [parts["model"]],
        shown,
        show_progress="hidden",
        trigger_mode="once",
        **PRIVATE,
        **MODEL_QUEUE,
    )
