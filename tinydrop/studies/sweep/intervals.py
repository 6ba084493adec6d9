"""95 % intervals by bootstrap, fast: resamples of kinds of pictures instead of pictures.

What a setting does to a picture is one of a few kinds: level or exit, right or wrong, and the same
for what it is compared with. A multinomial draw of how many of each kind is the same as drawing
the pictures with replacement, and it is paired: one draw gives every measure. Cost is constant
within a kind but where the kept set decides it (windows); there the sum over the n drawn pictures
of a kind is drawn normal, with n times the kind's mean and variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.statistics import (
    draw_kinds,
    drawn_sums,
    never_seen_share,
    percentile_interval,
)
from tinydrop.studies.sweep.outcome import Replay, check_same_pictures, filled

MEASURES = ("accuracy", "accuracy_drop", "saved")
"""What intervals are given for."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval, in the unit of its measure."""

    low: float
    high: float

    def to_list(self) -> list[float]:
        """Return [low, high]."""
        return [self.low, self.high]


def bootstrap(run: Replay, *, seed: int = 0, samples: int = 1000) -> Mapping[str, Interval]:
    """Return 95 % percentile intervals of ``MEASURES``, pictures drawn with replacement.

    What was seen on every picture or on none has no spread to draw from: there the bound is the
    exact one of Clopper and Pearson, a share of 1 - 0.025^(1/M) unseen. The full target against
    itself keeps its drop of 0.

    Args:
        run: what happened to every picture.
        seed: equal seeds give equal intervals.
        samples: number of resamples.

    Raises:
        SettingError: if the trace is empty.
    """
    full_right = filled(run.trace).target_rank[:, -1] == 0
    right = run.rank == 0
    kind = (run.level * 2 + right) * 2 + full_right
    counts, rng, of_kind = draw_kinds(kind, seed, samples)
    mean_macs = drawn_sums(counts, of_kind, run.macs, rng) / len(run.trace)
    accuracy = drawn_sums(counts, of_kind, right, rng) / len(run.trace)
    full = drawn_sums(counts, of_kind, full_right, rng) / len(run.trace)
    saved = 1.0 - mean_macs / float(run.trace.target_macs[:, -1].mean())
    values = (accuracy, 100.0 * (full - accuracy), saved)
    spans = {n: Interval(*percentile_interval(v)) for n, v in zip(MEASURES, values, strict=True)}
    never_seen = never_seen_share(len(run.trace))
    if right.all():
        spans["accuracy"] = Interval(1.0 - never_seen, 1.0)
    elif not right.any():
        spans["accuracy"] = Interval(0.0, never_seen)
    if (right == full_right).all() and not (run.level == BUDGET_LEVELS).all():
        spans["accuracy_drop"] = Interval(-100.0 * never_seen, 100.0 * never_seen)
    return MappingProxyType(spans)


def paired_difference(
    first: Replay, second: Replay, *, seed: int = 0, samples: int = 1000
) -> Mapping[str, Interval]:
    """Return 95 % intervals of first minus second in accuracy (percentage points) and saved share.

    Both see the same resampled pictures, as in ``bootstrap``.

    Raises:
        SettingError: if the trace is empty or the two hold different pictures.
    """
    check_same_pictures(filled(first.trace), second.trace, "second")
    a, b = first.rank == 0, second.rank == 0
    kind = ((first.level * (BUDGET_LEVELS + 1) + second.level) * 2 + a) * 2 + b
    counts, rng, of_kind = draw_kinds(kind, seed, samples)
    gain = drawn_sums(counts, of_kind, a.astype(np.int64) - b, rng) / len(first.trace)
    macs = drawn_sums(counts, of_kind, second.macs - first.macs, rng) / len(first.trace)
    full = float(first.trace.target_macs[:, -1].mean())
    values = {"accuracy": 100.0 * gain, "saved": macs / full}
    return MappingProxyType({n: Interval(*percentile_interval(v)) for n, v in values.items()})
