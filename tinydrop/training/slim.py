"""Training a slimmed student: steps, checkpoints from which it goes on exactly, the best so far."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import Target
from tinydrop.models.slimming import SlimmedTransformer
from tinydrop.training.checkpoint import read_state, read_tensors, write_state
from tinydrop.training.pictures import PictureSet
from tinydrop.training.slim_recipe import SlimRecipe
from tinydrop.training.slim_start import fit_local
from tinydrop.training.slim_trainer import SlimTrainer, top1

CHECKPOINT = "checkpoint.safetensors"
BEST = "best.safetensors"
CURVE = "curve.jsonl"


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


def train_slimmed(
    teacher: Target,
    recipe: SlimRecipe,
    train: PictureSet,
    held_out: PictureSet,
    out: Path,
    *,
    data_fingerprint: str,
    resume: bool = False,
    minutes: float | None = None,
    look_every: int = 200,
    tell: Callable[[str], None] = lambda _line: None,
) -> SlimOutcome:
    """Train a student into a folder; killed or paused at any moment, it can go on from there.

    Args:
        teacher: a plain target; frozen, never changed.
        recipe: every number.
        train: pictures to learn from.
        held_out: pictures to choose the best step by.
        out: the folder for ``checkpoint.safetensors``, ``best.safetensors`` and ``curve.jsonl``.
        data_fingerprint: of the pictures, and of the teacher; a checkpoint of others is refused.
        resume: go on with the checkpoint there.
        minutes: pause after so many minutes of this call; by default when all steps are done.
        look_every: steps between two looks at the held-out pictures, each with a checkpoint.
        tell: told how far it is, in sentences.

    Raises:
        SettingError: if the folder holds another run, or an unfinished one without ``resume``, or
            cannot be written.
    """
    trainer = SlimTrainer(teacher, recipe, len(train))
    identity = {"recipe": recipe.to_dict(), "data": data_fingerprint, "look_every": look_every}
    state = _begin(trainer, train, held_out, out, identity, resume=resume, tell=tell)
    begun, before, paused = time.monotonic(), float(state["seconds"]), False
    first = int(state["step"])
    pieces = torch.zeros(4, dtype=torch.float64)
    for step in range(first, trainer.steps):
        if minutes is not None and time.monotonic() - begun >= 60 * minutes:
            paused = True
        else:
            found = trainer.step(train, step)
            parts = (found.total, found.classification, found.token, found.logit)
            pieces += torch.stack([p.detach().double().cpu() for p in parts])
            state["step"] = step + 1
            state["since"] += 1
        due = state["step"] % look_every == 0 or state["step"] == trainer.steps
        if (paused and state["since"]) or (due and not paused):
            spent = time.monotonic() - begun
            state["seconds"] = before + spent
            _look(trainer, held_out, out, state, pieces, identity)
            pieces.zero_()
            done = state["step"] - first
            left = spent / max(done, 1) * (trainer.steps - state["step"])
            tell(_sentence(state, trainer.steps, left, minutes, spent))
        if paused:
            break
    trainer.average.load_state_dict(read_tensors(out / BEST))
    return SlimOutcome(
        student=trainer.average.eval(),
        finished=state["step"] >= trainer.steps,
        step=state["step"],
        best_step=state["best_step"],
        best=state["best"],
        seconds=state["seconds"],
        start=state["start"],
        curve=tuple(state["curve"]),
    )


def _begin(
    trainer: SlimTrainer,
    train: PictureSet,
    held_out: PictureSet,
    out: Path,
    identity: Mapping[str, Any],
    *,
    resume: bool,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Return the state to go on from: the checkpoint's, or that of step 0."""
    path = out / CHECKPOINT
    stored = read_state(path)
    if stored is not None:
        if stored.get("identity") != dict(identity):
            raise SettingError(
                f"{path} belongs to another recipe, teacher or data; give another --out folder, or "
                f"the arguments of that run."
            )
        if not resume:
            raise SettingError(
                f"{out} holds a training of {stored['step']} steps; go on with --resume or give "
                f"another --out folder."
            )
        trainer.load(read_tensors(path))
        tell(f"Going on after step {stored['step']:,} of {trainer.steps:,}.")
        return stored
    start = {"random": top1(trainer.student, trainer.teacher, held_out)}
    if trainer.recipe.starts_local:
        tell("Fitting the slimming modules to neighbouring patches.")
        gap = fit_local(
            trainer.student,
            trainer.teacher.spec.grid,
            lambda step: trainer.batch(train, step)[0],
            min(trainer.recipe.start_steps, 10 * trainer.steps),
        )
        start |= {"local": top1(trainer.student, trainer.teacher, held_out), "divergence": gap}
    trainer.average.load_state_dict(trainer.student.state_dict())
    teacher = top1(trainer.teacher.logits, trainer.teacher, held_out)
    tell(f"Held-out top-1 before training: teacher {teacher:.4f}, student {start}.")
    start["teacher"] = teacher
    return {
        "identity": dict(identity),
        "step": 0,
        "since": 0,
        "seconds": 0.0,
        "best": -1.0,
        "best_step": 0,
        "start": start,
        "curve": [],
    }


def _look(
    trainer: SlimTrainer,
    held_out: PictureSet,
    out: Path,
    state: dict[str, Any],
    pieces: torch.Tensor,
    identity: Mapping[str, Any],
) -> None:
    """Measure the averaged student, keep it if it is the best, and write everything down."""
    accuracy = top1(trainer.average, trainer.teacher, held_out)
    names = ("loss", "classification", "token", "logit")
    means = (pieces / max(state["since"], 1)).tolist()
    state["curve"].append(
        {
            "step": state["step"],
            "epoch": round(state["step"] / trainer.per_epoch, 4),
            "seconds": round(state["seconds"], 1),
            "rate": trainer.recipe.rate(state["step"] - 1, trainer.steps),
            **{name: round(value, 6) for name, value in zip(names, means, strict=True)},
            "held_out_top1": accuracy,
        }
    )
    state["since"] = 0
    if accuracy > state["best"]:
        state["best"], state["best_step"] = accuracy, state["step"]
        write_state(out / BEST, trainer.average.state_dict(), {"step": state["step"]})
    write_state(out / CHECKPOINT, trainer.tensors(), {**state, "identity": dict(identity)})
    lines = "".join(json.dumps(entry) + "\n" for entry in state["curve"])
    (out / CURVE).write_text(lines, encoding="utf-8")


def _sentence(
    state: Mapping[str, Any], steps: int, left: float, minutes: float | None, spent: float
) -> str:
    last = state["curve"][-1]
    rest = left if minutes is None else min(left, max(60 * minutes - spent, 0.0))
    return (
        f"Step {state['step']:,} of {steps:,}: loss {last['loss']:.3f} (label "
        f"{last['classification']:.3f}, tokens {last['token']:.4f}, logits {last['logit']:.4f}), "
        f"held-out top-1 {last['held_out_top1']:.4f}, best {state['best']:.4f} at step "
        f"{state['best_step']:,}; about {rest / 60:.0f} minutes left."
    )
