"""Which event of the Coherence page calls which handler, and what it may change."""

from __future__ import annotations

from functools import partial

import gradio as gr

from tinydrop.ui.coherence.handlers import Coherence
from tinydrop.ui.kit.wiring import EACH, HEAVY, LATEST, MODEL, QUICK, Parts, components, named, sent

BY_LEVEL = (
    "message", "wish", "kept", "mask", "say", "tiles", "modes", "verdict", "measures", "paint",
    "ask",
)  # fmt: skip
BY_FILM = (*BY_LEVEL, "film", "exact")
BY_ARRANGEMENT = (*BY_FILM, "map")
BY_PICTURE = (*BY_ARRANGEMENT, "picture", "credit", "staged")


def wire_coherence(tab: gr.Tab, parts: Parts, coherence: Coherence, explore_parts: Parts) -> None:
    """Connect the page's events to its handlers."""
    wish, level = parts["wish"], parts["level"]
    tab.select(
        named(parts, coherence.open),
        [wish, explore_parts["look"], level],
        components(parts, (*BY_PICTURE, "gallery")),
        **MODEL,
    )
    # Not change: a slider that gradio mounts again would take the painted set off the stage.
    level.input(
        named(parts, coherence.slide),
        [wish, level],
        components(parts, BY_LEVEL),
        **LATEST,
    )
    parts["tiles"].choose(
        sent(parts, coherence.arrange), [wish, level], components(parts, BY_ARRANGEMENT), **EACH
    )
    parts["modes"].choose(
        sent(parts, coherence.place), [wish, level], components(parts, BY_FILM), **EACH
    )
    parts["gallery"].pick(
        sent(parts, coherence.pick, "sample"),
        [wish, level],
        components(parts, BY_PICTURE),
        **EACH,
    )
    parts["drop"].upload(
        named(parts, coherence.upload),
        [wish, parts["drop"], level],
        components(parts, BY_PICTURE),
        **LATEST,
    )
    _wire_painting(parts, coherence)
    _wire_answers(parts, coherence)


def _wire_painting(parts: Parts, coherence: Coherence) -> None:
    wish, level, stage = parts["wish"], parts["level"], parts["stage"]
    stage.paint(
        named(parts, coherence.paint),
        [wish, stage, level],
        components(parts, (*BY_LEVEL, "stage")),
        **LATEST,
    )
    stage.pin(named(parts, coherence.pin), [wish, level], components(parts, BY_LEVEL), **EACH)


def _wire_answers(parts: Parts, coherence: Coherence) -> None:
    """Let the page ask for what it lacks, a slice at a time, until nothing is missing."""
    wish, level, failed = parts["wish"], parts["level"], parts["failed"]
    for ask, run, lane in (
        (parts["ask"].pending, coherence.run, MODEL),
        (parts["ask"].film, coherence.run_film, HEAVY),
    ):
        ask(
            named(parts, run),
            [wish, level],
            components(parts, ("message", "failed")),
            trigger_mode="always_last",
            **lane,
        ).then(
            named(parts, coherence.settle),
            [wish, level, failed, parts["staged"]],
            components(parts, BY_PICTURE),
            **QUICK,
        )

    outputs = components(parts, BY_FILM)
    parts["exact"].film(
        named(parts, partial(coherence.film, filming=True)), [wish, level], outputs, **EACH
    )
    parts["exact"].stop(
        named(parts, partial(coherence.film, filming=False)), [wish, level], outputs, **EACH
    )
