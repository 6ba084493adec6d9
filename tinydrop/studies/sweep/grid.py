"""Thousands of settings at once, equal to ``evaluate`` in every count.

Along pictures sorted by rising confidence a budget rule's level never rises, so every setting cuts
the sorted pictures into at most 16 runs and the exits; running totals per level give each count by
subtraction. Where the runs end is found with ``keep_ratio`` and ``keep_level`` themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, Setting, keep_level, keep_ratio
from tinydrop.core.errors import SettingError
from tinydrop.studies.sweep.outcome import Outcome, filled
from tinydrop.studies.trace import Trace

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TAUS: tuple[float, ...] = (*(round(0.02 * step, 2) for step in range(1, 50)), 0.99, 0.995, 1.0)
"""Exit thresholds that a search tries; at 1 nothing exits."""

GAMMAS: tuple[float, ...] = tuple(float(f"{g:.3g}") for g in np.geomspace(0.125, 8.0, 49))
"""Curvatures that a search tries, with equal ratios between them and 1 in the middle."""

_ROW = 128  # pictures per row of the search for the ends of runs; about sqrt(M / 15) rows change

# Columns of the running totals.
_CORRECT, _TOP5, _AGREEING, _KEPT, _MACS = range(5)


@dataclass(frozen=True, eq=False)
class Grid:
    """Outcomes of every (tau, gamma); count arrays have shape (taus, gammas), int64.

    Attributes:
        base: temperature, rule and fixed keep ratio of every cell.
        taus: exit thresholds, along the first axis.
        gammas: curvatures, along the second axis.
        correct: like the fields of ``Outcome``, as are the next four.
        top5_correct: label among the five best.
        agreeing: same answer as the full target.
        exits: answered by the guidance.
        kept: patches kept by those that did not exit.
        total_macs: over all pictures.
        any_outcome: the outcome of the first cell; pictures, N and the full target's are the same
            for all.
    """

    base: Setting
    taus: tuple[float, ...]
    gammas: tuple[float, ...]
    correct: Ints
    top5_correct: Ints
    agreeing: Ints
    exits: Ints
    kept: Ints
    total_macs: Ints
    any_outcome: Outcome

    @property
    def accuracy(self) -> Floats:
        """Share of pictures answered right."""
        return np.asarray(self.correct / self.any_outcome.pictures)

    @property
    def accuracy_drop(self) -> Floats:
        """Percentage points below the full target, by the formula of ``Outcome``."""
        same = self.any_outcome
        return np.asarray(100.0 * (same.full_correct - self.correct) / same.pictures)

    @property
    def macs(self) -> Floats:
        """Mean multiply-accumulates per picture."""
        return np.asarray(self.total_macs / self.any_outcome.pictures)

    @property
    def saved(self) -> Floats:
        """1 - MACs / the full target's."""
        return np.asarray(1.0 - self.total_macs / self.any_outcome.full_macs)

    @property
    def exit_rate(self) -> Floats:
        """Share of pictures that the guidance answered."""
        return np.asarray(self.exits / self.any_outcome.pictures)

    def setting(self, row: int, column: int) -> Setting:
        """Return the setting of a cell."""
        return replace(self.base, tau=self.taus[row], gamma=self.gammas[column])

    def outcome(self, row: int, column: int) -> Outcome:
        """Return the outcome of a cell, equal to ``evaluate(trace, setting(row, column))``."""
        names = ("correct", "top5_correct", "agreeing", "exits", "kept", "total_macs")
        return replace(
            self.any_outcome, **{name: int(getattr(self, name)[row, column]) for name in names}
        )

    def cells(self) -> Iterator[tuple[int, int]]:
        """Yield every (row, column), taus outermost."""
        return iter(np.ndindex(len(self.taus), len(self.gammas)))


