"""How often the target is right on other patches and with other positions, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import wilson
from tinydrop.studies.quality.values import QualityProvenance, level_column

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INTERVENTION_KINDS = ("selector", "reference", "positions")
"""``selector``: a selector's order; ``reference``: an order that no method could know, the target's
own map, which needs its full answer first, or the object's box; ``positions``: one selector's
patches with other positions."""


@dataclass(frozen=True, eq=False)
class Intervention:
    """How often the target is right on one choice of patches or positions, level by level.

    Attributes:
        kind: a name in ``INTERVENTION_KINDS``.
        name: the selector, ``target`` or ``object box``, or the position mode.
        pictures: M.
        correct: (16,) int64, pictures answered right.
        agreeing: (16,) int64, pictures answered like the full target with right positions.
        gain: (16,) float64, accuracy minus that of the reference on the same pictures.
        gain_low: lower end of its 95 % interval.
        gain_high: upper end.

    Raises:
        SettingError: if the kind is unknown or a column has not one value per level.
    """

    kind: str
    name: str
    pictures: int
    correct: Ints
    agreeing: Ints
    gain: Floats
    gain_low: Floats
    gain_high: Floats

    def __post_init__(self) -> None:
        if self.kind not in INTERVENTION_KINDS:
            raise SettingError(
                f"Unknown kind of intervention {quoted(self.kind)}; choose one of "
                f"{', '.join(INTERVENTION_KINDS)}."
            )
        for name, dtype in (
            ("correct", np.int64),
            ("agreeing", np.int64),
            ("gain", np.float64),
            ("gain_low", np.float64),
            ("gain_high", np.float64),
        ):
            object.__setattr__(self, name, level_column(name, getattr(self, name), dtype))
        for values in (self.correct, self.agreeing):
            if values.min() < 0 or values.max() > self.pictures:
                raise SettingError(f"Of {self.pictures} pictures more were counted than there are.")

    @property
    def accuracy(self) -> Floats:
        """Share of pictures answered right, (16,)."""
        return np.asarray(self.correct / self.pictures)

    @property
    def interval(self) -> tuple[Floats, Floats]:
        """Wilson's 95 % interval of the accuracy, two (16,)."""
        return wilson(self.correct, np.full(BUDGET_LEVELS, self.pictures))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-ready values, a list of 16 each."""
        low, high = self.interval
        return {
            "kind": self.kind,
            "name": self.name,
            "pictures": self.pictures,
            "accuracy": self.accuracy.tolist(),
            "interval": np.stack([low, high], axis=1).tolist(),
            "agreement": (self.agreeing / self.pictures).tolist(),
            "gain": self.gain.tolist(),
            "gain_interval": np.stack([self.gain_low, self.gain_high], axis=1).tolist(),
        }


@dataclass(frozen=True)
class InterventionTable:
    """Accuracy at the 16 levels for each choice of patches and of positions.

    A picture whose map cannot be ranked keeps everything at every level, as the pipeline does.

    Attributes:
        provenance: where the figures come from.
        kept: (16,) K at every level.
        interventions: selectors first, then the reference, then positions.
    """

    provenance: QualityProvenance
    kept: tuple[int, ...]
    interventions: tuple[Intervention, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "kept", tuple(int(k) for k in self.kept))
        if len(self.kept) != BUDGET_LEVELS or self.kept[-1] != self.provenance.num_patches:
            raise SettingError(
                f"A table of interventions has {BUDGET_LEVELS} rising K up to "
                f"{self.provenance.num_patches}, got {self.kept}."
            )

    def find(self, kind: str, name: str) -> Intervention:
        """Return one intervention; SettingError if it was not measured."""
        for one in self.interventions:
            if (one.kind, one.name) == (kind, name):
                return one
        known = ", ".join(f"{one.kind} {one.name}" for one in self.interventions)
        raise SettingError(f"There is no {kind} {quoted(name)} in this table; it holds {known}.")

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON-ready values, without its provenance."""
        return {
            "kept": list(self.kept),
            "interventions": [one.to_dict() for one in self.interventions],
        }
