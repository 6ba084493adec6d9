"""One setting on one trace, exactly: who exits, what is answered, what it costs, and baselines.

Counts are integers until the last division, so that two ways to the same setting are equal to the
last bit. Shape letters: M pictures, L = 16 levels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, Setting, keep_level, keep_ratio
from tinydrop.core.errors import SettingError
from tinydrop.studies.trace import Trace

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Outcome:
    """What one setting does to M pictures, in exact counts; shares and means follow from them.

    Attributes:
        pictures: M, at least 1.
        correct: pictures whose final answer is the label.
        top5_correct: pictures whose label is among the five best of the final answer.
        agreeing: pictures whose final answer is the full target's.
        exits: pictures that the guidance answered.
        kept: patches kept, summed over the pictures that did not exit.
        total_macs: multiply-accumulates summed over all pictures.
        full_correct: pictures that the full target gets right.
        full_macs: the full target's multiply-accumulates, summed over all pictures.
        num_patches: N.
    """

    pictures: int
    correct: int
    top5_correct: int
    agreeing: int
    exits: int
    kept: int
    total_macs: int
    full_correct: int
    full_macs: int
    num_patches: int

    @property
    def accuracy(self) -> float:
        """Share of pictures answered right, 0 to 1."""
        return self.correct / self.pictures

    @property
    def accuracy_drop(self) -> float:
        """The full target's accuracy minus this one, in percentage points; negative is a gain."""
        return 100.0 * (self.full_correct - self.correct) / self.pictures

    @property
    def top5(self) -> float:
        """Share of pictures whose label is among the five best, 0 to 1."""
        return self.top5_correct / self.pictures

    @property
    def macs(self) -> float:
        """Mean multiply-accumulates per picture, exits included."""
        return self.total_macs / self.pictures

    @property
    def saved(self) -> float:
        """1 - MACs / the full target's MACs; negative where the method costs more."""
        return 1.0 - self.total_macs / self.full_macs

    @property
    def exit_rate(self) -> float:
        """Share of pictures that the guidance answered, 0 to 1."""
        return self.exits / self.pictures

    @property
    def keep_ratio(self) -> float | None:
        """Mean of K / N over the pictures that did not exit; None where all did."""
        stayed = self.pictures - self.exits
        return self.kept / (stayed * self.num_patches) if stayed else None

    @property
    def keep_ratio_of_all(self) -> float:
        """Mean of K / N over all pictures, with K = 0 after an exit."""
        return self.kept / (self.pictures * self.num_patches)

    @property
    def agreement(self) -> float:
        """Share of pictures whose final answer is the full target's, 0 to 1."""
        return self.agreeing / self.pictures

    def to_dict(self) -> dict[str, Any]:
        """Return shares, means and the number of pictures as JSON-ready values."""
        names = ("accuracy", "accuracy_drop", "top5", "macs", "saved", "exit_rate", "keep_ratio")
        return {name: getattr(self, name) for name in (*names, "agreement", "pictures")}


@dataclass(frozen=True, eq=False)
class Replay:
    """What one way of answering does to every picture of a trace; all arrays have shape (M,).

    Attributes:
        trace: the pictures.
        exited: bool, True where the guidance's answer stands.
        level: int64, 1..16; 0 after an exit, 16 where the map could not be ranked.
        num_keep: int64, K; 0 after an exit.
        class_index: int64, the final answer.
        rank: int64, place of the label in that answer, 0 = right.
        macs: int64, multiply-accumulates spent.
    """

    trace: Trace
    exited: Bools
    level: Ints
    num_keep: Ints
    class_index: Ints
    rank: Ints
    macs: Ints

    def outcome(self) -> Outcome:
        """Return the counts; SettingError for a trace without pictures."""
        trace = filled(self.trace)
        return Outcome(
            pictures=len(trace),
            correct=int((self.rank == 0).sum()),
            top5_correct=int((self.rank < 5).sum()),
            agreeing=int((self.class_index == trace.target_class[:, -1]).sum()),
            exits=int(self.exited.sum()),
            kept=int(self.num_keep.sum()),
            total_macs=int(self.macs.sum()),
            full_correct=int((trace.target_rank[:, -1] == 0).sum()),
            full_macs=int(trace.target_macs[:, -1].sum()),
            num_patches=trace.provenance.num_patches,
        )


def replay(trace: Trace, setting: Setting) -> Replay:
    """Return what the pipeline does to every picture at this setting.

    Raises:
        SettingError: if the trace does not state the setting's temperature.
    """
    exited, level = decide(trace, setting)
    return _replay(trace, exited, level, trace.guidance_macs, trace.saliency_macs)


