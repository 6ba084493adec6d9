"""One stage of a pair's training as a value: what it is, and the job that it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from tinydrop.training.loop import Job
from tinydrop.training.pair_trainer import StageTrainer, Teacher
from tinydrop.training.pictures import Batches, PictureSet
from tinydrop.training.recipe import StageRecipe


@dataclass(frozen=True, eq=False)
class Stage:
    """What is to be trained, from what, and where it is kept.

    Attributes:
        name: teacher, guidance or target.
        recipe: every number.
        folder: for the checkpoint, the curve and the finished weights.
        train: pictures to learn from, on the device.
        validation: pictures to measure on, on the same device.
        classes: length of the logits.
        data: fingerprint of the training pictures.
        teacher: what is learnt from; None for a stage without one.
        teacher_digest: says which teacher that is.
        start: loads the weights to start from into the freshly built model; None for those drawn.
        started_from: says which weights those are; None for those drawn.
    """

    name: str
    recipe: StageRecipe
    folder: Path
    train: PictureSet
    validation: PictureSet
    classes: int
    data: str
    teacher: Teacher | None = None
    teacher_digest: str | None = None
    start: Callable[[nn.Module], None] | None = None
    started_from: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a checkpoint to be gone on with."""
        return {
            "stage": self.name,
            "recipe": self.recipe.to_dict(),
            "classes": self.classes,
            "data": self.data,
            "pictures": len(self.train),
            "teacher": self.teacher_digest,
            "started_from": self.started_from,
        }

    def job(self, *, compiled: bool = False) -> Job:
        """Return the stage as the training loop takes it.

        Args:
            compiled: run the model through ``torch.compile``.
        """
        recipe = self.recipe
        batches = Batches(self.train, recipe.batch, recipe.seed, recipe.epoch_pictures)

        def make(fresh: bool) -> StageTrainer:  # noqa: FBT001
            return StageTrainer(
                recipe,
                self.classes,
                self.train.pixels.device,
                batches.steps,
                self.teacher,
                batches=batches,
                validation=self.validation,
                start=self.start if fresh else None,
                compiled=compiled,
            )

        return Job(
            name=self.name,
            folder=self.folder,
            identity=self.identity,
            steps=recipe.epochs * batches.steps,
            epoch_steps=batches.steps,
            make=make,
            remedy=f"lower its lr (--set {self.name}.lr=...)",
        )
