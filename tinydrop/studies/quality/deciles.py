"""Is a coherent kept set answered right more often? Accuracy by tenths of a coherence measure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.coherence import coherence_percentiles
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import average_ranks, wilson
from tinydrop.core.tokens import PatchGrid
from tinydrop.studies.trace import Trace

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 10


@dataclass(frozen=True, eq=False)
class CoherenceTable:
    """How often the target is right, by level and by tenth of a coherence measure.

    Rows are the 16 levels, columns the 10 tenths from the lowest values on. A tenth is empty (NaN,
    0 pictures) where equal values fill its neighbour, and at the top level, where all sets are one.

    Attributes:
        pair: the pair's name.
        pair_digest: sha256 (hex) of its weights and classes.
        data: title of the data set.
        data_fingerprint: sha256 (hex) of the pictures.
        selector: who ranked the patches.
        seed: of the seeded selectors.
        metric: a name in ``COHERENCE_METRICS``.
        pictures: (16, 10) int64, ranked pictures in the tenth.
        low: (16, 10) float64, the smallest value of the measure in it.
        high: (16, 10) float64, the largest.
        percentile: (16, 10) float64, mean percentile among random sets of the same K.
        correct: (16, 10) int64, pictures answered right on the kept patches.
        full_correct: (16, 10) int64, the same pictures answered right on every patch: whether
            they are easier pictures anyway.

    Raises:
        SettingError: if a column has another shape, or more pictures are right than there are.
    """

    pair: str
    pair_digest: str
    data: str
    data_fingerprint: str
    selector: str
    seed: int
    metric: str
    pictures: Ints
    low: Floats
    high: Floats
    percentile: Floats
    correct: Ints
    full_correct: Ints

    def __post_init__(self) -> None:
        for name in ("pictures", "low", "high", "percentile", "correct", "full_correct"):
            whole = name in ("pictures", "correct", "full_correct")
            values = np.array(getattr(self, name), dtype=np.int64 if whole else np.float64)
            if values.shape != (BUDGET_LEVELS, BINS):
                raise SettingError(
                    f"{name} has {BINS} tenths at each of {BUDGET_LEVELS} levels, got "
                    f"{values.shape}."
                )
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if (self.correct > self.pictures).any() or (self.full_correct > self.pictures).any():
            raise SettingError("In a tenth more pictures are right than there are.")

    @property
    def accuracy(self) -> Floats:
        """Share of pictures answered right on the kept patches, (16, 10); NaN where empty."""
        return _share(self.correct, self.pictures)

    @property
    def full_accuracy(self) -> Floats:
        """Share of them answered right on every patch, (16, 10); NaN where empty."""
        return _share(self.full_correct, self.pictures)

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Wilson's 95 % interval of the accuracy, two (16, 10); NaN where empty."""
        return wilson(self.correct, self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON-ready values; None where a tenth is empty."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        columns = {
            **{name: value for name, value in plain.items() if isinstance(value, np.ndarray)},
            "accuracy": self.accuracy,
            "full_accuracy": self.full_accuracy,
            "interval": np.stack(self.interval, axis=-1),
        }
        return {**plain, **{name: _without_nan(values) for name, values in columns.items()}}


def accuracy_by_coherence(trace: Trace, metric: str = "morans_i") -> CoherenceTable:
    """Return the target's accuracy by tenths of a coherence measure, for every level of a trace.

    At one level all pictures keep the same K, so a percentile among random sets only rises with
    the value and tenths of either are the same. Equal values stay together. Pictures whose map
    could not be ranked, and values without a meaning, are left out.

    Args:
        trace: the pictures.
        metric: a measure that the trace holds.

    Raises:
        SettingError: if the trace holds no pictures or no such measure.
    """
    known = trace.provenance
    if metric not in trace.coherence:
        raise SettingError(
            f"The trace holds no {quoted(metric)}; it holds {', '.join(trace.coherence)}, and a "
            f"new "
            f"trace holds every measure."
        )
    if not len(trace):
        raise SettingError("The trace holds no pictures; trace a data set with at least one.")
    grid = PatchGrid(*known.grid)
    counts = {
        name: np.zeros((BUDGET_LEVELS, BINS), np.int64)
        for name in ("pictures", "correct", "full_correct")
    }
    means = {name: np.full((BUDGET_LEVELS, BINS), np.nan) for name in ("low", "high", "percentile")}
    right, full_right = trace.target_rank == 0, trace.target_rank[:, -1] == 0
    for level in range(1, BUDGET_LEVELS):
        kept = num_keep(level, known.num_patches)
        values = trace.coherence[metric][:, level - 1].astype(np.float64)
        usable = np.isfinite(values) & ~trace.unranked
        if kept == known.num_patches or not usable.any():
            continue
        percentiles = coherence_percentiles(metric, values, grid, kept)
        tenth = _tenths(values[usable])
        for number in range(BINS):
            inside = np.flatnonzero(usable)[tenth == number]
            if not inside.size:
                continue
            at = (level - 1, number)
            counts["pictures"][at] = inside.size
            counts["correct"][at] = right[inside, level - 1].sum()
            counts["full_correct"][at] = full_right[inside].sum()
            means["low"][at], means["high"][at] = values[inside].min(), values[inside].max()
            means["percentile"][at] = percentiles[inside].mean()
    return CoherenceTable(
        pair=known.pair,
        pair_digest=known.pair_digest,
        data=known.data,
        data_fingerprint=known.data_fingerprint,
        selector=known.selector,
        seed=known.seed,
        metric=metric,
        pictures=counts["pictures"],
        correct=counts["correct"],
        full_correct=counts["full_correct"],
        low=means["low"],
        high=means["high"],
        percentile=means["percentile"],
    )


def _tenths(values: Floats) -> Ints:
    """Return the tenth of each value, 0 to 9; equal values get the tenth of their middle rank."""
    middle = average_ranks(values) - 0.5
    tenths: Ints = np.minimum(BINS * middle / values.size, BINS - 1e-9).astype(np.int64)
    return tenths


def _share(count: Ints, total: Ints) -> Floats:
    share: Floats = np.divide(count, total, out=np.full(count.shape, np.nan), where=total > 0)
    return share


def _without_nan(values: npt.NDArray[Any]) -> list[Any]:
    """Return nested lists with None for NaN."""
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return list(plain.tolist())
