"""The tokens on their way through a target, and where every patch went, worked out afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.models.reduction.plan import Step


@dataclass(frozen=True, eq=False)
class Stage:
    """Where every patch is after one step, for drawing.

    Attributes:
        step: what was done.
        owner: (B, N) int64, read-only: the token that holds each patch, 0..M-1; -1 where the patch
            was dropped. Patches with the same number were joined.
        num_tokens: M, the patch tokens after the step.
    """

    step: Step
    owner: npt.NDArray[np.int64]
    num_tokens: int

    def kept(self, picture: int) -> npt.NDArray[np.int64]:
        """Return the patches of one picture that live on, alone or joined, rising."""
        return np.flatnonzero(self.owner[picture] >= 0)

    def sizes(self, picture: int) -> npt.NDArray[np.int64]:
        """Return how many patches each of the M tokens of one picture holds, (M,) int64."""
        owner = self.owner[picture]
        return np.bincount(owner[owner >= 0], minlength=self.num_tokens)


@dataclass(frozen=True, eq=False)
class Move:
    """One step that changed something, as the run left it.

    Attributes:
        step: what was done.
        num_tokens: M, the patch tokens after it.
        destinations: makes (B, tokens before) int64: where each went, -1 for dropped.
    """

    step: Step
    num_tokens: int
    destinations: Callable[[], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Reduced:
    """What a target says under a plan.

    Attributes:
        logits: (B, classes), on the model's device.
        moves: one per step that changed something, in order.
    """

    logits: torch.Tensor
    moves: tuple[Move, ...]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """Where every patch was after each of the moves; worked out when it is asked for."""
        found, owner = [], None
        for move in self.moves:
            goes = move.destinations().numpy(force=True)
            if owner is None:
                owner = goes
            else:
                followed = np.take_along_axis(goes, np.maximum(owner, 0), axis=1)
                owner = np.where(owner < 0, -1, followed)
            owner = owner.copy()
            owner.setflags(write=False)
            found.append(Stage(move.step, owner, move.num_tokens))
        return tuple(found)


@dataclass(frozen=True, eq=False)
class Tokens:
    """The tokens on their way through the model; every step makes a new value.

    Attributes:
        x: (B, P + M, C).
        prefix: P.
        cells: (B, M) int64, the patch that each token is; None once some are joined.
        sizes: (B, M), patches per token, typed like x; None while every token is one patch.
        moves: what was done so far.
    """

    x: torch.Tensor
    prefix: int
    cells: torch.Tensor | None
    sizes: torch.Tensor | None = None
    moves: tuple[Move, ...] = ()

    @property
    def patches(self) -> torch.Tensor:
        """The patch tokens, (B, M, C)."""
        return self.x[:, self.prefix :]

    def known_sizes(self) -> torch.Tensor:
        """Return patches per token, (B, M), typed like the features."""
        return self.x.new_ones(self.patches.shape[:2]) if self.sizes is None else self.sizes

    def moved(
        self,
        step: Step,
        patches: torch.Tensor,
        destinations: Callable[[], torch.Tensor],
        *,
        cells: torch.Tensor | None,
        sizes: torch.Tensor | None,
    ) -> Tokens:
        """Return the tokens after a step that sent each of the M to ``destinations`` (B, M)."""
        x = torch.cat((self.x[:, : self.prefix], patches), dim=1)
        move = Move(step, patches.shape[1], destinations)
        return Tokens(x, self.prefix, cells, sizes, (*self.moves, move))
