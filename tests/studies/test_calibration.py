"""Calibration against closed forms and slow versions written out; exits against a plain loop."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.calibration import (
    exit_regret,
    f1_tau,
    failure_auroc,
    fit_temperature,
    nearest_temperature,
    reliability,
    risk_coverage,
)
from tinydrop.studies.sweep import evaluate

TRACE = synthetic_trace(600, seed=4)


def nll(logits, label, temperature):
    z = np.asarray(logits, dtype=np.float64) / temperature
    top = z.max(axis=1, keepdims=True)
    norm = np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]
    return float((norm - z[np.arange(len(z)), label]).mean())


def test_two_classes_with_a_known_share_have_a_closed_form():
    # 80 of 100 right at a margin of 3: the likelihood is best where sigmoid(3 / T) = 0.8.
    logits = np.tile([3.0, 0.0], (100, 1))
    fit = fit_temperature(logits, np.repeat([0, 1], [80, 20]))
    assert fit.temperature == pytest.approx(3 / math.log(4), rel=1e-8)
    assert fit.nll == pytest.approx(-0.8 * math.log(0.8) - 0.2 * math.log(0.2), rel=1e-12)
    assert not fit.at_bound


def test_the_fit_is_the_least_of_a_fine_grid():
    logits, label = TRACE.guidance_logits, TRACE.label
    fit = fit_temperature(logits, label)
    around = [nll(logits, label, fit.temperature * f) for f in (0.999, 1.001)]
    best = nll(logits, label, fit.temperature)
    assert best < min(around)
    assert fit.nll == pytest.approx(best, abs=1e-12)
    assert fit.nll_before == pytest.approx(nll(logits, label, 1.0), abs=1e-12)
    ladder = np.geomspace(0.06, 19, 200)
    assert best <= min(nll(logits, label, t) for t in ladder)


@pytest.mark.parametrize("factor", [0.1, 0.5, 4.0])
def test_scaled_logits_have_a_scaled_temperature(factor):
    logits = TRACE.guidance_logits.astype(np.float64)
    own = fit_temperature(logits, TRACE.label).temperature
    scaled = fit_temperature(factor * logits, TRACE.label).temperature
    assert scaled == pytest.approx(factor * own, rel=1e-7)


def test_a_temperature_beyond_the_range_is_reported_as_such():
    logits = np.tile([3.0, 0.0], (10, 1))
    sure = fit_temperature(logits, np.zeros(10, int))  # always right: the colder the better
    lost = fit_temperature(logits, np.ones(10, int))  # always wrong: the hotter the better
    flat = fit_temperature(np.zeros((10, 2)), np.ones(10, int))  # T plays no part
    assert (sure.temperature, sure.at_bound) == (pytest.approx(0.05), True)
    assert (lost.temperature, lost.at_bound) == (pytest.approx(20.0), True)
    assert flat.at_bound
    assert flat.nll == pytest.approx(math.log(2))


def test_more_rows_than_one_block_are_all_counted():
    logits = np.tile(TRACE.guidance_logits, (9, 1))  # 5,400 rows
    whole = fit_temperature(logits, np.tile(TRACE.label, 9))
    part = fit_temperature(TRACE.guidance_logits, TRACE.label)
    assert whole.temperature == pytest.approx(part.temperature, rel=1e-7)
    assert whole.nll == pytest.approx(part.nll, rel=1e-12)


@pytest.mark.parametrize(
    ("logits", "label"),
    [([], []), ([[1.0, 2.0]], [0, 1]), ([[1.0, np.nan]], [0]), ([1.0, 2.0], [0, 1])],
)
def test_unusable_logits_are_refused(logits, label):
    with pytest.raises(SettingError, match="finite logits"):
        fit_temperature(logits, label)


def test_the_nearest_stated_temperature_is_nearest_by_ratio():
    assert nearest_temperature(TRACE, 0.7777) == 0.8
    assert nearest_temperature(TRACE, 0.01) == 0.3
    assert nearest_temperature(TRACE, 4.4) == 4.0  # 4.4/4 = 1.1, 5/4.4 = 1.14
    assert nearest_temperature(TRACE, 4.48) == 5.0  # by difference it would be 4


def test_reliability_of_a_hand_made_case():
    # Bins of 0.25: (0, .25], (.25, .5], (.5, .75], (.75, 1].
    confidence = [0.5, 0.4, 0.6, 0.75, 1.0, 0.0]
    correct = [True, False, True, False, True, False]
    made = reliability(confidence, correct, bins=4)
    assert made.counts == (1, 2, 2, 1)
    assert made.confidence == pytest.approx((0.0, 0.45, 0.675, 1.0))
    assert made.accuracy == (0.0, 0.5, 0.5, 1.0)
    assert made.ece == pytest.approx((2 * 0.05 + 2 * 0.175) / 6)
    assert reliability([0.9], [True], bins=4).accuracy == (None, None, None, 1.0)
    json.dumps(made.to_dict(), allow_nan=False)


def test_perfect_calibration_has_almost_no_error_and_overconfidence_its_gap():
    rng = np.random.default_rng(0)
    c = rng.random(200_000)
    right = rng.random(200_000) < c
    assert reliability(c, right).ece < 0.01
    assert reliability(np.minimum(c + 0.3, 1.0), right).ece > 0.2  # negative twin


def slow_risks(order, correct):
    wrong = ~np.asarray(correct)[order]
    return [wrong[: k + 1].mean() for k in range(len(order))]


def test_risk_coverage_without_ties_is_the_plain_average():
    rng = np.random.default_rng(1)
    c, right = rng.permutation(50) / 50, rng.random(50) < 0.7
    risks = slow_risks(np.argsort(-c), right)
    made = risk_coverage(c, right)
    assert made.aurc == pytest.approx(np.mean(risks))
    assert made.risk == pytest.approx(risks)
    assert made.coverage == pytest.approx(np.arange(1, 51) / 50)
    assert (made.threshold == np.sort(c)[::-1]).all()


def test_risk_coverage_with_ties_is_the_average_over_their_orders():
    rng = np.random.default_rng(2)
    c, right = rng.integers(0, 4, 40) / 4, rng.random(40) < 0.6
    made = risk_coverage(c, right)
    drawn = [np.mean(slow_risks(np.lexsort((rng.random(40), -c)), right)) for _ in range(4000)]
    error = np.std(drawn) / math.sqrt(len(drawn))
    assert made.aurc == pytest.approx(np.mean(drawn), abs=5 * error)
    assert len(made.risk) == len(np.unique(c))
    assert made.risk[-1] == pytest.approx(1 - right.mean())
    constant = risk_coverage(np.full(40, 0.5), right)
    assert constant.aurc == pytest.approx(1 - right.mean())
    json.dumps(made.to_dict(), allow_nan=False)


def test_auroc_counts_pairs_and_half_of_the_ties():
    rng = np.random.default_rng(3)
    c, right = rng.integers(0, 8, 60) / 8, rng.random(60) < 0.5
    gaps = np.subtract.outer(c[right], c[~right])
    assert failure_auroc(c, right) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())
    assert failure_auroc([0.2, 0.9], [False, True]) == 1.0
    assert failure_auroc([0.9, 0.2], [False, True]) == 0.0
    assert failure_auroc([0.5, 0.5], [False, True]) == 0.5
    assert failure_auroc([0.5, 0.6], [True, True]) is None


@pytest.mark.parametrize("call", [reliability, risk_coverage, failure_auroc])
def test_scores_refuse_what_is_not_one_number_each_per_picture(call):
    for confidence, correct in (([], []), ([0.1, 0.2], [True]), ([np.nan], [True])):
        with pytest.raises(SettingError, match="one number each"):
            call(confidence, correct)
    with pytest.raises(SettingError, match="at least one bin"):
        reliability([0.5], [True], bins=0)


def test_exit_regret_counts_every_exit_once():
    setting = Setting(tau=0.4, temperature=0.8)
    made = exit_regret(TRACE, setting)
    boxes = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    harmful = []
    for i, c in enumerate(TRACE.column(0.8)):
        if float(c) > 0.4:
            guidance = TRACE.guidance_class[i] == TRACE.label[i]
            full = TRACE.target_class[i, 15] == TRACE.label[i]
            boxes[bool(guidance), bool(full)] += 1
            harmful += [i] if full and not guidance else []
    assert list(boxes.values()) == [
        made.right_right, made.right_wrong, made.wrong_right, made.wrong_wrong,
    ]  # fmt: skip
    assert sorted(made.harmful.tolist()) == harmful
    assert len(harmful) > 3
    assert (np.diff(TRACE.column(0.8)[made.harmful]) <= 0).all()
    assert exit_regret(TRACE, Setting(tau=1.0)).harmful.size == 0
    json.dumps(made.to_dict(), allow_nan=False)


def test_f1_tau_is_the_largest_of_the_formula():
    taus = (0.9, 0.2, 0.5, 0.7)
    setting = Setting(gamma=3.0, temperature=0.8)
    full = (TRACE.target_rank[:, 15] == 0).mean()
    scores = {}
    for tau in taus:
        out = evaluate(TRACE, replace(setting, tau=tau))
        a, e = out.accuracy / full, max(out.saved, 0.0)
        scores[tau] = 2 * a * e / (a + e)
    made = f1_tau(TRACE, setting, taus)
    assert made.tau == max(scores, key=scores.get)
    assert made.scores == pytest.approx(tuple(scores.values()))
    assert made.f1 == max(made.scores)
    json.dumps(made.to_dict(), allow_nan=False)


def test_f1_of_a_cost_above_the_full_target_is_zero_and_of_equals_the_smallest_tau_wins():
    costly = replace(TRACE, guidance_macs=10**12)
    made = f1_tau(costly, Setting(), (0.9, 0.3))
    assert (made.tau, made.f1, made.saved) == (0.3, 0.0, (0.0, 0.0))


def test_f1_without_a_right_target_is_refused():
    wrong = np.repeat((TRACE.label[:, None] + 1) % 24, 16, axis=1)
    hopeless = replace(TRACE, target_class=wrong, target_rank=np.ones_like(wrong))
    with pytest.raises(SettingError, match="no picture right"):
        f1_tau(hopeless, Setting())
