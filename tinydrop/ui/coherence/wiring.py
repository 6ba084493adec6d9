"""Which event of the Coherence page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr

from tinydrop.ui.coherence.handlers import Coherence
from tinydrop.ui.kit.answering import Updates
from tinydrop.ui.kit.wiring import HEAVY, MODEL, QUICK, Parts, keyed, named, payload, some

EACH: dict[str, Any] = {"trigger_mode": "multiple"} | QUICK
"""Not always_last: gradio would repeat the first event's data instead of the last one's."""

MOVING = (
    "message", "study", "kept", "mask", "say", "tiles", "modes", "verdict", "measures", "paint",
    "ask",
)  # fmt: skip
FILMED = (*MOVING, "film", "exact")
RANKED = (*FILMED, "map")
STAGED = (*RANKED, "picture", "credit", "staged")


def wire_coherence(tab: gr.Tab, parts: Parts, coherence: Coherence, explore_parts: Parts) -> None:
    """Connect the page's events to its handlers."""
    study, level = parts["study"], parts["level"]
    tab.select(
        named(parts, coherence.open),
        [study, explore_parts["look"], level],
        some(parts, (*STAGED, "gallery")),
        **MODEL,
    )
    # Not change: a slider that gradio mounts again would take the painted set off the stage.
    level.input(
        named(parts, coherence.slide),
        [study, level],
        some(parts, MOVING),
        trigger_mode="always_last",
        **QUICK,
    )
    parts["tiles"].choose(
        _sent(parts, coherence.arrange), [study, level], some(parts, RANKED), **EACH
    )
    parts["modes"].choose(
        _sent(parts, coherence.place), [study, level], some(parts, FILMED), **EACH
    )
    parts["gallery"].pick(
        _sent(parts, coherence.pick, "sample"),
        [study, level],
        some(parts, STAGED),
        trigger_mode="multiple",
        **QUICK,
    )
    parts["drop"].upload(
        named(parts, coherence.upload),
        [study, parts["drop"], level],
        some(parts, STAGED),
        trigger_mode="always_last",
        **QUICK,
    )
    _wire_painting(parts, coherence)
    _wire_answers(parts, coherence)


def _wire_painting(parts: Parts, coherence: Coherence) -> None:
    study, level, stage = parts["study"], parts["level"], parts["stage"]
    stage.paint(
        named(parts, coherence.paint),
        [study, stage, level],
        some(parts, (*MOVING, "stage")),
        trigger_mode="always_last",
        **QUICK,
    )
    stage.pin(named(parts, coherence.pin), [study, level], some(parts, MOVING), **EACH)


def _wire_answers(parts: Parts, coherence: Coherence) -> None:
    """Let the page ask for what it lacks, a slice at a time, until nothing is missing."""
    study, level, failed = parts["study"], parts["level"], parts["failed"]
    for ask, run, lane in (
        (parts["ask"].pending, coherence.run, MODEL),
        (parts["ask"].film, coherence.run_film, HEAVY),
    ):
        ask(
            named(parts, run),
            [study, level],
            some(parts, ("message", "failed")),
            trigger_mode="always_last",
            **lane,
        ).then(
            named(parts, coherence.settle),
            [study, level, failed, parts["staged"]],
            some(parts, STAGED),
            **QUICK,
        )

    outputs = some(parts, FILMED)
    parts["exact"].film(
        named(parts, partial(coherence.film, filming=True)), [study, level], outputs, **EACH
    )
    parts["exact"].stop(
        named(parts, partial(coherence.film, filming=False)), [study, level], outputs, **EACH
    )


def _sent(parts: Parts, handler: Callable[..., Updates], name: str = "key") -> Callable[..., Any]:
    """Return what calls a handler with one word that the browser sent, which may be anything."""

    def called(event: gr.EventData, study: Any, level: Any) -> Any:
        return keyed(parts, handler(study, str(payload(event).get(name)), level))

    return called
