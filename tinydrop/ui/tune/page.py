"""The Tune page: its parts. They are empty until the page is first shown; see ``tune_wiring``."""

from __future__ import annotations

import gradio as gr

from tinydrop.core.budget import BUDGET_RULES, MAX_GAMMA
from tinydrop.core.selection import RULE_TITLES
from tinydrop.ui.kit.chart import chart_part
from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.layout import card, fold, folded, plain, scripted
from tinydrop.ui.kit.pieces import header, note
from tinydrop.ui.kit.wiring import Parts
from tinydrop.ui.tune.handlers import MAX_EPSILON
from tinydrop.ui.tune.texts import EXPLAINED, PURPOSE, TEACH, ZIP_NOTE
from tinydrop.ui.tune.zone import ZipZone


def tune_page() -> Parts:
    """Lay the page out and return its components by name."""
    parts: Parts = {"query": gr.State({}), "trace_key": gr.State(""), "job": gr.State("")}
    plain(header(PURPOSE))
    for name in ("message", "notice"):
        parts[name] = plain("", elem_classes=["tn-message"])
    with gr.Row(elem_id="tn-main"):
        with gr.Column(elem_id="tn-left"):
            _setting(parts)
            _trace(parts)
        with gr.Column(elem_id="tn-right"):
            _numbers(parts)
            _frontier(parts)
            _safe(parts)
            _calibration(parts)
    parts["foot"] = plain("")
    return parts


def _setting(parts: Parts) -> None:
    with card("tn-card-setting", "Setting"):
        parts["tau"] = gr.Slider(
            0.01, 1.0, 0.7, step=0.01, label="tau", info="exit when surer than this",
            elem_id="tn-tau", elem_classes=["td-slider"], interactive=True,
        )  # fmt: skip
        parts["gamma"] = gr.Slider(
            0.05, MAX_GAMMA, 1.0, step=0.05, label="gamma", info="low drops more",
            elem_id="tn-gamma", elem_classes=["td-slider"], interactive=True,
        )  # fmt: skip
        parts["curve"] = plain(elem_id="tn-curve")
        with gr.Row(elem_id="tn-pickers"):
            parts["temperature"] = gr.Dropdown(
                [("1", 1.0)], value=1.0, label="temperature", elem_id="tn-temperature",
                interactive=True, min_width=100,
            )  # fmt: skip
            parts["rule"] = gr.Dropdown(
                [(RULE_TITLES[name].label, name) for name in BUDGET_RULES],
                value="curvature", label="budget rule", elem_id="tn-rule", interactive=True,
                min_width=100,
            )  # fmt: skip
        parts["actions"] = scripted(
            "tune/actions.js", "tn-actions", html_template=read_asset("tune/actions.html")
        )


def _trace(parts: Parts) -> None:
    with card("tn-card-trace", "Trace"):
        parts["trace"] = plain(elem_id="tn-trace")
        with folded("Trace my own zip"):
            parts["zip"] = ZipZone(elem_id="tn-zip")
            plain(note(ZIP_NOTE))
        with folded("Classes of the pair"):
            parts["classes"] = plain(elem_id="tn-classes")
        parts["progress"] = scripted("tune/progress.js", "tn-progress")


def _numbers(parts: Parts) -> None:
    with card("tn-card-numbers"):
        parts["numbers"] = scripted(
            "tune/numbers.js", "tn-numbers", note("Reading the trace…", "td-waiting")
        )
        parts["warnings"] = plain(elem_id="tn-warnings")
        with folded("How is this counted?"):
            parts["formula"] = plain(elem_classes=["td-formula"])
        parts["intervals"] = scripted("tune/intervals.js", "tn-intervals")


def _frontier(parts: Parts) -> None:
    with card("tn-card-frontier", "Accuracy against cost", TEACH["frontier"]):
        parts["frontier"] = chart_part(
            "tn-frontier",
            read_asset("tune/frontier.js"),
            html_template=read_asset("tune/frontier.html"),
        )
        with folded("The baselines as a table"):
            parts["baselines"] = plain()
        fold("How is this drawn?", *EXPLAINED["frontier"])
    with card("tn-card-chosen", "Settings for a given drop", TEACH["chosen"]):
        parts["chosen"] = scripted("tune/take.js", "tn-chosen")


def _safe(parts: Parts) -> None:
    with gr.Row(elem_id="tn-safe"):
        with card("tn-card-certified", "A tau with a guarantee", TEACH["certified"]):
            with gr.Row(elem_id="tn-promise"):
                parts["epsilon"] = gr.Number(
                    1.0, label="epsilon", info="largest accuracy drop, points", minimum=0.05,
                    maximum=MAX_EPSILON, step=0.1, elem_id="tn-epsilon", interactive=True,
                    min_width=120,
                )  # fmt: skip
                parts["bound"] = gr.Dropdown(
                    [("harmed pictures alone", "harm"), ("harmed minus helped", "net")],
                    value="harm", label="counted as", info="choose before you look",
                    elem_id="tn-bound", interactive=True, min_width=150,
                )  # fmt: skip
            parts["certified"] = scripted("tune/take.js", "tn-certified")
            fold("What is guaranteed?", *EXPLAINED["certified"])
        with gr.Column(elem_id="tn-beside"):
            with card("tn-card-f1", "A tau by F1", TEACH["f1"]):
                parts["f1"] = scripted("tune/take.js", "tn-f1")
                fold("What is F1 here?", *EXPLAINED["f1"])
            with card("tn-card-regret", "Exit regret", TEACH["regret"]):
                parts["regret"] = plain()


def _calibration(parts: Parts) -> None:
    with gr.Row(elem_id="tn-panels"):
        with card("tn-card-reliability", "Reliability", TEACH["reliability"]):
            parts["reliability"] = chart_part("tn-reliability")
            fold("What is ECE?", *EXPLAINED["reliability"])
        with card("tn-card-risk", "Risk and coverage", TEACH["risk"]):
            parts["risk"] = chart_part("tn-risk")
            fold("What are AURC and AUROC?", *EXPLAINED["risk"])
    with card("tn-card-harmful", "Harmful exits", TEACH["harmful"]):
        parts["harmful"] = plain(elem_id="tn-harmful")
