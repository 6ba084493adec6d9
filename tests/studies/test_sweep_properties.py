"""Laws of the sweep: a grid is evaluate, replay is the pipeline's budget, frontiers dominate."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from made_up import synthetic_trace

from tinydrop.core.budget import Setting, decide_budget
from tinydrop.studies.sweep import decided, evaluate, frontier, replay, sweep_grid
from tinydrop.studies.trace import Trace

BIG = synthetic_trace(700, seed=8, num_patches=30, unranked_share=0.03)

taus = st.one_of(
    st.floats(1e-6, 1),
    st.sampled_from(BIG.confidence[:, 14].astype(float).tolist()),  # tau exactly at a confidence
    st.sampled_from([1.0, 0.5, 5e-324]),
)
gammas = st.one_of(st.floats(1e-12, 8), st.sampled_from([1.0, 8.0, 0.5, 5e-324]))
rules = st.sampled_from(["curvature", "linear", "fixed"])
temperatures = st.sampled_from(BIG.provenance.temperatures)
sizes = st.one_of(st.integers(1, 700), st.sampled_from([1, 2, 127, 128, 129, 256, 384]))


@tries(max_examples=150)
@given(
    sizes,
    st.lists(taus, min_size=1, max_size=4),
    st.lists(gammas, min_size=1, max_size=4),
    rules,
    temperatures,
    st.floats(1e-6, 1),
)
def test_every_cell_of_a_grid_has_the_counts_of_evaluate(size, ts, gs, rule, temperature, share):
    trace = BIG.take(np.arange(size))
    base = Setting(temperature=temperature, rule=rule, fixed_keep_ratio=share)
    grid = sweep_grid(trace, ts, gs, base)
    for cell in grid.cells():
        out = evaluate(trace, grid.setting(*cell))
        assert grid.outcome(*cell) == out
        assert grid.accuracy_drop[cell] == out.accuracy_drop
        assert (grid.accuracy[cell], grid.macs[cell]) == (out.accuracy, out.macs)
        assert (grid.saved[cell], grid.exit_rate[cell]) == (out.saved, out.exit_rate)


@tries(max_examples=100)
@given(sizes, taus, gammas, rules)
def test_crowded_confidences_change_nothing(size, tau, gamma, rule):
    # Many equal confidences, so that rows of the search begin and end inside runs of equals.
    few = np.round(BIG.confidence[:size] * 12) / 12
    fields = {name: getattr(BIG.take(np.arange(size)), name) for name in BIG.__dataclass_fields__}
    trace = Trace(**{**fields, "confidence": few.astype(np.float32)})
    grid = sweep_grid(trace, [tau], [gamma], Setting(rule=rule))
    assert grid.outcome(0, 0) == evaluate(trace, grid.setting(0, 0))


@tries(max_examples=60)
@given(taus, gammas, rules, temperatures, st.integers(0, 680))
def test_a_replay_decides_like_the_pipeline(tau, gamma, rule, temperature, start):
    setting = Setting(tau, gamma, temperature, rule)
    trace = BIG.take(np.arange(start, start + 20))
    run = replay(trace, setting)
    for i, c in enumerate(trace.column(temperature)):
        budget = decide_budget(float(c), setting, 30)
        assert run.exited[i] == budget.exited
        kept = 30 if trace.unranked[i] and not budget.exited else budget.num_keep
        assert run.num_keep[i] == kept


points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30)


@given(points)
def test_a_frontier_rises_and_covers_every_point(cloud):
    macs, right = np.array(cloud).T
    found = frontier(macs, right)
    assert (np.diff(macs[found]) > 0).all()
    assert (np.diff(right[found]) > 0).all()
    for m, r in cloud:
        assert ((macs[found] <= m) & (right[found] >= r)).any()


def test_the_comparison_notices_one_confidence_moved_past_tau():
    # Negative twin of the first law: one picture moves across tau and the counts differ.
    moved = BIG.confidence.copy()
    inside = int(np.flatnonzero(moved[:, 14] <= 0.5)[0])
    moved[inside] = 0.9
    fields = {name: getattr(BIG, name) for name in BIG.__dataclass_fields__}
    grid = sweep_grid(Trace(**{**fields, "confidence": moved}), [0.5], [1.0])
    assert grid.outcome(0, 0) != evaluate(BIG, Setting(tau=0.5))


@tries(max_examples=100)
@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=40),
    taus,
    gammas,
    rules,
)
def test_decisions_without_a_trace_are_those_of_the_budget(pictures, tau, gamma, rule):
    setting = Setting(tau=tau, gamma=gamma, rule=rule)
    confidence = np.array([c for c, _ in pictures], dtype=np.float32)
    unranked = np.array([flat for _, flat in pictures])
    exited, level = decided(confidence, unranked, setting)
    for row, (one, flat) in enumerate(pictures):
        budget = decide_budget(one, setting, 30)
        assert exited[row] == budget.exited
        if not budget.exited:
            assert level[row] == (16 if flat else budget.level)
