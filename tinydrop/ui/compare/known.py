"""What is known of a wish of the Compare page: one picture under every method at one cost.

In three parts, since each follows from another control: ``KnownPicture`` (the picture alone),
``Known`` (its methods at a level) and ``KnownPlaces`` (one drop after each block, at a level).
No gradio and no models in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.results import Answer, Truth
from tinydrop.core.tokens import PatchGrid
from tinydrop.models.pairs import Student
from tinydrop.studies.comparison import Contender, SlimContender
from tinydrop.ui.compare.wish import Wish
from tinydrop.ui.compare.words import step_words

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MethodRun:
    """One way to answer the picture.

    Attributes:
        key: a method, a student, ``target`` or ``guidance``.
        answer: what it answers.
        macs: of the target, or of what runs in its place.
        guide: MACs of guidance and map on top.
        blocks: patch tokens in each block's attention; empty where no such block runs.
        steps: (what is done, patch tokens left after it) in order.
        left: patch tokens at the end; None where there are none.
        groups: (N,) the token that holds each patch at the end, -1 where it was dropped; None
            where nothing was done to the patches.
        blocks_run: (N,) how many blocks attended to each patch; None like ``groups``.
    """

    key: str
    answer: Answer
    macs: int
    guide: int = 0
    blocks: tuple[int, ...] = ()
    steps: tuple[tuple[str, int], ...] = ()
    left: int | None = None
    groups: Ints | None = None
    blocks_run: Ints | None = None

    @classmethod
    def of(cls, one: Contender) -> MethodRun:
        """Return a method on the picture."""
        plan = one.plan
        return cls(
            key=one.method,
            answer=one.answer,
            macs=one.target_macs,
            guide=one.macs - one.target_macs,
            blocks=tuple(block.attention for block in plan.blocks),
            steps=tuple((step_words(s.step, plan.depth), s.num_tokens) for s in one.stages),
            left=one.stages[-1].num_tokens if one.stages else plan.num_patches,
            groups=one.groups,
            blocks_run=one.blocks_run,
        )


def said(one: MethodRun, wish: Wish) -> Answer:
    """Return a method's answer as the page shows it: the guidance's at the wish's temperature.

    The target's, and those of what runs in its place, are raw.
    """
    if one.key != "guidance":
        return one.answer
    return replace(one.answer, temperature=wish.temperature)


@dataclass(frozen=True, eq=False)
class KnownPicture:
    """What only another picture changes.

    Attributes:
        crop: the region that the models see.
        grid: the target's patches.
        depth: D, the target's blocks.
        yardsticks: the full target and the guidance alone, in this order.
        students: the trained students, the dearest first.
        slims: what each of them made of its tokens, in the same order.
        pictures: one of these -> its small picture as a data address.
        truth: what the picture shows, where that is known.
    """

    crop: Image.Image
    grid: PatchGrid
    depth: int
    yardsticks: tuple[MethodRun, MethodRun]
    students: tuple[MethodRun, ...]
    slims: tuple[SlimContender, ...]
    pictures: Mapping[str, str]
    truth: Truth | None = None

    @property
    def full(self) -> Answer:
        """The full target's answer."""
        return self.yardsticks[0].answer

    @property
    def full_macs(self) -> int:
        """What the full target costs."""
        return self.yardsticks[0].macs


@dataclass(frozen=True, eq=False)
class Known:
    """Every method on the picture at one level.

    Attributes:
        level: 1 to 16.
        budget: the MACs that the target may cost.
        methods: name -> the method on the picture; those that can run.
        absent: name -> the least that a method costs, in MACs; None where it does not fit at all.
        pictures: name -> its small picture as a data address.
    """

    level: int
    budget: int
    methods: Mapping[str, MethodRun]
    absent: Mapping[str, int | None]
    pictures: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class KnownPlaces:
    """One drop after each number of blocks, by each ranker, at one level.

    Attributes:
        budget: the MACs that the target may cost.
        keeps: patches that go on from each place; None where it is too dear.
        least: MACs of one patch going on from each place.
        found: (ranker, blocks before the drop) -> what becomes of the picture.
    """

    budget: int
    keeps: tuple[int | None, ...]
    least: tuple[int, ...]
    found: Mapping[tuple[str, int], MethodRun]


def student_run(student: Student, one: SlimContender) -> MethodRun:
    """Return a trained student on the picture; each patch belongs to the token that takes most."""
    plan = student.card.plan
    blocks = tuple(
        count for count, stage in zip(one.tokens, plan.stages, strict=True) for _ in range(stage)
    )
    verb = "chosen" if student.card.hard else "mixed"
    steps = tuple(
        (f"{verb} after {after} of {plan.depth} blocks", left)
        for after, left in zip(plan.after, one.tokens[1:], strict=True)
    )
    shares = one.composed[-1]
    taken = shares.argmax(axis=0).astype(np.int64)
    groups = np.where(shares.max(axis=0) > 0, taken, -1)
    # A patch that no token takes from was left out by the first module that did.
    run = np.full(groups.size, plan.depth)
    for after, composed in reversed(list(zip(plan.after, one.composed, strict=True))):
        run[composed.max(axis=0) <= 0] = after
    return MethodRun(
        key=one.name, answer=one.answer, macs=one.macs, blocks=blocks, steps=steps,
        left=one.tokens[-1], groups=groups, blocks_run=run,
    )  # fmt: skip
