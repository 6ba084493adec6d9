"""Saliency quality and interventions over labelled pictures, chunk after chunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, TinyDropError, quoted
from tinydrop.core.statistics import mean_estimate, paired_gain
from tinydrop.data import Dataset, LabelledPicture
from tinydrop.models.backbones import OWN_MAP_METHOD, POSITION_MODES, why_no_own_map
from tinydrop.pipeline import SELECTORS, TinyDrop, check_selector
from tinydrop.studies.quality.chunks import OWN, Plan, measure_chunk, redrawn_guidance
from tinydrop.studies.quality.curves import kept_counts
from tinydrop.studies.quality.drift import DriftTable
from tinydrop.studies.quality.figures import Figures
from tinydrop.studies.quality.interventions import (
    INTERVENTION_KINDS,
    Intervention,
    InterventionTable,
)
from tinydrop.studies.quality.maps import CENTRE_CELL
from tinydrop.studies.quality.values import (
    MEASURES,
    SMALL_OBJECT,
    MethodQuality,
    QualityProvenance,
    QualityReport,
)
from tinydrop.studies.trace import (
    Progress,
    Watch,
    common_facts,
    data_notes,
    measure_readable,
    offered_pictures,
)

BASELINES = ("random", "uniform", "centre")
"""Selectors that are always measured beside the others."""
REDRAWS = 3
"""How many times the guidance's weights are drawn anew: one draw could be like the real one by
chance, and a few cost little beside the target."""


class QualityStoppedError(TinyDropError):
    """Someone asked to stop; nothing is kept."""


@dataclass(frozen=True)
class Quality:
    """The tables of one measurement; ``small`` holds those of small objects, if there are any."""

    report: QualityReport
    interventions: InterventionTable
    drift: DriftTable
    small: tuple[QualityReport, InterventionTable] | None = None

    @property
    def tables(self) -> tuple[QualityReport | InterventionTable | DriftTable, ...]:
        """Every table that there is."""
        return (self.report, self.interventions, self.drift, *(self.small or ()))


def measure_quality(
    drop: TinyDrop,
    dataset: Dataset,
    selectors: Sequence[str] = SELECTORS,
    *,
    seed: int = 0,
    limit: int | None = None,
    redraws: int = REDRAWS,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Quality:
    """Measure saliency methods and selectors on labelled pictures.

    The pictures are read twice, first for the fingerprint. Every order is tried at the 16 levels,
    from its beginning and from its end; ``BASELINES`` are tried besides what is asked for.

    Args:
        drop: the pair.
        dataset: what ``open_dataset`` returned.
        selectors: names in ``SELECTORS``. The first is what the others are compared with, and its
            patches are tried with wrong positions.
        seed: of the random and the scattered selector.
        limit: only so many pictures whose class the pair knows: the first ones, or of class
            folders some of every class.
        redraws: how many times the guidance's weights are drawn anew for the sanity check.
        progress: told after every chunk.
        should_stop: asked before every chunk, and while the fingerprint is taken.

    Raises:
        SettingError: if an argument is out of range, no class matches or no picture can be read.
        QualityStoppedError: if ``should_stop`` says so.
    """
    plan = _plan(drop, selectors, seed, redraws)
    offered = offered_pictures(dataset, drop.pair, limit)

    def stopped(so_far: str) -> QualityStoppedError:
        return QualityStoppedError(f"Measuring quality was stopped{so_far}; nothing is kept.")

    watch = Watch(progress, should_stop, stopped)
    fingerprint = dataset.fingerprint(offered.positions, watch.check)

    def measure(some: Sequence[LabelledPicture], inside: slice) -> Figures | None:
        return measure_chunk(drop, plan, some, offered.truth[inside])

    parts = measure_readable(dataset, offered.positions, measure, watch)
    figures = Figures.joined(parts)
    count, boxes = len(figures.box), int(figures.box.sum())
    provenance = QualityProvenance(
        **common_facts(drop.pair, dataset, offered, fingerprint, count, seed),
        boxes=boxes,
        reference=plan.reference,
        map_layer=drop.pair.guidance.spec.layer,
        own_map=OWN_MAP_METHOD if plan.own else None,
        redraws=redraws,
        notes=(
            *_notes(drop, plan, count, boxes),
            *data_notes(offered, drop.pair, figures.truth),
        ),
    )
    report, interventions = _tables(plan, provenance, figures)
    drift = DriftTable(provenance, figures.picture_id, figures.winner)
    small = figures.box & (figures.box_share < SMALL_OBJECT)
    if not small.any():
        return Quality(report, interventions, drift)
    some = int(small.sum())
    of_small = replace(provenance, pictures=some, boxes=some, objects="small", notes=())
    return Quality(report, interventions, drift, _tables(plan, of_small, figures.some(small)))


def _tables(
    plan: Plan, provenance: QualityProvenance, figures: Figures
) -> tuple[QualityReport, InterventionTable]:
    """Return what the figures say of the maps and of the choices."""
    names = (*plan.selectors, CENTRE_CELL, *((OWN,) if plan.own else ()))
    methods = tuple(_method(name, figures) for name in names)
    kept = tuple(int(k) for k in kept_counts(provenance.num_patches))
    interventions = InterventionTable(provenance, kept, _interventions(plan, figures))
    return QualityReport(provenance, methods), interventions


def _plan(drop: TinyDrop, selectors: Sequence[str], seed: int, redraws: int) -> Plan:
    """Return what is to be measured, after checking every argument."""
    if not selectors:
        raise SettingError(f"Give at least one selector of {', '.join(SELECTORS)}.")
    for selector in selectors:
        check_selector(selector)
    if seed < 0:
        raise SettingError(
            f"A seed is a whole number from 0 on, got {quoted(seed)}; use for example 0."
        )
    if redraws < 1:
        raise SettingError(
            f"The sanity check draws the guidance's weights anew at least once, got "
            f"{quoted(redraws)}."
        )
    wanted = {*selectors, *BASELINES}
    known = drop.pair.target.spec.positions.modes
    return Plan(
        selectors=tuple(name for name in SELECTORS if name in wanted),
        reference=selectors[0],
        modes=tuple(mode for mode in POSITION_MODES if mode in known),
        own=why_no_own_map(drop.pair.target) is None,
        seed=seed,
        redrawn=tuple(redrawn_guidance(drop.pair.guidance, number) for number in range(redraws)),
    )


def _notes(drop: TinyDrop, plan: Plan, pictures: int, boxes: int) -> tuple[str, ...]:
    """Return what could not be measured, and why."""
    notes = []
    reason = why_no_own_map(drop.pair.target)
    if reason is not None:
        notes.append(f"There is no correlation with the target's own map: {reason}")
    missing = [mode for mode in POSITION_MODES if mode not in plan.modes]
    if missing:
        notes.append(
            f"{drop.pair.target.spec.name} cannot run with positions {', '.join(missing)}, so "
            f"these are not measured."
        )
    if not boxes:
        notes.append(
            "No picture has a box that the crop shows, so there is no pointing game and no energy "
            "in the box."
        )
    elif boxes < pictures:
        notes.append(f"{boxes:,} of {pictures:,} pictures have a box that the crop shows.")
    return tuple(notes)


def _method(name: str, figures: Figures) -> MethodQuality:
    """Return the means of one method over the pictures."""
    known = figures.measures
    estimates = {m: mean_estimate(known[m, name]) for m in MEASURES if (m, name) in known}
    unranked = figures.unranked.get(name)
    curves = {}
    for measure in ("insertion", "deletion"):
        curve = figures.curves.get((measure, name))
        if curve is not None and not np.isnan(curve).all():
            curves[measure] = _mean_of_ranked(curve)
    return MethodQuality(
        name=name,
        unranked=0 if unranked is None else int(unranked.sum()),
        measures={m: estimate for m, estimate in estimates.items() if estimate is not None},
        **curves,
    )


def _mean_of_ranked(curve: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    mean: npt.NDArray[np.float64] = curve[~np.isnan(curve).any(axis=1)].mean(axis=0)
    return mean


def _interventions(plan: Plan, figures: Figures) -> tuple[Intervention, ...]:
    """Return every intervention, each compared with the reference on the same pictures."""
    result = []
    beside = figures.right["selector", plan.reference]
    for (kind, name), right in figures.right.items():
        gain, low, high = paired_gain(right, beside)
        result.append(
            Intervention(
                kind=kind,
                name=name,
                pictures=len(right),
                correct=right.sum(axis=0),
                agreeing=figures.agreeing[kind, name].sum(axis=0),
                gain=gain,
                gain_low=low,
                gain_high=high,
            )
        )
    return tuple(sorted(result, key=lambda one: INTERVENTION_KINDS.index(one.kind)))
