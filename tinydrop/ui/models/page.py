"""The Check page: does this timm model fit? A measured table at once, any other name on demand."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import gradio as gr
from markupsafe import Markup

from tinydrop.core.assets import asset
from tinydrop.core.errors import SettingError
from tinydrop.studies.check import PHASES, FamiliesTable, ModelReport, known_models, read_families
from tinydrop.studies.errands import ErrandError, Runner, run_errand
from tinydrop.ui.kit.fragments import alert
from tinydrop.ui.kit.lanes import HEAVY, Crowd, line_part
from tinydrop.ui.kit.layout import card, plain, scripted
from tinydrop.ui.kit.page import PageEvents
from tinydrop.ui.kit.pieces import foot, header, note
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.turns import Turns
from tinydrop.ui.kit.wiring import HEAVY as IN_HEAVY
from tinydrop.ui.kit.wiring import LATEST, QUICK, Parts, keyed, payload
from tinydrop.ui.models.card import FILE, models_table, report_card

FIRST = "vit_base_patch16_224"
KIND = "check"
BROKE = "The check broke, and it is our fault; try another model, or run tinydrop check."
PURPOSE = "Does your transformer run on kept patches alone? Proved, or refused with the reason."

log = logging.getLogger(__name__)


class Check(PageEvents):
    """What the page's events call; the table is read once, checks are never remembered."""

    page = "the Models page"
    broken = BROKE

    def __init__(self, turns: Turns | None = None, runner: Runner = run_errand) -> None:
        """Take whose turn it is, and what runs a check in a process of its own."""
        self._turns = turns or Turns()
        self._runner = runner

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
            "foot": foot(self.table.made_with),
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

    def ask(self, session: str | None, model: object, ahead: int) -> dict[str, str]:
        """Take the place of the session's older check, and return what stands there meanwhile.

        Only names that timm lists are taken: never a repository, a folder or an address. The model
        is shrunk, and one of more than 1 GB is refused, so a visitor cannot fill the machine.

        Args:
            session: whose check it is.
            model: what the browser sent.
            ahead: how many heavy jobs come first.

        Raises:
            SettingError: if timm lists no such model.
        """
        if not isinstance(model, str) or model not in known_models():
            raise SettingError(
                f"timm lists no model {str(model)[:80]!r}; choose a name from the menu, "
                "such as swin_tiny_patch4_window7_224."
            )
        waits = line_part(HEAVY, ahead, "starting")
        job = self._turns.claim(session, KIND)
        return {"message": "", "job": job, "report": checking(model, waits)}

    def run(self, session: str | None, job: str, model: str) -> Iterator[dict[str, str]]:
        """Yield what a check is doing, then its card; nothing once a newer one has its place."""
        if self._turns.stopped(job):
            return
        phase = "starting"
        try:
            for message in self._runner(
                "check", {"model": model}, lambda: self._turns.stopped(job)
            ):
                if "result" in message:
                    report = ModelReport.from_dict(message["result"])
                    yield {"message": "", "report": report_card(report)}
                    return
                phase = str(message.get("phase", phase))
                yield {"report": checking(model, phase_part(phase))}
        except ErrandError as error:
            if self._turns.replaced(session, KIND, job):
                return
            if error.stopped:
                yield {"report": note(f"Stopped while {phase}.")}
            else:
                yield {"message": alert(str(error)), "report": ""}
        except RuntimeError:
            log.exception("Checking %s broke", model)
            yield {"message": alert(BROKE), "report": ""}

    def stop(self, job: str) -> None:
        """Stop a check."""
        self._turns.stop(job)


def checking(model: str, doing: str) -> Markup:
    """Return the card of a check that is not over: what it is doing, and the way to stop it."""
    return draw(FILE, "checking", model=model, doing=doing)


def phase_part(phase: str) -> Markup:
    """Return the phases with the one that is going on; an unknown one alone."""
    return draw(FILE, "phase", names=PHASES if phase in PHASES else (phase,), now=phase)


def check_page() -> Parts:
    """Lay the page out and return its components by name; it is filled when first shown."""
    parts: Parts = {"job": gr.State("")}
    plain(header(PURPOSE))
    parts["message"] = plain("", elem_classes=["tn-message"], elem_id="ck-message")
    with gr.Row(elem_id="ck-main"):
        with gr.Column(elem_id="ck-left"):
            with card("ck-card-any", "Any model of timm"):
                parts["model"] = gr.Dropdown(
                    [FIRST], value=FIRST, label="model", info="random weights, no download",
                    elem_id="ck-model", filterable=True, interactive=True,
                )  # fmt: skip
                parts["go"] = gr.Button("Check this model", elem_id="ck-go", variant="primary")
            with card("ck-card-list", "Checked beforehand"):
                parts["models"] = scripted("models/page.js", "ck-models")
        with gr.Column(elem_id="ck-right"), card("ck-card-report"):
            parts["report"] = scripted("tune/progress.js", "ck-report")
    parts["foot"] = plain("")
    return parts


def wire_check(tab: gr.Tab, parts: Parts, check: Check, crowd: Crowd) -> None:
    """Connect the page's events to their handlers."""
    shown = [parts[name] for name in ("message", "report", "models", "foot")]

    def opened() -> Any:
        names = list(known_models())
        filled: dict[Any, Any] = keyed(
            parts, check.answered(lambda: dict(check.open()), quiet=True)
        )
        return filled | {parts["model"]: gr.Dropdown(choices=names, value=FIRST)}

    tab.select(opened, None, [*shown, parts["model"]], **QUICK)

    def show(event: gr.EventData) -> Any:
        model = str(payload(event).get("model"))
        return keyed(parts, check.answered(lambda: dict(check.show(model))))

    parts["models"].open(show, None, shown, **LATEST)

    def ask(model: object, request: gr.Request) -> Any:
        session, ahead = request.session_hash, crowd.behind(HEAVY)
        found = check.answered(lambda: dict(check.ask(session, model, ahead)), lambda: {"job": ""})
        return keyed(parts, found)

    def run(job: str, model: str, request: gr.Request) -> Iterator[Any]:
        for updates in check.run(request.session_hash, job, model):
            yield keyed(parts, dict(updates))

    # A second click is heard at once and takes the place of the first, whether that one waits
    # or runs: the queue holds what is new, and what is old stops.
    parts["go"].click(
        ask, [parts["model"]], [*shown, parts["job"]], trigger_mode="multiple", **QUICK
    ).then(run, [parts["job"], parts["model"]], shown, trigger_mode="multiple", **IN_HEAVY)
    parts["report"].stop(check.stop, [parts["job"]], None, **QUICK)
