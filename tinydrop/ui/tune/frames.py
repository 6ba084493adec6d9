"""A trace at a setting as the pieces of HTML that the Tune page shows, by what changes them."""

from __future__ import annotations

import hashlib

import numpy as np

from tinydrop.core.budget import Setting
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
from tinydrop.ui.kit.bench import Bench
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.tune.calibration import reliability_chart, risk_coverage_chart
from tinydrop.ui.tune.curve import trace_curve
from tinydrop.ui.tune.files import file_link, harmful_exits
from tinydrop.ui.tune.frontier import Mark, frontier_json
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
from tinydrop.ui.tune.words import macs_words, too_few

Frame = dict[str, str]


def moving(bench: Bench, setting: Setting) -> Frame:
    """Return what follows a slider at once."""
    outcome = bench.outcome(setting)
    trace = bench.trace
    # With few pictures the intervals stand before single figures.
    few = bench.intervals(setting) if bench.few else None
    return {
        "numbers": numbers_card(outcome, bench.full, _key(bench, setting), few),
        "curve": trace_curve(
            setting,
            bench.histogram(setting.temperature),
            outcome.exit_rate,
            trace.provenance.num_patches,
        ),
        "actions": actions(bench, setting),
    }


def following(bench: Bench, setting: Setting) -> Frame:
    """Return what follows a slider a moment later: intervals, signs of failure and regret."""
    trace = bench.trace
    regret = exit_regret(trace, setting)
    harmful = harmful_exits(bench, setting, regret.harmful[:HARMFUL_SHOWN])
    return {
        "intervals": intervals_part(_key(bench, setting), bench.intervals(setting)),
        "warnings": warnings_part(signs_of_failure(bench, setting)),
        "formula": numbers_formula(
            bench.outcome(setting), bench.full, trace.guidance_macs, trace.saliency_macs
        ),
        "baselines": baseline_table(baseline_rows(bench, setting), bench.full.macs),
        "risk": _risk(bench, setting),
        "reliability": _reliability(bench, setting),
        "regret": regret_boxes(regret),
        "harmful": harmful_table(harmful, regret.wrong_right),
    }


def by_rule(bench: Bench, setting: Setting) -> Frame:
    """Return the chart and the table of chosen settings, under this rule and temperature."""
    outcome, trace = bench.outcome(setting), bench.trace
    here = Mark(outcome.accuracy, outcome.macs, "this setting", setting)
    return {
        "frontier": frontier_json(chart_series(bench, setting), here, bench.full.macs),
        "chosen": too_few(len(trace))
        if bench.few
        else chosen_table(best_of(bench, setting), bench.full.macs),
    }


def thresholds(bench: Bench, setting: Setting, epsilon: float, bound: str) -> Frame:
    """Return the taus found by rule; all but tau counts.

    Args:
        bench: the trace.
        setting: gamma, rule and temperature.
        epsilon: allowed accuracy drop in percentage points.
        bound: a name in ``calibration.BOUNDS``.
    """
    trace = bench.trace
    same = (setting.gamma, setting.rule, setting.temperature, setting.fixed_keep_ratio)
    right, full = trace.guidance_rank == 0, trace.target_rank[:, -1] == 0
    exits = certified_tau(right, full, trace.column(setting.temperature), epsilon, bound=bound)
    dropping = bench.once(
        ("certified", *same, epsilon, bound),
        lambda: certified_setting(trace, setting, epsilon, bound=bound),
    )
    certified = certified_part(exits, dropping, setting)
    if bench.few:
        return {"certified": certified, "f1": too_few(len(trace))}
    found = bench.once(("f1", *same), lambda: f1_tau(trace, setting))
    return {"certified": certified, "f1": f1_part(found, setting)}


def still(bench: Bench) -> Frame:
    """Return what only another trace changes."""
    return {"trace": _facts(bench), "foot": _foot(bench), "classes": _classes(bench)}


def actions(bench: Bench, setting: Setting, kind: str = "", at: int = 0) -> str:
    """Return what the buttons need: the link's query, and a finished file where one was made."""
    made = file_link(bench, setting, kind, at) if kind else ""
    own = ' data-own="1"' if bench.own else ""
    return (
        f'<div data-query="{escape(query_of_setting(setting))}" data-stem="{escape(bench.stem)}"'
        f"{own}>{made}</div>"
    )


def _risk(bench: Bench, setting: Setting) -> str:
    trace = bench.trace
    temperature = setting.temperature
    confidence = trace.column(temperature)
    right = trace.guidance_rank == 0
    curve = bench.once(("risk", temperature), lambda: risk_coverage(confidence, right))
    auroc = bench.once(("auroc", temperature), lambda: (failure_auroc(confidence, right),))[0]
    exited = confidence.astype(np.float64) > setting.tau
    wrong = float((~right[exited]).mean()) if exited.any() else None
    return risk_coverage_chart(curve, auroc, float(exited.mean()), wrong)


def _reliability(bench: Bench, setting: Setting) -> str:
    trace = bench.trace
    right = trace.guidance_rank == 0

    def work() -> str:
        fitted = bench.once(
            "fit", lambda: fit_temperature(trace.guidance_logits, trace.label).temperature
        )
        plain = reliability(trace.column(1.0), right)
        scaled = reliability(trace.column(setting.temperature), right)
        return reliability_chart(plain, scaled, setting.temperature, fitted)

    return bench.once(("reliability", setting.temperature), work)


def _key(bench: Bench, setting: Setting) -> str:
    """Return a name of the trace at the setting: what belongs together carries the same."""
    named = f"{bench.key} {query_of_setting(setting)} {setting.fixed_keep_ratio}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _facts(bench: Bench) -> str:
    known = bench.trace.provenance
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in known.skipped.items() if count)
    facts = [
        ("pictures", f"{len(bench.trace):,} of {known.data}"),
        ("left out", skipped or "none"),
        ("pair", f"{known.pair}, {len(known.classes)} classes"),
        ("patches by", known.selector),
        *([("measured", known.drawn)] if known.drawn else []),
        ("full target", macs_words(bench.full.macs, bench.full.macs)),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f'<p class="td-hint">{escape(bench.title)}</p><dl class="tn-facts">{listed}</dl>'


def _classes(bench: Bench) -> str:
    """Return the names that folders may have: the classes of the trace's pair."""
    known = bench.trace.provenance
    names = "; ".join(escape(name) for name in known.classes)
    return f'<p class="td-hint">{len(known.classes)} classes of {escape(known.pair)}: {names}</p>'


def _foot(bench: Bench) -> str:
    known = bench.trace.provenance
    versions = ", ".join(f"{name} {number}" for name, number in known.versions.items())
    return (
        '<footer class="td-foot">Trace of pair '
        f"<b>{escape(known.pair)}</b> (sha256 <code>{escape(known.pair_digest[:12])}</code>) on "
        f"{escape(known.data)} (fingerprint <code>{escape(known.data_fingerprint[:12])}</code>). "
        f"{escape(versions)}. The budget formula is our reconstruction of the paper's; fewer "
        "multiply-accumulates are not always faster.</footer>"
    )
