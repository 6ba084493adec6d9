"""A trace re-evaluated: against one picture at a time, written out, and against closed forms."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting, decide_budget
from tinydrop.core.errors import SettingError
from tinydrop.studies.sweep import (
    MEASURES,
    baseline_replays,
    baselines,
    bootstrap,
    evaluate,
    paired_difference,
    replay,
    sweep_grid,
    sweep_report,
)
from tinydrop.studies.trace import Trace

TRACE = synthetic_trace(400, seed=3, unranked_share=0.05)
SETTINGS = [
    Setting(),
    Setting(tau=0.3, gamma=4.0),
    Setting(tau=1.0, gamma=0.4, temperature=0.5),
    Setting(tau=0.6, rule="linear", temperature=2.0),
    Setting(tau=0.5, rule="fixed", fixed_keep_ratio=0.3),
]


def one_by_one(trace: Trace, setting: Setting, *, exits=True, drops=True, pays=True):
    """The pipeline's steps on every picture, in plain Python: (rank, class, K, MACs)."""
    column = trace.provenance.temperatures.index(setting.temperature)
    rows = []
    for i in range(len(trace)):
        c = float(trace.confidence[i, column])
        if exits and c > setting.tau:
            row = trace.guidance_rank[i], trace.guidance_class[i], 0, trace.guidance_macs
        else:
            inside = replace(setting, tau=1.0) if c > setting.tau else setting
            level = decide_budget(c, inside, 196).level
            if c > setting.tau and setting.rule != "fixed":
                level = 1  # the floor
            if trace.unranked[i] or not drops:
                level = 16
            cost = trace.guidance_macs + pays * trace.saliency_macs
            k = trace.num_keep[i, level - 1]
            cost += trace.target_macs[i, level - 1]
            row = trace.target_rank[i, level - 1], trace.target_class[i, level - 1], k, cost
        rows.append([int(v) for v in row])
    return np.array(rows)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_replay_is_the_pipelines_steps_picture_by_picture(setting):
    rows = one_by_one(TRACE, setting)
    run = replay(TRACE, setting)
    np.testing.assert_array_equal(
        rows, np.stack([run.rank, run.class_index, run.num_keep, run.macs], axis=1)
    )
    assert ((run.num_keep == 0) == run.exited).all()
    assert (run.level[TRACE.unranked & ~run.exited] == 16).all()


def test_the_pictures_compared_with_another_setting_do_differ():
    # Negative twin: the comparison above notices a different tau.
    rows = one_by_one(TRACE, Setting(tau=0.7))
    assert (rows[:, 3] != replay(TRACE, Setting(tau=0.8)).macs).any()


@pytest.mark.parametrize("setting", SETTINGS)
def test_measures_are_the_means_of_the_pictures(setting):
    rank, answer, kept, macs = one_by_one(TRACE, setting).T
    out = evaluate(TRACE, setting)
    full = TRACE.target_macs[0, -1]
    assert out.pictures == 400
    assert out.accuracy == np.mean(rank == 0)
    assert out.top5 == np.mean(rank < 5)
    assert out.agreement == np.mean(answer == TRACE.target_class[:, 15])
    assert out.macs == pytest.approx(macs.mean(), rel=1e-14)
    assert out.saved == pytest.approx(1 - macs.mean() / full, abs=1e-12)
    assert out.exit_rate == np.mean(kept == 0)
    assert out.keep_ratio == pytest.approx((kept[kept > 0] / 196).mean(), rel=1e-14)
    drop = 100 * (np.mean(TRACE.target_rank[:, 15] == 0) - np.mean(rank == 0))
    assert out.accuracy_drop == pytest.approx(drop, abs=1e-12)


def test_an_exit_compares_the_stored_float32_with_tau_in_float64():
    trace = TRACE.take([0])
    c = np.float32(0.7)  # 0.699999988...
    trace = replace(trace, confidence=np.full_like(trace.confidence, c))
    assert not replay(trace, Setting(tau=0.7)).exited[0]  # in float32 they would be equal
    assert not replay(trace, Setting(tau=float(c))).exited[0]  # not above
    assert replay(trace, Setting(tau=np.nextafter(float(c), 0))).exited[0]


def test_where_all_exit_there_is_no_keep_ratio():
    out = evaluate(TRACE, Setting(tau=1e-6))
    assert (out.keep_ratio, out.exit_rate, out.kept) == (None, 1.0, 0)
    assert out.macs == TRACE.guidance_macs


def test_an_empty_trace_and_an_unstated_temperature_are_refused_in_a_sentence():
    empty = synthetic_trace(0)
    for call in (evaluate, sweep_grid):
        with pytest.raises(SettingError, match="no pictures"):
            call(empty, *([Setting()] if call is evaluate else []))
    with pytest.raises(SettingError, match="does not state"):
        evaluate(TRACE, Setting(temperature=1.2345))


