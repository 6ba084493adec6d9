"""The one training loop: steps, measurements, the curve, checkpoints, and going on from one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tinydrop.core.errors import SettingError
from tinydrop.training.checkpoint import read_tensors, write_state
from tinydrop.training.state import (
    BEST,
    CHECKPOINT,
    CURVE,
    WEIGHTS,
    Progress,
    StageState,
    earlier_state,
)
from tinydrop.training.trainer import Trainer


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be trained, how far, and where it is kept.

    Attributes:
        name: of the stage, for a person.
        folder: for the checkpoint, the curve and the finished weights.
        identity: what must be the same for a checkpoint to be gone on with.
        steps: in all.
        epoch_steps: between two lines of the curve; the last epoch may be shorter.
        make: the trainer, before the first step; told whether nothing is going to be loaded.
        best_by: column of the curve whose first highest value says which averaged weights are
            kept; empty to keep the last.
        rest: seconds; after an epoch no checkpoint is written where one was so recently.
        remedy: what to do where the loss is no longer finite.
    """

    name: str
    folder: Path
    identity: Mapping[str, Any]
    steps: int
    epoch_steps: int
    make: Callable[[bool], Trainer]
    best_by: str = ""
    rest: float = 10.0
    remedy: str = "lower its lr"

    @property
    def epochs(self) -> int:
        """Lines of the curve in all."""
        return math.ceil(self.steps / self.epoch_steps)


def train(
    job: Job,
    *,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda _line: None,
    tell: Callable[[Progress], None] = lambda _progress: None,
    checkpoint_seconds: float = 120.0,
) -> StageState:
    """Train to the end, or until told to stop; then it can be gone on with.

    The finished weights (the moving average, float32) lie in ``weights.safetensors`` and the curve
    in ``curves.jsonl`` of the folder. On one device in float32 a run that was interrupted anywhere
    and gone on with ends with the same weights as one that was not.

    Args:
        job: what to train.
        resume: go on from the checkpoint in the folder, or take the finished weights there.
        stop: asked before every step.
        say: told what is going on, in sentences.
        tell: told how far it is, after every step and, with its line of the curve, every epoch.
        checkpoint_seconds: between checkpoints within an epoch.

    Raises:
        SettingError: if the folder holds another run, or one that ``resume`` was not given for, it
            cannot be written, or the loss is no longer finite.
    """
    held = earlier_state(job.folder, job.name, job.identity, resume=resume)
    if held is not None and held.finished:
        return held
    run = _Run(job, held, say)
    first, resumed = (held.epoch, held.step) if held else (0, 0)
    for epoch in range(first, job.epochs):
        begun = epoch * job.epoch_steps
        steps = min(job.epoch_steps, job.steps - begun)
        for step in range(resumed, steps):
            if stop():
                return run.save(epoch, step)
            if run.clock.since_saved >= checkpoint_seconds and run.done_here:
                run.save(epoch, step)
            run.step(begun + step)
            tell(run.progress(epoch, begun + step + 1))
        resumed = 0
        row = run.measure(epoch, steps)
        rested = run.clock.since_saved >= min(job.rest, checkpoint_seconds)
        if epoch + 1 < job.epochs and rested:
            run.save(epoch + 1, 0)
        tell(run.progress(epoch, begun + steps, row))
    return run.finish()


def time_limit(minutes: float | None, stop: Callable[[], bool]) -> Callable[[], bool]:
    """Return a ``stop`` that also says yes once so many minutes from now are over."""
    if minutes is None:
        return stop
    end = time.monotonic() + 60 * minutes
    return lambda: stop() or time.monotonic() >= end


class _Run:
    """One call of ``train``: the trainer, the curve so far and the clock."""

    def __init__(self, job: Job, held: StageState | None, say: Callable[[str], None]) -> None:
        self._job = job
        self._trainer = job.make(held is None)
        self.clock = _Clock(held.seconds if held else 0.0)
        self.done_here = 0
        self._history = list(held.history) if held else []
        if held is not None:
            say(f"Going on with the {job.name} after {held.epoch} epochs and {held.step} steps.")
            self._trainer.load(read_tensors(job.folder / CHECKPOINT))
            self._before = held.before
        else:
            self._before = self._trainer.begin(say)

    def step(self, number: int) -> None:
        self._trainer.step(number)
        self.done_here += 1

    def progress(self, epoch: int, done: int, row: Mapping[str, float] | None = None) -> Progress:
        job = self._job
        left = self.clock.left(self.done_here, job.steps - done)
        return Progress(job.name, epoch + 1, job.epochs, done, job.steps, left, row)

    def save(self, epoch: int, step: int) -> StageState:
        """Write everything that later steps depend on, unless it is worth nothing."""
        if not bool(self._trainer.loss_sum.isfinite().all()):
            raise self._diverged(epoch)
        reached = self._state(epoch, step)
        tensors = self._trainer.tensors()
        write_state(self._job.folder / CHECKPOINT, tensors, reached.to_dict())
        self.clock.saved()
        return reached

    def measure(self, epoch: int, steps: int) -> Mapping[str, float]:
        """Return the epoch's line of the curve, and keep it, and its weights if they are best."""
        job = self._job
        done = epoch * job.epoch_steps + steps
        row = self._trainer.row(done, steps, self.clock.seconds)
        if not all(math.isfinite(value) for value in row.values()):
            raise self._diverged(epoch)
        if job.best_by:
            best = max((earlier[job.best_by] for earlier in self._history), default=-math.inf)
            if row[job.best_by] > best:
                write_state(job.folder / BEST, self._averaged(), {"step": done})
        self._history.append(row)
        self._trainer.loss_sum.zero_()
        _write_curve(job.folder / CURVE, self._history)
        return row

    def finish(self) -> StageState:
        """Write the weights that are kept, and remove what they were made from."""
        folder = self._job.folder
        reached = self._state(self._job.epochs, 0)
        kept = read_tensors(folder / BEST) if self._job.best_by else self._averaged()
        write_state(folder / WEIGHTS, kept, reached.to_dict())
        for name in (CHECKPOINT, BEST):
            (folder / name).unlink(missing_ok=True)
        return reached

    def _averaged(self) -> dict[str, torch.Tensor]:
        return {f"ema/{k}": v for k, v in self._trainer.averaged().state_dict().items()}

    def _state(self, epoch: int, step: int) -> StageState:
        device = self._trainer.device
        named = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
        history, seconds = tuple(self._history), self.clock.seconds
        return StageState(self._job.identity, epoch, step, seconds, history, named, self._before)

    def _diverged(self, epoch: int) -> SettingError:
        job = self._job
        return SettingError(
            f"The loss of the {job.name} is not finite in epoch {epoch + 1}; {job.remedy} and "
            f"train it again."
        )


class _Clock:
    """Seconds spent on a training, in this process and before it."""

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


def _write_curve(path: Path, history: list[Mapping[str, float]]) -> None:
    """Write the whole curve, so that an epoch never stands there twice."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.writing")
        beside.write_text("".join(json.dumps(row) + "\n" for row in history), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written ({error.strerror}); free some space or give another folder."
        ) from error
