"""A trace at a setting as the pieces of HTML that the Tune page shows, by what changes them."""

from __future__ import annotations

import hashlib

import numpy as np
from markupsafe import Markup

from tinydrop.core.budget import Setting
from tinydrop.core.numbers import macs_words
from tinydrop.studies.calibration import (
    certified_setting,
    certified_tau,
    exit_regret,
    f1_tau,
    failure_auroc,
    fit_temperature,
    reliability,
    risk_coverage,
)
from tinydrop.ui.kit.fragments import Fragments
from tinydrop.ui.kit.pieces import note
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.traces import KnownTrace
from tinydrop.ui.tune.calibration import reliability_chart, risk_coverage_chart
from tinydrop.ui.tune.curve import trace_curve
from tinydrop.ui.tune.files import file_link, harmful_exits
from tinydrop.ui.tune.frontier import Mark, frontier_html
from tinydrop.ui.tune.links import query_of_setting
from tinydrop.ui.tune.numbers import intervals_part, numbers_card, numbers_formula, warnings_part
from tinydrop.ui.tune.series import baseline_rows, best_of, chart_series
from tinydrop.ui.tune.signs import signs_of_failure
from tinydrop.ui.tune.tables import (
    HARMFUL_SHOWN,
    baseline_table,
    chosen_table,
    harmful_table,
    regret_boxes,
)
from tinydrop.ui.tune.thresholds import certified_part, f1_part
from tinydrop.ui.tune.words import too_few

FILE = "tune/fragments.html"


def setting_parts(traced: KnownTrace, setting: Setting) -> Fragments:
    """Return what follows a slider at once."""
    outcome = traced.outcome(setting)
    trace = traced.trace
    # With few pictures the intervals stand before single figures.
    few = traced.intervals(setting) if traced.few else None
    return {
        "numbers": numbers_card(outcome, traced.full, _key(traced, setting), few),
        "curve": trace_curve(
            setting,
            traced.histogram(setting.temperature),
            outcome.exit_rate,
            trace.provenance.num_patches,
        ),
        "actions": actions(traced, setting),
    }


def settled_parts(traced: KnownTrace, setting: Setting) -> Fragments:
    """Return what follows a slider a moment later: intervals, signs of failure and regret."""
    trace = traced.trace
    regret = exit_regret(trace, setting)
    harmful = harmful_exits(traced, setting, regret.harmful[:HARMFUL_SHOWN])
    return {
        "intervals": intervals_part(_key(traced, setting), traced.intervals(setting)),
        "warnings": warnings_part(signs_of_failure(traced, setting)),
        "formula": numbers_formula(
            traced.outcome(setting), traced.full, trace.guidance_macs, trace.saliency_macs
        ),
        "baselines": baseline_table(baseline_rows(traced, setting), traced.full.macs),
        "risk": _risk(traced, setting),
        "reliability": _reliability(traced, setting),
        "regret": regret_boxes(regret),
        "harmful": harmful_table(harmful, regret.wrong_right),
    }


def rule_parts(traced: KnownTrace, setting: Setting) -> Fragments:
    """Return the chart and the table of chosen settings, under this rule and temperature."""
    outcome, trace = traced.outcome(setting), traced.trace
    here = Mark(outcome.accuracy, outcome.macs, "this setting", setting)
    return {
        "frontier": frontier_html(chart_series(traced, setting), here, traced.full.macs),
        "chosen": too_few(len(trace))
        if traced.few
        else chosen_table(best_of(traced, setting), traced.full.macs),
    }


def thresholds(traced: KnownTrace, setting: Setting, epsilon: float, bound: str) -> Fragments:
    """Return the taus found by rule; all but tau counts.

    Args:
        traced: the trace.
        setting: gamma, rule and temperature.
        epsilon: allowed accuracy drop in percentage points.
        bound: a name in ``calibration.BOUNDS``.
    """
    trace = traced.trace
    same = (setting.gamma, setting.rule, setting.temperature, setting.fixed_keep_ratio)
    right, full = trace.guidance_rank == 0, trace.target_rank[:, -1] == 0
    exits = certified_tau(right, full, trace.column(setting.temperature), epsilon, bound=bound)
    dropping = traced.once(
        ("certified", *same, epsilon, bound),
        lambda: certified_setting(trace, setting, epsilon, bound=bound),
    )
    certified = certified_part(exits, dropping, setting)
    if traced.few:
        return {"certified": certified, "f1": too_few(len(trace))}
    found = traced.once(("f1", *same), lambda: f1_tau(trace, setting))
    return {"certified": certified, "f1": f1_part(found, setting)}


def trace_parts(traced: KnownTrace) -> Fragments:
    """Return what only another trace changes."""
    return {"trace": _facts(traced), "foot": _foot(traced), "classes": _classes(traced)}


def actions(traced: KnownTrace, setting: Setting, kind: str = "", at: int = 0) -> Markup:
    """Return what the buttons need: the link's query, and a finished file where one was made."""
    made = file_link(traced, setting, kind, at) if kind else ""
    query, own = query_of_setting(setting), traced.own
    return draw(FILE, "actions", query=query, stem=traced.stem, own=own, made=made)


def _risk(traced: KnownTrace, setting: Setting) -> str:
    trace = traced.trace
    temperature = setting.temperature
    confidence = trace.column(temperature)
    right = trace.guidance_rank == 0
    curve = traced.once(("risk", temperature), lambda: risk_coverage(confidence, right))
    auroc = traced.once(("auroc", temperature), lambda: (failure_auroc(confidence, right),))[0]
    exited = confidence.astype(np.float64) > setting.tau
    wrong = float((~right[exited]).mean()) if exited.any() else None
    return risk_coverage_chart(curve, auroc, float(exited.mean()), wrong)


def _reliability(traced: KnownTrace, setting: Setting) -> str:
    trace = traced.trace
    right = trace.guidance_rank == 0

    def work() -> str:
        fitted = traced.once(
            "fit", lambda: fit_temperature(trace.guidance_logits, trace.label).temperature
        )
        plain = reliability(trace.column(1.0), right)
        scaled = reliability(trace.column(setting.temperature), right)
        return reliability_chart(plain, scaled, setting.temperature, fitted)

    return traced.once(("reliability", setting.temperature), work)


def _key(traced: KnownTrace, setting: Setting) -> str:
    """Return a name of the trace at the setting: what belongs together carries the same."""
    named = f"{traced.key} {query_of_setting(setting)} {setting.fixed_keep_ratio}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _facts(traced: KnownTrace) -> Markup:
    known = traced.trace.provenance
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in known.skipped.items() if count)
    facts = [
        ("pictures", f"{len(traced.trace):,} of {known.data}"),
        ("left out", skipped or "none"),
        ("pair", f"{known.pair}, {len(known.classes)} classes"),
        ("patches by", known.selector),
        *([("measured", known.drawn)] if known.drawn else []),
        ("full target", macs_words(traced.full.macs, traced.full.macs)),
    ]
    return draw(FILE, "trace", title=traced.title, pairs=facts)


def _classes(traced: KnownTrace) -> Markup:
    """Return the names that folders may have: the classes of the trace's pair."""
    known = traced.trace.provenance
    return note(f"{len(known.classes)} classes of {known.pair}: {'; '.join(known.classes)}")


def _foot(traced: KnownTrace) -> Markup:
    known = traced.trace.provenance
    return draw(
        FILE,
        "foot",
        pair=known.pair,
        digest=known.pair_digest[:12],
        data=known.data,
        fingerprint=known.data_fingerprint[:12],
        versions=", ".join(f"{name} {number}" for name, number in known.versions.items()),
    )
