"""Which event of the Explore page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from tinydrop.ui.handlers import Explore, Updates
from tinydrop.ui.page import Parts

__all__ = ["MODEL_QUEUE", "PRIVATE", "QUICK", "wire"]

MODEL_QUEUE: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Every event that may run a model shares this queue: one at a time on a small machine."""

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden"} | PRIVATE
MODEL: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | MODEL_QUEUE

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
    controls = [*look, *_some(parts, CONTROLS)]
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
    ) -> dict[Any, Any]:
        values = (tau, gamma, temperature, rule, selector, accounting)
        return _keyed(parts, explore.switch(look, pair, _teller(progress), *values))

    parts["pair"].input(
        switch,
        [*look, parts["pair"], *_some(parts, CONTROLS)],
        _some(parts, EVERY),
        **MODEL | {"show_progress": "full"},
        show_progress_on=[parts["pair_note"]],
    )

    def restore(request: gr.Request, accounting: str) -> dict[Any, Any]:
        query = dict(request.query_params)
        return _keyed(parts, explore.restore(query, lambda _text, _share: None, accounting))

    demo.load(restore, [parts["accounting"]], _some(parts, EVERY), **MODEL)


def _wire_controls(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    gr.on(
        [
            *(parts[name].change for name in ("tau", "gamma", "temperature")),
            parts["rule"].input,
            parts["accounting"].input,
        ],
        _named(parts, explore.slide),
        controls,
        _some(parts, MOVING),
        trigger_mode="always_last",
        **QUICK,
    )
    parts["selector"].input(
        _named(parts, explore.choose),
        controls,
        _some(parts, STAGED),
        trigger_mode="always_last",
        **MODEL,
    )
    # The card asks for what it lacks; one run at a time, and after it the newest wish counts.
    parts["decision"].pending(
        _named(parts, explore.run),
        controls,
        _some(parts, ["message"]),
        trigger_mode="always_last",
        **MODEL,
    ).then(_named(parts, explore.settle), controls, _some(parts, MOVING), **QUICK)

    parts["stage"].force(
        _named(parts, explore.force),
        [controls[0], parts["stage"], *controls[1:]],
        _some(parts, (*MOVING, "look", "stage")),
        trigger_mode="always_last",
        **QUICK,
    )


def _wire_pictures(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    def pick(event: gr.EventData, *values: Any) -> dict[Any, Any]:
        look, *rest = values
        return _keyed(parts, explore.pick(look, str(_payload(event).get("sample")), *rest))

    # Not always_last: gradio would repeat the first pick's data instead of the last one's.
    parts["gallery"].pick(pick, controls, _some(parts, STAGED), trigger_mode="multiple", **MODEL)
    parts["drop"].upload(
        _named(parts, explore.upload),
        [controls[0], parts["drop"], *controls[1:]],
        _some(parts, STAGED),
        trigger_mode="always_last",
        **MODEL,
    )


def _wire_files(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    def saver(kind: str) -> Callable[..., dict[Any, Any]]:
        def save(event: gr.EventData, *values: Any) -> dict[Any, Any]:
            at = int(_payload(event).get("at") or 0)
            return _keyed(parts, explore.save(kind, at, *values))

        return save

    outputs = _some(parts, ("message", "files"))
    parts["actions"].png(saver("png"), controls, outputs, **MODEL)
    parts["actions"].json(saver("json"), controls, outputs, **MODEL)


def _some(parts: Parts, names: Iterable[str]) -> list[Any]:
    return [parts[name] for name in names]


def _keyed(parts: Parts, updates: Updates) -> dict[Any, Any]:
    """Return a handler's updates under gradio's components instead of their names."""
    return {parts[name]: value for name, value in updates.items()}


def _named(parts: Parts, handler: Callable[..., Updates]) -> Callable[..., Any]:
    def called(*values: Any) -> Any:
        return _keyed(parts, handler(*values)) or gr.skip()

    return called


def _payload(event: gr.EventData) -> dict[str, Any]:
    """Return what the browser sent with an event, which may be anything."""
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}


def _teller(progress: gr.Progress) -> Callable[[str, float], None]:
    def tell(sentence: str, share: float) -> None:
        progress(share, desc=sentence)

    return tell
