"""Every method at the same cost, on the same frozen target and the same pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError, quoted
from tinydrop.data import Dataset, LabelledPicture
from tinydrop.models.backbones import TargetSpec
from tinydrop.models.macs import guidance_macs, target_macs
from tinydrop.models.pairs import Student
from tinydrop.models.reduction import Plan, check_reducible, why_not_reducible
from tinydrop.pipeline import TinyDrop
from tinydrop.studies.comparison.methods import METHODS, REFERENCE, costed_plans, plan_within
from tinydrop.studies.comparison.outcomes import (
    Ladder,
    Outcomes,
    Students,
    measure_outcomes,
    measure_times,
)
from tinydrop.studies.comparison.rows import EXITING, Rows, shares
from tinydrop.studies.comparison.values import COMPARE_LEVELS, CompareProvenance, CompareTable
from tinydrop.studies.trace import (
    Progress,
    Watch,
    common_facts,
    data_notes,
    measure_readable,
    offered_pictures,
)


def compare_methods(
    drop: TinyDrop,
    dataset: Dataset,
    methods: Sequence[str] = tuple(METHODS),
    students: Sequence[Student] = (),
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
        students: slimmed students of the target, each at its own cost.
        seed: of the random selector.
        limit: only so many pictures whose class the pair knows: the first ones, or of class
            folders some of every class.
        batch_size: pictures per call while times are measured.
        repeats: turns of that.
        progress: told after every chunk.

    Raises:
        UnsupportedModelError: if tokens cannot be reduced inside the target.
        SettingError: if an argument is out of range, no class matches or no picture can be read.
    """
    for name in methods:
        if name not in METHODS:
            raise SettingError(f"Unknown method {quoted(name)}; choose of {', '.join(METHODS)}.")
    if repeats < 1 or batch_size < 1:
        raise SettingError(
            f"Times are measured in at least one turn of at least one picture, got "
            f"{quoted(repeats)} "
            f"turns of {quoted(batch_size)}."
        )
    check_reducible(drop.pair.target)
    slimmed = _named(students, drop)
    names = tuple(name for name in METHODS if name in {*methods, REFERENCE})
    ladder, notes = ladder_of(drop, names)
    offered = offered_pictures(dataset, drop.pair, limit)
    fingerprint = dataset.fingerprint(offered.positions)

    def measure(some: Sequence[LabelledPicture], inside: slice) -> Outcomes | None:
        return measure_outcomes(drop, ladder, slimmed, some, offered.truth[inside], seed)

    parts = measure_readable(dataset, offered.positions, measure, Watch(progress))
    found = Outcomes.joined(parts)
    times = measure_times(drop, ladder, slimmed, batch_size, repeats)
    spec, own = drop.pair.target.spec, guidance_macs(drop.pair.guidance)
    setting = drop.pair.setting
    provenance = CompareProvenance(
        **common_facts(drop.pair, dataset, offered, fingerprint, len(found.truth), seed),
        unranked=int(found.unranked.sum()),
        setting=setting.as_dict(),
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
        notes=(*notes, *data_notes(offered, drop.pair, found.truth)),
        students={one.card.name: one.card.words for one in students},
    )
    table = Rows(drop.pair, found, own)
    rows = [table.target(), table.guidance(), table.tinydrop()]
    for (method, level), plan in ladder.items():
        timed = shares(
            times.plans[method, level], times.guide if METHODS[method].reads_map else 0.0
        )
        rows.append(table.plain(method, level, plan, timed))
    for (method, level), plan in ladder.items():
        if method == REFERENCE:
            stay = float(1.0 - table.exited.mean())
            # The guide is counted whole: a picture that exits would not need the map.
            timed = shares(stay * times.plans[method, level], times.guide)
            rows.append(table.exiting(level, plan, timed))
    for name, student in slimmed.items():
        timed = shares(times.plans[name, 0], 0.0)
        rows.append(table.student(name, float(student.macs), timed))
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


def _named(students: Sequence[Student], drop: TinyDrop) -> Students:
    """Return the students by name, after making sure that they fit the target."""
    named = {one.card.name: one.model for one in students}
    taken = {*METHODS, "target", "guidance", "tinydrop", EXITING}
    if len(named) < len(students) or taken & set(named):
        raise SettingError(
            f"Every student needs a name of its own, none of a method; got "
            f"{', '.join(one.card.name for one in students)}."
        )
    for student in named.values():
        student.check_teacher(drop.pair.target.spec)
        student.module.to(next(drop.pair.target.module.parameters()).device)
    return named
