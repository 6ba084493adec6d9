"""The rows of a comparison, made from what every method answered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.statistics import Estimate, paired_gain
from tinydrop.models.macs import GuidanceMacs, target_macs
from tinydrop.models.pairs import Pair
from tinydrop.models.reduction import Plan, plan_macs
from tinydrop.studies.bench import Spread
from tinydrop.studies.comparison.methods import METHODS, REFERENCE
from tinydrop.studies.comparison.outcomes import Outcomes
from tinydrop.studies.comparison.values import CompareRow
from tinydrop.studies.sweep import decided

EXITING = f"{REFERENCE}+exit"

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Shares = dict[str, Spread | None]


class Rows:
    """Makes the rows of the table from the outcomes."""

    def __init__(self, pair: Pair, found: Outcomes, own: GuidanceMacs) -> None:
        self._pair, self._found, self._own = pair, found, own
        self._spec = pair.target.spec
        self._patches = self._spec.grid.num_patches
        self._full = target_macs(self._spec, self._patches).total
        self._full_right = found.full == found.truth
        self.exited, self._levels = decided(found.confidence, found.unranked, pair.setting)

    def target(self) -> CompareRow:
        """Return the full target."""
        macs = np.full(len(self._found.full), float(self._full))
        return self._row("target", BUDGET_LEVELS, None, self._found.full, macs)

    def guidance(self) -> CompareRow:
        """Return the guidance alone."""
        everyone = np.ones_like(self.exited)
        nothing = np.zeros(len(everyone))
        return self._row("guidance", 0, None, self._found.guidance, nothing, exits=everyone)

    def tinydrop(self) -> CompareRow:
        """Return TinyDrop at the pair's own setting."""
        column = self._levels - 1
        answers = self._found.levels[np.arange(len(column)), column]
        counts = (num_keep(level, self._patches) for level in range(1, BUDGET_LEVELS + 1))
        macs = np.array([float(target_macs(self._spec, k).total) for k in counts])[column]
        return self._row("tinydrop", 0, None, answers, macs, exits=self.exited, looks=True)

    def plain(self, method: str, level: int, plan: Plan, timed: Shares) -> CompareRow:
        """Return one method at one level, without any exit."""
        answers, looks = self._found.classes[method, level], METHODS[method].reads_map
        macs = self._under(plan, looks=looks)
        return self._row(method, level, plan, answers, macs, looks=looks, timed=timed)

    def student(self, name: str, macs: float, timed: Shares) -> CompareRow:
        """Return a trained student, which costs the same on every picture and needs no guide."""
        everywhere = np.full(len(self._found.full), macs)
        return self._row(name, 0, None, self._found.classes[name, 0], everywhere, timed=timed)

    def exiting(self, level: int, plan: Plan, timed: Shares) -> CompareRow:
        """Return the reference at one level for the pictures of which the guidance is not sure."""
        answers = self._found.classes[REFERENCE, level]
        macs = self._under(plan, looks=True)
        exits = self.exited
        return self._row(EXITING, level, plan, answers, macs, exits=exits, looks=True, timed=timed)

    def _under(self, plan: Plan, *, looks: bool) -> Floats:
        """Return the target's MACs for every picture; all of them where no map ranks patches."""
        reduced = float(plan_macs(self._spec, plan).total)
        whole = self._found.unranked & looks
        return np.where(whole, float(self._full), reduced)

    def _row(
        self,
        method: str,
        level: int,
        plan: Plan | None,
        answers: npt.NDArray[np.int64],
        macs: Floats,
        *,
        exits: Bools | None = None,
        looks: bool = False,
        timed: Shares | None = None,
    ) -> CompareRow:
        """Return a row; where ``exits`` the guidance answers and neither map nor target is paid."""
        found, own, count = self._found, self._own, len(self._found.truth)
        gone = np.zeros(count, dtype=np.bool_) if exits is None else exits
        final = np.where(gone, found.guidance, answers)
        target = np.where(gone, 0.0, macs)
        guide = own.forward if looks or exits is not None else 0
        total = target + guide + np.where(gone, 0.0, float(own.saliency) if looks else 0.0)
        right = final == found.truth
        beside = found.classes.get((REFERENCE, level))
        gain = None
        if beside is not None and method != REFERENCE:
            gain = _paired(right, beside == found.truth)
        return CompareRow(
            method=method,
            level=level,
            plan=plan,
            correct=int(right.sum()),
            agreeing=int((final == found.full).sum()),
            target_macs=float(target.mean()),
            macs=float(total.mean()),
            exit_rate=float(gone.mean()),
            drop=_paired(self._full_right, right),
            gain=gain,
            **({"target_time": None, "time": None} if timed is None else timed),
        )


def _paired(first: Bools, second: Bools) -> Estimate:
    value, low, high = paired_gain(first, second)
    return Estimate(float(value), float(low), float(high), len(first))


def shares(own: Floats, guide: float) -> Shares:
    """Return a plan's time and its time with the guide, as shares of the plain target's."""
    return {"target_time": Spread.of(own), "time": Spread.of(own + guide)}
