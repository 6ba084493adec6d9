"""How fast the stages of a recipe would train on this machine: a few steps on made-up pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from tinydrop.core.errors import SettingError, quoted
from tinydrop.training.models import build_stage, seeded
from tinydrop.training.pair_trainer import StageTrainer, Teacher
from tinydrop.training.pictures import steps_of
from tinydrop.training.recipe import STAGES, PairRecipe
from tinydrop.training.trainer import fast_convolutions, training_device

_WARM_UP = {"cpu": 1, "cuda": 5}


@dataclass(frozen=True)
class StageSpeed:
    """The speed of one stage's training step at one size of its input.

    Attributes:
        stage: teacher, guidance or target.
        size: side of the input in pixels.
        share: of the stage's epochs that have this size.
        epochs: of the stage.
        batch: pictures per step.
        epoch_pictures: an epoch has so many; 0 for a whole pass.
        steps: measured, after a warm-up.
        pictures_per_second: augmentation, the teacher's answer and the optimiser's step included.
    """

    stage: str
    size: int
    share: float
    epochs: int
    batch: int
    epoch_pictures: int
    steps: int
    pictures_per_second: float

    def seconds(self, pictures: int) -> float:
        """Return what the epochs at this size would take, of a data set of so many pictures."""
        steps = self.epochs * steps_of(pictures, self.batch, self.epoch_pictures)
        return self.share * steps * min(self.batch, pictures) / self.pictures_per_second


def measure_speed(
    recipe: PairRecipe, steps: int, classes: int = 200, *, compiled: bool = False
) -> Iterator[StageSpeed]:
    """Yield the speed of every stage at every size it trains at.

    Args:
        recipe: what would be trained.
        steps: to measure, after a warm-up.
        classes: length of the logits.
        compiled: run the models through ``torch.compile``.

    Raises:
        SettingError: if there is no step to measure.
    """
    if steps < 1:
        raise SettingError(f"A speed is measured over at least one step, got {quoted(steps)}.")
    device = training_device()
    teacher = Teacher(build_stage(recipe.teacher, classes).to(device), recipe.teacher)
    for name in STAGES:
        own = recipe.stage(name)
        taught = teacher if name != "teacher" and own.distil > 0 else None
        with seeded(0, device), fast_convolutions(device):
            shape = (own.batch, 3, recipe.side, recipe.side)
            pixels = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
            label = torch.randint(0, classes, (own.batch,), device=device)
            sizes = own.sizes or (own.size,)
            for size in sorted(set(sizes)):
                sized = replace(own, size=size, sizes=())
                trainer = StageTrainer(sized, classes, device, steps, taught, compiled=compiled)
                for step in range(_WARM_UP[device.type]):
                    trainer.learn(pixels, label, step)
                _wait(device)
                start = time.perf_counter()
                for step in range(steps):
                    trainer.learn(pixels, label, step)
                _wait(device)
                speed = steps * own.batch / (time.perf_counter() - start)
                share = sizes.count(size) / len(sizes)
                yield StageSpeed(
                    name, size, share, own.epochs, own.batch, own.epoch_pictures, steps, speed
                )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
