"""A whole recipe: teacher, guidance, target and export, in one process or in many pieces."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.writing import claimed
from tinydrop.training.export import Finished, export_pair, read_groups
from tinydrop.training.loop import train_stage
from tinydrop.training.pictures import TrainingData, load_training_data, shards_of
from tinydrop.training.pretrained import read_source, read_start, source_content, start_from
from tinydrop.training.recipe import STAGES, PairRecipe
from tinydrop.training.sources import file_digest, source_named
from tinydrop.training.stage import (
    CHECKPOINT,
    WEIGHTS,
    Progress,
    Stage,
    StageState,
    finished_stage,
    refuse_earlier,
)
from tinydrop.training.trainer import Teacher, fast_convolutions, training_device

STEPS = (*STAGES, "export", "all")
"""What ``--stage`` takes."""


@dataclass(frozen=True)
class TrainingReport:
    """What one call did.

    Attributes:
        states: stage -> where it stands, for the stages of this call that were begun.
        pair: the folder of the exported pair; None where none was exported.
        complete: whether all that was asked for is done.
    """

    states: dict[str, StageState]
    pair: Path | None
    complete: bool


@dataclass(frozen=True)
class PairTraining:
    """One call of ``train pair``.

    Attributes:
        recipe: every number.
        data: folder with the Parquet shards.
        out: folder of the run: ``teacher/``, ``guidance/``, ``target/`` and ``pair/``.
        stage: one of ``STEPS``.
        minutes: stop cleanly after so many, decoding included; None to run to the end.
        resume: go on with what the folder holds.
        checkpoint_seconds: between checkpoints within an epoch.
        compiled: run the model in training through ``torch.compile``.
        name: of the exported pair; the recipe's by default.
        groups: JSON file with coarse groups of its classes, for display.
        split: of the data, to measure on; the validation-like one by default.
        config: of the data, where there are several configurations.
        start: stage -> safetensors file to start from, instead of the recipe's ``pretrained``.
        device: where everything happens; a GPU where there is one.

    Raises:
        SettingError: if there is no such stage, or a time is not above 0.
    """

    recipe: PairRecipe
    data: Path
    out: Path
    stage: str = "all"
    minutes: float | None = None
    resume: bool = False
    checkpoint_seconds: float = 120.0
    compiled: bool = False
    name: str | None = None
    groups: Path | None = None
    split: str | None = None
    config: str | None = None
    start: Mapping[str, Path] = field(default_factory=dict)
    device: torch.device = field(default_factory=training_device)

    def __post_init__(self) -> None:
        if self.stage not in STEPS:
            raise SettingError(
                f"There is no stage {quoted(self.stage)}; choose one of {', '.join(STEPS)}."
            )
        if self.minutes is not None and not self.minutes > 0:
            raise SettingError(f"A training takes more than 0 minutes, got {quoted(self.minutes)}.")
        odd = [name for name in self.start if name not in STAGES]
        if odd:
            raise SettingError(
                f"There is no stage {quoted(odd[0])} to start from a file; name one of "
                f"{', '.join(STAGES)}."
            )
        if not self.checkpoint_seconds >= 0:
            raise SettingError(
                f"Seconds between checkpoints are 0 or more, got {quoted(self.checkpoint_seconds)}."
            )

    def run(
        self,
        say: Callable[[str], None] = lambda _line: None,
        tell: Callable[[Progress], None] = lambda _progress: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> TrainingReport:
        """Train what was asked for, or as much as the time allows.

        Args:
            say: told what is going on, in sentences.
            tell: told how far a stage is, after every step.
            stop: asked before every step, beside the clock.

        Raises:
            SettingError: if something that a stage needs is missing or belongs to another run, or
                somebody else trains it in the same folder.
        """
        begun = time.monotonic()
        limit = None if self.minutes is None else begun + 60 * self.minutes

        def over() -> bool:
            return stop() or (limit is not None and time.monotonic() >= limit)

        with ExitStack() as held:
            for name in (*self._wanted, *(("pair",) if self.stage in ("all", "export") else ())):
                held.enter_context(claimed(self.out / name, "training"))
            return self._run(say, tell, over)

    def _run(
        self,
        say: Callable[[str], None],
        tell: Callable[[Progress], None],
        over: Callable[[], bool],
    ) -> TrainingReport:
        self.check()
        wanted, export = self._wanted, self.stage in ("all", "export")
        device = self.device
        data = load_training_data(
            self.data, self.recipe.side, say, split=self.split, config=self.config
        )
        if data.skipped:
            say(f"{data.skipped} pictures could not be read and are left out.")
        train, validation = data.train.to(device), data.validation.to(device)
        data = replace(data, train=train, validation=validation)
        groups = None if self.groups is None else read_groups(self.groups, data.classes)
        states: dict[str, StageState] = {}
        pair: Path | None = None
        with fast_convolutions(device):
            for name in wanted:
                if states and over():
                    break
                say(f"Training the {name} on {len(data.train):,} pictures.")
                states[name] = self._train(name, data, device, tell, over)
                if not states[name].finished:
                    break
        complete = len(states) == len(wanted) and all(s.finished for s in states.values())
        if export and complete and not over():
            pair = self.out / "pair"
            export_pair(self.recipe, self._finished(), data, pair, device, self.name, groups, say)
        return TrainingReport(states, pair, complete and (pair is not None or not export))

    @property
    def _wanted(self) -> tuple[str, ...]:
        return STAGES if self.stage == "all" else tuple(s for s in STAGES if s == self.stage)

    def check(self) -> None:
        """Refuse, before anything is built or decoded, what cannot end well.

        Raises:
            SettingError: if shards or stages are missing, or ``out`` cannot be used.
        """
        wanted, export = self._wanted, self.stage in ("all", "export")
        shards_of(self.data, self.split, self.config)
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            probe = self.out / ".writing"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SettingError(
                f"{self.out} cannot be written ({error.strerror}); give another folder by --out."
            ) from error
        for name in wanted:
            self._check_start(name)
            if not self.resume:
                refuse_earlier(self.out / name, name)
        missing = {
            "teacher": any(self.recipe.stage(name).distil > 0 for name in wanted),
            "guidance": export,
            "target": export,
        }
        for name, needed in missing.items():
            if needed and name not in wanted and not (self.out / name / WEIGHTS).is_file():
                raise SettingError(
                    f"The {self.stage} needs a finished {name}, and {self.out} has none; train it "
                    f"first by --stage {name}, with the same --out."
                )

    def _check_start(self, name: str) -> None:
        """Refuse weights to start from that are not there, before pictures are decoded."""
        begun = any((self.out / name / file).is_file() for file in (WEIGHTS, CHECKPOINT))
        source = self.recipe.stage(name).pretrained
        if name in self.start:
            read_start(self.start[name])
        elif source and not begun:
            source_content(source_named(source))

    def _train(
        self,
        name: str,
        data: TrainingData,
        device: torch.device,
        tell: Callable[[Progress], None],
        over: Callable[[], bool],
    ) -> StageState:
        recipe = self.recipe.stage(name)
        teacher, digest = None, None
        if name != "teacher" and recipe.distil > 0:
            done = self._finished()["teacher"]
            module = done.module(len(data.classes)).to(device)
            teacher, digest = Teacher(module, done.recipe), done.state.digest
        start, started_from = self._start(name, data)
        stage = Stage(
            name,
            recipe,
            self.out / name,
            data.train,
            data.validation,
            len(data.classes),
            data.fingerprint,
            teacher,
            digest,
            start,
            started_from,
        )
        return train_stage(
            stage,
            resume=self.resume,
            stop=over,
            tell=tell,
            checkpoint_seconds=self.checkpoint_seconds,
            compiled=self.compiled,
        )

    def _start(
        self, name: str, data: TrainingData
    ) -> tuple[Callable[[nn.Module], None] | None, str | None]:
        """Return what loads a stage's first weights, and which they are; None for drawn ones."""
        source, path = self.recipe.stage(name).pretrained, self.start.get(name)
        wnids = data.wnids
        if path is not None:
            return (
                lambda module: start_from(module, read_start(path), wnids),
                f"{path.name}, SHA-256 {file_digest(path)}",
            )
        if not source:
            return None, None
        known = source_named(source)
        return lambda module: start_from(module, read_source(known), wnids), known.text

    def _finished(self) -> dict[str, Finished]:
        """Return every finished stage in the folder; refuse one of another recipe."""
        found = {}
        for name in STAGES:
            held = finished_stage(self.out / name)
            if held is None:
                continue
            state, weights = held
            recipe = self.recipe.stage(name)
            if state.identity["recipe"] != json.loads(json.dumps(recipe.to_dict())):
                raise SettingError(
                    f"The {name} in {self.out} was trained by another recipe; give the same "
                    f"--recipe and --set, or another folder."
                )
            found[name] = Finished(recipe, state, weights)
        return found
