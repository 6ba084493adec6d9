"""Thresholds: how far confidence can be believed, what exits cost, and a tau with a guarantee."""

from __future__ import annotations

from tinydrop.studies.calibration.exits import ExitRegret, F1Tau, exit_regret, f1_tau
from tinydrop.studies.calibration.guarantee import (
    BOUNDS,
    TAUS_TESTED,
    Guarantee,
    certified_setting,
    certified_tau,
)
from tinydrop.studies.calibration.scores import (
    Reliability,
    RiskCoverage,
    TemperatureFit,
    failure_auroc,
    fit_temperature,
    nearest_temperature,
    reliability,
    risk_coverage,
)

__all__ = [
    "BOUNDS",
    "TAUS_TESTED",
    "ExitRegret",
    "F1Tau",
    "Guarantee",
    "Reliability",
    "RiskCoverage",
    "TemperatureFit",
    "certified_setting",
    "certified_tau",
    "exit_regret",
    "f1_tau",
    "failure_auroc",
    "fit_temperature",
    "nearest_temperature",
    "reliability",
    "risk_coverage",
]
