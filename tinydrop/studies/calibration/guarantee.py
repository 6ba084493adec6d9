"""A tau with a guarantee: accuracy drop <= epsilon with 95 % confidence, whatever the data.

Fixed-sequence testing: thresholds of a grid fixed beforehand are tested from the strictest down,
each at level alpha, up to the first that fails; the last that passed is chosen. A tau that breaks
epsilon is then chosen with probability at most alpha, however many are tested (Learn then Test,
arXiv:2110.01052; risk control for early exits, arXiv:2405.20915). It holds for new pictures from
where the calibration pictures came from, if temperature, gamma and rule were fixed without them.

Two tests, both of "the drop is above epsilon", with h pictures harmed (answered wrong where the
full target is right) and g helped (the reverse) out of n; the drop is P(harmed) - P(helped).

- ``harm``: Clopper and Pearson's exact test of P(harmed) <= epsilon, by h alone. It promises more
  than asked: helped pictures do not make up for harmed ones.
- ``net``: a bet on the drop itself. For a stake s fixed beforehand, the product over pictures of
  1 - s (loss - epsilon), loss = 1, -1 or 0, is at least 1 / alpha with probability at most alpha
  if the drop is above epsilon (Ville); so is its mean over a grid of stakes (Waudby-Smith and
  Ramdas, arXiv:2010.09686).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import binomial_passes
from tinydrop.studies.sweep import replay
from tinydrop.studies.trace import Trace

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TAUS_TESTED: tuple[float, ...] = (
    0.9999,
    0.999,
    *(round(1 - 0.005 * step, 3) for step in range(1, 200)),
)
"""The fixed sequence, falling; never made from the data."""

_STAKES = np.geomspace(0.002, 0.98, 40)
_MOST = 10_000_000  # pictures; no data set asked for is larger

Test = Callable[[Ints, Ints, int, float, float], Bools]
"""(harmed, helped, pictures, epsilon as a share, alpha) -> does each candidate pass."""


@dataclass(frozen=True)
class Guarantee:
    """What could be promised.

    Attributes:
        tau: the lowest certified threshold; None where none is.
        epsilon: allowed drop, percentage points.
        alpha: chance allowed that the promise is broken.
        bound: a name in ``BOUNDS``.
        pictures: n.
        harmed: pictures harmed at ``tau``, or at the strictest tested threshold.
        helped: the same of pictures helped.
        needed: n that would certify at the strictest threshold with the same shares harmed and
            helped; None where ``tau`` is certified, or no n up to ten million would do.
        sentence: the result in words.
    """

    tau: float | None
    epsilon: float
    alpha: float
    bound: str
    pictures: int
    harmed: int
    helped: int
    needed: int | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        return dict(vars(self))


def certified_tau(
    correct_guidance: npt.ArrayLike,
    correct_full: npt.ArrayLike,
    confidence: npt.ArrayLike,
    epsilon: float,
    alpha: float = 0.05,
    bound: str = "harm",
) -> Guarantee:
    """Return the lowest tau whose exits are certified; who does not exit gets the full target.

    Args:
        correct_guidance: (n,) bool.
        correct_full: (n,) bool, the target on every patch.
        confidence: (n,) in [0, 1].
        epsilon: allowed accuracy drop in percentage points, like ``max_drop``.
        alpha: 1 - confidence of the promise.
        bound: a name in ``BOUNDS``.

    Raises:
        SettingError: if lengths differ, there is no picture, or a value is out of range.
    """
    own, full = np.asarray(correct_guidance, np.bool_), np.asarray(correct_full, np.bool_)
    c = np.asarray(confidence, dtype=np.float64)
    if c.ndim != 1 or not own.shape == full.shape == c.shape or not c.size:
        raise SettingError(
            f"A guarantee needs one confidence and two outcomes per picture, at least one picture, "
            f"got shapes {c.shape}, {own.shape} and {full.shape}."
        )
    order = np.argsort(c)
    out = c.size - np.searchsorted(c[order], TAUS_TESTED, side="right")  # the surest, c > tau
    surest = order[::-1]
    harmed, helped = (
        np.append(0, np.cumsum(values[surest]))[out] for values in (~own & full, own & ~full)
    )
    return _walk(harmed, helped, c.size, epsilon, alpha, bound)


def certified_setting(
    trace: Trace, setting: Setting, epsilon: float, alpha: float = 0.05, bound: str = "harm"
) -> Guarantee:
    """Return the lowest tau at which TinyDrop, dropping patches and all, is certified.

    Gamma, rule and temperature are the setting's; its tau plays no part. Dropping does harm at
    every tau, so nothing may be certified where ``certified_tau`` finds an exit threshold.

    Raises:
        SettingError: if the trace is empty, does not state the temperature, or a value is out of
            range.
    """
    full = trace.target_rank[:, -1] == 0
    counts = np.zeros((2, len(TAUS_TESTED)), dtype=np.int64)
    for index, tau in enumerate(TAUS_TESTED):
        right = replay(trace, replace(setting, tau=tau)).rank == 0
        counts[:, index] = (~right & full).sum(), (right & ~full).sum()
    if not len(trace):
        raise SettingError("A guarantee needs at least one picture, the trace has none.")
    return _walk(counts[0], counts[1], len(trace), epsilon, alpha, bound)


def _harm_passes(harmed: Ints, helped: Ints, pictures: int, epsilon: float, alpha: float) -> Bools:
    """P(Binomial(n, epsilon) <= h) <= alpha; ``helped`` plays no part."""
    del helped
    return binomial_passes(harmed, pictures, epsilon, alpha)


def _net_passes(harmed: Ints, helped: Ints, pictures: int, epsilon: float, alpha: float) -> Bools:
    """Does the mean of the bets reach 1 / alpha."""
    wealth = (
        np.multiply.outer(harmed, np.log1p(-_STAKES * (1 - epsilon)))
        + np.multiply.outer(helped, np.log1p(_STAKES * (1 + epsilon)))
        + np.multiply.outer(pictures - harmed - helped, np.log1p(_STAKES * epsilon))
    )
    mean = np.logaddexp.reduce(wealth, axis=-1) - math.log(_STAKES.size)
    return np.asarray(mean >= -math.log(alpha))


BOUNDS: Mapping[str, Test] = MappingProxyType({"harm": _harm_passes, "net": _net_passes})


def _walk(
    harmed: Ints, helped: Ints, pictures: int, epsilon: float, alpha: float, bound: str
) -> Guarantee:
    """Test the sequence and say what came out; counts are (len(TAUS_TESTED),)."""
    if bound not in BOUNDS:
        raise SettingError(f"Unknown bound {quoted(bound)}; choose one of {', '.join(BOUNDS)}.")
    if not (0.0 < epsilon < 100.0 and 0.0 < alpha < 1.0):
        raise SettingError(
            f"epsilon lies between 0 and 100 percentage points and alpha between 0 and 1, got "
            f"{quoted(epsilon)} and {quoted(alpha)}; use for example 1.0 and 0.05."
        )
    passes = BOUNDS[bound](harmed, helped, pictures, epsilon / 100, alpha)
    passed = len(passes) if passes.all() else int(np.argmin(passes))
    at = max(passed - 1, 0)
    counts = int(harmed[at]), int(helped[at])
    promise = f"a drop of at most {epsilon:g} points with {100 * (1 - alpha):g} % confidence"
    tau = TAUS_TESTED[at] if passed else None
    needed = None if passed else _needed(*counts, pictures, epsilon / 100, alpha, bound)
    if passed:
        sentence = f"tau = {tau:g} keeps {promise}, by {pictures} pictures."
    elif needed is None:
        sentence = (
            f"No tau keeps {promise}, and more pictures would not help: at tau = {TAUS_TESTED[0]:g}"
            f" already {counts[0]} of {pictures} pictures are harmed and {counts[1]} helped."
        )
    else:
        sentence = (
            f"{pictures} pictures are too few to certify {promise}; about {needed} are needed, "
            f"if {100 * counts[0] / pictures:.2g} % harmed and {100 * counts[1] / pictures:.2g} % "
            f"helped at tau = {TAUS_TESTED[0]:g} are typical."
        )
    return Guarantee(tau, epsilon, alpha, bound, pictures, *counts, needed, sentence)


def _needed(
    harmed: int, helped: int, pictures: int, epsilon: float, alpha: float, bound: str
) -> int | None:
    """Return about the least n that passes with the same shares; None if none up to ten million."""

    def passes(n: int) -> bool:
        h = np.array([-(-harmed * n // pictures)])
        return bool(BOUNDS[bound](h, np.array([helped * n // pictures]), n, epsilon, alpha)[0])

    low, high = pictures, 2 * pictures
    while not passes(high):
        low, high = high, 2 * high
        if high > _MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high
