"""How far the guidance's confidence can be believed: temperature, reliability, ranking.

Calibration is not the goal of an exit, ranking is (arXiv:2508.21495), so both are here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import auroc, binned, label_likelihood, temperature_of
from tinydrop.studies.trace import Trace

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TemperatureFit:
    """The temperature that makes the labels most likely.

    Attributes:
        temperature: T, between 0.05 and 20.
        nll: mean negative log-likelihood of the labels at T, in nats.
        nll_before: the same at T = 1.
        at_bound: True where the labels ask for a T beyond the searched range.
    """

    temperature: float
    nll: float
    nll_before: float
    at_bound: bool

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        return dict(vars(self))


def fit_temperature(logits: npt.ArrayLike, label: npt.ArrayLike) -> TemperatureFit:
    """Return the T of softmax(logits / T) with the least negative log-likelihood, in float64.

    Args:
        logits: (M, C), finite.
        label: (M,) whole numbers, the true class.

    Raises:
        SettingError: if there is no picture, shapes differ, a logit is not finite or a label is no
            class.
    """
    z, truth = np.asarray(logits), np.asarray(label)
    if z.ndim != 2 or not z.size or truth.shape != z.shape[:1] or not np.isfinite(z).all():
        raise SettingError(
            f"A temperature is fitted on finite logits (pictures, classes) and one label each, got "
            f"shapes {z.shape} and {truth.shape}; trace the pictures again."
        )
    if truth.dtype.kind not in "iu" or truth.min() < 0 or truth.max() >= z.shape[1]:
        wrong = truth[(truth < 0) | (truth >= z.shape[1])] if truth.dtype.kind in "iu" else truth
        raise SettingError(
            f"Labels are whole numbers from 0 to {z.shape[1] - 1}, one for each class of the "
            f"logits, got {quoted(wrong[0].item())}; check that they belong to the same classes."
        )
    fitted, at_bound = temperature_of(z, truth)
    nll, before = (label_likelihood(z, truth, beta)[0] for beta in (1.0 / fitted, 1.0))
    return TemperatureFit(fitted, nll, before, at_bound)


def nearest_temperature(trace: Trace, temperature: float) -> float:
    """Return the temperature that the trace states nearest to a fitted one, by ratio."""
    stated = np.asarray(trace.provenance.temperatures)
    return float(stated[np.argmin(np.abs(np.log(stated / temperature)))])


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram; each tuple has one entry per bin, empty bins hold None.

    Attributes:
        edges: bins + 1 edges; a bin holds its upper edge and not its lower, the first holds both.
        counts: pictures per bin.
        confidence: mean confidence per bin.
        accuracy: share right per bin.
        ece: sum over bins of (share of pictures) * |accuracy - confidence|.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    ece: float

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}


def reliability(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, bins: int = 15, scheme: str = "width"
) -> Reliability:
    """Return the reliability diagram, by default in 15 equal steps as in arXiv:1706.04599.

    Args:
        confidence: (M,) in [0, 1].
        correct: (M,) bool.
        bins: how many, at least 1.
        scheme: ``width`` for equal steps of confidence; ``mass`` for bins that hold about equally
            many pictures, fewer bins where equal confidences fill more than one (they stay
            together, so the order of the pictures plays no part).

    Raises:
        SettingError: if there is no picture, no bin, the two differ in length, or the scheme is
            unknown.
    """
    c, right = _pair(confidence, correct)
    if bins < 1:
        raise SettingError(
            f"A reliability diagram has at least one bin, got {quoted(bins)}; use 15."
        )
    if scheme not in ("width", "mass"):
        raise SettingError(f"Unknown binning {quoted(scheme)}; choose width or mass.")
    edges = np.linspace(0.0, 1.0, bins + 1)
    if scheme == "mass":
        last = -(-np.arange(1, bins) * c.size // bins) - 1  # of each bin but the top one
        inner = np.unique(np.sort(c)[np.maximum(last, 0)])
        edges = np.concatenate([[0.0], inner[(inner > 0.0) & (inner < 1.0)], [1.0]])
    counts, mean, share, ece = binned(c, right, edges)
    return Reliability(
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
        confidence=tuple(m if n else None for m, n in zip(mean.tolist(), counts, strict=True)),
        accuracy=tuple(s if n else None for s, n in zip(share.tolist(), counts, strict=True)),
        ece=ece,
    )


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Share wrong among the surest pictures, by their share of all.

    Attributes:
        coverage: (D,) rising, one point per distinct confidence.
        risk: (D,) share wrong among those at least that sure.
        threshold: (D,) falling, that confidence.
        aurc: mean over k = 1..M of the risk of the k surest; among equally sure pictures the
            expectation over their order. Lower is better.
        excess_aurc: AURC minus the least that the same number of wrong answers allows, with every
            one of them less sure than every right one (E-AURC, arXiv:1805.08206).
    """

    coverage: Floats
    risk: Floats
    threshold: Floats
    aurc: float
    excess_aurc: float

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        arrays = {name: getattr(self, name).tolist() for name in ("coverage", "risk", "threshold")}
        return {**arrays, "aurc": self.aurc, "excess_aurc": self.excess_aurc}


def risk_coverage(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> RiskCoverage:
    """Return the risk-coverage curve; SettingError without pictures or if lengths differ."""
    c, right = _pair(confidence, correct)
    levels, group, sizes = np.unique(-c, return_inverse=True, return_counts=True)
    wrong = np.bincount(group, ~right)
    ends, errors = np.cumsum(sizes), np.cumsum(wrong)
    k = np.arange(1, c.size + 1)
    # Expected errors among the k surest grow evenly through a run of equally sure pictures.
    expected = np.interp(k, np.append(0, ends), np.append(0.0, errors))
    aurc = float((expected / k).mean())
    least = float((np.maximum(k - int(right.sum()), 0) / k).mean())
    return RiskCoverage(ends / c.size, errors / ends, -levels, aurc, aurc - least)


def failure_auroc(confidence: npt.ArrayLike, correct: npt.ArrayLike) -> float | None:
    """Return the chance that a right picture is surer than a wrong one, equal counting half.

    None where all are right or all are wrong.

    Raises:
        SettingError: if there is no picture or the two differ in length.
    """
    c, right = _pair(confidence, correct)
    return auroc(c, right)


def _pair(
    confidence: npt.ArrayLike, correct: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    c, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.bool_)
    if c.ndim != 1 or c.shape != right.shape or not c.size or not np.isfinite(c).all():
        raise SettingError(
            f"Confidence and correctness are one number each per picture, at least one picture, "
            f"got shapes {c.shape} and {right.shape}."
        )
    return c, right
