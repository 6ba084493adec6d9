"""Every statistic there is: intervals, resampling, ranks, calibration, exact tests.

Where scipy has it, scipy computes it. ``scipy.stats`` and ``scipy.optimize`` take a second to
import, which no entrance should wait for, so they are imported where they are called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from tinydrop.core.errors import SettingError, quoted

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

Z95 = float(special.ndtri(0.975))
"""97.5 % of a normal distribution lie below so many standard deviations."""
COLDEST, HOTTEST = 0.05, 20.0
"""Between these temperatures the fit searches; outside, a confidence is all 1 or all 1/C."""

_ROWS = 4096  # logits at a time, so that a large head does not need the memory of all


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures with its 95 % interval.

    Attributes:
        value: the mean.
        low: lower end of the interval.
        high: upper end of the interval.
        pictures: over how many pictures, at least 1.

    Raises:
        SettingError: if it is no mean of a picture, or the ends do not enclose it.
    """

    value: float
    low: float
    high: float
    pictures: int

    def __post_init__(self) -> None:
        if self.pictures < 1 or not self.low <= self.value <= self.high:
            raise SettingError(
                f"An estimate lies inside its interval and rests on pictures, got "
                f"{quoted(self.value)} "
                f"in [{quoted(self.low)}, {quoted(self.high)}] from {quoted(self.pictures)} "
                f"pictures."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return ``value``, ``interval`` and ``pictures`` as JSON-ready values."""
        return {
            "value": self.value,
            "interval": [self.low, self.high],
            "pictures": self.pictures,
        }


def mean_estimate(values: npt.ArrayLike) -> Estimate | None:
    """Return the mean of what is not NaN, None where nothing is left.

    The interval is the mean -+ 1.96 standard errors; of one picture it has no width.

    Args:
        values: (M,), one per picture.
    """
    given = np.asarray(values, dtype=np.float64)
    known = given[~np.isnan(given)]
    if not known.size:
        return None
    mean = float(known.mean())
    error = float(known.std(ddof=1) / np.sqrt(known.size)) if known.size > 1 else 0.0
    return Estimate(mean, mean - Z95 * error, mean + Z95 * error, int(known.size))


def wilson(count: npt.ArrayLike, total: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's 95 % interval of a share, each in the shape of ``count``.

    Source: E. B. Wilson, J. Am. Stat. Assoc. 22, 209-212 (1927). NaN where ``total`` is 0.

    Args:
        count: how many of them, 0 to ``total``.
        total: how many in all.
    """
    k, n = np.asarray(count, np.float64), np.asarray(total, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = k / n
        centre = share + Z95**2 / (2 * n)
        spread = Z95 * np.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
        low, high = (centre - spread) / (1 + Z95**2 / n), (centre + spread) / (1 + Z95**2 / n)
    # At the ends the interval touches 0 and 1, where rounding would leave 1e-17.
    return np.where(k == 0, np.where(n > 0, 0.0, np.nan), low), np.where(
        (k == n) & (n > 0), 1.0, high
    )


def paired_gain(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Return how much more often ``first`` is right than ``second`` on the same pictures.

    The interval is that of Agresti and Min (Biometrics 61, 2005, 729): Wald's for matched pairs
    with half a picture added to each of the four cells, so that it never has no width.

    Args:
        first: (M, ...) bool, M at least 1.
        second: (M, ...) bool, the same pictures.

    Returns:
        (first - second) / M as shares, and the ends of the 95 % interval, each of shape (...).

    Raises:
        SettingError: if there is no picture or the shapes differ.
    """
    if first.shape != second.shape or not len(first):
        raise SettingError(
            f"Two results are compared on the same pictures, at least one, got shapes "
            f"{first.shape} and {second.shape}."
        )
    n = len(first)
    only_first = np.asarray((first & ~second).sum(axis=0), np.float64)
    only_second = np.asarray((second & ~first).sum(axis=0), np.float64)
    b, c, m = only_first + 0.5, only_second + 0.5, n + 2.0
    middle = (b - c) / m
    spread = Z95 * np.sqrt((b + c) - (b - c) ** 2 / m) / m
    gain = (only_first - only_second) / n
    # The shrunk interval may end before an extreme share itself.
    return gain, np.minimum(middle - spread, gain), np.maximum(middle + spread, gain)


def mean_of_known(values: Floats) -> Floats:
    """Return the mean over the first axis of what is not NaN, NaN where nothing is left."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    result: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return result


def never_seen_share(total: int) -> float:
    """Return the upper end of Clopper and Pearson's 95 % interval of a share never seen, 0 to 1.

    Args:
        total: pictures looked at, at least 1.
    """
    return float(1.0 - 0.025 ** (1.0 / total))


def binomial_passes(count: npt.ArrayLike, total: int, share: float, alpha: float) -> Bools:
    """Return whether so few out of ``total`` show that their share is at most ``share``.

    Clopper and Pearson's exact test: P(Binomial(total, share) <= count) <= alpha.

    Args:
        count: (...) whole numbers, 0 to ``total``.
        total: pictures, at least 1.
        share: above 0 and below 1.
        alpha: chance allowed of saying so in error.
    """
    return np.asarray(special.bdtr(np.asarray(count, np.float64), total, share) <= alpha)


def draw_kinds(kind: Ints, seed: int, samples: int) -> tuple[Floats, np.random.Generator, Ints]:
    """Draw pictures with replacement, as numbers of each kind: the same draw, and much faster.

    Args:
        kind: (M,) whole numbers, one per picture.
        seed: equal seeds give equal draws.
        samples: number of resamples.

    Returns:
        How many of each kind every resample drew (samples, kinds), the generator, and the number of
        each picture's kind (M,).
    """
    _, of_kind, sizes = np.unique(kind, return_inverse=True, return_counts=True)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(kind.size, sizes / kind.size, size=samples).astype(np.float64)
    return counts, rng, of_kind


def drawn_sums(
    counts: Floats, of_kind: Ints, values: npt.NDArray[Any], rng: np.random.Generator
) -> Floats:
    """Return the sum of a measure over the pictures of every resample, (samples,) float64.

    Where a measure differs within a kind, the sum over n drawn pictures of it is drawn normal, with
    n times the kind's mean and variance.

    Args:
        counts: from ``draw_kinds``, as are ``of_kind`` and ``rng``.
        of_kind: (M,).
        values: (M,) the measure.
        rng: used only where a measure differs within a kind.
    """
    sizes = np.bincount(of_kind)
    mean = np.bincount(of_kind, values) / sizes
    spread = np.bincount(of_kind, (values - mean[of_kind]) ** 2) / sizes
    total: Floats = counts @ mean
    # Rounding leaves a spread of about 1e-32 of the square where the values are all equal.
    if (spread > 1e-20 * mean**2).any():
        total = total + np.sqrt(counts @ spread) * rng.standard_normal(len(counts))
    return total


def percentile_interval(values: Floats) -> tuple[float, float]:
    """Return the ends between which the middle 95 % of (samples,) resampled values lie."""
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def average_ranks(values: npt.ArrayLike) -> Floats:
    """Return the ranks 1..N along the last axis; equal values share the mean of their ranks."""
    from scipy import stats

    return np.asarray(stats.rankdata(values, axis=-1), np.float64)


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """Return Spearman's rank correlation of each row of two (M, N) arrays, (M,) float64.

    Ties share their mean rank. NaN where a row is constant or not finite.

    Raises:
        SettingError: if the shapes differ.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 2 or a.shape != b.shape:
        raise SettingError(
            f"Ranks are compared between two arrays of one shape (M, N), got {a.shape} and "
            f"{b.shape}."
        )
    result = np.full(len(a), np.nan)
    known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    if not known.any():
        return result
    # Ranks and their mean are halves: sums of their products are exact in any order.
    u, v = (ranks - (a.shape[1] + 1) / 2 for ranks in map(average_ranks, (a[known], b[known])))
    scale = np.sqrt((u * u).sum(axis=1) * (v * v).sum(axis=1))
    rho = np.divide((u * v).sum(axis=1), scale, out=np.full(len(u), np.nan), where=scale > 0.0)
    result[known] = np.clip(rho, -1.0, 1.0)
    return result


def mid_percentiles(values: Floats, ordered: Floats) -> Floats:
    """Return which share of some draws lies below each value, half of its equals with it, 0 to 100.

    NaN where a value is NaN. Values a millionth apart are equal: sums of the same numbers in
    another order differ in the last bits, and a trace keeps float32.

    Args:
        values: (M,).
        ordered: (draws,), rising.
    """
    slack = 1e-6 * np.maximum(1.0, np.abs(values))
    below = np.searchsorted(ordered, values - slack, side="left")
    up_to = np.searchsorted(ordered, values + slack, side="right")
    return np.where(np.isfinite(values), 50.0 * (below + up_to) / ordered.size, np.nan)


def auroc(score: Floats, positive: Bools) -> float | None:
    """Return the chance that a positive scores above a negative, equal counting half.

    It is Mann and Whitney's U by the number of pairs; None where all or none are positive.

    Args:
        score: (M,), finite.
        positive: (M,).
    """
    from scipy import stats

    above, below = score[positive], score[~positive]
    if not (above.size and below.size):
        return None
    # The p-value is not asked for; "asymptotic" is the cheapest.
    found = stats.mannwhitneyu(above, below, use_continuity=False, method="asymptotic")
    return float(found.statistic) / (above.size * below.size)


def binned(confidence: Floats, correct: Bools, edges: Floats) -> tuple[Ints, Floats, Floats, float]:
    """Return counts, mean confidence and share right of each bin, and the calibration error.

    The error (ECE) is the sum over bins of (share of pictures) * |share right - confidence|.

    Args:
        confidence: (M,), from the first edge to the last.
        correct: (M,).
        edges: (bins + 1,), rising; a bin holds its upper edge and not its lower, the first both.

    Returns:
        (bins,) counts, means and shares, the latter two 0 where a bin is empty; the error.
    """
    bins = edges.size - 1
    which = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    held = np.maximum(counts, 1)
    mean = np.bincount(which, confidence, bins) / held
    share = np.bincount(which, correct, bins) / held
    error = float((counts * np.abs(share - mean)).sum() / confidence.size)
    return counts, mean, share, error


def temperature_of(logits: npt.NDArray[Any], label: Ints) -> tuple[float, bool]:
    """Return the T of softmax(logits / T) that makes the labels most likely.

    The likelihood is convex in 1/T (Guo et al. 2017, arXiv:1706.04599, fit the same scalar), so
    its minimum is where its slope is 0; a search by values alone would know T to eight digits.

    Args:
        logits: (M, C), finite.
        label: (M,), the true classes.

    Returns:
        T, and True where the labels ask for one beyond ``COLDEST`` to ``HOTTEST``.
    """
    from scipy import optimize

    low, high = 1.0 / HOTTEST, 1.0 / COLDEST

    def slope(beta: float) -> float:
        return label_likelihood(logits, label, beta)[1]

    for bound, outside in ((low, 1.0), (high, -1.0)):
        if slope(bound) * outside >= 0.0:
            return 1.0 / bound, True
    return 1.0 / float(optimize.brentq(slope, low, high, xtol=1e-14, rtol=1e-14)), False


def label_likelihood(logits: npt.NDArray[Any], label: Ints, beta: float) -> tuple[float, float]:
    """Return the labels' mean negative log-likelihood in nats at 1/T = beta, and its slope.

    Args:
        logits: (M, C), finite.
        label: (M,), the true classes.
        beta: above 0.
    """
    total = np.zeros(2)
    for start in range(0, len(logits), _ROWS):
        z = logits[start : start + _ROWS].astype(np.float64)
        z -= z.max(axis=1, keepdims=True)
        own = z[np.arange(len(z)), label[start : start + _ROWS]]
        weight = np.exp(beta * z)
        norm = weight.sum(axis=1)
        mean = (weight * z).sum(axis=1) / norm
        total += [(np.log(norm) - beta * own).sum(), (mean - own).sum()]
    nll, slope = (total / len(logits)).tolist()
    return nll, slope
