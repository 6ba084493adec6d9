"""What the Compare page compares: one picture under every method at one cost.

No gradio and no models in here: a ``Contest`` is what a visitor wants to see, a ``Bout`` and
``Places`` are what is known of it; ``compare_arena`` makes one of the other.
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
from tinydrop.studies.comparison import REFERENCE, Contender, SlimContender
from tinydrop.ui.compare.words import step_words
from tinydrop.ui.kit.look import Look

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contest:
    """One visitor's wish.

    Attributes:
        look: picture and pair; of its setting only the temperature plays a part, in how sure the
            guidance is, and its selector none.
        opened: what is shown large: a method, a student, ``target`` or ``guidance``.
    """

    look: Look
    opened: str = REFERENCE

    @property
    def temperature(self) -> float:
        """T of the guidance's probabilities, the same as on the Explore page."""
        return self.look.setting.temperature

    def said(self, one: Entrant) -> Answer:
        """Return an entrant's answer as the page shows it: the guidance's at the setting's T.

        The target's, and those of what runs in its place, are raw.
        """
        if one.key != "guidance":
            return one.answer
        return replace(one.answer, temperature=self.temperature)


@dataclass(frozen=True, eq=False)
class Entrant:
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
    def of(cls, one: Contender) -> Entrant:
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


@dataclass(frozen=True, eq=False)
class Still:
    """What only another picture changes.

    Attributes:
        crop: the region that the models see.
        grid: the target's patches.
        depth: D, the target's blocks.
        yardsticks: the full target and the guidance alone, in this order.
        students: the trained students, the dearest first.
        slims: what each of them made of its tokens, in the same order.
        pictures: entrant of these -> its small picture as a data address.
        truth: what the picture shows, where that is known.
    """

    crop: Image.Image
    grid: PatchGrid
    depth: int
    yardsticks: tuple[Entrant, Entrant]
    students: tuple[Entrant, ...]
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
class Bout:
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
    methods: Mapping[str, Entrant]
    absent: Mapping[str, int | None]
    pictures: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Places:
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
    found: Mapping[tuple[str, int], Entrant]


def student_entrant(student: Student, one: SlimContender) -> Entrant:
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
    return Entrant(
        key=one.name, answer=one.answer, macs=one.macs, blocks=blocks, steps=steps,
        left=one.tokens[-1], groups=groups, blocks_run=run,
    )  # fmt: skip
