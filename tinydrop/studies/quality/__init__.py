"""Does a map show the object, does it matter to the target, and what do other choices cost?"""

from __future__ import annotations

from tinydrop.studies.quality.chunks import OBJECT, OWN, redrawn_guidance
from tinydrop.studies.quality.curves import (
    PictureCurves,
    area_under,
    kept_counts,
    outcomes_at_levels,
    picture_curves,
    picture_likeness,
)
from tinydrop.studies.quality.deciles import BINS, CoherenceTable, accuracy_by_coherence
from tinydrop.studies.quality.drift import DriftTable
from tinydrop.studies.quality.failures import (
    FAILURE_KINDS,
    FAILURE_SORTS,
    Failures,
    find_failures,
    kept_masks,
)
from tinydrop.studies.quality.files import (
    TABLES,
    read_coherence,
    read_drift,
    read_interventions,
    read_report,
    table_path,
    write_tables,
)
from tinydrop.studies.quality.film import Film, Flip, Frame, film_frames, film_steps
from tinydrop.studies.quality.interventions import (
    INTERVENTION_KINDS,
    Intervention,
    InterventionTable,
)
from tinydrop.studies.quality.localisation import (
    centre_cells,
    centre_prior,
    energy_in_box,
    expected_energy,
    expected_hit,
    object_order,
    pointing_game,
)
from tinydrop.studies.quality.measure import (
    BASELINES,
    REDRAWS,
    Quality,
    QualityStoppedError,
    measure_quality,
)
from tinydrop.studies.quality.values import (
    MEASURES,
    OBJECTS,
    SMALL_OBJECT,
    MethodQuality,
    QualityProvenance,
    QualityReport,
)

__all__ = [
    "BASELINES",
    "BINS",
    "FAILURE_KINDS",
    "FAILURE_SORTS",
    "INTERVENTION_KINDS",
    "MEASURES",
    "OBJECT",
    "OBJECTS",
    "OWN",
    "REDRAWS",
    "SMALL_OBJECT",
    "TABLES",
    "CoherenceTable",
    "DriftTable",
    "Failures",
    "Film",
    "Flip",
    "Frame",
    "Intervention",
    "InterventionTable",
    "MethodQuality",
    "PictureCurves",
    "Quality",
    "QualityProvenance",
    "QualityReport",
    "QualityStoppedError",
    "accuracy_by_coherence",
    "area_under",
    "centre_cells",
    "centre_prior",
    "energy_in_box",
    "expected_energy",
    "expected_hit",
    "film_frames",
    "film_steps",
    "find_failures",
    "kept_counts",
    "kept_masks",
    "measure_quality",
    "object_order",
    "outcomes_at_levels",
    "picture_curves",
    "picture_likeness",
    "pointing_game",
    "read_coherence",
    "read_drift",
    "read_interventions",
    "read_report",
    "redrawn_guidance",
    "table_path",
    "write_tables",
]
