"""What a comparison of methods says, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.statistics import Estimate, wilson
from tinydrop.models.reduction import Plan
from tinydrop.studies.bench import Spread
from tinydrop.studies.trace import Provenance

COMPARE_LEVELS = (4, 6, 8, 10, 12)
"""The five cost levels: what the target costs on so many sixteenths of its patches."""

_NOISE = 0.2


@dataclass(frozen=True, kw_only=True)
class CompareProvenance(Provenance):
    """Where the figures come from.

    Attributes:
        unranked: how many pictures have a map that cannot be ranked; they keep every patch.
        setting: tau, gamma, temperature and rule of the rows that exit.
        reference: the method that the gains are counted from.
        full_macs: of the target on every patch.
        guidance_macs: of the guidance's forward pass.
        saliency_macs: of the head-only gradient and the map.
        device: where times were measured.
        threads: threads that torch may use within one operation.
        batch_size: pictures per call while times were measured.
        repeats: turns.
        full_ms: median time of the plain target.
        guide_ms: median time of guidance and map.
        notes: sentences that a reader must not miss.
        students: name -> what the student does and how it was trained.
    """

    unranked: int
    setting: Mapping[str, Any]
    reference: str
    full_macs: int
    guidance_macs: int
    saliency_macs: int
    device: str
    threads: int
    batch_size: int
    repeats: int
    full_ms: float
    guide_ms: float
    notes: tuple[str, ...] = ()
    students: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pictures < 1:
            raise SettingError(f"A comparison rests on pictures, got {quoted(self.pictures)}.")


@dataclass(frozen=True)
class CompareRow:
    """One method at one cost level.

    Attributes:
        method: a name in ``METHODS``; ``gradcam+exit``, ``tinydrop``, ``target``, ``guidance`` or a
            student's name.
        level: the cost level, in sixteenths of the patches; 0 where the row stands for itself.
        plan: what was done to the tokens; None where no single plan was run.
        correct: pictures answered right.
        agreeing: pictures answered like the full target.
        target_macs: of the target on one picture, the mean.
        macs: the same with guidance and map, where the method needs them.
        exit_rate: share of pictures that the guidance answered.
        drop: how much more often the full target is right, a share with its paired 95 % interval.
        gain: how much more often than the reference at this level; None where there is none.
        target_time: time of the target part, as a share of the plain target's; None if not timed.
        time: the same with guidance and map, where the method needs them.

    Raises:
        SettingError: if counts do not fit the number of pictures.
    """

    method: str
    level: int
    plan: Plan | None
    correct: int
    agreeing: int
    target_macs: float
    macs: float
    exit_rate: float
    drop: Estimate
    gain: Estimate | None
    target_time: Spread | None
    time: Spread | None

    def __post_init__(self) -> None:
        if not (0 <= self.correct <= self.pictures and 0 <= self.agreeing <= self.pictures):
            raise SettingError(f"Of {self.pictures} pictures more were counted than there are.")

    @property
    def pictures(self) -> int:
        """M, the number of pictures."""
        return self.drop.pictures

    @property
    def accuracy(self) -> Estimate:
        """The share of pictures answered right, with Wilson's 95 % interval."""
        low, high = wilson(self.correct, self.pictures)
        return Estimate(self.correct / self.pictures, float(low), float(high), self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return {
            "method": self.method,
            "level": self.level,
            "plan": None if self.plan is None else self.plan.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "agreement": self.agreeing / self.pictures,
            "target_macs": self.target_macs,
            "macs": self.macs,
            "exit_rate": self.exit_rate,
            "accuracy_drop": self.drop.to_dict(),
            "gain": None if self.gain is None else self.gain.to_dict(),
            "target_time": _spread(self.target_time),
            "time": _spread(self.time),
        }


@dataclass(frozen=True)
class CompareTable:
    """Every method at every cost level it can reach, on one frozen target.

    Attributes:
        provenance: where the figures come from.
        rows: by method, the dearest level first within each.
    """

    provenance: CompareProvenance
    rows: tuple[CompareRow, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in the table, in order."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    @property
    def students(self) -> Mapping[str, str]:
        """Name -> words of the trained students in the table; their rows have level 0."""
        return self.provenance.students

    def find(self, method: str, level: int) -> CompareRow | None:
        """Return one row; None where the method cannot cost so little."""
        found = (row for row in self.rows if (row.method, row.level) == (method, level))
        return next(found, None)

    @property
    def noisy(self) -> bool:
        """True when a time's quartiles lie over 20 % apart: other work disturbed the machine."""
        times = [row.target_time for row in self.rows if row.target_time is not None]
        return any(one.high - one.low > _NOISE * one.median for one in times)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as JSON-ready values."""
        return {
            "noisy": self.noisy,
            "provenance": self.provenance.to_dict(),
            "rows": [row.to_dict() for row in self.rows],
        }


def _spread(value: Spread | None) -> dict[str, float] | None:
    if value is None:
        return None
    return {"median": value.median, "low": value.low, "high": value.high}
