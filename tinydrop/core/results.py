"""What a run says: frozen values that the pipeline makes and every entrance shows.

This room is not in the first plan: it keeps the values apart from the stages that make them, so
that views can read results without importing a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import Saliency, TokenSelection


def softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Return the probabilities at temperature T over the last axis, float64, shape of ``logits``.

    Raises:
        SettingError: if a logit is not finite, since a confidence would then mean nothing.
    """
    raw = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(raw).all():
        raise SettingError("The model's logits are not finite; check its weights and the picture.")
    with np.errstate(over="ignore"):  # a tiny T sends the losers to -inf, whose exp is rightly 0
        shifted = np.exp((raw - raw.max(axis=-1, keepdims=True)) / temperature)
    result: npt.NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


@dataclass(frozen=True)
class Prediction:
    """One class and its probability (0 to 1)."""

    class_index: int
    name: str
    probability: float

    def to_dict(self) -> dict[str, object]:
        """Return the prediction as JSON-ready values."""
        return {
            "class_index": self.class_index,
            "name": self.name,
            "probability": self.probability,
        }


@dataclass(frozen=True, eq=False)
class Answer:
    """One model's answer on one picture.

    Attributes:
        logits: (classes,) float32, read-only.
        classes: the class names, one per logit.
        temperature: T of the probabilities; 1 for the target.
        latency_ms: wall time of this one forward pass, in milliseconds.
    """

    logits: npt.NDArray[np.float32]
    classes: Sequence[str]
    temperature: float = 1.0
    latency_ms: float = 0.0

    def __post_init__(self) -> None:
        logits = np.array(self.logits, dtype=np.float32)
        if logits.ndim != 1 or logits.size != len(self.classes):
            raise SettingError(
                f"An answer has one logit for each of the {len(self.classes)} classes, "
                f"got shape {logits.shape}."
            )
        logits.setflags(write=False)
        object.__setattr__(self, "logits", logits)

    @property
    def class_index(self) -> int:
        """The winning class; ties go to the lowest index."""
        return int(self.logits.argmax())

    @property
    def name(self) -> str:
        """The winning class's name."""
        return self.classes[self.class_index]

    @property
    def confidence(self) -> float:
        """The largest probability at temperature T, 0 to 1."""
        return float(softmax(self.logits, self.temperature).max())

    def top(self, count: int = 5) -> tuple[Prediction, ...]:
        """Return the ``count`` likeliest classes, the likeliest first."""
        probabilities = softmax(self.logits, self.temperature)
        best = np.argsort(-self.logits, kind="stable")[:count]
        return tuple(
            Prediction(int(i), self.classes[int(i)], float(probabilities[i])) for i in best
        )


def group_shares(
    answer: Answer, groups: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, float, int], ...]:
    """Return what an answer gives to groups of classes together, the likeliest group first.

    Args:
        answer: of a model.
        groups: name -> the classes in it; names that the answer does not have count for nothing.

    Returns:
        Name, probability from 0 to 1 and number of known classes, for groups with any.
    """
    place = {name: index for index, name in enumerate(answer.classes)}
    probabilities = softmax(answer.logits, answer.temperature)
    found = []
    for name, members in groups.items():
        known = [place[member] for member in members if member in place]
        if known:
            found.append((name, float(probabilities[known].sum()), len(known)))
    return tuple(sorted(found, key=lambda one: -one[1]))


@dataclass(frozen=True)
class CostBreakdown:
    """Multiply-accumulates (MACs) of one picture's answer, as whole numbers.

    Attributes:
        guidance: the guidance's forward pass, always paid.
        saliency: the head-only gradient and the map; 0 after an exit.
        target: the target on the kept patches; 0 after an exit.
        full_target: the target on every patch, the yardstick.
        saliency_literal: the same step counted as a full backward pass (2x the guidance's forward).
    """

    guidance: int
    saliency: int
    target: int
    full_target: int
    saliency_literal: int

    @property
    def total(self) -> int:
        """Our accounting: guidance + head-only gradient + target."""
        return self.guidance + self.saliency + self.target

    @property
    def total_literal(self) -> int:
        """The literal accounting: guidance + full backward pass + target."""
        return self.guidance + self.saliency_literal + self.target

    @property
    def saved(self) -> float:
        """1 - total / full_target; negative when TinyDrop costs more than the full target."""
        return 1.0 - self.total / self.full_target

    def to_dict(self) -> dict[str, int]:
        """Return every figure in MACs under the names of the command-line contract."""
        return {
            "guidance": self.guidance,
            "saliency": self.saliency,
            "target": self.target,
            "total": self.total,
            "full_target": self.full_target,
            "saliency_literal": self.saliency_literal,
            "total_literal": self.total_literal,
        }


