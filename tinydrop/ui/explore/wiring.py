"""Which event of the Explore page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from tinydrop.studies.errands import run_errand
from tinydrop.ui.explore.handlers import Explore
from tinydrop.ui.kit.lanes import HEAVY as HEAVY_LANE
from tinydrop.ui.kit.turns import Turns
from tinydrop.ui.kit.wiring import (
    EACH,
    HEAVY,
    LATEST,
    MODEL,
    PRIVATE,
    QUICK,
    Parts,
    components,
    keyed,
    named,
    saved,
    sent,
)

CAME = "() => document.documentElement.classList.remove('td-coming')"
"""What a link names has come, or a sentence on why not; see coming.js."""

CONTROLS = ("tau", "gamma", "temperature", "rule", "selector", "accounting")
BY_SETTING = (
    "message", "mask", "decision", "cost", "cost_formula", "answers", "curve", "budget_formula",
    "actions", "flow",
)  # fmt: skip
BY_PICTURE = (*BY_SETTING, "picture", "map", "credit", "selector_note", "look", "staged")
EVERY = (*BY_PICTURE, "pair", "pair_note", "foot", "classes", *CONTROLS[:5])


def wire(demo: gr.Blocks, parts: Parts, explore: Explore, turns: Turns | None = None) -> None:
    """Connect the page's events to its handlers."""
    look = [parts["look"]]
    controls = [*look, *components(parts, CONTROLS)]
    _wire_controls(parts, explore, controls)
    _wire_pictures(parts, explore, controls)
    _wire_files(parts, explore, controls)

    _wire_pairs(demo, parts, explore, turns or Turns())


def _wire_pairs(demo: gr.Blocks, parts: Parts, explore: Explore, turns: Turns) -> None:
    """Connect the menu of pairs and links; a pair that must be fetched comes in the heavy lane."""
    look, controls = [parts["look"]], components(parts, CONTROLS)

    def switch(look: Any, pair: str, *values: Any, request: gr.Request) -> Any:
        job = turns.claim(request.session_hash, "fetch")  # an older download is not wanted any more
        ahead = explore.crowd.behind(HEAVY_LANE)
        return keyed(parts, explore.switch(look, pair, ahead, *values) | {"job": job})

    def chosen(
        look: Any, pair: Any, tau: Any, gamma: Any, temperature: Any, rule: Any, selector: Any,
        accounting: Any, request: gr.Request,
    ) -> Any:  # fmt: skip
        values = (tau, gamma, temperature, rule, selector, accounting)
        return switch(look, pair, *values, request=request)

    def fetch(
        look: Any, pair: Any, query: Any, job: str, tau: Any, gamma: Any, temperature: Any,
        rule: Any, selector: Any, accounting: Any,
    ) -> Iterator[Any]:  # fmt: skip
        if turns.stopped(job):
            return
        values = (tau, gamma, temperature, rule, selector, accounting)
        fetched = run_errand("fetch", {"pair": str(pair)}, lambda: turns.stopped(job))
        for updates in explore.fetch(look, str(pair), query, fetched, *values):
            yield keyed(parts, updates)

    parts["pair"].input(
        chosen,
        [*look, parts["pair"], *controls],
        components(parts, (*EVERY, "query", "job")),
        trigger_mode="always_last",
        **MODEL,
    )
    parts["pair_note"].fetch(
        fetch,
        [*look, parts["pair"], parts["query"], parts["job"], *controls],
        components(parts, EVERY),
        trigger_mode="multiple",
        **HEAVY,
    )
    parts["pair_note"].stop(turns.stop, [parts["job"]], None, **QUICK)

    def restore(request: gr.Request, accounting: str) -> Any:
        query, job = dict(request.query_params), turns.claim(request.session_hash, "fetch")
        ahead = explore.crowd.behind(HEAVY_LANE)
        return keyed(parts, explore.restore(query, accounting, ahead) | {"job": job})

    shown = demo.load(
        restore, [parts["accounting"]], components(parts, (*EVERY, "query", "job")), **MODEL
    )
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
        components(parts, BY_SETTING),
        **LATEST,
    )
    parts["selector"].input(
        named(parts, explore.choose),
        controls,
        components(parts, BY_PICTURE),
        trigger_mode="always_last",
        **MODEL,
    )

    def settle(look: Any, staged: str, *values: Any) -> Any:
        return keyed(parts, explore.settle(look, *values, staged=staged))

    # The card asks for what it lacks; one run at a time, and after it the newest wish counts.
    parts["decision"].pending(
        named(parts, explore.run),
        controls,
        components(parts, ["message"]),
        trigger_mode="always_last",
        **MODEL,
    ).then(
        settle,
        [controls[0], parts["staged"], *controls[1:]],
        components(parts, BY_PICTURE),
        **QUICK,
    )

    parts["stage"].force(
        named(parts, explore.force),
        [controls[0], parts["stage"], *controls[1:]],
        components(parts, (*BY_SETTING, "look", "stage")),
        **LATEST,
    )


def _wire_pictures(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    # Quick: the picture is shown at once, and the decision card then asks for what the models say.
    parts["gallery"].pick(
        sent(parts, explore.pick, "sample"), controls, components(parts, BY_PICTURE), **EACH
    )
    parts["drop"].upload(
        named(parts, explore.upload),
        [controls[0], parts["drop"], *controls[1:]],
        components(parts, BY_PICTURE),
        **LATEST,
    )


def _wire_files(parts: Parts, explore: Explore, controls: list[Any]) -> None:
    outputs = components(parts, ("message", "files"))
    parts["actions"].png(saved(parts, explore.save, "png"), controls, outputs, **MODEL)
    parts["actions"].json(saved(parts, explore.save, "json"), controls, outputs, **MODEL)
