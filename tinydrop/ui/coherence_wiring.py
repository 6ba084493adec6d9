"""Which event of the Coherence page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import gradio as gr

from tinydrop.ui.coherence_handlers import Coherence, Updates
from tinydrop.ui.wiring import MODEL, QUICK

__all__ = ["wire_coherence"]

Parts = dict[str, Any]

EACH: dict[str, Any] = {"trigger_mode": "multiple"} | QUICK
"""Not always_last: gradio would repeat the first event's data instead of the last one's."""

MOVING = (
    "message", "study", "kept", "mask", "say", "tiles", "modes", "verdict", "measures", "paint",
    "ask",
)  # fmt: skip
FILMED = (*MOVING, "film", "exact")
RANKED = (*FILMED, "map")
STAGED = (*RANKED, "picture", "credit")


def wire_coherence(tab: gr.Tab, parts: Parts, coherence: Coherence, explore_parts: Parts) -> None:
    """Connect the page's events to its handlers."""
    study, level = parts["study"], parts["level"]
    tab.select(
        _named(parts, coherence.open),
        [study, explore_parts["look"], level],
        _some(parts, (*STAGED, "gallery")),
        **MODEL,
    )
    # Not change: a slider that gradio mounts again would take the painted set off the stage.
    level.input(
        _named(parts, coherence.slide),
        [study, level],
        _some(parts, MOVING),
        trigger_mode="always_last",
        **QUICK,
    )
    parts["tiles"].choose(
        _sent(parts, coherence.arrange), [study, level], _some(parts, RANKED), **EACH
    )
    parts["modes"].choose(
        _sent(parts, coherence.place), [study, level], _some(parts, FILMED), **EACH
    )
    parts["gallery"].pick(
        _sent(parts, coherence.pick, "sample"),
        [study, level],
        _some(parts, STAGED),
        trigger_mode="multiple",
        **MODEL,
    )
    parts["drop"].upload(
        _named(parts, coherence.upload),
        [study, parts["drop"], level],
        _some(parts, STAGED),
        trigger_mode="always_last",
        **MODEL,
    )
    _wire_painting(parts, coherence)
    _wire_answers(parts, coherence)


def _wire_painting(parts: Parts, coherence: Coherence) -> None:
    study, level, stage = parts["study"], parts["level"], parts["stage"]
    stage.paint(
        _named(parts, coherence.paint),
        [study, stage, level],
        _some(parts, (*MOVING, "stage")),
        trigger_mode="always_last",
        **QUICK,
    )
    stage.pin(_named(parts, coherence.pin), [study, level], _some(parts, MOVING), **EACH)


def _wire_answers(parts: Parts, coherence: Coherence) -> None:
    """Let the page ask for what it lacks, a slice at a time, until nothing is missing."""
    study, level, failed = parts["study"], parts["level"], parts["failed"]
    parts["ask"].pending(
        _named(parts, coherence.run),
        [study, level],
        _some(parts, ("message", "failed")),
        trigger_mode="always_last",
        **MODEL,
    ).then(_named(parts, coherence.settle), [study, level, failed], _some(parts, FILMED), **QUICK)

    outputs = _some(parts, FILMED)
    parts["exact"].film(
        _named(parts, partial(coherence.film, filming=True)), [study, level], outputs, **EACH
    )
    parts["exact"].stop(
        _named(parts, partial(coherence.film, filming=False)), [study, level], outputs, **EACH
    )


def _some(parts: Parts, names: Iterable[str]) -> list[Any]:
    return [parts[name] for name in names]


def _keyed(parts: Parts, updates: Updates) -> Any:
    """Return a handler's updates under gradio's components; gradio takes no empty answer."""
    return {parts[name]: value for name, value in updates.items()} or gr.skip()


def _named(parts: Parts, handler: Callable[..., Updates]) -> Callable[..., Any]:
    def called(*values: Any) -> Any:
        return _keyed(parts, handler(*values))

    return called


def _sent(parts: Parts, handler: Callable[..., Updates], name: str = "key") -> Callable[..., Any]:
    """Return what calls a handler with one word that the browser sent, which may be anything."""

    def called(event: gr.EventData, study: Any, level: Any) -> Any:
        data = getattr(event, "_data", None)
        word = str(data.get(name)) if isinstance(data, dict) else ""
        return _keyed(parts, handler(study, word, level))

    return called
