"""Which setting to use: tuned on one half of the pictures, reported on the other.

A setting found by search looks better on the pictures it was found on than it is, so everything
found here is reported on the other half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError, quoted
from tinydrop.studies.sweep.grid import GAMMAS, TAUS, Grid, sweep_grid
from tinydrop.studies.sweep.intervals import Interval, bootstrap, paired_difference
from tinydrop.studies.sweep.outcome import (
    Outcome,
    Replay,
    baseline_replays,
    check_same_pictures,
    replay,
)
from tinydrop.studies.trace import Trace

Ints = npt.NDArray[np.int64]

MAX_DROPS = (0.3, 0.5, 1.0)
"""Accuracy drops, in percentage points, that settings are offered for."""

CASCADE_TAUS = tuple(round(step / 1000, 3) for step in range(1, 1001))
"""Thresholds tried for the pure cascade: it has one knob only, so it gets a finer one."""


@dataclass(frozen=True)
class Measured:
    """An outcome with 95 % intervals of ``intervals.MEASURES``."""

    outcome: Outcome
    intervals: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        """Return the measures and ``intervals`` (name -> [low, high]) as JSON-ready values."""
        spans = {name: value.to_list() for name, value in self.intervals.items()}
        return {**self.outcome.to_dict(), "intervals": spans}


@dataclass(frozen=True)
class Best:
    """The setting that saves most within an accuracy drop, and what it does elsewhere.

    Attributes:
        max_drop: allowed drop in percentage points, on the tuning half.
        seed: of the split.
        setting: what was found; None where nothing qualifies.
        tuned_on: its outcome on the tuning half.
        held_out: its outcome on the other half.
        baselines: name -> outcome on the other half, at this setting; with ``best_cascade``, the
            pure cascade whose own tau was tuned in the same way.
        cascade_tau: that tau; None where no cascade qualifies.
        against_cascade: 95 % intervals, on the other half, of this setting minus ``best_cascade``:
            ``accuracy`` in percentage points, ``saved`` as a share.
        notes: sentences that a reader must not miss.
    """

    max_drop: float
    seed: int
    setting: Setting | None
    tuned_on: Outcome | None
    held_out: Measured | None
    baselines: Mapping[str, Measured]
    cascade_tau: float | None
    against_cascade: Mapping[str, Interval]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values; settings in the four fields of the contract."""
        return {
            "max_drop": self.max_drop,
            "seed": self.seed,
            "setting": None if self.setting is None else setting_dict(self.setting),
            "tuned_on": None if self.tuned_on is None else self.tuned_on.to_dict(),
            "held_out": None if self.held_out is None else self.held_out.to_dict(),
            "baselines": {name: value.to_dict() for name, value in self.baselines.items()},
            "cascade_tau": self.cascade_tau,
            "against_cascade": {k: v.to_list() for k, v in self.against_cascade.items()},
            "notes": list(self.notes),
        }


def measure(run: Replay, *, seed: int = 0, samples: int = 1000) -> Measured:
    """Return an outcome with its intervals; SettingError for an empty trace."""
    return Measured(run.outcome(), bootstrap(run, seed=seed, samples=samples))


def setting_dict(setting: Setting) -> dict[str, Any]:
    """Return tau, gamma, rule and temperature; the fixed share too where the rule looks at it."""
    names = ("tau", "gamma", "rule", "temperature")
    extra = ("fixed_keep_ratio",) if setting.rule == "fixed" else ()
    return {name: getattr(setting, name) for name in names + extra}


def split_halves(trace: Trace, seed: int = 0) -> tuple[Ints, Ints]:
    """Return positions of the tuning half and of the other, each rising; the latter may be larger.

    Raises:
        SettingError: if there are fewer than two pictures.
    """
    if len(trace) < 2:
        raise SettingError(
            f"Tuning on one half and reporting on the other needs at least 2 pictures, the trace "
            f"has {len(trace)}; trace more."
        )
    order = np.random.default_rng(seed).permutation(len(trace))
    half = len(trace) // 2
    return np.sort(order[:half]), np.sort(order[half:])


