"""Tables of quality made by hand, for the tests of what is said and drawn of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.statistics import Estimate
from tinydrop.studies.quality import (
    CoherenceTable,
    DriftTable,
    Intervention,
    InterventionTable,
    MethodQuality,
    QualityProvenance,
    QualityReport,
)
from tinydrop.studies.trace import Trace

__all__ = ["PICTURES", "drift_table", "interventions", "provenance", "report", "tenths"]

PICTURES = 2000


def provenance(trace: Trace | None = None, **changes: object) -> QualityProvenance:
    known = None if trace is None else trace.provenance
    values = {
        "pair": "synthetic", "pair_digest": "0" * 64 if known is None else known.pair_digest,
        "data": "made up", "data_fingerprint": "0" * 64, "boxes": 10, "grid": (8, 8), "seed": 0,
        "pictures": PICTURES if trace is None else len(trace), "reference": "gradcam",
        "map_layer": "layer9", "own_map": None, "redraws": 3, "versions": {"torch": "9.9"},
        "skipped": {"unreadable": 2}, "notes": ("A note that must not be missed.",),
    }  # fmt: skip
    return QualityProvenance(**{**values, **changes})


def interventions(
    points: Mapping[tuple[str, str], object], known: QualityProvenance | None = None
) -> InterventionTable:
    """Return a table of accuracies in %, one number or 16 per (kind, name); gains are exact."""
    known = known or provenance()
    reference = np.broadcast_to(np.asarray(points["selector", "gradcam"], float), BUDGET_LEVELS)
    every = []
    for (kind, name), value in points.items():
        percent = np.broadcast_to(np.asarray(value, float), BUDGET_LEVELS)
        gain = (percent - reference) / 100
        correct = np.rint(known.pictures * percent / 100).astype(np.int64)
        spread = 0.02  # an interval of two points on each side
        every.append(
            Intervention(
                kind, name, known.pictures, correct, correct, gain, gain - spread, gain + spread
            )
        )
    kept = tuple(num_keep(level, known.num_patches) for level in range(1, 17))
    return InterventionTable(known, kept, tuple(every))


def report(values: Mapping[str, Mapping[str, float]]) -> QualityReport:
    methods = tuple(
        MethodQuality(
            name, 0, {m: Estimate(v, v - 0.01, v + 0.01, PICTURES) for m, v in found.items()}
        )
        for name, found in values.items()
    )
    return QualityReport(provenance(), methods)


def tenths(own: object, full: object = 60, level: int = 8) -> CoherenceTable:
    """Return a table that is filled at one level alone; accuracies in %, 200 pictures a tenth."""
    shape = (BUDGET_LEVELS, 10)
    pictures, correct, whole = (np.zeros(shape, np.int64) for _ in range(3))
    low = np.full(shape, np.nan)
    pictures[level - 1] = 200
    correct[level - 1] = 2 * np.broadcast_to(own, 10)
    whole[level - 1] = 2 * np.broadcast_to(full, 10)
    low[level - 1] = np.arange(10) / 10
    return CoherenceTable(
        pair="synthetic", pair_digest="0" * 64, data="made up", data_fingerprint="0" * 64,
        selector="gradcam", seed=0, metric="morans_i", pictures=pictures, correct=correct,
        full_correct=whole, low=low, high=low, percentile=100 * low,
    )  # fmt: skip


def drift_table(trace: Trace, first: np.ndarray) -> DriftTable:
    known = provenance(trace, pair=trace.provenance.pair, grid=trace.provenance.grid)
    return DriftTable(known, trace.picture_id, {"right": trace.target_class, "first": first})
