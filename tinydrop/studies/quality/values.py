"""What a measurement of saliency quality says, and where it comes from, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import Estimate
from tinydrop.studies.trace import Provenance

Floats = npt.NDArray[np.float64]

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "pointing": "the map's largest value lies in the object's box; higher is better",
        "energy": "share of the map's positive mass in the box; higher is better",
        "insertion": "area under the target's probability of its full-picture class while the "
        "first patches are kept; higher is better",
        "deletion": "the same while the first patches are dropped; lower is better",
        "rank_correlation": "Spearman's correlation with the target's own map",
        "sanity": "Spearman's correlation with the map of the guidance with weights drawn anew; "
        "near 0 is better",
        "sanity_absolute": "the mean of its magnitude, picture by picture",
    }
)
"""Measure -> what it is, in words."""

OBJECTS = ("all", "small")
"""Which pictures a table is of: all, or those whose object's box covers less than ``SMALL_OBJECT``
of the crop, where a map can matter most."""
SMALL_OBJECT = 0.35


@dataclass(frozen=True, kw_only=True)
class QualityProvenance(Provenance):
    """Where the figures come from; equal provenance, equal figures.

    Attributes:
        boxes: how many of the pictures have a box that the crop shows.
        reference: the selector that others are compared with, and whose patches get wrong
            positions.
        map_layer: the guidance layer that the maps are read from.
        own_map: how the target's own map is made; None where its family has none.
        redraws: how many times the guidance's weights were drawn anew.
        objects: a name in ``OBJECTS``.
        notes: sentences that a reader must not miss.
    """

    boxes: int
    reference: str
    map_layer: str
    own_map: str | None
    redraws: int
    objects: str = "all"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objects not in OBJECTS:
            raise SettingError(
                f"Unknown pictures {quoted(self.objects)}; choose one of {', '.join(OBJECTS)}."
            )
        if self.pictures < 1 or not 0 <= self.boxes <= self.pictures:
            raise SettingError(
                f"Quality is measured on at least one picture and no more boxes than pictures, "
                f"got {quoted(self.pictures)} pictures and {quoted(self.boxes)} boxes."
            )


@dataclass(frozen=True, eq=False)
class MethodQuality:
    """What is known of one saliency method or baseline.

    Attributes:
        name: a selector, ``centre cell``, or ``target`` for the target's own map.
        unranked: pictures whose map could not be ranked; they are in no figure here.
        measures: name in ``MEASURES`` -> estimate, where there is one.
        insertion: (16,) float64, the mean curve over the levels; None without an order.
        deletion: likewise, while the first patches are dropped.

    Raises:
        SettingError: if a measure is unknown or a curve has not one value per level.
    """

    name: str
    unranked: int
    measures: Mapping[str, Estimate]
    insertion: Floats | None = None
    deletion: Floats | None = None

    def __post_init__(self) -> None:
        unknown = set(self.measures) - set(MEASURES)
        if unknown:
            raise SettingError(
                f"Unknown measure {quoted(min(unknown))}; choose one of {', '.join(MEASURES)}."
            )
        object.__setattr__(self, "measures", MappingProxyType(dict(self.measures)))
        for name in ("insertion", "deletion"):
            curve = getattr(self, name)
            if curve is not None:
                object.__setattr__(self, name, level_column(name, curve, np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values."""
        return {
            "name": self.name,
            "unranked": self.unranked,
            **{
                name: self.measures[name].to_dict() if name in self.measures else None
                for name in MEASURES
            },
            "insertion_curve": None if self.insertion is None else self.insertion.tolist(),
            "deletion_curve": None if self.deletion is None else self.deletion.tolist(),
        }


@dataclass(frozen=True)
class QualityReport:
    """How well each map shows the object, and what matters to the target.

    Attributes:
        provenance: where the figures come from.
        methods: saliency methods, then baselines, then the target's own map.
    """

    provenance: QualityProvenance
    methods: tuple[MethodQuality, ...]

    def find(self, name: str) -> MethodQuality:
        """Return one method; SettingError if it was not measured."""
        for method in self.methods:
            if method.name == name:
                return method
        known = ", ".join(method.name for method in self.methods)
        raise SettingError(f"There is no {quoted(name)} in this report; it holds {known}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values, without its provenance."""
        return {"methods": [method.to_dict() for method in self.methods]}


def level_column(name: str, values: npt.ArrayLike, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Return a column of a table as that dtype, read-only; SettingError if it has not 16 values."""
    array: npt.NDArray[Any] = np.array(values, dtype=dtype)
    if array.shape != (BUDGET_LEVELS,):
        raise SettingError(
            f"{name} has one value for each of the {BUDGET_LEVELS} levels, got {array.shape}."
        )
    array.setflags(write=False)
    return array
