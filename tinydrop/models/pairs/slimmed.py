"""Reading and writing a slimmed student: student.json and student.safetensors in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from tinydrop.core.errors import SettingError
from tinydrop.data import InputSpec
from tinydrop.models.backbones import build_model, describe_target, wrap_target
from tinydrop.models.pairs.pair import Pair
from tinydrop.models.pairs.schema import read_card
from tinydrop.models.pairs.weights import load_weights, write_weights
from tinydrop.models.slimming import Slimmed, SlimmedTransformer, SlimmingPlan

STUDENT_FORMAT = 1
_CARD, _WEIGHTS = "student.json", "student.safetensors"


@dataclass(frozen=True)
class StudentCard:
    """What stands beside a student's weights.

    Attributes:
        name: short name.
        title: what a person reads.
        model: timm name of the transformer it was made from.
        kwargs: arguments of its constructor without ``num_classes``.
        input: the input it wants.
        classes: one readable name per logit.
        plan: where it is slimmed.
        hard: whether tokens are chosen instead of mixed.
        teacher: the pair it was made from and that pair's digest.
        info: data, recipe, compute, measured accuracy, licence note.
    """

    name: str
    title: str
    model: str
    kwargs: Mapping[str, Any]
    input: InputSpec
    classes: tuple[str, ...]
    plan: SlimmingPlan
    hard: bool
    teacher: Mapping[str, str]
    info: Mapping[str, Any]

    @property
    def words(self) -> str:
        """What it does and how it was trained, in a few words, as far as the card says."""
        recipe, compute = (
            part if isinstance(part, Mapping) else {}
            for part in (self.info.get("recipe"), self.info.get("compute"))
        )
        how = "choosing a few tokens" if self.hard else "mixing tokens into few (SiT)"
        if recipe.get("distil") is False:
            how += ", trained without its teacher"
        elif recipe.get("reverse") is False:
            how += ", trained without reverse modules"
        if recipe.get("start") == "random" and not self.hard:
            how += ", from random modules"
        seen = compute.get("pictures_seen")
        return f"{how}, {seen:,} pictures seen" if isinstance(seen, int) else how


@dataclass(frozen=True, eq=False)
class Student:
    """A slimmed student and its card."""

    card: StudentCard
    model: Slimmed


def load_student(folder: str | Path, pair: Pair) -> Student:
    """Return the student in a folder, made from this very pair; weights are read as float32.

    Raises:
        SettingError: if it was made from another pair, or what ``load_slimmed`` raises.
    """
    card = read_student_card(folder)
    if card.teacher.get("digest") != pair.digest:
        raise SettingError(
            f"The student {card.name} was made from other weights than those of the pair "
            f"{pair.name}; train one with python -m tinydrop train sit --teacher {pair.name}."
        )
    return Student(card, load_slimmed(folder))


def load_slimmed(folder: str | Path) -> Slimmed:
    """Return the slimmed student stored in a folder; weights are read as float32.

    Raises:
        SettingError: if ``student.json`` is missing, damaged or of another format.
        WeightsUnavailableError: if the weights are missing, damaged or another model's.
        UnsupportedModelError: if the model is unknown or cannot be slimmed.
    """
    folder = Path(folder)
    card = read_student_card(folder)
    module = build_model(card.model, kwargs={**card.kwargs, "num_classes": len(card.classes)})
    target = wrap_target(module, card.model, card.input)
    student = SlimmedTransformer(target, card.plan, hard=card.hard)
    absent = f"are not there; a student's folder holds {_WEIGHTS} beside {_CARD}"
    load_weights(student, folder / _WEIGHTS, absent, f"the student in {_CARD}")
    student.requires_grad_(requires_grad=False)
    return Slimmed(card.name, describe_target(module, card.model, card.input), student)


def read_student_card(folder: str | Path) -> StudentCard:
    """Return what ``student.json`` says.

    Raises:
        SettingError: if it is missing, damaged or of another format.
    """
    path = Path(folder) / _CARD
    absent = (
        f"{folder} is no slimmed student: it has no {_CARD}; give a folder that "
        f"python -m tinydrop train sit wrote."
    )
    card = read_card(path, absent)
    if card.values.get("format") != STUDENT_FORMAT:
        raise SettingError(
            f"{path} is not in student format {STUDENT_FORMAT}; write it with "
            f"tinydrop.models.pairs.save_slimmed."
        )
    plan, teacher = card.part("plan"), card.part("teacher")
    if not isinstance(card.values.get("hard"), bool):
        card.refuse("hard", "true or false")
    return StudentCard(
        name=card.text("name"),
        title=card.text("title"),
        model=card.text("model"),
        kwargs=MappingProxyType(dict(card.part("kwargs").values)),
        input=card.input(),
        classes=card.texts("classes"),
        plan=plan.made(SlimmingPlan),
        hard=card.values["hard"],
        teacher=MappingProxyType({key: teacher.text(key) for key in teacher.values}),
        info=MappingProxyType(dict(card.part("info").values)),
    )


def save_slimmed(
    student: SlimmedTransformer,
    card: StudentCard,
    folder: str | Path,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a student as ``student.json`` and ``student.safetensors``, or shards of it.

    Args:
        student: the weights; reverse modules are no part of it.
        card: what is said of it.
        folder: made if it is not there.
        dtype: the floating-point type of the stored weights.

    Raises:
        SettingError: if the folder cannot be written, or a weight is too large for ``dtype``.
    """
    folder = Path(folder)
    state = {
        key: (value.to(dtype) if value.is_floating_point() else value).cpu().contiguous()
        for key, value in student.state_dict().items()
    }
    if not all(bool(v.isfinite().all()) for v in state.values() if v.is_floating_point()):
        raise SettingError(f"A weight of {card.name} is not finite as {dtype}; keep float32.")
    written = {
        "format": STUDENT_FORMAT,
        "name": card.name,
        "title": card.title,
        "model": card.model,
        "kwargs": dict(card.kwargs),
        "input": asdict(card.input),
        "plan": card.plan.to_dict(),
        "hard": card.hard,
        "classes": list(card.classes),
        "teacher": dict(card.teacher),
        "info": dict(card.info),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / _WEIGHTS, state)
        (folder / _CARD).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"The student cannot be written to {folder} ({error.strerror}); choose another folder."
        ) from error
