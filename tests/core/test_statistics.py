"""Intervals and rank correlation, against scipy and formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tinydrop.core.errors import SettingError
from tinydrop.core.statistics import (
    Estimate,
    auroc,
    average_ranks,
    binomial_passes,
    draw_kinds,
    drawn_sums,
    mean_estimate,
    mean_of_known,
    mid_percentiles,
    never_seen_share,
    paired_gain,
    spearman,
    wilson,
)


def test_wilson_is_scipys() -> None:
    for count, total in ((0, 7), (7, 7), (3, 10), (1, 200), (1650, 3250)):
        known = stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
        low, high = wilson(count, total)
        assert float(low) == pytest.approx(known.low, abs=1e-9)
        assert float(high) == pytest.approx(known.high, abs=1e-9)


def test_wilson_of_nothing_is_no_number() -> None:
    low, high = wilson(np.array([0, 2]), np.array([0, 4]))
    assert np.isnan([low[0], high[0]]).all()
    assert 0 < low[1] < 0.5 < high[1] < 1


def test_the_interval_of_a_mean() -> None:
    values = np.array([0.1, 0.4, np.nan, 0.7])
    found = mean_estimate(values)
    known = values[[0, 1, 3]]
    error = stats.sem(known)
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert found.pictures == 3
    assert (found.high - found.value) / error == pytest.approx(stats.norm.ppf(0.975), abs=1e-9)
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_a_mean_of_one_or_none() -> None:
    assert mean_estimate([np.nan, 0.25]) == Estimate(0.25, 0.25, 0.25, 1)
    assert mean_estimate([np.nan]) is None
    assert mean_estimate([]) is None
    for wrong in ((0.5, 0.6, 0.7, 3), (0.5, 0.4, 0.6, 0), (np.nan, np.nan, np.nan, 3)):
        with pytest.raises(SettingError, match="inside its interval"):
            Estimate(*wrong)


def test_a_paired_gain_by_its_formula() -> None:
    # 100 pictures: 12 right only with the first, 5 only with the second, 40 with both.
    first = np.array([True] * 12 + [False] * 5 + [True] * 40 + [False] * 43)
    second = np.array([False] * 12 + [True] * 5 + [True] * 40 + [False] * 43)
    gain, low, high = paired_gain(first, second)
    assert float(gain) == pytest.approx(0.07)
    b, c, n = 12.5, 5.5, 102
    variance = ((b + c) / n - ((b - c) / n) ** 2) / n
    assert float(high + low) / 2 == pytest.approx((b - c) / n)
    assert float(high - low) / 2 == pytest.approx(stats.norm.ppf(0.975) * variance**0.5)


def test_a_paired_interval_covers_the_truth_and_is_narrower_than_an_unpaired_one() -> None:
    rng = np.random.default_rng(0)
    covered, paired, unpaired = 0, [], []
    for _ in range(400):
        easy = rng.random(300) < 0.5
        first = np.where(easy, rng.random(300) < 0.95, rng.random(300) < 0.2)
        second = np.where(easy, rng.random(300) < 0.90, rng.random(300) < 0.15)
        _, low, high = paired_gain(first, second)
        covered += bool(low <= 0.05 <= high)
        paired.append(float(high - low))
        unpaired.append(sum(float(np.diff(wilson(x.sum(), 300))[0]) ** 2 for x in (first, second)))
    assert 0.92 < covered / 400 < 0.98
    assert np.mean(paired) < 0.9 * np.mean(np.sqrt(unpaired))


def test_equal_results_have_no_gain_but_a_width() -> None:
    right = np.array([[True, False], [False, False], [True, True]])
    gain, low, high = paired_gain(right, right)
    assert gain.tolist() == [0.0, 0.0]
    assert (low < 0).all()
    assert (high > 0).all()
    extreme, low, high = paired_gain(np.ones(5, bool), np.zeros(5, bool))
    assert low <= extreme == 1.0 <= high
    with pytest.raises(SettingError, match="the same pictures"):
        paired_gain(right, right[:2])


@pytest.mark.parametrize("values", [5, 50])  # few distinct values: many ties
def test_spearman_is_scipys_with_and_without_ties(values: int) -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, values, (20, 64)).astype(float)
    b = np.round(a + rng.normal(0, values / 3, a.shape))
    found = spearman(a, b)
    known = [stats.spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert np.allclose(found, known, atol=1e-12)
    # The negative twin: ranks without averaged ties are something else.
    first = [stats.rankdata(x, "ordinal") for x in a]
    second = [stats.rankdata(y, "ordinal") for y in b]
    wrong = [stats.pearsonr(x, y).statistic for x, y in zip(first, second, strict=True)]
    if values == 5:
        assert np.abs(np.array(wrong) - known).max() > 1e-2


def test_average_ranks_are_scipys() -> None:
    row = np.array([3.0, -1.0, 3.0, 7.0, 3.0, -1.0])
    assert average_ranks(row).tolist() == stats.rankdata(row, "average").tolist()


def test_ranks_that_mean_nothing() -> None:
    row = np.arange(5.0)
    flat, broken = np.ones(5), np.array([1, 2, np.nan, 4, 5])
    found = spearman([row, row, row, flat], [-row, flat, broken, flat])
    assert found[0] == -1.0
    assert np.isnan(found[1:]).all()
    with pytest.raises(SettingError, match="one shape"):
        spearman([row], [row[:4]])


def test_what_was_never_seen_is_bounded_as_clopper_and_pearson_do() -> None:
    for total in (1, 7, 300, 50_000):
        known = stats.binomtest(0, total).proportion_ci(0.95, method="exact").high
        assert never_seen_share(total) == pytest.approx(known, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.9])
def test_the_exact_test_adds_up_the_binomial(alpha: float) -> None:
    count = np.arange(61)
    known = np.cumsum([stats.binom.pmf(k, 60, 0.1) for k in count]) <= alpha
    found = binomial_passes(count, 60, 0.1, alpha)
    assert found.tolist() == known.tolist()
    assert 0 < found.sum() < 61
    assert (found != binomial_passes(count, 60, 0.3, alpha)).any()  # negative twin


def test_auroc_counts_every_pair() -> None:
    rng = np.random.default_rng(2)
    score = np.round(rng.random(200), 1)  # many ties
    positive = rng.random(200) < score
    gaps = score[positive][:, None] - score[~positive]
    assert auroc(score, positive) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())
    assert auroc(-score, positive) == pytest.approx(1 - auroc(score, positive))
    assert auroc(np.zeros(4), np.array([True, False, True, False])) == 0.5
    assert auroc(score, np.ones(200, bool)) is None
    assert auroc(score, np.zeros(200, bool)) is None


def test_places_among_draws_are_scipys_and_a_last_bit_is_no_difference() -> None:
    rng = np.random.default_rng(3)
    ordered = np.sort(rng.integers(0, 20, 100).astype(float))
    values = np.array([-1.0, 4.0, 4.5, 19.0, 25.0])
    known = stats.percentileofscore(ordered, values, kind="mean")
    assert mid_percentiles(values, ordered).tolist() == pytest.approx(known)
    assert (mid_percentiles(values * (1 + 1e-9), ordered) == mid_percentiles(values, ordered)).all()
    assert mid_percentiles(np.array([4.01]), ordered)[0] > mid_percentiles(values, ordered)[1]
    assert np.isnan(mid_percentiles(np.array([np.nan]), ordered)).all()


def test_means_of_what_is_known() -> None:
    values = np.array([[1.0, np.nan, np.nan], [4.0, 2.0, np.nan], [1.0, 3.0, np.nan]])
    found = mean_of_known(values)
    assert found[:2].tolist() == [2.0, 2.5]
    assert np.isnan(found[2])


def test_ranks_of_rows_are_those_of_each_row() -> None:
    rows = np.random.default_rng(4).integers(0, 5, (6, 30))
    assert average_ranks(rows).tolist() == [average_ranks(row).tolist() for row in rows]


@pytest.mark.parametrize("varied", [False, True])
def test_drawing_kinds_is_drawing_pictures(varied: bool) -> None:
    rng = np.random.default_rng(5)
    kind = rng.integers(0, 3, 500) * 7
    values = kind + (rng.random(500) if varied else 0.0)
    counts, generator, of_kind = draw_kinds(kind, 1, 4000)
    assert (counts.sum(axis=1) == 500).all()
    assert (np.unique(kind)[of_kind] == kind).all()
    sums = drawn_sums(counts, of_kind, values, generator)
    known = values[rng.integers(500, size=(4000, 500))].sum(axis=1)
    assert sums.mean() == pytest.approx(known.mean(), abs=4 * known.std() / 4000**0.5)
    assert sums.std() == pytest.approx(known.std(), rel=0.06)
    if not varied:
        assert sums.tolist() == pytest.approx((counts @ np.array([0.0, 7.0, 14.0])).tolist())
