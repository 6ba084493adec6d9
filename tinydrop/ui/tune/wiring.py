"""Which event of the Tune page calls which handler, and what it may change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr

from tinydrop.ui.explore.handlers import Explore
from tinydrop.ui.explore.wiring import CONTROLS as EXPLORE_CONTROLS
from tinydrop.ui.explore.wiring import MOVING as EXPLORE_MOVING
from tinydrop.ui.kit.answering import Updates
from tinydrop.ui.kit.lanes import HEAVY, Crowd
from tinydrop.ui.kit.wiring import HEAVY as IN_HEAVY
from tinydrop.ui.kit.wiring import QUICK, Parts, payload, some
from tinydrop.ui.tune.handlers import Tune
from tinydrop.ui.tune.links import VIEW, named_in
from tinydrop.ui.tune.zip import Jobs

EXPLORE_ID, TUNE_ID = "explore", "tune"
LATEST: dict[str, Any] = {"trigger_mode": "always_last"} | QUICK
CONTROLS = ("tau", "gamma", "temperature", "rule")
EXTRAS = ("epsilon", "bound")
MOVING = ("message", "numbers", "curve", "actions")
FOLLOWING = (
    "message", "intervals", "warnings", "formula", "baselines", "risk", "reliability", "regret",
    "harmful",
)  # fmt: skip
BY_RULE = ("message", "frontier", "chosen")
THRESHOLDS = ("message", "certified", "f1")
SHOWN = (*MOVING, *CONTROLS, "trace", "classes", "foot", "bench", "progress")


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
    controls = some(parts, ("bench", *CONTROLS))
    _wire_opening(demo, pages, parts, tune)
    _wire_controls(parts, tune, controls)
    _wire_files(parts, tune, controls)
    _wire_zip(parts, tune, jobs, explore_parts, crowd)

    def use(*values: Any) -> dict[Any, Any]:
        updates = tune.use(*values)
        sentence = updates.pop("message")
        if sentence:
            return {parts["message"]: sentence}
        taken = {explore_parts[name]: value for name, value in updates.items()}
        return {parts["message"]: ""} | taken

    # Explore's number fields follow on their own; the rule's menu does not, so it is told.
    parts["actions"].use(
        use, controls, [parts["message"], *some(explore_parts, CONTROLS)], **QUICK
    ).then(
        None,
        [parts["message"]],
        [pages],
        js=f"(message) => message ? {{ __type__: 'update' }} : {_turned_to(EXPLORE_ID)}",
        **QUICK,
    ).then(
        _named(explore_parts, explore.slide),
        some(explore_parts, ("look", *EXPLORE_CONTROLS)),
        some(explore_parts, EXPLORE_MOVING),
        **QUICK,
    )


def _wire_opening(demo: gr.Blocks, pages: gr.Tabs, parts: Parts, tune: Tune) -> None:
    """Let the page ask for its figures when it is there to take them: gradio mounts it late."""

    def linked(request: gr.Request) -> dict[Any, Any]:
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
        _named(parts, tune.open), [parts["query"]], some(parts, (*SHOWN, "notice")), **QUICK
    )
    _draw_after(opened, parts, tune)


def _turned_to(page: str) -> str:
    return f"{{ __type__: 'update', selected: '{page}' }}"


def _draw_after(event: Any, parts: Parts, tune: Tune) -> None:
    """Draw the chart of a trace after its figures are on the page."""
    controls = some(parts, ("bench", *CONTROLS))
    event.then(_named(parts, tune.redraw), controls, some(parts, BY_RULE), **QUICK)


def _wire_controls(parts: Parts, tune: Tune, controls: list[Any]) -> None:
    gr.on(
        [parts[name].change for name in CONTROLS],
        _named(parts, tune.slide),
        controls,
        some(parts, MOVING),
        **LATEST,
    )
    gr.on(
        [parts["rule"].change, parts["temperature"].change],
        _named(parts, tune.redraw),
        controls,
        some(parts, BY_RULE),
        **LATEST,
    )
    # What was wrong with a link stays until a hand moves something; setting the sliders is none.
    for name in CONTROLS:
        parts[name].input(None, None, parts["notice"], js="() => ''", **QUICK)
    # The figures ask for what takes longer once the slider rests; the slowest waits the longest.
    parts["numbers"].pending(_named(parts, tune.settle), controls, some(parts, FOLLOWING), **LATEST)
    promised = [_named(parts, tune.promise), [*controls, *some(parts, EXTRAS)]]
    outputs = some(parts, THRESHOLDS)
    parts["numbers"].rest(*promised, outputs, **LATEST)
    gr.on([parts[name].change for name in EXTRAS], *promised, outputs, **LATEST)

    def take(event: gr.EventData, key: str) -> dict[Any, Any]:
        return _keyed(parts, tune.take(key, payload(event)))

    for name in ("frontier", "chosen", "certified", "f1"):
        parts[name].take(take, controls[:1], some(parts, ("message", *CONTROLS)), **LATEST)


def _wire_files(parts: Parts, tune: Tune, controls: list[Any]) -> None:
    def saver(kind: str) -> Callable[..., dict[Any, Any]]:
        def save(event: gr.EventData, *values: Any) -> dict[Any, Any]:
            at = int(payload(event).get("at") or 0)
            return _keyed(parts, tune.save(kind, at, *values))

        return save

    outputs = some(parts, ("message", "actions"))
    parts["actions"].csv(saver("csv"), controls, outputs, **QUICK)
    parts["actions"].json(saver("json"), controls, outputs, **QUICK)


def _wire_zip(parts: Parts, tune: Tune, jobs: Jobs, explore_parts: Parts, crowd: Crowd) -> None:
    outputs = some(parts, (*SHOWN, "job"))

    def ask(upload: tuple[str, str] | None, request: gr.Request) -> dict[Any, Any]:
        return _keyed(parts, jobs.ask(request.session_hash, upload, crowd.behind(HEAVY)))

    def trace(
        job: str, upload: tuple[str, str] | None, pair: str, request: gr.Request
    ) -> Iterator[dict[Any, Any]]:
        for updates in jobs.trace(request.session_hash, job, upload, pair, tune.own):
            yield _keyed(parts, updates)

    traced = (
        parts["zip"]
        .upload(ask, [parts["zip"]], some(parts, ("message", "job", "progress")), **QUICK)
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
        parts["progress"].back(_named(parts, tune.back), None, outputs, **QUICK), parts, tune
    )


def _keyed(parts: Parts, updates: Mapping[str, Any]) -> dict[Any, Any]:
    """Return a handler's updates under gradio's components; gradio takes no empty answer."""
    shown = {parts[name]: _shown(name, value) for name, value in updates.items()}
    return shown or {parts["message"]: gr.skip()}


def _shown(name: str, value: Any) -> Any:
    if name == "temperature" and isinstance(value, tuple):
        choices, chosen = value
        return gr.Dropdown(choices=choices, value=chosen)
    return value


def _named(parts: Parts, handler: Callable[..., Updates]) -> Callable[..., dict[Any, Any]]:
    def called(*values: Any) -> dict[Any, Any]:
        return _keyed(parts, handler(*values))

    return called
