"""Which event of the Compare page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from tinydrop.core.errors import TinyDropError
from tinydrop.ui.compare.handlers import Compare
from tinydrop.ui.compare.study import CompareStudy
from tinydrop.ui.kit.answering import Updates
from tinydrop.ui.kit.frames import alert
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.wiring import MODEL, QUICK, Parts, keyed, named, payload, some

EACH: dict[str, Any] = {"trigger_mode": "multiple"} | QUICK
"""Not always_last: gradio would repeat the first event's data instead of the last one's."""

PLACED = ("message", "place", "places")
LEVELLED = (*PLACED, "cost", "say", "tiles", "open", "ask")
STAGED = (*LEVELLED, "contest", "credit", "slim", "staged")


def wire_compare(
    shown: Any, parts: Parts, compare: Compare, study: CompareStudy, explore_parts: Parts
) -> None:
    """Connect the page's events to its handlers; ``shown.select`` fires whenever it is shown."""
    contest = parts["contest"]
    controls = [parts["level"], parts["block"], parts["ranker"]]

    def opened(known: Any, explored: Look, temperature: Any, *values: Any) -> Any:
        return keyed(parts, compare.open(known, explored.at_temperature(temperature), *values))

    shown.select(
        opened,
        [contest, explore_parts["look"], explore_parts["temperature"], *controls],
        some(parts, (*STAGED, "gallery")),
        **QUICK,
    )
    parts["level"].input(
        named(parts, compare.slide),
        [contest, *controls],
        some(parts, LEVELLED),
        trigger_mode="always_last",
        **QUICK,
    )
    gr.on(
        [parts["block"].input, parts["ranker"].input],
        named(parts, compare.place),
        [contest, *controls],
        some(parts, PLACED),
        trigger_mode="always_last",
        **QUICK,
    )
    parts["tiles"].choose(
        _sent(parts, compare.choose, "key"),
        [contest, *controls],
        some(parts, ("message", "contest", "open")),
        **EACH,
    )
    parts["gallery"].pick(
        _sent(parts, compare.pick, "sample"),
        [contest, *controls],
        some(parts, STAGED),
        trigger_mode="multiple",
        **QUICK,
    )
    parts["drop"].upload(
        named(parts, compare.upload),
        [contest, parts["drop"], *controls],
        some(parts, STAGED),
        trigger_mode="always_last",
        **QUICK,
    )

    def settle(contest: Any, failed: Any, staged: str, *controls: Any) -> Any:
        return keyed(parts, compare.settle(contest, failed, *controls, staged=staged))

    # The page asks for what it lacks, a part at a time, until nothing is missing.
    parts["ask"].pending(
        named(parts, compare.run),
        [contest, *controls],
        some(parts, ("message", "failed")),
        trigger_mode="always_last",
        **MODEL,
    ).then(
        settle,
        [contest, parts["failed"], parts["staged"], *controls],
        some(parts, STAGED),
        **QUICK,
    )
    _wire_study(shown, parts, study)


def _wire_study(page: Any, parts: Parts, study: CompareStudy) -> None:
    shown = some(parts, ("chart", "table", "foot"))

    def opened(known: Any) -> Any:
        return gr.skip() if known else keyed(parts, study.shown())

    page.select(opened, [parts["foot"]], shown, **QUICK)

    def turn(event: gr.EventData) -> Any:
        data = payload(event)
        try:
            chart = study.chart(str(data.get("axis")), guided=bool(data.get("guided")))
        except TinyDropError as error:
            return {parts["message"]: alert(str(error))}
        return {parts["chart"]: chart}

    parts["axes"].turn(turn, None, some(parts, ("message", "chart")), **EACH)


def _sent(parts: Parts, handler: Callable[..., Updates], name: str) -> Callable[..., Any]:
    """Return what calls a handler with one word that the browser sent, which may be anything."""

    def called(event: gr.EventData, contest: Any, *controls: Any) -> Any:
        return keyed(parts, handler(contest, str(payload(event).get(name)), *controls))

    return called
