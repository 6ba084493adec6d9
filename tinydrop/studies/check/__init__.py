"""Does a timm model fit? Parity, positions and cost, measured; or the reason why not."""

from __future__ import annotations

from tinydrop.studies.check.judge import PHASES, check_model
from tinydrop.studies.check.redraw import redraw_weights
from tinydrop.studies.check.report import ModelReport
from tinydrop.studies.check.survey import Classification, classify_model, known_models, survey
from tinydrop.studies.check.table import (
    REPRESENTATIVE,
    FamiliesTable,
    read_families,
    versions_line,
    write_families,
)

__all__ = [
    "PHASES",
    "REPRESENTATIVE",
    "Classification",
    "FamiliesTable",
    "ModelReport",
    "check_model",
    "classify_model",
    "known_models",
    "read_families",
    "redraw_weights",
    "survey",
    "versions_line",
    "write_families",
]
