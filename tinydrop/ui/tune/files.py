"""What the Tune page hands out: a table of settings as CSV, the report of a setting as JSON."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from tinydrop.core.budget import Setting
from tinydrop.studies.calibration import exit_regret
from tinydrop.studies.sweep import Outcome, sweep_report
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.traces import KnownTrace
from tinydrop.ui.tune.series import best_of, cascade_outcomes, frontier_outcomes
from tinydrop.ui.tune.tables import HarmfulRow

MEASURES = (
    "accuracy", "accuracy_drop", "top5", "macs", "saved", "exit_rate", "keep_ratio", "agreement",
    "pictures",
)  # fmt: skip
SETTING = ("tau", "gamma", "rule", "temperature")


def file_link(traced: KnownTrace, setting: Setting, kind: str, at: int) -> Markup:
    """Return a finished file as a link that downloads it; ``at`` makes it new."""
    if kind == "csv":
        text, mime = settings_csv(traced, setting), "text/csv"
    else:
        text, mime = setting_json(traced, setting), "application/json"
    name = f"{traced.stem}-tune.{kind}"
    address = f"data:{mime};base64,{base64.b64encode(text.encode()).decode()}"
    return draw("tune/fragments.html", "file", address=address, name=name, at=at)


def settings_csv(traced: KnownTrace, setting: Setting) -> str:
    """Return this setting, its baselines, the frontier and the pure cascade, one per line."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(("kind", *SETTING, *MEASURES))
    for kind, own, outcome in _lines(traced, setting):
        where = list(own.as_dict(SETTING).values()) if own is not None else [""] * 4
        figures = outcome.to_dict()
        table.writerow(
            (kind, *where, *("" if figures[n] is None else figures[n] for n in MEASURES))
        )
    return stream.getvalue()


def setting_json(traced: KnownTrace, setting: Setting) -> str:
    """Return what ``tinydrop sweep --json`` prints for this setting, with its provenance."""
    report = sweep_report(traced.trace, setting, random=traced.random, uniform=traced.uniform)
    known = traced.trace.provenance
    report["chosen"] = [found.to_dict() for found in best_of(traced, setting)]
    harmful = exit_regret(traced.trace, setting).harmful
    report["harmful_exits"] = [asdict(row) for row in harmful_exits(traced, setting, harmful)]
    report["trace"] = {
        "data": known.data,
        "data_fingerprint": known.data_fingerprint,
        "pair_digest": known.pair_digest,
        "seed": known.seed,
        "versions": dict(known.versions),
    }
    return json.dumps(report, indent=1, allow_nan=False)


def harmful_exits(
    traced: KnownTrace, setting: Setting, places: npt.NDArray[np.int64]
) -> list[HarmfulRow]:
    """Return what was said of the pictures at these places of the trace."""
    trace = traced.trace
    classes = trace.provenance.classes
    confidence = trace.column(setting.temperature)
    return [
        HarmfulRow(
            str(trace.picture_id[place]),
            classes[trace.guidance_class[place]],
            classes[trace.target_class[place, -1]],
            classes[trace.label[place]],
            float(confidence[place]),
        )
        for place in places
    ]


def _lines(traced: KnownTrace, setting: Setting) -> Iterator[tuple[str, Setting | None, Outcome]]:
    yield "this setting", setting, traced.outcome(setting)
    for name, outcome in traced.baselines(setting).items():
        yield f"{name} at this setting", setting, outcome
    for found in frontier_outcomes(traced, setting):
        yield "frontier", found.setting, found.outcome
    for found in cascade_outcomes(traced, setting):
        yield "cascade", found.setting, found.outcome
