"""Training one stage: epochs, validation, the curve, checkpoints, and going on from one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch.nn import functional as F

from tinydrop.core.errors import SettingError
from tinydrop.training.checkpoint import read_tensors, write_state
from tinydrop.training.objective import learning_rate
from tinydrop.training.pictures import epoch_order, steps_of
from tinydrop.training.stage import (
    CHECKPOINT,
    CURVE,
    WEIGHTS,
    Progress,
    Stage,
    StageState,
    earlier_state,
)
from tinydrop.training.trainer import Trainer, logits_of

_REST = 10.0
"""Seconds: a checkpoint at the end of an epoch is left out where one was written so recently."""


def train_stage(
    stage: Stage,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    tell: Callable[[Progress], None] = lambda _progress: None,
    checkpoint_seconds: float = 120.0,
    compiled: bool = False,
) -> StageState:
    """Train a stage to its end, or until it is told to stop; then it can be gone on with.

    The finished weights (the moving average, float32) lie in ``weights.safetensors`` and the curve
    in ``curves.jsonl`` of the stage's folder. On one device in float32 a run that was interrupted
    anywhere and gone on with ends with the same weights as one that was not.

    Args:
        stage: what to train.
        resume: go on from the checkpoint in the folder, or take the finished weights there.
        stop: asked before every step.
        tell: told how far it is, after every step.
        checkpoint_seconds: between checkpoints within an epoch; there is one after every epoch.
        compiled: run the model through ``torch.compile``.

    Raises:
        SettingError: if the folder holds another run, or one that ``resume`` was not given for, it
            cannot be written, or the loss is no longer finite.
    """
    before = earlier_state(stage, resume=resume)
    if before is not None and before.finished:
        return before
    epochs = stage.recipe.epochs
    epoch_pictures = stage.recipe.epoch_pictures
    steps = steps_of(len(stage.train), stage.recipe.batch, epoch_pictures)
    device = stage.train.pixels.device
    trainer = Trainer(
        stage.recipe,
        stage.classes,
        device,
        steps,
        stage.teacher,
        start=stage.start if before is None else None,
        compiled=compiled,
    )
    if before is not None:
        trainer.load(read_tensors(stage.folder / CHECKPOINT))
    clock = _Clock(before.seconds if before else 0.0)
    first, resumed_step = (before.epoch, before.step) if before else (0, 0)
    history = list(before.history) if before else []
    done_here = 0

    def state(epoch: int, step: int) -> StageState:
        return StageState(
            stage.identity, epoch, step, clock.seconds, tuple(history), _device_name(device)
        )

    def save(epoch: int, step: int) -> StageState:
        if not math.isfinite(float(trainer.loss_sum)):
            raise SettingError(
                f"The loss of the {stage.name} is not finite in epoch {epoch + 1}; lower its lr "
                f"(--set {stage.name}.lr=...) and train it again."
            )
        reached = state(epoch, step)
        write_state(stage.folder / CHECKPOINT, trainer.tensors(), reached.to_dict())
        clock.saved()
        return reached

    for epoch in range(first, epochs):
        order = epoch_order(
            len(stage.train), stage.recipe.batch, stage.recipe.seed, epoch, epoch_pictures
        ).to(device)
        for step in range(resumed_step, steps):
            if stop():
                return save(epoch, step)
            if clock.since_saved >= checkpoint_seconds and done_here:
                save(epoch, step)
            chosen = order[step]
            trainer.step(stage.train.pixels[chosen], stage.train.label[chosen], epoch, step)
            done_here += 1
            done = epoch * steps + step + 1
            left = clock.left(done_here, epochs * steps - done)
            tell(Progress(stage.name, epoch + 1, epochs, done, epochs * steps, left))
        resumed_step = 0
        history.append(_row(stage, trainer, epoch, steps, clock))
        trainer.loss_sum.zero_()
        _write_curve(stage.folder / CURVE, history)
        left = clock.left(done_here, (epochs - epoch - 1) * steps)
        done = (epoch + 1) * steps
        tell(Progress(stage.name, epoch + 1, epochs, done, epochs * steps, left, history[-1]))
        if epoch + 1 < epochs and clock.since_saved >= min(_REST, checkpoint_seconds):
            save(epoch + 1, 0)
    reached = state(epochs, 0)
    averaged = {f"ema/{k}": v for k, v in trainer.averaged().state_dict().items()}
    write_state(stage.folder / WEIGHTS, averaged, reached.to_dict())
    (stage.folder / CHECKPOINT).unlink(missing_ok=True)
    return reached


class _Clock:
    """Seconds spent on a stage, in this process and before it."""

    def __init__(self, before: float) -> None:
        self._before = before
        self._start = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        return self._before + time.monotonic() - self._start

    @property
    def since_saved(self) -> float:
        return time.monotonic() - self._saved

    def saved(self) -> None:
        self._saved = time.monotonic()

    def left(self, done: int, to_do: int) -> float | None:
        """Return the seconds for the steps to do, at the pace of those done in this process."""
        return None if done < 2 else (time.monotonic() - self._start) / done * to_do


def _row(stage: Stage, trainer: Trainer, epoch: int, steps: int, clock: _Clock) -> dict[str, float]:
    """Return an epoch's line of the curve, measured on the averaged weights."""
    logits = logits_of(trainer.averaged(), stage.validation, stage.recipe)
    label = stage.validation.label
    place = (logits > logits.gather(1, label[:, None])).sum(dim=1)
    row = {
        "epoch": epoch + 1,
        "lr": learning_rate(stage.recipe, (epoch + 1) * steps - 1, steps),
        "train_loss": float(trainer.loss_sum) / steps,
        "val_loss": float(F.cross_entropy(logits, label)),
        "val_top1": float((place < 1).float().mean()),
        "val_top5": float((place < 5).float().mean()),
        "seconds": clock.seconds,
    }
    if not all(math.isfinite(value) for value in row.values()):
        raise SettingError(
            f"The loss of the {stage.name} is not finite after epoch {epoch + 1}; lower its lr "
            f"(--set {stage.name}.lr=...) and train it again."
        )
    return row


def _write_curve(path: Path, history: list[Mapping[str, float]]) -> None:
    """Write the whole curve, so that an epoch never stands there twice."""
    lines = [json.dumps({k: float(f"{v:.6g}") for k, v in row.items()}) for row in history]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.writing")
        beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written ({error.strerror}); free some space or give another folder."
        ) from error


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
