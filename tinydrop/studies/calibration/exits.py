"""What exits cost in accuracy, and the tau that balances it against the saving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.sweep import TAUS, sweep_grid
from tinydrop.studies.trace import Trace

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ExitRegret:
    """The pictures that exited, by who is right: the guidance (first word), the full target.

    Attributes:
        right_right: both right; the exit saved its cost.
        right_wrong: the exit is right where the full target is wrong.
        wrong_right: harmful: the exit is wrong where the full target is right.
        wrong_wrong: both wrong; the exit lost nothing.
        harmful: (wrong_right,) int64 positions in the trace, surest first.
        pictures: M, exited or not.
    """

    right_right: int
    right_wrong: int
    wrong_right: int
    wrong_wrong: int
    harmful: Ints
    pictures: int

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        return {**vars(self), "harmful": self.harmful.tolist()}


def exit_regret(trace: Trace, setting: Setting) -> ExitRegret:
    """Return the four boxes of exit regret; SettingError if the temperature is not stated."""
    confidence = trace.column(setting.temperature).astype(np.float64)
    exited = confidence > setting.tau
    guidance, full = trace.guidance_rank == 0, trace.target_rank[:, -1] == 0
    harmful = np.flatnonzero(exited & ~guidance & full)
    harmful = harmful[np.argsort(-confidence[harmful], kind="stable")]
    return ExitRegret(
        right_right=int((exited & guidance & full).sum()),
        right_wrong=int((exited & guidance & ~full).sum()),
        wrong_right=int(harmful.size),
        wrong_wrong=int((exited & ~guidance & ~full).sum()),
        harmful=harmful,
        pictures=len(trace),
    )


@dataclass(frozen=True)
class F1Tau:
    """The tau with the best balance of accuracy and saving.

    Attributes:
        tau: the best of ``taus``; the smallest of equals.
        f1: 2AE / (A + E) there.
        taus: thresholds tried.
        relative_accuracy: A, accuracy over the full target's; above 1 where it is better.
        saved: E, share of MACs saved; a negative saving counts as 0.
        scores: 2AE / (A + E) for each, 0 where A and E are 0.
    """

    tau: float
    f1: float
    taus: tuple[float, ...]
    relative_accuracy: tuple[float, ...]
    saved: tuple[float, ...]
    scores: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}


def f1_tau(trace: Trace, setting: Setting, taus: Sequence[float] = TAUS) -> F1Tau:
    """Return the tau that maximises 2AE / (A + E), gamma, rule and temperature staying.

    Raises:
        SettingError: if the trace is empty, the full target is never right, or the trace does not
            state the temperature.
    """
    grid = sweep_grid(trace, taus, (setting.gamma,), setting)
    full = grid.any_outcome.full_correct
    if not full:
        raise SettingError(
            "The full target gets no picture right, so relative accuracy means nothing; "
            "check that the labels belong to the pair's classes."
        )
    a, e = grid.correct[:, 0] / full, np.maximum(grid.saved[:, 0], 0.0)
    scores = 2.0 * a * e / np.where(a + e > 0.0, a + e, 1.0)
    best = int(np.lexsort((np.asarray(grid.taus), -scores))[0])
    lists = (tuple(values.tolist()) for values in (a, e, scores))
    return F1Tau(grid.taus[best], float(scores[best]), grid.taus, *lists)
