"""Does a map show the object, does it matter to the target, and what do other choices cost?"""

from __future__ import annotations

from tinydrop.quality.chunks import OBJECT, OWN, redrawn_guidance
from tinydrop.quality.curves import (
    PictureCurves,
    area_under,
    kept_counts,
    outcomes_at_levels,
    picture_curves,
    picture_likeness,
)
from tinydrop.quality.deciles import BINS, CoherenceTable, accuracy_by_coherence
from tinydrop.quality.drift import DriftTable
from tinydrop.quality.failures import (
    FAILURE_KINDS,
    FAILURE_SORTS,
    Failures,
    find_failures,
    kept_masks,
)
from tinydrop.quality.files import (
    TABLES,
    read_coherence,
    read_drift,
    read_interventions,
    read_report,
    table_path,
    write_tables,
)
from tinydrop.quality.film import Film, Flip, Frame, film_frames, film_steps
from tinydrop.quality.interventions import INTERVENTION_KINDS, Intervention, InterventionTable
from tinydrop.quality.localisation import (
    centre_cells,
    centre_prior,
    energy_in_box,
    expected_energy,
    expected_hit,
    object_order,
    pointing_game,
)
from tinydrop.quality.measure import (
    BASELINES,
    REDRAWS,
    Quality,
    QualityStoppedError,
    measure_quality,
)
from tinydrop.quality.statistics import (
    Z95,
    Estimate,
    average_ranks,
    mean_estimate,
    paired_gain,
    spearman,
    wilson,
)
from tinydrop.quality.values import (
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
    "Z95",
    "CoherenceTable",
    "DriftTable",
    "Estimate",
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
    "average_ranks",
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
    "mean_estimate",
    "measure_quality",
    "object_order",
    "outcomes_at_levels",
    "paired_gain",
    "picture_curves",
    "picture_likeness",
    "pointing_game",
    "read_coherence",
    "read_drift",
    "read_interventions",
    "read_report",
    "redrawn_guidance",
    "spearman",
    "table_path",
    "wilson",
    "write_tables",
]