def best_settings(
    trace: Trace,
    max_drops: Sequence[float] = MAX_DROPS,
    *,
    taus: Sequence[float] = TAUS,
    gammas: Sequence[float] = GAMMAS,
    base: Setting | None = None,
    seed: int = 0,
    samples: int = 1000,
    random: Trace | None = None,
    uniform: Trace | None = None,
) -> tuple[Best, ...]:
    """Return, per allowed drop, the setting that saves most on one half, measured on the other.

    Args:
        trace: at least two pictures.
        max_drops: percentage points of accuracy below the full target.
        taus: thresholds to try; with 1 among them "no exit" is tried as well.
        gammas: curvatures to try.
        base: temperature, rule and fixed keep ratio; the defaults where None.
        seed: of the split and of the intervals.
        samples: resamples for the intervals.
        random: the same pictures traced with the random selector.
        uniform: the same with the uniform selector.

    Raises:
        SettingError: if the trace is too small, an allowed drop is not a number from 0 to 100, or
            another trace does not belong.
    """
    base = Setting() if base is None else base
    for drop in max_drops:
        if not 0.0 <= drop <= 100.0:
            raise SettingError(
                f"An allowed accuracy drop lies between 0 and 100 percentage points, got "
                f"{quoted(drop)}; "
                f"use for example 0.5."
            )
    given = {"random": random, "uniform": uniform}
    others = {name: value for name, value in given.items() if value is not None}
    for name, value in others.items():
        check_same_pictures(trace, value, name)
    tuning, other = split_halves(trace, seed)
    grid = sweep_grid(trace.take(tuning), taus, gammas, base)
    # With one level for all, the pure cascade is a grid of the "fixed" rule without saliency.
    whole = replace(base, rule="fixed", fixed_keep_ratio=1.0)
    cascades = sweep_grid(replace(trace.take(tuning), saliency_macs=0), CASCADE_TAUS, (1.0,), whole)
    held = trace.take(other)
    others = {name: value.take(other) for name, value in others.items()}
    return tuple(
        _report(float(drop), seed, samples, grid, cascades, held, others) for drop in max_drops
    )


def _most_saving(grid: Grid, max_drop: float) -> tuple[int, int] | None:
    """Return the cell that saves most within the drop; of equals, the most accurate, first one."""
    allowed = np.flatnonzero(np.ravel(grid.accuracy_drop <= max_drop))
    if not allowed.size:
        return None
    macs, correct = np.ravel(grid.total_macs)[allowed], np.ravel(grid.correct)[allowed]
    best = allowed[np.lexsort((-correct, macs))[0]]
    row, column = divmod(int(best), len(grid.gammas))
    return row, column


def _report(
    max_drop: float,
    seed: int,
    samples: int,
    grid: Grid,
    cascades: Grid,
    held: Trace,
    others: Mapping[str, Trace],
) -> Best:
    """Return one allowed drop's setting, measured on the held-out half."""
    cell, cascade_cell = _most_saving(grid, max_drop), _most_saving(cascades, max_drop)
    tau = None if cascade_cell is None else cascades.taus[cascade_cell[0]]
    if cell is None:
        least = float(grid.accuracy_drop.min())
        note = (
            f"No setting keeps the accuracy drop within {max_drop:g} points on the tuning half; "
            f"the smallest drop found there is {least:.2f} points."
        )
        return Best(max_drop, seed, None, None, None, {}, tau, {}, (note,))
    setting = grid.setting(*cell)
    run, runs = replay(held, setting), baseline_replays(held, setting, **others)
    against: Mapping[str, Interval] = {}
    if tau is not None:
        at_tau = replace(setting, tau=tau)
        runs["best_cascade"] = baseline_replays(held, at_tau)["cascade"]
        against = paired_difference(run, runs["best_cascade"], seed=seed, samples=samples)
    result = measure(run, seed=seed, samples=samples)
    measured = {k: measure(v, seed=seed, samples=samples) for k, v in runs.items()}
    tuned = grid.outcome(*cell)
    notes = _notes(max_drop, result, measured, against)
    return Best(max_drop, seed, setting, tuned, result, measured, tau, against, notes)


def _notes(
    max_drop: float,
    result: Measured,
    baselines: Mapping[str, Measured],
    against: Mapping[str, Interval],
) -> tuple[str, ...]:
    """Return what a reader must not miss about a held-out result."""
    own, notes = result.outcome, []
    if own.accuracy_drop > max_drop:
        notes.append(
            f"On the held-out half the drop is {own.accuracy_drop:.2f} points, more than the "
            f"{max_drop:g} allowed on the tuning half."
        )
    if own.saved < 0.0:
        notes.append(
            f"It costs {-100 * own.saved:.1f} % more than the full target alone, "
            f"so use the full target."
        )
    if not against:
        notes.append(f"No pure cascade stays within {max_drop:g} points on the tuning half.")
        return tuple(notes)
    other, span = baselines["best_cascade"].outcome, against["saved"]
    figures = (
        f"it saves {100 * own.saved:.1f} % against {100 * other.saved:.1f} % "
        f"(difference {100 * span.low:.1f} to {100 * span.high:.1f} points with 95 % confidence), "
        f"at drops of {own.accuracy_drop:.2f} and {other.accuracy_drop:.2f} points."
    )
    if span.low > 0.0:
        notes.append(f"TinyDrop saves more than the pure cascade: {figures}")
    elif own.saved > other.saved:
        notes.append(f"TinyDrop is not clearly better than the pure cascade: {figures}")
    else:
        notes.append(f"TinyDrop does not beat the pure cascade: {figures}")
    return tuple(notes)
