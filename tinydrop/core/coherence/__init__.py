"""Is a kept set in one piece? Shape measures of a mask, beside random sets of the same size.

A share or a count alone says little: at half of a 14x14 grid a *random* set already has 88 % of its
patches in one 8-connected piece. So every measure comes with its percentile among random sets of
the same K on the same grid, and a map's among shuffles of its own values.
"""

from __future__ import annotations

from tinydrop.core.coherence.metrics import (
    COHERENCE_METRICS,
    MAP_METRICS,
    border_share,
    bounding_box_fill,
    centroid_offset,
    compactness,
    component_count,
    gearys_c,
    hole_count,
    largest_component_share,
    morans_i,
)
from tinydrop.core.coherence.percentiles import (
    Entry,
    box_percentiles,
    coherence_percentiles,
    describe_box,
    describe_coherence,
    describe_map,
)
from tinydrop.core.coherence.verdict import (
    BORDER_FROM,
    COHERENT_FROM,
    OFF_OBJECT_BELOW,
    VERDICT_KINDS,
    Verdict,
    judge_coherence,
)

__all__ = [
    "BORDER_FROM",
    "COHERENCE_METRICS",
    "COHERENT_FROM",
    "MAP_METRICS",
    "OFF_OBJECT_BELOW",
    "VERDICT_KINDS",
    "Entry",
    "Verdict",
    "border_share",
    "bounding_box_fill",
    "box_percentiles",
    "centroid_offset",
    "coherence_percentiles",
    "compactness",
    "component_count",
    "describe_box",
    "describe_coherence",
    "describe_map",
    "gearys_c",
    "hole_count",
    "judge_coherence",
    "largest_component_share",
    "morans_i",
]