def test_baselines_follow_their_definitions():
    setting = Setting(tau=0.6, gamma=2.0)
    runs = baseline_replays(TRACE, setting)
    for name, options in {
        "cascade": {"drops": False, "pays": False},
        "no_exit": {"exits": False},
    }.items():
        rows = one_by_one(TRACE, setting, **options)
        run = runs[name]
        np.testing.assert_array_equal(
            rows, np.stack([run.rank, run.class_index, run.num_keep, run.macs], axis=1)
        )
    results = baselines(TRACE, setting)
    assert results["guidance"].accuracy == np.mean(TRACE.guidance_rank == 0)
    assert results["guidance"].macs == TRACE.guidance_macs
    assert results["target"].accuracy_drop == results["target"].saved == 0
    assert results["target"].agreement == results["target"].keep_ratio == 1


def test_random_and_uniform_keep_as_many_patches_for_the_same_pictures():
    setting = Setting(tau=0.6, gamma=2.0)
    other = synthetic_trace(400, seed=3, selector="random", unranked_share=0.0)
    results = baselines(TRACE, setting, random=other, uniform=other)
    own = evaluate(TRACE, setting)
    for name in ("random", "uniform"):
        assert (results[name].kept, results[name].exits) == (own.kept, own.exits)
        paid = TRACE.saliency_macs * (own.pictures - own.exits)
        assert own.total_macs - results[name].total_macs == paid


def test_traces_of_other_pictures_or_pairs_are_refused():
    stranger = synthetic_trace(399, seed=3)
    remade = replace(TRACE, provenance=replace(TRACE.provenance, pair_digest="1" * 64))
    for call in (baselines, sweep_report):
        with pytest.raises(SettingError, match="other pictures"):
            call(TRACE, Setting(), random=stranger)
        with pytest.raises(SettingError, match="made by the pair"):
            call(TRACE, Setting(), uniform=remade)


def slow_bootstrap(run, samples):
    """Pictures drawn one by one."""
    rng = np.random.default_rng(99)
    right, full = run.rank == 0, run.trace.target_rank[:, 15] == 0
    draws = rng.integers(len(right), size=(samples, len(right)))
    a = right[draws].mean(1)
    saved = 1 - run.macs[draws].mean(1) / run.trace.target_macs[0, 15]
    values = (a, 100 * (full[draws].mean(1) - a), saved)
    return {n: np.percentile(v, (2.5, 97.5)) for n, v in zip(MEASURES, values, strict=True)}


@pytest.mark.parametrize("varied", [False, True])
def test_intervals_agree_with_drawing_picture_by_picture(varied):
    run = replay(TRACE, Setting(tau=0.6, gamma=2.0))
    if varied:  # cost differs within a level, as windows make it
        noise = np.random.default_rng(0).integers(0, 10**9, len(TRACE))
        run = replace(run, macs=run.macs + noise)
    fast, slow = bootstrap(run, samples=4000), slow_bootstrap(run, 4000)
    for name, (low, high) in slow.items():
        width = high - low
        assert fast[name].low == pytest.approx(low, abs=0.06 * width), name
        assert fast[name].high == pytest.approx(high, abs=0.06 * width), name


def test_intervals_are_seeded_and_paired():
    run = replay(TRACE, Setting(tau=0.6, gamma=2.0))
    assert bootstrap(run, seed=1) == bootstrap(run, seed=1) != bootstrap(run, seed=2)
    target = baseline_replays(TRACE, Setting())["target"]
    assert bootstrap(target)["accuracy_drop"].to_list() == [0.0, 0.0]  # unpaired would be wide
    same = paired_difference(run, run)
    assert same["accuracy"].to_list() == same["saved"].to_list() == [0.0, 0.0]
    drop, paired = bootstrap(run, seed=5)["accuracy_drop"], paired_difference(target, run, seed=5)
    assert paired["accuracy"].low == pytest.approx(drop.low, abs=0.5)
    assert paired["accuracy"].high == pytest.approx(drop.high, abs=0.5)


def fastest(call, times=3):
    """Processor seconds of the fastest of a few calls: other work on the machine does not count."""
    spans = []
    for _ in range(times):
        start = time.process_time()
        call()
        spans.append(time.process_time() - start)
    return min(spans)


def test_fifty_thousand_pictures_are_fast_enough_for_sliders():
    big = synthetic_trace(50_000, num_patches=16)
    assert fastest(lambda: evaluate(big, Setting())) <= 0.020
    run = replay(big, Setting())
    assert fastest(lambda: bootstrap(run)) <= 0.300
    taus, gammas = np.linspace(0.02, 1, 50), np.geomspace(0.1, 8, 50)
    assert fastest(lambda: sweep_grid(big, taus, gammas), times=2) <= 2.0
