"""Which event of the Compare page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from tinydrop.errors import TinyDropError
from tinydrop.ui.compare_handlers import Compare, Updates
from tinydrop.ui.compare_study import CompareStudy
from tinydrop.ui.frames import alert
from tinydrop.ui.wiring import MODEL, QUICK

__all__ = ["wire_compare"]

Parts = dict[str, Any]

EACH: dict[str, Any] = {"trigger_mode": "multiple"} | QUICK
"""Not always_last: gradio would repeat the first event's data instead of the last one's."""

PLACED = ("message", "place", "places")
LEVELLED = (*PLACED, "cost", "say", "tiles", "open", "ask")
STAGED = (*LEVELLED, "contest", "credit", "slim")


def wire_compare(
    shown: Any, parts: Parts, compare: Compare, study: CompareStudy, explore_parts: Parts
) -> None:
    """Connect the page's events to its handlers; ``shown.select`` fires whenever it is shown."""
    contest = parts["contest"]
    controls = [parts["level"], parts["block"], parts["ranker"]]
    shown.select(
        _named(parts, compare.open),
        [contest, explore_parts["look"], *controls],
        _some(parts, (*STAGED, "gallery")),
        **MODEL,
    )
    parts["level"].input(
        _named(parts, compare.slide),
        [contest, *controls],
        _some(parts, LEVELLED),
        trigger_mode="always_last",
        **QUICK,
    )
    gr.on(
        [parts["block"].input, parts["ranker"].input],
        _named(parts, compare.place),
        [contest, *controls],
        _some(parts, PLACED),
        trigger_mode="always_last",
        **QUICK,
    )
    parts["tiles"].choose(
        _sent(parts, compare.choose, "key"),
        [contest, *controls],
        _some(parts, ("message", "contest", "open")),
        **EACH,
    )
    parts["gallery"].pick(
        _sent(parts, compare.pick, "sample"),
        [contest, *controls],
        _some(parts, STAGED),
        trigger_mode="multiple",
        **MODEL,
    )
    parts["drop"].upload(
        _named(parts, compare.upload),
        [contest, parts["drop"], *controls],
        _some(parts, STAGED),
        trigger_mode="always_last",
        **MODEL,
    )
    # The page asks for what it lacks, a part at a time, until nothing is missing.
    parts["ask"].pending(
        _named(parts, compare.run),
        [contest, *controls],
        _some(parts, ("message", "failed")),
        trigger_mode="always_last",
        **MODEL,
    ).then(
        _named(parts, compare.settle),
        [contest, parts["failed"], *controls],
        _some(parts, LEVELLED),
        **QUICK,
    )
    _wire_study(shown, parts, study)


def _wire_study(page: Any, parts: Parts, study: CompareStudy) -> None:
    shown = _some(parts, ("chart", "table", "foot"))

    def opened(known: Any) -> Any:
        return gr.skip() if known else _keyed(parts, study.shown())

    page.select(opened, [parts["foot"]], shown, **QUICK)

    def turn(event: gr.EventData) -> Any:
        data = _payload(event)
        try:
            chart = study.chart(str(data.get("axis")), guided=bool(data.get("guided")))
        except TinyDropError as error:
            return {parts["message"]: alert(str(error))}
        return {parts["chart"]: chart}

    parts["axes"].turn(turn, None, _some(parts, ("message", "chart")), **EACH)


def _some(parts: Parts, names: Iterable[str]) -> list[Any]:
    return [parts[name] for name in names]


def _keyed(parts: Parts, updates: Updates) -> Any:
    """Return a handler's updates under gradio's components; gradio takes no empty answer."""
    return {parts[name]: value for name, value in updates.items()} or gr.skip()


def _named(parts: Parts, handler: Callable[..., Updates]) -> Callable[..., Any]:
    def called(*values: Any) -> Any:
        return _keyed(parts, handler(*values))

    return called


def _sent(parts: Parts, handler: Callable[..., Updates], name: str) -> Callable[..., Any]:
    """Return what calls a handler with one word that the browser sent, which may be anything."""

    def called(event: gr.EventData, contest: Any, *controls: Any) -> Any:
        return _keyed(parts, handler(contest, str(_payload(event).get(name)), *controls))

    return called


def _payload(event: gr.EventData) -> dict[str, Any]:
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}
