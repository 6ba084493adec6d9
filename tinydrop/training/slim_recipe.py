"""Every number that training a slimmed student depends on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from tinydrop.core.errors import SettingError, quoted
from tinydrop.models.slimming import FrdWeights, SlimmingPlan
from tinydrop.training.recipe import Augmentation

STARTS = ("local", "random")
"""Where slimming modules start from: mixing neighbouring patches evenly, or random weights."""

_MILD = Augmentation(
    crop_area=(0.5, 1.0), jitter=0.2, grey=0.0, erase=0.0, mixup=0.0, cutmix=0.0, mixed=0.0
)


@dataclass(frozen=True)
class SlimRecipe:
    """How a target is slimmed. The losses are the paper's, the schedule is short: a fine-tuning.

    Attributes:
        plan: where and how much.
        hard: choose tokens (top-K) instead of mixing them.
        reverse: bring slim tokens back with reverse modules, so that all blocks are compared;
            without them only the blocks before the first slimming module are.
        distil: learn from the teacher at all (FRD); otherwise cross-entropy alone.
        weights: of the pieces of the loss.
        start: one of ``STARTS``; chosen tokens (``hard``) always start at random.
        start_steps: steps of fitting the slimming modules alone, for the start ``local``.
        epochs: passes over the training pictures; a fraction too.
        batch: pictures per step.
        lr: learning rate of the teacher's own weights; a cosine ends at ``lr_end``.
        fast: the slimming and reverse modules learn so many times faster.
        lr_end: the last learning rate.
        warmup: steps in which the rate rises evenly from 0.
        weight_decay: of AdamW; not on norms, biases and other vectors.
        clip: largest norm of all gradients together.
        smoothing: share of the label spread evenly over the classes.
        ema: largest decay of the moving average of the weights, which is what is kept.
        augment: how pictures are changed; nothing is mixed.
        seed: of everything drawn.
        bf16: bfloat16 autocast in training.

    Raises:
        SettingError: if a number is out of range.
    """

    plan: SlimmingPlan
    hard: bool = False
    reverse: bool = True
    distil: bool = True
    weights: FrdWeights = field(default_factory=FrdWeights)
    start: str = "local"
    start_steps: int = 300
    epochs: float = 3.0
    batch: int = 64
    lr: float = 2e-4
    fast: float = 5.0
    lr_end: float = 1e-5
    warmup: int = 50
    weight_decay: float = 0.05
    clip: float = 1.0
    smoothing: float = 0.1
    ema: float = 0.998
    augment: Augmentation = _MILD
    seed: int = 0
    bf16: bool = True

    def __post_init__(self) -> None:
        numbers = {
            "epochs": self.epochs,
            "lr": self.lr,
            "fast": self.fast,
            "clip": self.clip,
        }
        for name, value in numbers.items():
            if not (math.isfinite(value) and value > 0):
                raise SettingError(f"{name} is above 0, got {quoted(value)}; correct the recipe.")
        for name in ("batch", "warmup", "start_steps", "seed"):
            value = getattr(self, name)
            if type(value) is not int or value < (name == "batch"):
                raise SettingError(
                    f"{name} is a whole number, got {quoted(value)}; correct the recipe."
                )
        for name in ("smoothing", "ema", "weight_decay", "lr_end"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise SettingError(
                    f"{name} lies in [0, 1), got {quoted(value)}; correct the recipe."
                )
        if self.start not in STARTS:
            raise SettingError(f"A start is {' or '.join(STARTS)}, got {quoted(self.start)}.")
        if self.augment.mixed:
            raise SettingError("Pictures are not mixed when slimming; set augment.mixed to 0.")

    @property
    def starts_local(self) -> bool:
        """Whether the slimming modules are fitted to neighbourhoods first."""
        return self.start == "local" and not self.hard and self.start_steps > 0

    def steps(self, pictures: int) -> int:
        """Return the number of steps on so many training pictures, at least one."""
        return max(1, round(self.epochs * self.per_epoch(pictures)))

    def per_epoch(self, pictures: int) -> int:
        """Return the steps of one epoch; pictures that fill no batch wait for another one."""
        return max(1, pictures // self.batch)

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of the teacher's own weights at a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, steps - self.warmup)
        return self.lr_end + (self.lr - self.lr_end) * 0.5 * (1 + math.cos(math.pi * min(share, 1)))

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        values = asdict(self) | {"plan": self.plan.to_dict()}
        values["augment"] = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in values["augment"].items()
        }
        return values