@dataclass(frozen=True)
class LatencyBreakdown:
    """Wall time per stage of this one run, in milliseconds; 0 for a stage that did not run."""

    guidance: float
    saliency: float
    target: float

    @property
    def total(self) -> float:
        """The sum of the stages."""
        return self.guidance + self.saliency + self.target

    def to_dict(self) -> dict[str, float]:
        """Return the figures in milliseconds under the names of the command-line contract."""
        return {
            "guidance": self.guidance,
            "saliency": self.saliency,
            "target": self.target,
            "total": self.total,
        }


@dataclass(frozen=True)
class Truth:
    """What a picture is known to show.

    Attributes:
        name: the pair's class for it; None where the pair has none, so that no answer is right.
    """

    name: str | None

    def right(self, answer: Answer) -> bool:
        """Return whether an answer names it."""
        return self.name is not None and answer.name == self.name


@dataclass(frozen=True, eq=False)
class DropResult:
    """Everything one run of TinyDrop says of one picture; field names follow DESIGN part 5.

    Attributes:
        file: the picture's name.
        pair: the pair's name.
        selector: who ranked the patches.
        setting: tau, gamma, temperature and rule.
        confidence: the guidance's confidence at that temperature.
        exited: True when the guidance's answer is final.
        keep_ratio: the rule's share before rounding; None after an exit.
        level: 1..16; None after an exit.
        patches: N of the target.
        selection: the kept set; None after an exit.
        saliency: the map on the target's grid; None when the selector used none.
        guidance: the guidance's answer.
        target: the target's answer on the kept patches; None after an exit.
        full: the target's answer on every patch; None unless it was asked for.
        macs: the cost in MACs.
        latency_ms: the cost in milliseconds.
        coherence: metric -> {value, percentile}; None after an exit.
        warnings: sentences a person should read.
    """

    file: str
    pair: str
    selector: str
    setting: Setting
    confidence: float
    exited: bool
    keep_ratio: float | None
    level: int | None
    patches: int
    selection: TokenSelection | None
    saliency: Saliency | None
    guidance: Answer
    target: Answer | None
    full: Answer | None
    macs: CostBreakdown
    latency_ms: LatencyBreakdown
    coherence: Mapping[str, Mapping[str, float | None]] | None
    warnings: tuple[str, ...]

    @property
    def final(self) -> Answer:
        """The answer that stands: the guidance's after an exit, else the target's."""
        return self.guidance if self.target is None else self.target

    @property
    def kept(self) -> int:
        """K; 0 after an exit."""
        return 0 if self.selection is None else self.selection.num_keep

    def to_dict(self) -> dict[str, object]:
        """Return the result as JSON-ready values, in the form of the command-line contract."""
        result: dict[str, object] = {
            "file": self.file,
            "pair": self.pair,
            "selector": self.selector,
            **self.setting.as_dict(CONTROLS),
            "confidence": self.confidence,
            "exited": self.exited,
            "exit_class": self.guidance.name if self.exited else None,
            "level": self.level,
            "kept": self.kept,
            "patches": self.patches,
            "keep_ratio": self.keep_ratio,
            "keep_indices": [] if self.selection is None else self.selection.keep_indices.tolist(),
            "guidance_top5": [p.to_dict() for p in self.guidance.top()],
            "target_top5": _top5(self.target),
        }
        if self.full is not None:
            result["full_top5"] = _top5(self.full)
        return result | {
            "macs": self.macs.to_dict(),
            "saved": self.macs.saved,
            "latency_ms": self.latency_ms.to_dict(),
            "coherence": None
            if self.coherence is None
            else {name: dict(entry) for name, entry in self.coherence.items()},
            "warnings": list(self.warnings),
        }


def _top5(answer: Answer | None) -> list[dict[str, object]] | None:
    return None if answer is None else [p.to_dict() for p in answer.top()]
