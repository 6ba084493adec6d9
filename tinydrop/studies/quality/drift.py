"""What the target says of every picture when the kept patches lose their positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError, quoted
from tinydrop.studies.quality.values import QualityProvenance

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DriftTable:
    """The target's class of each picture at the 16 levels, for each mode of positions.

    Attributes:
        provenance: where it comes from; ``reference`` is the selector whose patches are kept.
        picture_id: (M,) str, in the order of a trace of the same pictures.
        winner: mode of positions -> (M, 16) int64, the target's class.

    Raises:
        SettingError: if a column has another shape, or an id stands twice.
    """

    provenance: QualityProvenance
    picture_id: npt.NDArray[np.str_]
    winner: Mapping[str, Ints]

    def __post_init__(self) -> None:
        ids = np.array(self.picture_id, dtype=np.str_)
        if ids.shape != (self.provenance.pictures,) or np.unique(ids).size != ids.size:
            raise SettingError(
                f"A table of drift names {self.provenance.pictures:,} different pictures, got "
                f"{np.unique(ids).size:,} in shape {ids.shape}."
            )
        winner: dict[str, Ints] = {}
        for mode, values in self.winner.items():
            winner[mode] = np.array(values, dtype=np.int64)
            if winner[mode].shape != (ids.size, BUDGET_LEVELS):
                raise SettingError(
                    f"Drift with positions {quoted(mode)} is a class per picture and level, got "
                    f"shape "
                    f"{winner[mode].shape} for {ids.size:,} pictures."
                )
        for array in (ids, *winner.values()):
            array.setflags(write=False)
        object.__setattr__(self, "picture_id", ids)
        object.__setattr__(self, "winner", MappingProxyType(winner))

    def aligned(self, mode: str, picture_id: npt.NDArray[np.str_]) -> Ints:
        """Return the classes of some pictures in their order, (M, 16) int64.

        A picture that was not measured, and a mode that the target cannot run, is -1.

        Args:
            mode: a name in ``POSITION_MODES``.
            picture_id: (M,) str.
        """
        found: Ints = np.full((picture_id.size, BUDGET_LEVELS), -1, dtype=np.int64)
        if mode not in self.winner:
            return found
        place = {name: number for number, name in enumerate(self.picture_id.tolist())}
        rows = np.array([place.get(name, -1) for name in picture_id.tolist()], dtype=np.int64)
        found[rows >= 0] = self.winner[mode][rows[rows >= 0]]
        return found
