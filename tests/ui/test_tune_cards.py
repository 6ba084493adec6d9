"""What the Tune page says and draws, from values alone."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting
from tinydrop.core.numbers import exact_percent, macs_unit, macs_words
from tinydrop.studies.calibration import (
    certified_setting,
    certified_tau,
    exit_regret,
    f1_tau,
    failure_auroc,
    reliability,
    risk_coverage,
)
from tinydrop.studies.sweep import baselines, best_settings, bootstrap, evaluate, replay
from tinydrop.studies.trace import Trace
from tinydrop.ui.kit.chart import figure_of, plotly_script, table_rows
from tinydrop.ui.kit.styles import HERE
from tinydrop.ui.kit.traces import KnownTrace, TraceMaker
from tinydrop.ui.tune.calibration import reliability_chart, risk_coverage_chart
from tinydrop.ui.tune.curve import trace_curve
from tinydrop.ui.tune.frontier import NAMES, Mark, frontier_chart, gain_chart
from tinydrop.ui.tune.handlers import Tune
from tinydrop.ui.tune.numbers import (
    intervals_part,
    measured_line,
    numbers_card,
    numbers_formula,
    warnings_part,
)
from tinydrop.ui.tune.series import (
    baseline_rows,
    cascade_outcomes,
    chart_series,
    frontier_outcomes,
)
from tinydrop.ui.tune.tables import (
    HarmfulRow,
    baseline_table,
    chosen_table,
    harmful_table,
    regret_boxes,
)
from tinydrop.ui.tune.thresholds import certified_part, f1_part
from tinydrop.ui.tune.words import drop_words

SETTING = Setting(0.6, 1.3)
NASTY = '<img src=x onerror="alert(1)">${evil}`{{evil}}'


@pytest.fixture(scope="module")
def trace() -> Trace:
    return synthetic_trace(600, 3)


@pytest.fixture(scope="module")
def traced(trace: Trace) -> KnownTrace:
    return KnownTrace(
        "bundled",
        "Made up",
        trace,
        random=synthetic_trace(600, 3, selector="random"),
        uniform=synthetic_trace(600, 3, selector="uniform"),
    )


@pytest.fixture
def tune(traced: KnownTrace) -> Tune:
    return Tune(TraceMaker(lambda: traced))


class _Tags(HTMLParser):
    """Collects the tags, and whether they are closed in order."""

    VOID = frozenset(("img", "input", "br", "path", "circle", "rect"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] in self.VOID and self.open[-1] != tag:
            self.open.pop()
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def well_formed(html: str) -> list[str]:
    tags = _Tags()
    tags.feed(html)
    assert [tag for tag in tags.open if tag not in tags.VOID] == []
    return tags.seen


class TestWords:
    @pytest.mark.parametrize(
        ("share", "words"),
        [
            (0.7344, "73.4 %"),
            (0.0, "0.0 %"),
            (-0.0001, "0.0 %"),
            (-0.031, "-3.1 %"),
            (1, "100.0 %"),
        ],
    )
    def test_percent(self, share: float, words: str) -> None:
        assert exact_percent(share) == words

    @pytest.mark.parametrize(
        ("drop", "words"),
        [
            (0.51, "0.5 points below the full target"),
            (-1.2, "1.2 points above the full target"),
            (0.04, "as good as the full target"),
        ],
    )
    def test_drop(self, drop: float, words: str) -> None:
        assert drop_words(drop) == words

    def test_one_unit_for_all_that_stand_together(self) -> None:
        assert macs_words(20e6, 4.4e9) == "0.020 GMACs"
        assert macs_words(204e6, 184.6e6) == "204.0 MMACs"
        assert macs_words(151e6, 276e6) == "151.0 MMACs"


class TestNumbers:
    def test_the_tiles_are_the_outcome(self, trace: Trace) -> None:
        outcome, full = evaluate(trace, SETTING), baselines(trace, SETTING)["target"]
        card = numbers_card(outcome, full, "key")
        well_formed(card)
        for share in (outcome.accuracy, outcome.saved, outcome.exit_rate, outcome.agreement):
            number = exact_percent(share).removesuffix(" %")
            assert f"<b>{number} <span>%</span></b>" in card
        assert 'data-follow="key"' in card

    def test_when_all_exit_the_target_never_runs(self, trace: Trace) -> None:
        setting = Setting(0.01, 1.0)
        outcome, full = evaluate(trace, setting), baselines(trace, setting)["target"]
        assert outcome.keep_ratio is None
        assert "the target never runs" in numbers_card(outcome, full, "key")

    def test_a_loss_is_called_one(self, trace: Trace) -> None:
        setting = Setting(1.0, 8.0)
        dear = replace(trace, guidance_macs=trace.guidance_macs * 20)
        outcome, full = evaluate(dear, setting), baselines(dear, setting)["target"]
        assert outcome.saved < 0
        assert "more</b> than it costs" in numbers_card(outcome, full, "key")

    def test_intervals_name_their_tile(self, trace: Trace) -> None:
        spans = bootstrap(replay(trace, SETTING))
        part = intervals_part("key", spans)
        assert 'data-key="key"' in part
        card = numbers_card(evaluate(trace, SETTING), baselines(trace, SETTING)["target"], "key")
        for name in spans:
            assert f'data-interval="{name}"' in card

    def test_the_formula_adds_up(self, trace: Trace) -> None:
        outcome, full = evaluate(trace, SETTING), baselines(trace, SETTING)["target"]
        text = numbers_formula(outcome, full, trace.guidance_macs, trace.saliency_macs)
        well_formed(text)
        assert f"{outcome.macs:,.0f}" in text
        assert f"{outcome.saved:.4f}" in text

    def test_explore_s_line(self, trace: Trace) -> None:
        outcome, full = evaluate(trace, SETTING), baselines(trace, SETTING)["target"]
        assert exact_percent(outcome.accuracy) in measured_line(outcome, full)
        assert "Not traced" in measured_line(None, full)

    def test_warnings_are_words(self) -> None:
        assert warnings_part(()) == ""
        assert NASTY not in warnings_part([NASTY])


class TestFrontier:
    def test_every_series_is_drawn_and_has_its_rows(self, traced: KnownTrace) -> None:
        series = chart_series(traced, SETTING)
        chart = frontier_chart(series, Mark(0.5, 1e9, "here", SETTING), traced.full.macs)
        lines = [t["meta"]["line"] for t in figure_of(chart)["data"]]
        assert lines == [name for name in NAMES if series.get(name)] + [HERE]
        assert len(table_rows(chart)) == sum(map(len, series.values())) + 1

    def test_a_wrong_figure_would_be_refused(self) -> None:
        objects = pytest.importorskip("plotly.graph_objects")
        with pytest.raises(ValueError, match="Invalid"):
            objects.Figure({"data": [{"type": "scatter", "no_such_property": 1}]})

    def test_clickable_points_carry_their_setting(self, traced: KnownTrace) -> None:
        chart = frontier_chart(
            chart_series(traced, SETTING), Mark(0.5, 1e9, "here", SETTING), traced.full.macs
        )
        series = {one["meta"]["line"]: one for one in figure_of(chart)["data"]}
        unit = macs_unit(int(traced.full.macs))[0]
        for name in ("frontier", "settings", "knee", "chosen"):
            for x, y, (tau, gamma, temperature, rule) in zip(
                series[name]["x"], series[name]["y"], series[name]["customdata"], strict=True
            ):
                outcome = evaluate(traced.trace, Setting(tau, gamma, temperature, rule))
                assert x * unit == pytest.approx(outcome.macs, rel=1e-4)
                assert y == pytest.approx(100 * outcome.accuracy, abs=1e-4)
        assert "customdata" not in series["cascade"]

    def test_the_gain_is_on_the_best_cascade_that_costs_no_more(self) -> None:
        series = {
            "frontier": [Mark(0.2, 1e9, ""), Mark(0.5, 3e9, ""), Mark(0.6, 5e9, "")],
            "cascade": [Mark(0.3, 2e9, ""), Mark(0.45, 4e9, "")],
        }
        chart = gain_chart(series, 8e9)
        assert chart is not None
        assert [(p.x, round(p.y, 9)) for p in chart.lines[1].points] == [(3.0, 20.0), (5.0, 15.0)]
        assert gain_chart({"frontier": series["frontier"]}, 8e9) is None

    def test_the_frontier_is_beaten_by_none_of_the_cloud(self, traced: KnownTrace) -> None:
        best = frontier_outcomes(traced, SETTING)
        cost = [one.outcome.total_macs for one in best]
        right = [one.outcome.correct for one in best]
        assert cost == sorted(cost)
        assert right == sorted(set(right))

    def test_the_cascade_is_the_baseline_at_every_tau(self, traced: KnownTrace) -> None:
        for found in cascade_outcomes(traced, SETTING)[::7]:
            setting = replace(SETTING, tau=found.setting.tau)
            assert found.outcome == baselines(traced.trace, setting)["cascade"]

    def test_the_script_is_there(self) -> None:
        assert plotly_script().stat().st_size > 1_000_000


class TestCharts:
    def test_bars_are_the_pictures(self, traced: KnownTrace) -> None:
        counts = traced.histogram(1.0)
        assert counts.sum() == len(traced.trace)
        svg = trace_curve(SETTING, counts, 0.25, 196)
        assert svg.count("tn-bar") == np.count_nonzero(counts)
        assert "25 % of 600 pictures" in svg
        well_formed(svg)

    def test_reliability(self, trace: Trace) -> None:
        right = trace.guidance_rank == 0
        one, other = (reliability(trace.column(t), right) for t in (1.0, 2.0))
        svg = reliability_chart(one, other, 2.0, 1.37)
        well_formed(svg)
        assert exact_percent(one.ece) in svg
        assert exact_percent(other.ece) in svg
        assert svg.count("T = 2, the setting’s</th>") == sum(count > 0 for count in other.counts)

    def test_risk(self, trace: Trace) -> None:
        confidence, right = trace.column(1.0), trace.guidance_rank == 0
        curve, auroc = risk_coverage(confidence, right), failure_auroc(confidence, right)
        svg = risk_coverage_chart(curve, auroc, 0.3, 0.1)
        well_formed(svg)
        assert f"{curve.aurc:.3f}" in svg
        assert "30.0 % exit, 10.0 % of them wrong" in svg
        assert "nothing exits" in risk_coverage_chart(curve, None, 0.0, None)


class TestTables:
    def test_chosen(self, trace: Trace) -> None:
        found = best_settings(trace, samples=50)
        table = chosen_table(found, 4e9)
        well_formed(table)
        assert "300 pictures), reported on the other half (300)" in table
        for row in found:
            for note in row.notes:
                assert note.partition("%")[0][:40] in table

    def test_none_within_the_drop_says_so(self, trace: Trace) -> None:
        found = best_settings(trace, (0.0,), taus=(0.02,), gammas=(0.125,), samples=50)
        assert found[0].setting is None
        assert "No setting keeps the accuracy drop" in chosen_table(found, 4e9)

    def test_regret(self, trace: Trace) -> None:
        regret = exit_regret(trace, SETTING)
        boxes = regret_boxes(regret)
        well_formed(boxes)
        assert f"<b>{regret.right_right:,}</b>" in boxes
        none = exit_regret(trace, Setting(1.0, 1.0))
        assert "No picture exits" in regret_boxes(none)

    def test_names_from_a_visitor_s_zip_stay_text(self) -> None:
        table = harmful_table([HarmfulRow(NASTY, NASTY, NASTY, NASTY, 0.9)], 1)
        assert "<img" not in table
        assert "${" not in table
        assert "{{" not in table

    def test_baselines(self, traced: KnownTrace) -> None:
        rows = baseline_rows(traced, SETTING)
        assert len(rows) == 7
        well_formed(baseline_table(rows, traced.full.macs))

    def test_thresholds(self, trace: Trace) -> None:
        right, full = trace.guidance_rank == 0, trace.target_rank[:, -1] == 0
        exits = certified_tau(right, full, trace.column(1.0), 5.0)
        dropping = certified_setting(trace, SETTING, 0.1)
        part = certified_part(exits, dropping, SETTING)
        well_formed(part)
        assert dropping.tau is None
        assert f"tau {exits.tau:g}" in part
        assert "0.1 points" in part
        found = f1_tau(trace, SETTING)
        assert f"tau {found.tau:g}" in f1_part(found, SETTING)
