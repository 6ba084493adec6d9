"""Training a slimmed student: the job that it makes, and what comes out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tinydrop.models.backbones import Target
from tinydrop.models.slimming import SlimmedTransformer
from tinydrop.training.checkpoint import read_tensors
from tinydrop.training.loop import Job, time_limit, train
from tinydrop.training.pictures import PictureSet
from tinydrop.training.slim_recipe import SlimRecipe
from tinydrop.training.slim_trainer import HELD_OUT, SlimTrainer, fresh_student, top1
from tinydrop.training.state import BEST, CHECKPOINT, WEIGHTS, Progress, StageState


@dataclass(frozen=True, eq=False)
class SlimOutcome:
    """A training that ended or was paused.

    Attributes:
        student: the best averaged weights by the held-out pictures, in eval mode.
        finished: whether all steps were taken.
        step: steps taken.
        best_step: when the best weights were found.
        best: their accuracy on the held-out pictures, a fraction.
        seconds: of training in all, over every resumption.
        start: accuracy on the held-out pictures with random slimming modules, and where training
            began, as fractions.
        curve: what was measured while training, one entry per look at the held-out pictures.
    """

    student: SlimmedTransformer
    finished: bool
    step: int
    best_step: int
    best: float
    seconds: float
    start: Mapping[str, float]
    curve: tuple[Mapping[str, Any], ...]


def slim_job(
    teacher: Target,
    recipe: SlimRecipe,
    train_set: PictureSet,
    held_out: PictureSet,
    out: Path,
    data_fingerprint: str,
    look_every: int = 200,
) -> Job:
    """Return a student's training as the training loop takes it; see ``train_slimmed``."""
    steps = recipe.steps(len(train_set))
    looks = -(-steps // look_every)
    return Job(
        name="student",
        folder=out,
        identity={
            "stage": "student",
            "recipe": recipe.to_dict(),
            "data": data_fingerprint,
            "look_every": look_every,
            "epochs": looks,
        },
        steps=steps,
        epoch_steps=look_every,
        make=lambda _fresh: SlimTrainer(teacher, recipe, train_set, held_out),
        best_by=HELD_OUT,
        rest=0.0,
        remedy="lower its rate by --lr",
    )


def train_slimmed(
    teacher: Target,
    recipe: SlimRecipe,
    train_set: PictureSet,
    held_out: PictureSet,
    out: Path,
    *,
    data_fingerprint: str,
    resume: bool = False,
    minutes: float | None = None,
    look_every: int = 200,
    say: Callable[[str], None] = lambda _line: None,
    tell: Callable[[Progress], None] = lambda _progress: None,
) -> SlimOutcome:
    """Train a student into a folder; killed or paused at any moment, it can go on from there.

    Args:
        teacher: a plain target; frozen, never changed.
        recipe: every number.
        train_set: pictures to learn from.
        held_out: pictures to choose the best step by.
        out: the folder for checkpoint, best and finished weights, and the curve.
        data_fingerprint: of the pictures, and of the teacher; a checkpoint of others is refused.
        resume: go on with what is there.
        minutes: pause after so many minutes of this call; by default when all steps are done.
        look_every: steps between two looks at the held-out pictures, each with a checkpoint.
        say: told what is going on, in sentences.
        tell: told how far it is, after every step and every look.

    Raises:
        SettingError: if the folder holds another run, or one that ``resume`` was not given for, or
            cannot be written.
    """
    job = slim_job(teacher, recipe, train_set, held_out, out, data_fingerprint, look_every)
    state = train(job, resume=resume, stop=time_limit(minutes, lambda: False), say=say, tell=tell)
    return _outcome(job, state, teacher, recipe, held_out)


def _outcome(
    job: Job, state: StageState, teacher: Target, recipe: SlimRecipe, held_out: PictureSet
) -> SlimOutcome:
    """Return what a training came to, with the best weights so far."""
    student = fresh_student(teacher, recipe)
    step = min(state.epoch * job.epoch_steps + state.step, job.steps)
    name = WEIGHTS if state.finished else BEST if state.history else CHECKPOINT
    weights: dict[str, torch.Tensor] = read_tensors(job.folder / name, "ema/")
    student.load_state_dict(weights)
    if state.history:
        best = max(state.history, key=lambda row: row[HELD_OUT])
        accuracy, best_step = best[HELD_OUT], int(best["step"])
    else:  # paused before the first look
        accuracy, best_step = top1(student, teacher, held_out), step
    return SlimOutcome(
        student=student,
        finished=state.finished,
        step=step,
        best_step=best_step,
        best=accuracy,
        seconds=state.seconds,
        start=state.before,
        curve=state.history,
    )
