"""Scores and the guarantee against independent ways to the same number; each has a twin that fails.

The temperature is found again by golden section, ECE by sorting into lists, E-AURC by the ideal
order, the harm bound by inverting the binomial with fractions, and the guarantee by 1,000
calibration sets of a population whose true drop is known, with dropping and not only exits.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.calibration import (
    BOUNDS,
    TAUS_TESTED,
    certified_setting,
    failure_auroc,
    fit_temperature,
    reliability,
    risk_coverage,
)
from tinydrop.studies.sweep import evaluate, literal_accounting, replay

TRACE = synthetic_trace(900, seed=21, num_patches=16)
RIGHT = TRACE.guidance_rank == 0


def golden_section(score, low, high):
    """The minimum of a function with one valley, by shrinking a bracket; no derivative."""
    ratio = (math.sqrt(5) - 1) / 2
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    while high - low > 1e-9:
        if score(a) < score(b):
            high, b = b, a
            a = high - ratio * (high - low)
        else:
            low, a = a, b
            b = low + ratio * (high - low)
    return (low + high) / 2


def test_newton_finds_the_temperature_that_golden_section_finds():
    logits = TRACE.guidance_logits.astype(np.float64)

    def nll(log_t):
        z = logits / math.exp(log_t)
        p = np.exp(z - z.max(1, keepdims=True))
        return -np.log((p / p.sum(1, keepdims=True))[np.arange(900), TRACE.label]).mean()

    found = math.exp(golden_section(nll, math.log(0.05), math.log(20)))
    assert fit_temperature(TRACE.guidance_logits, TRACE.label).temperature == pytest.approx(
        found, rel=1e-6
    )
    # Negative twin: with the labels moved by one class another temperature is best.
    moved = fit_temperature(TRACE.guidance_logits, (TRACE.label + 1) % 24)
    assert abs(moved.temperature - found) > 0.1


def listed_error(confidence, right, upper_edges):
    """Expected calibration error, picture by picture into lists; (lower, upper] bins."""
    bins = [[] for _ in upper_edges]
    for c, r in zip(confidence, right, strict=True):
        place = next(i for i, edge in enumerate(upper_edges) if c <= edge)
        bins[place].append((float(c), bool(r)))
    return sum(abs(sum(r - c for c, r in held)) for held in bins) / len(confidence)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_expected_calibration_error_by_lists(temperature):
    c = TRACE.column(temperature).astype(np.float64)
    edges = [(i + 1) / 15 for i in range(15)]
    ece = reliability(c, RIGHT).ece
    assert ece == pytest.approx(listed_error(c, RIGHT, edges), abs=1e-12)
    assert abs(ece - listed_error(c, ~RIGHT, edges)) > 0.01  # negative twin


def test_bins_of_equal_mass_hold_equally_many_and_keep_equals_together():
    c = TRACE.column(1.0).astype(np.float64)
    made = reliability(c, RIGHT, bins=10, scheme="mass")
    assert made.counts == (90,) * 10
    assert made.ece == pytest.approx(listed_error(c, RIGHT, made.edges[1:]), abs=1e-12)
    mixed = np.random.default_rng(0).permutation(900)
    few = np.round(4 * c) / 4
    crowded = reliability(few, RIGHT, bins=10, scheme="mass")
    again = reliability(few[mixed], RIGHT[mixed], bins=10, scheme="mass")
    assert crowded.counts == again.counts
    assert crowded.ece == pytest.approx(again.ece, abs=1e-12)
    assert sum(crowded.counts) == 900
    assert len(crowded.counts) <= 5
    for few_pictures in (1, 2, 3):  # fewer pictures than bins
        held = reliability(c[:few_pictures], RIGHT[:few_pictures], scheme="mass")
        assert sum(held.counts) == few_pictures
    with pytest.raises(SettingError, match="choose width or mass"):
        reliability(c, RIGHT, scheme="count")


def test_excess_aurc_is_what_the_ideal_order_does_not_have():
    c = TRACE.column(1.0)
    made = risk_coverage(c, RIGHT)
    ideal = risk_coverage(RIGHT.astype(float), RIGHT)  # every right answer surer than every wrong
    assert ideal.excess_aurc == pytest.approx(0.0, abs=1e-15)
    assert made.excess_aurc == pytest.approx(made.aurc - ideal.aurc, abs=1e-15)
    assert 0.0 < made.excess_aurc < made.aurc
    worst = risk_coverage(~RIGHT, RIGHT)  # negative twin
    assert worst.excess_aurc > made.excess_aurc
    assert failure_auroc(RIGHT.astype(float), RIGHT) == 1.0


def test_literal_accounting_changes_the_cost_and_nothing_else():
    setting = Setting(tau=0.6, gamma=2.0)
    ours, literal = (evaluate(t, setting) for t in (TRACE, literal_accounting(TRACE)))
    more = TRACE.saliency_macs_literal - TRACE.saliency_macs
    assert more > 0
    assert literal.total_macs - ours.total_macs == more * (ours.pictures - ours.exits)
    assert replace(literal, total_macs=ours.total_macs) == ours
    stayed = 1 - ours.exit_rate
    assert ours.keep_ratio_of_all == pytest.approx(stayed * ours.keep_ratio, rel=1e-12)


@pytest.mark.parametrize(("pictures", "epsilon"), [(40, Fraction(1, 5)), (150, Fraction(1, 20))])
def test_the_harm_bound_inverts_the_binomial_in_fractions(pictures, epsilon):
    total, most = Fraction(0), -1
    for h in range(pictures + 1):
        total += math.comb(pictures, h) * epsilon**h * (1 - epsilon) ** (pictures - h)
        if total > Fraction(1, 20):
            break
        most = h
    harmed = np.arange(pictures + 1)
    passes = BOUNDS["harm"](harmed, 0 * harmed, pictures, float(epsilon), 0.05)
    assert np.flatnonzero(passes).max() == most
    assert passes[: most + 1].all()
    # Negative twin: at alpha = 0.5 more passes, so the level is looked at.
    assert BOUNDS["harm"](harmed, 0 * harmed, pictures, float(epsilon), 0.5).sum() > most + 1


POPULATION = synthetic_trace(4000, seed=3, num_patches=4)
GAMMA, EPSILON, DRAWN, SETS = Setting(gamma=8.0), 6.0, 1500, 1000


def losses():
    """(taus, M) of harmed minus helped, and of each alone, in the whole population."""
    full = POPULATION.target_rank[:, -1] == 0
    right = np.stack([replay(POPULATION, replace(GAMMA, tau=t)).rank == 0 for t in TAUS_TESTED])
    return (~right & full).astype(np.float32), (right & ~full).astype(np.float32)


@pytest.mark.parametrize("bound", [*BOUNDS, "naive"])
def test_a_certified_setting_rarely_breaks_epsilon_and_the_naive_choice_often(bound):
    harm, helped = losses()
    drop = 100 * (harm.mean(1) - helped.mean(1))
    assert drop.max() > EPSILON  # there is something to break
    rng = np.random.default_rng(17)
    draws = np.stack(
        [np.bincount(rng.integers(4000, size=DRAWN), minlength=4000) for _ in range(SETS)]
    ).astype(np.float32)  # how often each picture is drawn
    h, g = (np.rint(draws @ part.T).astype(np.int64) for part in (harm, helped))  # (sets, taus)
    chosen = []
    for own, other in zip(h, g, strict=True):
        if bound == "naive":  # the lowest tau whose drop on the calibration set is within epsilon
            passed = 1 + np.flatnonzero(100 * (own - other) <= EPSILON * DRAWN).max(initial=-1)
        else:
            passes = BOUNDS[bound](own, other, DRAWN, EPSILON / 100, 0.05)
            passed = passes.size if passes.all() else int(passes.argmin())
        chosen.append(passed - 1)
    broken = np.mean([last >= 0 and drop[last] > EPSILON for last in chosen])
    if bound == "naive":
        assert broken >= 0.25
        return
    assert np.mean(np.array(chosen) >= 0) > 0.5  # a walk that certifies nothing breaks nothing
    assert broken <= 0.065
    for index in range(5):  # the walk above is the one that the room walks
        calibration = POPULATION.take(np.repeat(np.arange(4000), draws[index].astype(int)))
        made = certified_setting(calibration, GAMMA, EPSILON, bound=bound)
        expected = None if chosen[index] < 0 else TAUS_TESTED[chosen[index]]
        assert made.tau == expected
