"""Tuned on one half, reported on the other; the frontier, its knee and the printed report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.sweep import (
    MEASURES,
    baselines,
    best_settings,
    evaluate,
    frontier,
    knee,
    measure,
    replay,
    split_halves,
    sweep_report,
)

TRACE = synthetic_trace(400, seed=3, unranked_share=0.05)


def test_halves_share_nothing_and_miss_nothing():
    first, second = split_halves(TRACE.take(range(7)), seed=4)
    assert (len(first), len(second)) == (3, 4)
    assert sorted([*first, *second]) == list(range(7))
    np.testing.assert_array_equal(first, split_halves(TRACE.take(range(7)), seed=4)[0])
    with pytest.raises(SettingError, match="at least 2"):
        split_halves(TRACE.take([0]))


def test_frontier_is_the_set_that_no_point_beats():
    rng = np.random.default_rng(5)
    macs, right = rng.integers(0, 30, 200), rng.integers(0, 30, 200) / 30
    points = set(zip(macs.tolist(), right.tolist(), strict=True))
    unbeaten = {p for p in points if not any(q[0] <= p[0] and q[1] >= p[1] for q in points - {p})}
    found = frontier(macs.reshape(20, 10), right.reshape(20, 10))
    assert [(macs[i], right[i]) for i in found] == sorted(unbeaten)


def test_knee_of_a_known_curve():
    x = np.linspace(0, 1, 101)
    assert x[knee(x, np.sqrt(x))] == 0.25  # sqrt(x) - x is largest there
    assert x[knee(1e9 + 5e9 * x, 0.7 + 0.1 * np.sqrt(x))] == 0.25  # units do not matter
    assert knee([3.0], [0.5]) == knee([1.0, 2.0], [0.1, 0.2]) == 0
    with pytest.raises(SettingError):
        knee([], [])


TAUS, GAMMAS = (0.3, 0.5, 0.7, 0.9, 1.0), (1.0, 4.0, 8.0)


def test_the_best_setting_is_the_cheapest_that_is_allowed_on_the_tuning_half():
    (best,) = best_settings(TRACE, (2.0,), taus=TAUS, gammas=GAMMAS, seed=1, samples=50)
    first, second = split_halves(TRACE, 1)
    tuning, held = TRACE.take(first), TRACE.take(second)
    tried = [(s, evaluate(tuning, s)) for s in (Setting(t, g) for t in TAUS for g in GAMMAS)]
    allowed = [(o.macs, s) for s, o in tried if o.accuracy_drop <= 2.0]
    assert best.setting == min(allowed, key=lambda pair: pair[0])[1]
    assert best.tuned_on == evaluate(tuning, best.setting)
    assert best.held_out == measure(replay(held, best.setting), seed=1, samples=50)
    assert best.held_out.outcome.pictures == 200
    taus = [t / 1000 for t in range(1, 1001)]
    cascades = [(t, baselines(tuning, Setting(tau=t))["cascade"]) for t in taus[99::100]]
    least = min(o.macs for _, o in cascades if o.accuracy_drop <= 2.0)
    chosen = baselines(tuning, Setting(tau=best.cascade_tau))["cascade"]
    assert chosen.accuracy_drop <= 2.0
    assert chosen.macs <= least
    assert (
        best.baselines["best_cascade"].outcome
        == (baselines(held, Setting(tau=best.cascade_tau))["cascade"])
    )
    json.dumps(best.to_dict(), allow_nan=False)


def test_where_nothing_qualifies_a_sentence_says_so():
    # Dropping always ruins the answer here, the guidance is always wrong: only the target is right.
    wrong = (TRACE.label + 1) % 24
    target = np.where(np.arange(16) == 15, TRACE.label[:, None], wrong[:, None])
    trace = replace(
        TRACE,
        unranked=np.zeros(400, bool),
        num_keep=synthetic_trace(400, unranked_share=0.0).num_keep,
        guidance_class=wrong,
        guidance_rank=np.ones(400, int),
        target_class=target,
        target_rank=(target != TRACE.label[:, None]).astype(int),
    )
    (best,) = best_settings(trace, (0.5,), taus=TAUS, gammas=(1.0,), samples=20)
    assert best.setting is best.held_out is None
    assert best.cascade_tau == 1.0 or evaluate(trace, Setting(tau=best.cascade_tau)).exits == 0
    assert "No setting keeps the accuracy drop within 0.5 points" in best.notes[0]
    with pytest.raises(SettingError, match="No setting keeps"):
        sweep_report(trace, Setting(), 0.5, samples=20)
    # Given room, the cascade wins against dropping that only ruins: said in words.
    (best,) = best_settings(trace, (100.0,), taus=(1.0,), gammas=(8.0,), samples=50)
    assert any("TinyDrop does not beat the pure cascade" in note for note in best.notes)


def test_a_cost_above_the_full_target_is_named():
    costly = replace(TRACE, guidance_macs=10**11)
    (best,) = best_settings(costly, (100.0,), taus=(0.9,), gammas=(1.0,), samples=20)
    assert any("more than the full target alone" in note for note in best.notes)


@pytest.mark.parametrize("drop", [-0.1, 101, float("nan")])
def test_an_impossible_drop_is_refused(drop):
    with pytest.raises(SettingError, match="between 0 and 100"):
        best_settings(TRACE, (drop,))


KEYS = {
    "accuracy", "accuracy_drop", "macs", "saved", "exit_rate", "keep_ratio", "pictures",
    "intervals",
}  # fmt: skip


@pytest.mark.parametrize("max_drop", [None, 5.0])
def test_the_report_has_the_keys_of_the_contract(max_drop):
    other = synthetic_trace(400, seed=3, selector="random")
    report = sweep_report(TRACE, Setting(temperature=0.5), max_drop, random=other, samples=20)
    json.dumps(report, allow_nan=False)
    contract = ["pair", "selector", "setting", "tuned_on", "held_out", "baselines"]
    assert list(report) == [*contract, "notes"]
    assert list(report["setting"]) == ["tau", "gamma", "rule", "temperature"]
    assert report["setting"]["temperature"] == 0.5
    always = {"guidance", "target", "cascade", "no_exit", "random"}
    assert set(report["baselines"]) == always | (set() if max_drop is None else {"best_cascade"})
    for value in (report["held_out"], *report["baselines"].values()):
        assert set(value) == KEYS
        assert set(value["intervals"]) == set(MEASURES)
    if max_drop is None:
        assert report["tuned_on"] is None
        assert report["held_out"]["pictures"] == 400
    else:
        assert report["tuned_on"]["pictures"] == report["held_out"]["pictures"] == 200
        assert report["tuned_on"]["accuracy_drop"] <= max_drop


def test_a_fixed_share_is_part_of_the_reported_setting():
    report = sweep_report(TRACE, Setting(rule="fixed", fixed_keep_ratio=0.25), samples=20)
    assert report["setting"]["fixed_keep_ratio"] == 0.25


def test_a_trace_of_other_pictures_is_refused_before_anything_is_tuned():
    with pytest.raises(SettingError, match="other pictures"):
        best_settings(TRACE, uniform=synthetic_trace(399, seed=3))
