"""Exit, keep ratio, level and K: boundaries, refusals, and values worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from tinydrop.core.budget import (
    BUDGET_LEVELS,
    BUDGET_RULES,
    CONTROLS,
    MIN_KEEP,
    Setting,
    decide_budget,
    keep_level,
    keep_ratio,
    num_keep,
)
from tinydrop.core.errors import SettingError

# --- Setting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "top"),
    [("tau", 1.0), ("gamma", 8.0), ("temperature", 100.0), ("fixed_keep_ratio", 1.0)],
)
@pytest.mark.parametrize(
    "bad", [0, 0.0, -0.5, "over", float("nan"), float("inf"), True, None, "0.8", 10**400, [0.5]]
)
def test_setting_refuses(name, top, bad):
    value = np.nextafter(top, np.inf) if bad == "over" else bad
    with pytest.raises(SettingError, match=f"{name} must be a number above 0 and at most"):
        Setting(**{name: value})


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1), 5e-324])
def test_setting_takes_any_real_number_and_stores_a_float(value):
    assert type(Setting(tau=value).tau) is float


def test_setting_names_the_rules_it_knows():
    with pytest.raises(SettingError, match="curvature, linear, fixed"):
        Setting(rule="cubic")


# --- keep_ratio ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gamma", "expected"),  # methods.md A.2, c/tau = .1 .3 .5 .7 .9
    [
        (0.5, [0.68, 0.45, 0.29, 0.16, 0.0625]),
        (1.0, [0.90, 0.70, 0.50, 0.30, 0.10]),
        (2.0, [0.99, 0.91, 0.75, 0.51, 0.19]),
        (4.0, [1.00, 0.99, 0.94, 0.76, 0.34]),
    ],
)
@pytest.mark.parametrize("tau", [1.0, 0.6])
def test_curvature_gives_the_published_table(gamma, expected, tau):
    shares = keep_ratio(tau * np.array([0.1, 0.3, 0.5, 0.7, 0.9]), Setting(tau=tau, gamma=gamma))
    np.testing.assert_allclose(shares, expected, atol=0.005)


def test_linear_is_curvature_at_gamma_1_and_ignores_gamma():
    c = np.linspace(0, 1, 101)
    straight = keep_ratio(c, Setting(tau=0.7, gamma=5.0, rule="linear"))
    np.testing.assert_array_equal(straight, keep_ratio(c, Setting(tau=0.7, gamma=1.0)))


def test_fixed_ignores_the_confidence():
    shares = keep_ratio([0.0, 0.4, 1.0], Setting(rule="fixed", fixed_keep_ratio=0.3))
    assert shares.tolist() == [0.3, 0.3, 0.3]


@pytest.mark.parametrize("rule", BUDGET_RULES)
def test_every_rule_stays_above_the_floor(rule):
    shares = keep_ratio(
        [0.0, 0.5, 1.0], Setting(tau=0.5, gamma=0.01, rule=rule, fixed_keep_ratio=1e-9)
    )
    assert (shares >= MIN_KEEP).all()
    assert (shares <= 1).all()


def test_a_tiny_tau_does_not_overflow():
    """c/tau would be infinite; NumPy's warning would be an error in this suite."""
    assert keep_ratio([0.0, 1.0], Setting(tau=5e-324, gamma=8.0)).tolist() == [1.0, MIN_KEEP]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1e-9, 1.0 + 1e-9])
@pytest.mark.parametrize("rule", BUDGET_RULES)
def test_a_confidence_that_is_no_probability_is_an_error_under_every_rule(bad, rule):
    with pytest.raises(SettingError, match="not a number between 0 and 1"):
        keep_ratio([0.5, bad], Setting(rule=rule))
    with pytest.raises(SettingError, match="not a number between 0 and 1"):
        decide_budget(bad, Setting(rule=rule), 196)


# --- keep_level and num_keep ---------------------------------------------------------------------


def test_a_sixteenth_is_its_own_level_and_the_next_float_up_is_one_more():
    for level in range(1, BUDGET_LEVELS + 1):
        share = level / BUDGET_LEVELS
        assert keep_level(share) == level
        assert keep_level(np.nextafter(share, 2.0)) == min(level + 1, BUDGET_LEVELS)
        assert keep_level(np.nextafter(share, 0.0)) == level