def sweep_grid(
    trace: Trace,
    taus: Sequence[float] = TAUS,
    gammas: Sequence[float] = GAMMAS,
    base: Setting | None = None,
) -> Grid:
    """Return the outcome of every (tau, gamma), each equal to ``evaluate`` at that setting.

    A budget rule must not rise with confidence, which is what every rule of ``budget.py`` does.

    Args:
        trace: at least one picture.
        taus: exit thresholds.
        gammas: curvatures; the rules ``linear`` and ``fixed`` do not look at them.
        base: temperature, rule and fixed keep ratio; the defaults where None.

    Raises:
        SettingError: if the trace or an axis is empty, a value is out of range, or the trace does
            not state the temperature.
    """
    base = Setting() if base is None else base
    settings = [replace(base, tau=t, gamma=g) for t in taus for g in gammas]
    if not settings:
        raise SettingError("A grid needs at least one tau and one gamma; give both.")
    confidence = filled(trace).column(base.temperature).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    confidence = confidence[order]
    sizes = _run_lengths(confidence, settings)  # (S, 16), level 16 first
    ends = np.cumsum(sizes, axis=1)
    starts, stayed = ends - sizes, ends[:, -1]
    totals, exit_totals = _running_totals(trace, order)
    levels = np.arange(BUDGET_LEVELS - 1, -1, -1)  # the column of each run
    sums = exit_totals[:, -1] - exit_totals[:, stayed].T
    for column, total in enumerate(totals):
        sums[:, column] += (total[levels, ends] - total[levels, starts]).sum(axis=1)
    shape = (len(taus), len(gammas))
    picked = {
        "correct": sums[:, _CORRECT],
        "top5_correct": sums[:, _TOP5],
        "agreeing": sums[:, _AGREEING],
        "exits": len(trace) - stayed,
        "kept": sums[:, _KEPT],
        "total_macs": sums[:, _MACS] + trace.guidance_macs * len(trace),
    }
    first = Outcome(
        pictures=len(trace),
        full_correct=int((trace.target_rank[:, -1] == 0).sum()),
        full_macs=int(trace.target_macs[:, -1].sum()),
        num_patches=trace.provenance.num_patches,
        **{name: int(values[0]) for name, values in picked.items()},
    )
    counts = {name: values.reshape(shape) for name, values in picked.items()}
    axes = (tuple(float(t) for t in taus), tuple(float(g) for g in gammas))
    return Grid(base, *axes, any_outcome=first, **counts)


def _running_totals(trace: Trace, order: Ints) -> tuple[Ints, Ints]:
    """Return totals over the first i sorted pictures: (5, L, M + 1) if kept, (5, M + 1) if out."""
    full = trace.target_class[order, -1]
    rank = trace.target_rank[order].T
    stayed = np.zeros((5, BUDGET_LEVELS, len(order) + 1), dtype=np.int64)
    for column, values in (
        (_CORRECT, rank == 0),
        (_TOP5, rank < 5),
        (_AGREEING, full == trace.target_class[order].T),
        (_KEPT, trace.num_keep[order].T),
        (_MACS, trace.saliency_macs + trace.target_macs[order].T),
    ):
        np.cumsum(values, axis=1, out=stayed[column, :, 1:])
    left = np.zeros((5, len(order) + 1), dtype=np.int64)
    own = trace.guidance_rank[order]
    np.cumsum(own == 0, out=left[_CORRECT, 1:])
    np.cumsum(own < 5, out=left[_TOP5, 1:])
    np.cumsum(trace.guidance_class[order] == full, out=left[_AGREEING, 1:])
    return stayed, left


def _run_lengths(confidence: Floats, settings: Sequence[Setting]) -> Ints:
    """Return how many sorted pictures that do not exit get level 16, 15, ..., 1, (S, 16) int64."""
    stayed = np.searchsorted(confidence, [s.tau for s in settings], side="right")
    pad = -len(confidence) % _ROW
    rows = np.append(confidence, np.full(pad, confidence[-1])).reshape(-1, _ROW)
    firsts = rows[:, 0].copy()
    result = np.empty((len(settings), BUDGET_LEVELS), dtype=np.int64)
    for index, (setting, count) in enumerate(zip(settings, stayed, strict=True)):
        whole = int(count) // _ROW  # rows in which nobody exits and nothing is padding
        level = keep_level(keep_ratio(firsts[: whole + 1], setting))
        # Levels never rise: a row whose first and next row's first agree has that level throughout.
        same = level[:whole] == np.append(level[1:], -1)[:whole]
        tail = rows[whole, : count - whole * _ROW] if whole < len(rows) else firsts[:0]
        each = np.concatenate([rows[:whole][~same].ravel(), tail])
        histogram = _ROW * np.bincount(level[:whole][same], minlength=BUDGET_LEVELS + 1)
        histogram += np.bincount(keep_level(keep_ratio(each, setting)), minlength=BUDGET_LEVELS + 1)
        result[index] = histogram[:0:-1]
    return result
