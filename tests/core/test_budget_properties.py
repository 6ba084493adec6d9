"""Laws of the budget: bounds, monotonicity, and one answer for a number and for an array of it."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinydrop.core.budget import (
    BUDGET_LEVELS,
    BUDGET_RULES,
    MIN_KEEP,
    Setting,
    decide_budget,
    keep_level,
    keep_ratio,
    num_keep,
)

confidences = st.floats(0, 1)
taus = st.floats(1e-6, 1)
gammas = st.floats(1e-3, 8)
settings = st.builds(
    Setting, taus, gammas, rule=st.sampled_from(list(BUDGET_RULES)),
    fixed_keep_ratio=st.floats(1e-9, 1),
)  # fmt: skip
counts = st.integers(1, 4096)


@given(confidences, settings, counts)
def test_k_follows_from_the_ratio_by_exact_arithmetic(c, setting, patches):
    budget = decide_budget(c, setting, patches)
    if budget.exited:
        assert c > setting.tau
        return
    assert c <= setting.tau
    assert MIN_KEEP <= budget.keep_ratio <= 1
    # 16 * ratio is exact in float64 (a power of two), so a fraction of the float is the truth.
    level = max(1, ceil(BUDGET_LEVELS * Fraction(budget.keep_ratio)))
    assert budget.level == level
    assert budget.num_keep == ceil(Fraction(patches * level, BUDGET_LEVELS))
    assert 1 <= budget.num_keep <= patches
    assert Fraction(budget.num_keep, patches) >= Fraction(budget.keep_ratio)


@given(confidences, confidences, settings)
def test_more_confidence_never_keeps_more(first, second, setting):
    low, high = sorted((first, second))
    assert keep_ratio(high, setting) <= keep_ratio(low, setting)


@given(confidences, taus, taus, gammas)
def test_a_higher_tau_never_keeps_less(c, first, second, gamma):
    low, high = sorted((first, second))
    assert keep_ratio(c, Setting(high, gamma)) >= keep_ratio(c, Setting(low, gamma))


@given(confidences, taus, gammas, gammas)
def test_a_higher_gamma_never_keeps_less(c, tau, first, second):
    """Up to the last bit of float64: pow is not monotone in its exponent to the last ulp."""
    low, high = sorted((first, second))
    slack = 4 * np.finfo(np.float64).eps
    assert keep_ratio(c, Setting(tau, high)) >= keep_ratio(c, Setting(tau, low)) - slack


@given(st.lists(confidences, min_size=1, max_size=40), settings)
def test_an_array_gives_each_picture_the_same_bits_as_alone(cs, setting):
    """What makes a trace equal the pipeline: no vector path may round differently."""
    spaced = np.zeros(2 * len(cs))
    spaced[::2] = cs
    for batch in (np.array(cs), spaced[::2]):
        ratios = keep_ratio(batch, setting)
        assert ratios.tolist() == [float(keep_ratio(c, setting)) for c in cs]
        assert keep_level(ratios).tolist() == [int(keep_level(r)) for r in ratios]


@given(confidences, taus, gammas)
def test_curvature_against_exact_powers(c, tau, gamma):
    """The rule again, in 60-digit decimals."""
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 60
        x = min(Decimal(c) / Decimal(tau), Decimal(1))
        share = 1 - (x ** Decimal(gamma) if x else Decimal(0))
    assert abs(float(keep_ratio(c, Setting(tau, gamma))) - max(MIN_KEEP, float(share))) <= 1e-12


@given(st.integers(1, 15), counts)
def test_k_grows_with_the_level_and_reaches_n(level, patches):
    assert num_keep(level, patches) <= num_keep(level + 1, patches)
    assert num_keep(BUDGET_LEVELS, patches) == patches
