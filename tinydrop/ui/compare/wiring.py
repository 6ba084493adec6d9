"""Which event of the Compare page calls which handler, and what it may change."""

from __future__ import annotations

from functools import partial
from typing import Any

import gradio as gr

from tinydrop.ui.compare.data_set import DataSetPanel
from tinydrop.ui.compare.handlers import Compare
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.wiring import (
    EACH,
    LATEST,
    MODEL,
    QUICK,
    Parts,
    components,
    keyed,
    named,
    payload,
    sent,
)

BY_PLACE = ("message", "place", "places")
BY_LEVEL = (*BY_PLACE, "cost", "say", "tiles", "open", "ask")
BY_PICTURE = (*BY_LEVEL, "wish", "credit", "slim", "staged")


def wire_compare(
    shown: Any, parts: Parts, compare: Compare, data_set: DataSetPanel, explore_parts: Parts
) -> None:
    """Connect the page's events to its handlers; ``shown.select`` fires whenever it is shown."""
    wish = parts["wish"]
    controls = [parts["level"], parts["block"], parts["ranker"]]

    def opened(known: Any, explored: Look, temperature: Any, *values: Any) -> Any:
        return keyed(parts, compare.open(known, explored.at_temperature(temperature), *values))

    shown.select(
        opened,
        [wish, explore_parts["look"], explore_parts["temperature"], *controls],
        components(parts, (*BY_PICTURE, "gallery")),
        **QUICK,
    )
    parts["level"].input(
        named(parts, compare.slide),
        [wish, *controls],
        components(parts, BY_LEVEL),
        **LATEST,
    )
    gr.on(
        [parts["block"].input, parts["ranker"].input],
        named(parts, compare.place),
        [wish, *controls],
        components(parts, BY_PLACE),
        **LATEST,
    )
    parts["tiles"].choose(
        sent(parts, compare.choose, "key"),
        [wish, *controls],
        components(parts, ("message", "wish", "open")),
        **EACH,
    )
    parts["gallery"].pick(
        sent(parts, compare.pick, "sample"),
        [wish, *controls],
        components(parts, BY_PICTURE),
        **EACH,
    )
    parts["drop"].upload(
        named(parts, compare.upload),
        [wish, parts["drop"], *controls],
        components(parts, BY_PICTURE),
        **LATEST,
    )

    def settle(wish: Any, failed: Any, staged: str, *controls: Any) -> Any:
        return keyed(parts, compare.settle(wish, failed, *controls, staged=staged))

    # The page asks for what it lacks, a part at a time, until nothing is missing.
    parts["ask"].pending(
        named(parts, compare.run),
        [wish, *controls],
        components(parts, ("message", "failed")),
        trigger_mode="always_last",
        **MODEL,
    ).then(
        settle,
        [wish, parts["failed"], parts["staged"], *controls],
        components(parts, BY_PICTURE),
        **QUICK,
    )
    _wire_data_set(shown, parts, compare, data_set)


def _wire_data_set(page: Any, parts: Parts, compare: Compare, data_set: DataSetPanel) -> None:
    shown = components(parts, ("chart", "table", "foot"))

    def opened(known: Any) -> Any:
        return gr.skip() if known else keyed(parts, data_set.shown())

    page.select(opened, [parts["foot"]], shown, **QUICK)

    def turn(event: gr.EventData) -> Any:
        data = payload(event)
        axis, guided = str(data.get("axis")), bool(data.get("guided"))
        differing = data.get("shown") == "gain"
        work = partial(data_set.chart, axis, guided=guided, differing=differing)
        return keyed(parts, compare.answered(lambda: {"chart": work()}, quiet=True))

    parts["axes"].turn(turn, None, components(parts, ("message", "chart")), **EACH)
