"""Which event of the Tune page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from tinydrop.core.budget import CONTROLS
from tinydrop.ui.explore.handlers import Explore
from tinydrop.ui.explore.wiring import BY_SETTING as EXPLORE_BY_SETTING
from tinydrop.ui.explore.wiring import CONTROLS as EXPLORE_CONTROLS
from tinydrop.ui.kit.lanes import HEAVY, Crowd
from tinydrop.ui.kit.wiring import HEAVY as IN_HEAVY
from tinydrop.ui.kit.wiring import (
    LATEST,
    QUICK,
    Parts,
    components,
    keyed,
    named,
    payload,
    saved,
)
from tinydrop.ui.tune.handlers import Tune
from tinydrop.ui.tune.links import VIEW, named_in
from tinydrop.ui.tune.zip import Jobs

EXPLORE_ID, TUNE_ID = "explore", "tune"
EXTRAS = ("epsilon", "bound")
BY_SETTING = ("message", "numbers", "curve", "actions")
SETTLED = (
    "message", "intervals", "warnings", "formula", "baselines", "risk", "reliability", "regret",
    "harmful",
)  # fmt: skip
BY_RULE = ("message", "frontier", "chosen")
THRESHOLDS = ("message", "certified", "f1")
SHOWN = (*BY_SETTING, *CONTROLS, "trace", "classes", "foot", "trace_key", "progress")


def wire_tune(
    demo: gr.Blocks,
    pages: gr.Tabs,
    parts: Parts,
    tune: Tune,
    jobs: Jobs,
    explore_parts: Parts,
    explore: Explore,
    crowd: Crowd,
) -> None:
    """Connect the Tune page's events, and the two pages with each other."""
    controls = components(parts, ("trace_key", *CONTROLS))
    _wire_opening(demo, pages, parts, tune)
    _wire_controls(parts, tune, controls)
    _wire_files(parts, tune, controls)
    _wire_zip(parts, tune, jobs, explore_parts, crowd)

    def use(*values: Any) -> Any:
        updates = tune.use(*values)
        sentence = updates.pop("message")
        if sentence:
            return {parts["message"]: sentence}
        taken = {explore_parts[name]: value for name, value in updates.items()}
        return {parts["message"]: ""} | taken

    # Explore's number fields follow on their own; the rule's menu does not, so it is told.
    parts["actions"].use(
        use, controls, [parts["message"], *components(explore_parts, CONTROLS)], **QUICK
    ).then(
        None,
        [parts["message"]],
        [pages],
        js=f"(message) => message ? {{ __type__: 'update' }} : {_turned_to(EXPLORE_ID)}",
        **QUICK,
    ).then(
        named(explore_parts, explore.slide),
        components(explore_parts, ("look", *EXPLORE_CONTROLS)),
        components(explore_parts, EXPLORE_BY_SETTING),
        **QUICK,
    )


def _wire_opening(demo: gr.Blocks, pages: gr.Tabs, parts: Parts, tune: Tune) -> None:
    """Let the page ask for its figures when it is there to take them: gradio mounts it late."""

    def linked(request: gr.Request) -> Any:
        query = dict(request.query_params)
        return {parts["query"]: query if named_in(query) else {}}

    # In the browser: gradio tells every output of an event that ran on the server about each later
    # event, and for a container it then copies everything inside, which takes 50 ms and more.
    demo.load(linked, None, [parts["query"]], **QUICK).then(
        None,
        None,
        [pages],
        js=f"() => new URLSearchParams(location.search).get('view') === '{VIEW}' ? "
        f"{_turned_to(TUNE_ID)} : {{ __type__: 'update' }}",
        **QUICK,
    )
    opened = parts["numbers"].open(
        named(parts, tune.open), [parts["query"]], components(parts, (*SHOWN, "notice")), **QUICK
    )
    _draw_after(opened, parts, tune)


def _turned_to(page: str) -> str:
    return f"{{ __type__: 'update', selected: '{page}' }}"


def _draw_after(event: Any, parts: Parts, tune: Tune) -> None:
    """Draw the chart of a trace after its figures are on the page."""
    controls = components(parts, ("trace_key", *CONTROLS))
    event.then(named(parts, tune.redraw), controls, components(parts, BY_RULE), **QUICK)


def _wire_controls(parts: Parts, tune: Tune, controls: list[Any]) -> None:
    gr.on(
        [parts[name].change for name in CONTROLS],
        named(parts, tune.slide),
        controls,
        components(parts, BY_SETTING),
        **LATEST,
    )
    gr.on(
        [parts["rule"].change, parts["temperature"].change],
        named(parts, tune.redraw),
        controls,
        components(parts, BY_RULE),
        **LATEST,
    )
    # What was wrong with a link stays until a hand moves something; setting the sliders is none.
    for name in CONTROLS:
        parts[name].input(None, None, parts["notice"], js="() => ''", **QUICK)
    # The figures ask for what takes longer once the slider rests; the slowest waits the longest.
    parts["numbers"].pending(
        named(parts, tune.settle), controls, components(parts, SETTLED), **LATEST
    )
    promised = [named(parts, tune.promise), [*controls, *components(parts, EXTRAS)]]
    outputs = components(parts, THRESHOLDS)
    parts["numbers"].rest(*promised, outputs, **LATEST)
    gr.on([parts[name].change for name in EXTRAS], *promised, outputs, **LATEST)

    def take(event: gr.EventData, key: str) -> Any:
        return keyed(parts, tune.take(key, payload(event)))

    for name in ("frontier", "chosen", "certified", "f1"):
        parts[name].take(take, controls[:1], components(parts, ("message", *CONTROLS)), **LATEST)


def _wire_files(parts: Parts, tune: Tune, controls: list[Any]) -> None:
    outputs = components(parts, ("message", "actions"))
    parts["actions"].csv(saved(parts, tune.save, "csv"), controls, outputs, **QUICK)
    parts["actions"].json(saved(parts, tune.save, "json"), controls, outputs, **QUICK)


def _wire_zip(parts: Parts, tune: Tune, jobs: Jobs, explore_parts: Parts, crowd: Crowd) -> None:
    outputs = components(parts, (*SHOWN, "job"))

    def ask(upload: tuple[str, str] | None, request: gr.Request) -> Any:
        return keyed(parts, jobs.ask(request.session_hash, upload, crowd.behind(HEAVY)))

    def trace(
        job: str, upload: tuple[str, str] | None, pair: str, request: gr.Request
    ) -> Iterator[Any]:
        for updates in jobs.trace(request.session_hash, job, upload, pair, tune.own):
            yield keyed(parts, updates)

    traced = (
        parts["zip"]
        .upload(ask, [parts["zip"]], components(parts, ("message", "job", "progress")), **QUICK)
        .then(
            trace,
            [parts["job"], parts["zip"], explore_parts["pair"]],
            outputs,
            trigger_mode="multiple",
            **IN_HEAVY,
        )
    )
    _draw_after(traced, parts, tune)
    parts["progress"].stop(jobs.stop, [parts["job"]], None, **QUICK)
    _draw_after(
        parts["progress"].back(named(parts, tune.back), None, outputs, **QUICK), parts, tune
    )
