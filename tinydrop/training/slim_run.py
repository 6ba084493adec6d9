"""From a pair and a folder of shards to an exported student with its card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.writing import claimed
from tinydrop.models.macs import target_macs
from tinydrop.models.pairs import (
    PRESETS,
    SHIPPED,
    Pair,
    StudentCard,
    load_slimmed,
    read_pair_card,
    save_slimmed,
)
from tinydrop.models.slimming import Slimmed
from tinydrop.training.pictures import PictureSet
from tinydrop.training.slim import SlimOutcome, train_slimmed
from tinydrop.training.slim_data import SlimData, known_pictures, load_slim_data, report_set
from tinydrop.training.slim_recipe import SlimRecipe
from tinydrop.training.slim_trainer import top1
from tinydrop.training.state import Progress

_LICENCE = (
    "Made from the pictures named under data. Tiny ImageNet is a subset of ImageNet: research use "
    "only. No picture is in this folder."
)


@dataclass(frozen=True)
class StudentReport:
    """A student beside its teacher on the same pictures.

    Attributes:
        data: title of the pictures.
        pictures: how many.
        student_top1: a fraction.
        teacher_top1: a fraction.
        student_macs: on one picture.
        teacher_macs: on one picture, all patches.
    """

    data: str
    pictures: int
    student_top1: float
    teacher_top1: float
    student_macs: int
    teacher_macs: int

    def to_dict(self) -> dict[str, Any]:
        """Return the figures and how they compare, JSON-ready."""
        return {
            "data": self.data,
            "pictures": self.pictures,
            "student": {"top1": self.student_top1, "macs": self.student_macs},
            "teacher": {"top1": self.teacher_top1, "macs": self.teacher_macs},
            "accuracy_drop": 100 * (self.teacher_top1 - self.student_top1),
            "share_of_accuracy": self.student_top1 / max(self.teacher_top1, 1e-9),
            "times_fewer_macs": self.teacher_macs / self.student_macs,
        }


@dataclass(frozen=True, kw_only=True)
class SlimTraining:
    """One run of ``train sit``.

    Attributes:
        teacher: the pair's name or folder, for the card and its target's constructor.
        pair: that pair; its target is the teacher.
        data: folder with training shards, and validation shards to report on.
        out: folder of the run; the student goes into ``out/student``.
        name: the student's.
        recipe: every number.
        minutes: pause after so many minutes of training.
        resume: go on with what ``out`` holds.
        limit: at most so many training pictures.
        look_every: steps between two looks at the held-out pictures.
        split: of the data, to report on; the validation-like one by default.
        config: of the data, where there are several configurations.
    """

    teacher: str
    pair: Pair
    data: Path
    out: Path
    name: str
    recipe: SlimRecipe
    minutes: float | None = None
    resume: bool = False
    limit: int | None = None
    look_every: int = 200
    split: str | None = None
    config: str | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None and not self.minutes > 0:
            raise SettingError(
                f"--minutes is above 0, got {quoted(self.minutes)}; use for example 30."
            )

    def run(
        self,
        say: Callable[[str], None] = lambda _line: None,
        tell: Callable[[Progress], None] = lambda _progress: None,
    ) -> StudentReport:
        """Train, export the best student so far and report on the validation pictures.

        Args:
            say: told what is going on, in sentences.
            tell: told how far the training is, after every step and every look.

        Raises:
            SettingError: if the data, the folder or the teacher do not fit, or somebody else
                trains in the same folder.
        """
        with claimed(self.out / "student", "training"):
            return self._run(say, tell)

    def _run(self, say: Callable[[str], None], tell: Callable[[Progress], None]) -> StudentReport:
        constructor = target_constructor(self.teacher)
        self.recipe.plan.check_depth(self.pair.target.spec.depth, self.pair.target.spec.name)
        data = load_slim_data(self.data, self.pair, limit=self.limit, tell=say, config=self.config)
        outcome = train_slimmed(
            self.pair.target,
            self.recipe,
            data.train,
            data.held_out,
            self.out,
            data_fingerprint=_fingerprint(self.pair, data),
            resume=self.resume,
            minutes=self.minutes,
            look_every=self.look_every,
            say=say,
            tell=tell,
        )
        folder = self.out / "student"
        save_slimmed(outcome.student, self._card(constructor, data, outcome, {}), folder)
        # Reported is what was written: float16 on disk, and nothing else in memory.
        report = evaluate_slimmed(
            load_slimmed(folder),
            self.pair,
            self.data,
            tell=say,
            split=self.split,
            config=self.config,
        )
        card = self._card(constructor, data, outcome, report.to_dict())
        save_slimmed(outcome.student, card, folder)
        if not outcome.finished:
            say(
                f"Paused after {outcome.step:,} steps; the same command with --resume goes on. The "
                f"best student so far is in {folder}."
            )
        return report

    def _card(
        self,
        constructor: tuple[str, Mapping[str, Any]],
        data: SlimData,
        outcome: SlimOutcome,
        measured: Mapping[str, Any],
    ) -> StudentCard:
        target, recipe = self.pair.target, self.recipe
        device = next(target.module.parameters()).device
        how = "hard top-K" if recipe.hard else "token slimming"
        stages = ", ".join(map(str, recipe.plan.tokens(target.spec.grid.num_patches)))
        info = {
            "summary": f"The target of the pair {self.pair.name} with {how} between its blocks: "
            f"{stages} patch tokens.",
            "data": f"{data.title}: {len(data.train):,} training pictures whose class the pair "
            f"knows; {len(data.held_out):,} more chose the best step.",
            "data_licence": str(self.pair.info.get("data_licence") or _LICENCE),
            "recipe": recipe.to_dict(),
            "compute": {
                "seconds": round(outcome.seconds),
                "device": device.type,
                "threads": torch.get_num_threads(),
                "steps": outcome.step,
                "of": recipe.steps(len(data.train)),
                "pictures_seen": outcome.step * recipe.batch,
            },
            "chosen": {"step": outcome.best_step, "held_out_top1": outcome.best},
            "before_training": {
                key if key == "divergence" else f"held_out_{key}": value
                for key, value in outcome.start.items()
            },
            "measured": dict(measured),
            "curve": [dict(entry) for entry in outcome.curve],
        }
        return StudentCard(
            name=self.name,
            title=f"Slimmed target of {self.pair.name}",
            model=constructor[0],
            kwargs=constructor[1],
            input=target.spec.input,
            classes=self.pair.classes,
            plan=recipe.plan,
            hard=recipe.hard,
            teacher={"pair": self.pair.name, "digest": self.pair.digest},
            info=info,
        )


def evaluate_slimmed(
    slimmed: Slimmed,
    pair: Pair,
    data: Path,
    *,
    tell: Callable[[str], None] = lambda _line: None,
    split: str | None = None,
    config: str | None = None,
) -> StudentReport:
    """Return a student's accuracy beside its teacher's on labelled pictures.

    Args:
        slimmed: the student; it must speak of the pair's classes.
        pair: its target is the teacher.
        data: pictures that the pair knows; of several splits, the one to measure on.
        tell: told how far it is, in sentences.
        split: the split that is wanted.
        config: the configuration that is wanted.

    Raises:
        SettingError: if the two differ in classes or input, or the data do not fit.
    """
    teacher = pair.target.spec
    slimmed.check_teacher(teacher)
    dataset = report_set(data, split, config)
    for note in dataset.notes:
        tell(note)
    pictures, _ = known_pictures(dataset, pair, tell=tell)
    like = next(pair.target.module.parameters())
    slimmed.module.to(like.device)
    return StudentReport(
        data=dataset.title,
        pictures=len(pictures),
        student_top1=_top1(slimmed, pair, pictures),
        teacher_top1=top1(pair.target.logits, pair.target, pictures),
        student_macs=slimmed.macs,
        teacher_macs=target_macs(teacher, teacher.grid.num_patches).total,
    )


def target_constructor(teacher: str) -> tuple[str, Mapping[str, Any]]:
    """Return the timm name and constructor arguments of a pair's target.

    Args:
        teacher: a shipped pair's or a preset's name, or a pair folder.
    """
    if teacher in PRESETS:
        return PRESETS[teacher].target, {}
    folder = SHIPPED[teacher].folder if teacher in SHIPPED else Path(teacher)
    entry = read_pair_card(folder)["target"]
    return str(entry["model"]), dict(entry.get("kwargs", {}))


def _top1(slimmed: Slimmed, pair: Pair, pictures: PictureSet) -> float:
    return top1(slimmed.logits, pair.target, pictures)


def _fingerprint(pair: Pair, data: SlimData) -> str:
    """Return sha256 (hex) over the pair and every picture that training looks at."""
    sha = hashlib.sha256(pair.digest.encode())
    for part in (data.train, data.held_out):
        sha.update(part.label.numpy().tobytes())
        sha.update(part.pixels.numpy().reshape(-1).data)
    return sha.hexdigest()