def evaluate(trace: Trace, setting: Setting) -> Outcome:
    """Return the counts of ``replay``, and with them accuracy, cost and the other measures.

    Raises:
        SettingError: if the trace is empty or does not state the setting's temperature.
    """
    return replay(trace, setting).outcome()


def literal_accounting(trace: Trace) -> Trace:
    """Return the trace with saliency charged as a full backward pass, twice the guidance's forward.

    Every function of the sweep counts MACs literally on it; nothing but the cost changes.
    """
    return replace(trace, saliency_macs=trace.saliency_macs_literal)


def baseline_replays(
    trace: Trace, setting: Setting, *, random: Trace | None = None, uniform: Trace | None = None
) -> dict[str, Replay]:
    """Return the honest comparisons for a setting, picture by picture.

    ``guidance`` answers everything; ``target`` is the full target alone, without guidance;
    ``cascade`` exits at the same tau, else runs the full target, and needs no saliency;
    ``no_exit`` never exits and gives sure pictures the rule's budget (its floor, above tau);
    ``random`` and ``uniform``, where their traces are given, exit and keep as many patches as the
    setting does on ``trace``, but others.

    Raises:
        SettingError: if a given trace holds other pictures or was made by another pair.
    """
    exited, level = decide(trace, setting)
    _, budget = decide(trace, setting, exits=False)
    nobody, guidance = np.zeros_like(exited), trace.guidance_macs
    full = np.full_like(level, BUDGET_LEVELS)
    result = {
        "guidance": _replay(trace, ~nobody, full, guidance, 0),
        "target": _replay(trace, nobody, full, 0, 0),
        "cascade": _replay(trace, exited, full, guidance, 0),
        "no_exit": _replay(trace, nobody, budget, guidance, trace.saliency_macs),
    }
    for name, other in (("random", random), ("uniform", uniform)):
        if other is not None:
            check_same_pictures(trace, other, name)
            result[name] = _replay(other, exited, level, other.guidance_macs, other.saliency_macs)
    return result


def baselines(
    trace: Trace, setting: Setting, *, random: Trace | None = None, uniform: Trace | None = None
) -> dict[str, Outcome]:
    """Return the outcome of every comparison that ``baseline_replays`` describes.

    Raises:
        SettingError: if a given trace holds other pictures or was made by another pair.
    """
    replays = baseline_replays(trace, setting, random=random, uniform=uniform)
    return {name: value.outcome() for name, value in replays.items()}


def filled(trace: Trace) -> Trace:
    """Return the trace; SettingError if it has no picture, since a mean would mean nothing."""
    if not len(trace):
        raise SettingError("The trace holds no pictures; trace a data set with at least one.")
    return trace


def check_same_pictures(trace: Trace, other: Trace, name: str) -> None:
    """Refuse two traces that are not of the same pictures in the same order."""
    if not np.array_equal(trace.picture_id, other.picture_id):
        raise SettingError(
            f"The {name} trace holds other pictures than the trace it is compared with; "
            f"trace the same data set with both selectors."
        )
    if trace.provenance.pair_digest != other.provenance.pair_digest:
        raise SettingError(
            f"The {name} trace was made by the pair {other.provenance.pair}, not by "
            f"{trace.provenance.pair} with these weights; trace both with one pair."
        )


def decide(trace: Trace, setting: Setting, *, exits: bool = True) -> tuple[Bools, Ints]:
    """Return who exits and the level of everybody, (M,) each; an exit's level is the rule's."""
    exited, level = decided(trace.column(setting.temperature), trace.unranked, setting)
    return exited & exits, level


def decided(
    confidence: npt.NDArray[np.float32], unranked: Bools, setting: Setting
) -> tuple[Bools, Ints]:
    """Return who exits and everybody's level, (M,) each, as ``decide`` does, without a trace.

    Args:
        confidence: (M,), of the guidance at the setting's temperature.
        unranked: (M,), True where the map cannot be ranked and every patch is kept.
        setting: the operating point.
    """
    sure = confidence.astype(np.float64)
    level = keep_level(keep_ratio(sure, setting))
    level[unranked] = BUDGET_LEVELS
    return sure > setting.tau, level


def _replay(trace: Trace, exited: Bools, level: Ints, first: int, between: int) -> Replay:
    """Return the replay where all pay ``first``, and who stays pays ``between`` and the target."""
    at = (np.arange(len(trace)), level - 1)
    return Replay(
        trace=trace,
        exited=exited,
        level=np.where(exited, 0, level),
        num_keep=np.where(exited, 0, trace.num_keep[at]),
        class_index=np.where(exited, trace.guidance_class, trace.target_class[at]),
        rank=np.where(exited, trace.guidance_rank, trace.target_rank[at]),
        macs=first + np.where(exited, 0, between + trace.target_macs[at]),
    )
