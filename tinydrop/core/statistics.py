"""Means, shares and their 95 % intervals; ranks and their correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted

Floats = npt.NDArray[np.float64]

Z95 = 1.959963984540054
"""97.5 % of a normal distribution lie below so many standard deviations."""


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


def average_ranks(values: npt.ArrayLike) -> Floats:
    """Return the ranks 1..N of (N,) values; equal values share the mean of their ranks."""
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2.0)[place]
    return ranks


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
    for row, (x, y) in enumerate(zip(a, b, strict=True)):
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            continue
        u, v = average_ranks(x), average_ranks(y)
        u, v = u - u.mean(), v - v.mean()
        scale = float(np.sqrt((u @ u) * (v @ v)))
        if scale > 0.0:
            result[row] = np.clip(u @ v / scale, -1.0, 1.0)
    return result
