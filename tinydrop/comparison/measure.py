"""Every method at the same cost, on the same frozen target and the same pictures."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.backbones import TargetSpec
from tinydrop.bench import Spread
from tinydrop.budget import BUDGET_LEVELS, decide_budget, num_keep
from tinydrop.comparison.methods import METHODS, costed_plans, plan_within
from tinydrop.comparison.outcomes import Ladder, Outcomes, measure_outcomes, measure_times
from tinydrop.comparison.values import COMPARE_LEVELS, CompareProvenance, CompareRow, CompareTable
from tinydrop.data import Dataset
from tinydrop.errors import SettingError
from tinydrop.macs import GuidanceMacs, guidance_macs, target_macs
from tinydrop.pairs import Pair
from tinydrop.pipeline import TinyDrop
from tinydrop.quality import Estimate, paired_gain
from tinydrop.reduction import Plan, check_reducible, plan_macs, why_not_reducible
from tinydrop.selection import map_method
from tinydrop.tracing import CHUNK, Offered, Progress, library_versions, offered_pictures

__all__ = ["REFERENCE", "budget_of", "compare_methods", "ladder_of"]

REFERENCE = "gradcam"
"""The method that gains are counted from."""
EXITING = f"{REFERENCE}+exit"

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Shares = dict[str, Spread | None]


def compare_methods(
    drop: TinyDrop,
    dataset: Dataset,
    methods: Sequence[str] = tuple(METHODS),
    *,
    seed: int = 0,
    limit: int | None = None,
    batch_size: int = 1,
    repeats: int = 15,
    progress: Progress | None = None,
) -> CompareTable:
    """Measure methods at the five cost levels, beside the target, the guidance and TinyDrop.

    A level's cost is what the target costs on so many sixteenths of its patches; every method runs
    its dearest plan within it. Guidance and map are counted on top where a method needs them. The
    pictures are read twice, first for the fingerprint; times are measured afterwards.

    Args:
        drop: a pair whose target attends plainly.
        dataset: what ``open_dataset`` returned.
        methods: names in ``METHODS``; the reference is measured besides.
        seed: of the random selector.
        limit: only the first so many pictures whose class the pair knows.
        batch_size: pictures per call while times are measured.
        repeats: turns of that.
        progress: told after every chunk.

    Raises:
        UnsupportedModelError: if tokens cannot be reduced inside the target.
        SettingError: if an argument is out of range, no class matches or no picture can be read.
    """
    for name in methods:
        if name not in METHODS:
            raise SettingError(f"Unknown method {name!r}; choose of {', '.join(METHODS)}.")
    if repeats < 1 or batch_size < 1:
        raise SettingError(
            f"Times are measured in at least one turn of at least one picture, got {repeats!r} "
            f"turns of {batch_size!r}."
        )
    check_reducible(drop.pair.target)
    names = tuple(name for name in METHODS if name in {*methods, REFERENCE})
    ladder, notes = ladder_of(drop, names)
    offered = offered_pictures(dataset, drop.pair, limit)
    fingerprint = dataset.fingerprint(offered.positions)
    found = _measured(drop, dataset, offered, ladder, seed, progress)
    times = measure_times(drop, ladder, batch_size, repeats)
    spec, own = drop.pair.target.spec, guidance_macs(drop.pair.guidance)
    count, setting = len(found.truth), drop.pair.setting
    skipped = dict(offered.skipped)
    if offered.positions.size > count:
        skipped["unreadable"] = int(offered.positions.size) - count
    provenance = CompareProvenance(
        pair=drop.pair.name,
        pair_digest=drop.pair.digest,
        data=dataset.title,
        data_fingerprint=fingerprint,
        pictures=count,
        unranked=int(found.unranked.sum()),
        seed=seed,
        grid=(spec.grid.rows, spec.grid.cols),
        setting={name: getattr(setting, name) for name in setting.__dataclass_fields__},
        reference=REFERENCE,
        full_macs=target_macs(spec, spec.grid.num_patches).total,
        guidance_macs=own.forward,
        saliency_macs=own.saliency,
        device=str(next(drop.pair.target.module.parameters()).device),
        threads=torch.get_num_threads(),
        batch_size=batch_size,
        repeats=repeats,
        full_ms=times.full_ms,
        guide_ms=times.guide_ms,
        skipped=skipped,
        versions=library_versions(drop.pair),
        notes=notes,
    )
    table = _Rows(drop.pair, found, own)
    rows = [table.target(), table.guidance(), table.tinydrop()]
    for (method, level), plan in ladder.items():
        timed = _shares(times.plans[method, level], times.guide if _looks(method) else 0.0)
        rows.append(table.plain(method, level, plan, timed))
    for (method, level), plan in ladder.items():
        if method == REFERENCE:
            stay = float(1.0 - table.exited.mean())
            # The guide is counted whole: a picture that exits would not need the map.
            timed = _shares(stay * times.plans[method, level], times.guide)
            rows.append(table.exiting(level, plan, timed))
    return CompareTable(provenance, tuple(rows))


def ladder_of(drop: TinyDrop, names: Sequence[str]) -> tuple[Ladder, tuple[str, ...]]:
    """Return the plans of the methods at every cost level, the dearest first, and what is missing.

    Args:
        drop: the pair.
        names: methods in ``METHODS``.
    """
    target = drop.pair.target
    spec = target.spec
    ladder: dict[tuple[str, int], Plan] = {}
    notes = []
    full = budget_of(spec, BUDGET_LEVELS)
    for name in names:
        missing = []
        for level in reversed(COMPARE_LEVELS):
            plan = plan_within(spec, name, budget_of(spec, level))
            if plan is None:
                missing.append(level)
                continue
            reason = why_not_reducible(target, plan)
            if reason is not None:
                notes.append(f"{name} is left out: {reason}")
                break
            ladder[name, level] = plan
        if missing:
            listed = ", ".join(map(str, sorted(missing)))
            known = costed_plans(spec, name)
            notes.append(
                f"{name} costs at least {known[0][0] / full:.3f} of the full target, so it has no "
                f"row at level {listed}."
                if known
                else f"{name} has no block to act before in a target of {spec.depth} blocks."
            )
    return ladder, tuple(notes)


def budget_of(spec: TargetSpec, level: int) -> int:
    """Return what the target costs on so many sixteenths of its patches, in MACs."""
    return target_macs(spec, num_keep(level, spec.grid.num_patches)).total


def _measured(
    drop: TinyDrop,
    dataset: Dataset,
    offered: Offered,
    ladder: Ladder,
    seed: int,
    progress: Progress | None,
) -> Outcomes:
    """Return the outcomes of every picture that can be read, in order."""
    total = int(offered.positions.size)
    pictures = iter(dataset.pictures(offered.positions))
    parts = []
    start = time.monotonic()
    for first in range(0, total, CHUNK):
        some = list(islice(pictures, CHUNK))
        truth = offered.truth[first : first + len(some)]
        found = measure_outcomes(drop, ladder, some, truth, seed)
        if found is not None:
            parts.append(found)
        done = first + len(some)
        if progress is not None:
            progress(done, total, (time.monotonic() - start) / done * (total - done))
    if not parts:
        raise SettingError(
            f"None of the {total:,} pictures of {dataset.title} can be read; give JPEG, PNG or "
            f"WebP pictures."
        )
    return Outcomes.joined(parts)


class _Rows:
    """Makes the rows of the table from the outcomes."""

    def __init__(self, pair: Pair, found: Outcomes, own: GuidanceMacs) -> None:
        self._pair, self._found, self._own = pair, found, own
        self._spec = pair.target.spec
        self._patches = self._spec.grid.num_patches
        self._full = target_macs(self._spec, self._patches).total
        self._full_right = found.full == found.truth
        self._budgets = [
            decide_budget(float(c), pair.setting, self._patches) for c in found.confidence
        ]
        self.exited: Bools = np.array([budget.exited for budget in self._budgets])

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
        decided = [b.level or BUDGET_LEVELS for b in self._budgets]  # exits are masked below
        levels = np.where(self._found.unranked, BUDGET_LEVELS, decided)
        answers = self._found.levels[np.arange(len(levels)), levels - 1]
        counts = [num_keep(int(level), self._patches) for level in levels]
        macs = np.array([float(target_macs(self._spec, k).total) for k in counts])
        return self._row("tinydrop", 0, None, answers, macs, exits=self.exited, looks=True)

    def plain(self, method: str, level: int, plan: Plan, timed: Shares) -> CompareRow:
        """Return one method at one level, without any exit."""
        answers, looks = self._found.classes[method, level], _looks(method)
        macs = self._under(plan, looks=looks)
        return self._row(method, level, plan, answers, macs, looks=looks, timed=timed)

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


def _looks(method: str) -> bool:
    """Return whether a method needs the guidance's map."""
    selector = METHODS[method].selector
    return selector is not None and map_method(selector) is not None


def _paired(first: Bools, second: Bools) -> Estimate:
    value, low, high = paired_gain(first, second)
    return Estimate(float(value), float(low), float(high), len(first))


def _shares(own: Floats, guide: float) -> Shares:
    """Return a plan's time and its time with the guide, as shares of the plain target's."""
    return {"target_time": Spread.of(own), "time": Spread.of(own + guide)}
