"""The guarantee: its tests against exact sums, and how often it breaks on a known population."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.calibration import BOUNDS, TAUS_TESTED, certified_setting, certified_tau
from tinydrop.studies.sweep import evaluate

TAUS = np.array(TAUS_TESTED)


def test_the_sequence_is_fixed_and_falls():
    assert (np.diff(TAUS) < 0).all()
    assert 0 < TAUS[-1] < TAUS[0] < 1


@pytest.mark.parametrize(
    ("pictures", "epsilon"), [(1, 0.3), (50, 0.1), (299, 0.01), (700, 0.02), (9000, 0.005)]
)
def test_harm_passes_where_the_exact_binomial_tail_is_at_most_alpha(pictures, epsilon):
    def tail(h):
        terms = (
            math.lgamma(pictures + 1) - math.lgamma(k + 1) - math.lgamma(pictures - k + 1)
            + k * math.log(epsilon) + (pictures - k) * math.log1p(-epsilon)
            for k in range(h + 1)
        )  # fmt: skip
        return sum(map(math.exp, terms))

    harmed = np.arange(min(pictures, 60) + 1)
    passes = BOUNDS["harm"](harmed, 0 * harmed, pictures, epsilon, 0.05)
    assert passes.tolist() == [tail(int(h)) <= 0.05 for h in harmed]


def chance_to_pass(bound, harm, helped, pictures, epsilon):
    """Exact, by the trinomial probability of every (harmed, helped)."""
    pairs = [(h, g) for h in range(pictures + 1) for g in range(pictures + 1 - h)]
    h, g = np.array(pairs).T
    z = pictures - h - g
    logs = np.array([math.lgamma(k + 1) for k in range(pictures + 1)])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = [np.where(k > 0, k * np.log(p), 0.0)
                 for k, p in ((h, harm), (g, helped), (z, 1 - harm - helped))]  # fmt: skip
    pmf = np.exp(logs[pictures] - logs[h] - logs[g] - logs[z] + sum(terms))
    assert pmf.sum() == pytest.approx(1.0)
    return pmf[BOUNDS[bound](h, g, pictures, epsilon, 0.05)].sum()


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("helped", [0.0, 0.05, 0.2, 0.35])
def test_a_drop_at_the_edge_passes_with_a_chance_of_at_most_alpha(bound, helped):
    assert chance_to_pass(bound, helped + 0.2, helped, 60, 0.2) <= 0.05
    assert chance_to_pass(bound, helped + 0.21, helped, 60, 0.2) <= 0.05


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_small_drop_passes_often(bound):
    # Negative twin: a test that never passes would satisfy the law above.
    assert chance_to_pass(bound, 0.02, 0.0, 60, 0.2) > 0.9


def test_only_the_bet_lets_helped_pictures_make_up_for_harmed_ones():
    assert chance_to_pass("net", 0.2, 0.2, 100, 0.2) > 0.3
    assert chance_to_pass("harm", 0.2, 0.2, 100, 0.2) <= 0.05


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_lowest_tau_before_the_first_failure_is_chosen(bound):
    rng = np.random.default_rng(6)
    c = rng.random(3000)
    guidance, full = rng.random(3000) < c, rng.random(3000) < 0.9
    made = certified_tau(guidance, full, c, 2.0, bound=bound)
    for tau in TAUS:
        out = c > tau
        harmed, helped = (out & ~guidance & full).sum(), (out & guidance & ~full).sum()
        if not BOUNDS[bound](np.array([harmed]), np.array([helped]), 3000, 0.02, 0.05)[0]:
            break
        last = tau, harmed, helped
    assert (made.tau, made.harmed, made.helped) == last
    assert f"tau = {made.tau:g} keeps a drop of at most 2 points with 95 %" in made.sentence
    assert made.needed is None
    json.dumps(made.to_dict())


@pytest.mark.parametrize("bound", BOUNDS)
def test_too_few_pictures_are_told_how_many_are_needed(bound):
    def harmless(n):
        return certified_tau(np.ones(n, bool), np.ones(n, bool), np.full(n, 0.5), 1.0, bound=bound)

    made = harmless(100)
    assert made.tau is None
    assert "100 pictures are too few" in made.sentence
    assert f"about {made.needed} are needed" in made.sentence
    if bound == "harm":
        assert made.needed == math.ceil(math.log(0.05) / math.log(0.99)) == 299
    assert harmless(made.needed).tau is not None
    assert harmless(made.needed - 1).tau is None


def test_where_no_number_of_pictures_helps_a_sentence_says_so():
    c, wrong = np.full(500, 0.99995), np.arange(500) % 4 == 0
    made = certified_tau(~wrong, np.ones(500, bool), c, 1.0)
    assert (made.tau, made.needed) == (None, None)
    assert "more pictures would not help" in made.sentence
    assert "125 of 500" in made.sentence


def test_bad_input_is_refused():
    yes = np.ones(5, bool)
    for bad in ((yes, yes, np.ones(4)), (yes[:0], yes[:0], np.ones(0))):
        with pytest.raises(SettingError, match="one confidence and two outcomes"):
            certified_tau(*bad, 1.0)
    for options in ({"epsilon": 0.0}, {"epsilon": float("nan")}, {"epsilon": 1.0, "alpha": 1.0}):
        with pytest.raises(SettingError, match="epsilon lies between"):
            certified_tau(yes, yes, np.ones(5), **options)
    with pytest.raises(SettingError, match="Unknown bound"):
        certified_tau(yes, yes, np.ones(5), 1.0, bound="hope")
    with pytest.raises(SettingError, match="at least one picture"):
        certified_setting(synthetic_trace(0), Setting(), 1.0)


class Population:
    """All pictures there are, so that the true drop and harm at every tau are known."""

    def __init__(self, guidance, full, confidence):
        self.columns = guidance, full, confidence
        out = confidence[:, None] > TAUS
        self.harm = 100 * (out & (~guidance & full)[:, None]).mean(0)
        self.drop = self.harm - 100 * (out & (guidance & ~full)[:, None]).mean(0)

    def broken(self, choose, truth, epsilon, pictures, sets=1000):
        """Share of calibration sets, drawn with replacement, whose tau breaks epsilon."""
        rng, bad = np.random.default_rng(11), 0
        for _ in range(sets):
            drawn = rng.integers(self.columns[0].size, size=pictures)
            tau = choose(*(column[drawn] for column in self.columns), epsilon)
            bad += tau is not None and truth[np.flatnonzero(tau == TAUS)[0]] > epsilon
        return bad / sets


def naive(guidance, full, confidence, epsilon):
    """The lowest tau whose drop on the calibration set itself is within epsilon."""
    order = np.argsort(-confidence)
    loss = np.append(0, np.cumsum((full.astype(int) - guidance)[order]))
    out = np.searchsorted(-confidence[order], -TAUS, side="left")
    allowed = np.flatnonzero(100 * loss[out] / confidence.size <= epsilon)
    return TAUS[allowed[-1]] if allowed.size else None


def mild():
    trace = synthetic_trace(6000, seed=3, num_patches=4)
    full = trace.target_rank[:, -1] == 0
    return Population(trace.guidance_rank == 0, full, trace.column(1.0).astype(np.float64))


def harsh():
    """No exit ever helps, so the drop is the harm and the bound has no slack but its own."""
    rng = np.random.default_rng(2)
    c = rng.random(6000)
    return Population(rng.random(6000) < 1 - 0.1 * (1 - c), np.ones(6000, bool), c)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("make", [mild, harsh])
def test_of_a_thousand_calibration_sets_few_break_epsilon(make, bound):
    population = make()

    def certified(guidance, full, confidence, epsilon):
        return certified_tau(guidance, full, confidence, epsilon, bound=bound).tau

    assert population.drop.max() > 1.0  # there is something to break
    assert population.broken(certified, population.drop, 1.0, 1500) <= 0.065
    if bound == "harm":  # its stronger promise holds as well
        assert population.broken(certified, population.harm, 1.0, 1500) <= 0.065


@pytest.mark.parametrize("make", [mild, harsh])
def test_the_naive_choice_breaks_epsilon_far_more_often(make):
    population = make()
    assert population.broken(naive, population.drop, 1.0, 1500) >= 0.25


def test_a_whole_setting_is_certified_with_its_dropping():
    trace = synthetic_trace(3000, seed=5, num_patches=4)
    setting = Setting(gamma=8.0)
    made = certified_setting(trace, setting, 6.0)
    assert made.tau is not None
    assert evaluate(trace, Setting(tau=made.tau, gamma=8.0)).accuracy_drop < 6.0
    full = trace.target_rank[:, -1] == 0
    exits = certified_tau(trace.guidance_rank == 0, full, trace.column(1.0), 6.0)
    assert exits.tau <= made.tau  # dropping patches takes its own share of epsilon
    assert certified_setting(trace, Setting(gamma=0.25), 6.0).tau is None
