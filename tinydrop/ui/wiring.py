"""Which event of the Explore page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from tinydrop.ui.events import Parts, keyed, named, payload, some
from tinydrop.ui.handlers import Explore

__all__ = ["MODEL_QUEUE", "PRIVATE", "QUICK", "wire"]

MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Every event that may run a model shares this queue: one at a time on a small machine."""

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden"} | PRIVATE
MODEL: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | MODEL_QUEUE

CAME = "() => document.documentElement.classList.remove('td-coming')"
"""What a link names has come, or a sentence on why not; see coming.js."""

CONTROLS = ("tau", "gamma", "temperature", "rule", "selector", "accounting")
MOVING = (
    "message", "mask", "decision", "cost", "cost_formula", "answers", "curve", "budget_formula",
    "actions",
)  # fmt: skip
STAGED = (*MOVING, "picture", "map", "credit", "selector_note", "look")
EVERY = (*STAGED, "pair", "pair_note", "foot", *CONTROLS[:5])


def wire(demo: gr.Blocks, parts: Parts, explore: Explore) -> None:
    """Connect the page's events to its handlers."""
    look = [parts["look"]]
    controls = [*look, *some(parts, CONTROLS)]
    _wire_controls(parts, explore, controls)
    _wire_pictures(parts, explore, controls)
    _wire_files(parts, explore, controls)

    def switch(
        look: Any,
        pair: str,
        tau: Any,
        gamma: Any,
        temperature: Any,
        rule: Any,
        selector: Any,
        accounting: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds it by this default
    ) -> Any:
        values = (tau, gamma, temperature, rule, selector, accounting)
        return keyed(parts, explore.switch(look, pair, _teller(progress), *values))

    parts["pair"].input(
        switch,
        [*look, parts["pair"], *some(parts, CONTROLS)],
        some(parts, EVERY),
        **MODEL | {"show_progress": "full"},
        show_progress_on=[parts["pair_note"]],
        trigger_mode="always_last",
    )

    def restore(request: gr.Request, accounting: str) -> Any:
        query = dict(request.query_params)
        return keyed(parts, explore.restore(query, lambda _text, _share: None, accounting))

    shown = demo.load(restore, [parts["accounting"]], some(parts, EVERY), **MODEL)
    shown.then(None, js=CAME, **PRIVATE)


def _wire_controls(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    gr.on(
        [
            *(parts[name].change for name in ("tau", "gamma", "temperature")),
            parts["rule"].input,
            parts["accounting"].input,
        ],
        named(parts, explore.slide),
        controls,
        some(parts, MOVING),
        trigger_mode="always_last",
        **QUICK,
    )
    parts["selector"].input(
        named(parts, explore.choose),
        controls,
        some(parts, STAGED),
        trigger_mode="always_last",
        **MODEL,
    )
    # The card asks for what it lacks; one run at a time, and after it the newest wish counts.
    parts["decision"].pending(
        named(parts, explore.run),
        controls,
        some(parts, ["message"]),
        trigger_mode="always_last",
        **MODEL,
    ).then(named(parts, explore.settle), controls, some(parts, MOVING), **QUICK)

    parts["stage"].force(
        named(parts, explore.force),
        [controls[0], parts["stage"], *controls[1:]],
        some(parts, (*MOVING, "look", "stage")),
        trigger_mode="always_last",
        **QUICK,
    )


def _wire_pictures(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    def pick(event: gr.EventData, *values: Any) -> Any:
        look, *rest = values
        return keyed(parts, explore.pick(look, str(payload(event).get("sample")), *rest))

    # Not always_last: gradio would repeat the first pick's data instead of the last one's.
    parts["gallery"].pick(pick, controls, some(parts, STAGED), trigger_mode="multiple", **MODEL)
    parts["drop"].upload(
        named(parts, explore.upload),
        [controls[0], parts["drop"], *controls[1:]],
        some(parts, STAGED),
        trigger_mode="always_last",
        **MODEL,
    )


def _wire_files(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    def saver(kind: str) -> Callable[..., Any]:
        def save(event: gr.EventData, *values: Any) -> Any:
            at = int(payload(event).get("at") or 0)
            return keyed(parts, explore.save(kind, at, *values))

        return save

    outputs = some(parts, ("message", "files"))
    parts["actions"].png(saver("png"), controls, outputs, **MODEL)
    parts["actions"].json(saver("json"), controls, outputs, **MODEL)


def _teller(progress: gr.Progress) -> Callable[[str, float], None]:
    def tell(sentence: str, share: float) -> None:
        progress(share, desc=sentence)

    return tell
