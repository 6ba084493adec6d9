"""Where a trace comes from, and at which temperatures it states the guidance's confidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import Z95

if TYPE_CHECKING:
    from typing_extensions import Self

FEW_PICTURES = 300
"""Below so many pictures a share is uncertain by more than 5 points to either side."""

TEMPERATURES: tuple[float, ...] = tuple(
    [round(0.3 + 0.05 * step, 2) for step in range(35)] + [2.25, 2.5, 3.0, 4.0, 5.0]
)
"""The ladder of temperatures whose confidence every trace states: 0.3 to 2 in steps of 0.05, on."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where figures come from: what every measurement states. A study adds fields of its own.

    Mappings and lists that are given are kept as read-only copies.

    Attributes:
        pair: the pair's name.
        pair_digest: sha256 (hex) of the pair's weights and classes.
        data: title of the data set.
        data_fingerprint: sha256 (hex) over ids, labels and bytes of every picture offered.
        seed: of the random and the scattered selector.
        grid: (rows, cols) of the target's patches.
        pictures: M, the number of pictures measured.
        skipped: reason -> number of pictures left out.
        versions: library -> version.
    """

    INCOMPLETE: ClassVar[str] = "The table's description is incomplete ({}); measure it again."

    pair: str
    pair_digest: str
    data: str
    data_fingerprint: str
    seed: int
    grid: tuple[int, int]
    pictures: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Mapping):
                object.__setattr__(self, each.name, MappingProxyType(dict(value)))
            elif isinstance(value, list):
                object.__setattr__(self, each.name, tuple(value))
        object.__setattr__(self, "grid", (int(self.grid[0]), int(self.grid[1])))

    @property
    def num_patches(self) -> int:
        """N of the target."""
        return self.grid[0] * self.grid[1]

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values, in a fixed order."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` wrote; SettingError if a field is missing."""
        known = {each.name for each in fields(cls)}
        try:
            return cls(**{key: value for key, value in values.items() if key in known})
        except (TypeError, ValueError, IndexError) as error:
            raise SettingError(cls.INCOMPLETE.format(error)) from error


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a field's value as JSON has it, mappings by rising name."""
    if isinstance(value, Mapping):
        return dict(sorted(value.items()))
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, kw_only=True)
class TraceProvenance(Provenance):
    """Where a trace comes from; two traces with equal provenance are equal.

    Attributes:
        selector: who ranked the patches; ``seed`` is 0 where it needs none.
        classes: the pair's class names.
        temperatures: rising; contains 1 and the pair's own T.
        setting: the pair's default setting as a mapping of the fields of ``Setting``.
        map_grid: (rows, cols) of the guidance's raw map; None for selectors without one.
        map_layer: the guidance layer that the map was read from; None without one.
        budget_levels: 16.
        split: of the data set; None where it names none.
        config: of the data set; None where there is one alone.
        drawn: how a limit chose among the pictures; empty where all were taken.

    Raises:
        SettingError: if the temperatures do not rise or lack 1, or the levels are not 16.
    """

    INCOMPLETE: ClassVar[str] = (
        "The trace's description is incomplete ({}); trace the pictures again."
    )

    selector: str
    classes: tuple[str, ...]
    temperatures: tuple[float, ...]
    setting: Mapping[str, Any]
    map_grid: tuple[int, int] | None
    map_layer: str | None
    budget_levels: int = BUDGET_LEVELS
    split: str | None = None
    config: str | None = None
    drawn: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.map_grid is not None:
            object.__setattr__(self, "map_grid", (int(self.map_grid[0]), int(self.map_grid[1])))
        object.__setattr__(self, "temperatures", tuple(float(t) for t in self.temperatures))
        steps = np.diff(np.asarray(self.temperatures))
        if 1.0 not in self.temperatures or (steps <= 0).any():
            raise SettingError(
                f"A trace states rising temperatures with 1 among them, got {self.temperatures}."
            )
        if self.budget_levels != BUDGET_LEVELS:
            raise SettingError(
                f"A trace has {BUDGET_LEVELS} budget levels, got {quoted(self.budget_levels)}; "
                f"trace the pictures again with this version."
            )


def cautions(labels: npt.NDArray[np.int64], classes: Sequence[str]) -> tuple[str, ...]:
    """Return what a reader of percentages must know of the pictures that they rest on.

    Args:
        labels: (M,) int64, the true class of each picture, M at least 1.
        classes: the pair's class names.
    """
    count, present = labels.size, np.unique(labels)
    found = []
    if count < FEW_PICTURES:
        # Half of a 95 % interval of a share of one half, where it is widest.
        spread = 100 * Z95 * 0.5 / float(np.sqrt(count))
        pictures = "1 picture is" if count == 1 else f"{count:,} pictures are"
        found.append(
            f"Only {pictures} measured: a percentage may be off by {spread:.0f} points, so give "
            f"{FEW_PICTURES} or more before choosing a setting."
        )
    if present.size == 1:
        found.append(
            f"Every picture is of the class '{classes[int(present[0])]}': this says nothing of the "
            f"pair's other {len(classes) - 1} classes."
        )
    elif count < FEW_PICTURES and present.size < len(classes):
        found.append(f"They cover {present.size} of the pair's {len(classes)} classes.")
    return tuple(found)


def stated_temperatures(extra: Iterable[float]) -> tuple[float, ...]:
    """Return the fixed ladder with the given temperatures added, rising."""
    return tuple(sorted({*TEMPERATURES, *map(float, extra)}))
