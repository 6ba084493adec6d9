"""Any (tau, gamma, rule, temperature) from one trace: exact, with intervals and baselines."""

from __future__ import annotations

from tinydrop.studies.sweep.frontier import frontier, knee
from tinydrop.studies.sweep.grid import GAMMAS, TAUS, Grid, sweep_grid
from tinydrop.studies.sweep.intervals import MEASURES, Interval, bootstrap, paired_difference
from tinydrop.studies.sweep.operating import Best, Measured, best_settings, measure, split_halves
from tinydrop.studies.sweep.outcome import (
    Outcome,
    Replay,
    baseline_replays,
    baselines,
    decided,
    evaluate,
    literal_accounting,
    replay,
)
from tinydrop.studies.sweep.report import sweep_report

__all__ = [
    "GAMMAS",
    "MEASURES",
    "TAUS",
    "Best",
    "Grid",
    "Interval",
    "Measured",
    "Outcome",
    "Replay",
    "baseline_replays",
    "baselines",
    "best_settings",
    "bootstrap",
    "decided",
    "evaluate",
    "frontier",
    "knee",
    "literal_accounting",
    "measure",
    "paired_difference",
    "replay",
    "split_halves",
    "sweep_grid",
    "sweep_report",
]