@pytest.mark.parametrize(("ratio", "level"), [(0.0, 1), (-3.0, 1), (1.5, 16)])
def test_levels_are_clipped(ratio, level):
    assert keep_level(ratio) == level


def test_a_ratio_that_is_no_number_has_no_level():
    with pytest.raises(SettingError, match="NaN"):
        keep_level([0.5, float("nan")])


@pytest.mark.parametrize("patches", [1, 15, 16, 17, 49, 64, 196, 197, 256, 576, 1369])
def test_k_is_the_exact_ceiling(patches):
    for level in range(1, BUDGET_LEVELS + 1):
        assert num_keep(level, patches) == ceil(Fraction(patches * level, BUDGET_LEVELS))


def test_k_of_numpys_integers_is_a_plain_int():
    assert type(num_keep(np.int64(8), np.int64(196))) is int


@pytest.mark.parametrize("level", [0, 17, -1])
def test_k_refuses_a_level_outside(level):
    with pytest.raises(SettingError, match="between 1 and 16"):
        num_keep(level, 196)


def test_k_refuses_an_empty_grid():
    with pytest.raises(SettingError, match="at least one patch"):
        num_keep(8, 0)


# --- decide_budget -------------------------------------------------------------------------------


def test_exit_is_strictly_above_tau():
    setting = Setting(tau=0.8)
    at = decide_budget(0.8, setting, 196)
    assert not at.exited
    assert (at.keep_ratio, at.level, at.num_keep) == (MIN_KEEP, 1, 13)
    above = decide_budget(float(np.nextafter(0.8, 1.0)), setting, 196)
    assert above.exited
    assert (above.keep_ratio, above.level, above.num_keep) == (None, None, 0)


def test_tau_1_never_exits():
    assert not decide_budget(1.0, Setting(tau=1.0), 196).exited


def test_a_float32_confidence_is_compared_in_float64():
    """np.float32(0.8) is 0.800000012: above tau, though NumPy would compare it in float32."""
    budget = decide_budget(np.float32(0.8), Setting(tau=0.8), 196)
    assert budget.exited
    assert type(budget.confidence) is float


def test_a_half_sure_guide_keeps_half():
    budget = decide_budget(0.4, Setting(tau=0.8, gamma=1.0), 196)
    assert (budget.keep_ratio, budget.level, budget.num_keep) == (0.5, 8, 98)


# --- A setting as values and in links ------------------------------------------------------------


def test_a_setting_gives_its_fields_and_takes_others():
    setting = Setting(0.7, 2.0, 1.5, "linear", 0.25)
    assert Setting(**setting.as_dict()) == setting
    assert list(setting.as_dict(CONTROLS)) == ["tau", "gamma", "temperature", "rule"]
    assert setting.as_dict(("rule", "tau")) == {"rule": "linear", "tau": 0.7}
    assert setting.changed(tau=0.6) == Setting(0.6, 2.0, 1.5, "linear", 0.25)
    with pytest.raises(SettingError, match="tau must be a number"):
        setting.changed(tau="0.6")


def test_a_link_brings_a_setting_back_and_leaves_what_it_does_not_name():
    keys = {"tau": "t-tau", "gamma": "t-gamma", "rule": "t-rule"}
    setting, start = Setting(1 / 3, 2 / 7, 1.5, "fixed"), Setting(temperature=2.0)
    query = setting.to_query(keys)
    assert set(query) == set(keys.values())
    back = start.from_query(query, keys)
    assert (back.tau, back.gamma) == pytest.approx((1 / 3, 2 / 7), rel=1e-11)
    assert (back.temperature, back.rule) == (2.0, "fixed")
    assert start.from_query({"tau": "0.1"}, keys) == start, "another page's name"
    with pytest.raises(SettingError, match="The link's gamma must be a number, got 'steep'"):
        start.from_query({"t-gamma": "steep"}, keys)
    with pytest.raises(SettingError, match="Unknown budget rule"):
        start.from_query({"t-rule": "sideways"}, keys)
