"""What every target adapter has in common: its facts, its checks, and where positions come from.

A family adds two things: how to read the facts off a model, and ``_run`` on a kept set. The checks
of the arguments and the meaning of the position modes are the same for all and live here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import TargetCost
from tinydrop.models.backbones.parity import check_pixels, in_full, require_eval

POSITION_MODES = ("right", "first", "shuffled", "none")
"""Where kept patches get their positions from; all but ``right`` are wrong on purpose.

``first``: the first K cells of the grid, as if the kept patches had been packed together.
``shuffled``: the kept patches' own cells, permuted among them. ``none``: no position at all.
"""

_SHUFFLE_SEED = 0


@dataclass(frozen=True)
class PositionScheme:
    """How a target knows where a patch was.

    Attributes:
        name: the kind of scheme, such as ``absolute``, ``relative bias``, ``rotary``.
        words: the scheme in words, with its details.
        modes: the names in ``POSITION_MODES`` that this model can run.
    """

    name: str
    words: str
    modes: tuple[str, ...] = POSITION_MODES


@dataclass(frozen=True)
class TargetSpec:
    """Facts about a target, enough to count its MACs for any kept set.

    Attributes:
        name: the name it was asked for.
        family: the model's class in timm.
        positions: how positions enter.
        grid: the grid of what can be dropped: patches, or units of several patches.
        patch_size: (height, width) of one cell of that grid in input pixels.
        num_prefix_tokens: P, class, distillation and register tokens, always kept.
        pooling: timm's pooling: token, avg, max, avgmax or map.
        pools_prefix: whether prefix tokens are pooled together with the patches.
        num_classes: the length of its logits; 0 without a classifier.
        input: the input it wants.
        depth: D, the number of blocks.
        embed_dim: C, of the last block where it changes.
        num_heads: H, of the last block where it changes.
        parameters: the number of weights.
        cost: what its MACs are made of; see ``macs.target_macs``.
    """

    name: str
    family: str
    positions: PositionScheme
    grid: PatchGrid
    patch_size: tuple[int, int]
    num_prefix_tokens: int
    pooling: str
    pools_prefix: bool
    num_classes: int
    input: InputSpec
    depth: int
    embed_dim: int
    num_heads: int
    parameters: int
    cost: TargetCost


@dataclass(frozen=True, eq=False)
class Kept:
    """The kept patches of a batch, and the cells whose positions they take.

    Attributes:
        indices: (B, K) int64, sorted: which patches are kept.
        cells: (B, K) int64: the cell each of them is placed at; the same tensor as ``indices``
            where positions are right, None for no positions at all.
    """

    indices: torch.Tensor
    cells: torch.Tensor | None

    @property
    def in_place(self) -> bool:
        """Whether every kept patch has its own position."""
        return self.cells is self.indices


class Target(ABC):
    """A frozen transformer that classifies from any set of patches; make it with ``wrap_target``.

    Attributes:
        spec: facts about the model.
        module: the live model, never changed.
    """

    def __init__(self, spec: TargetSpec, module: nn.Module) -> None:
        self.spec = spec
        self.module = module

    def logits(
        self,
        pixels: torch.Tensor,
        keep_indices: torch.Tensor | None = None,
        positions: str = "right",
    ) -> torch.Tensor:
        """Return the logits, (B, classes), on the model's device, without gradient.

        Args:
            pixels: (B, 3, H, W), normalised as ``spec.input`` says.
            keep_indices: (B, K) int64, each row sorted and unique, patches only; None keeps all.
            positions: a name in ``spec.positions.modes``; all but ``right`` are wrong on purpose.

        Raises:
            SettingError: if a shape, type, index or mode does not fit.
            UnsupportedModelError: if somebody has put the model into training mode since.
        """
        check_pixels(pixels, self.spec.input)
        require_eval(self.module, self.spec.name, role="target")
        if keep_indices is not None:
            self._check_indices(keep_indices, pixels.shape[0])
        kept = self._kept(keep_indices, positions, pixels.shape[0])
        with torch.inference_mode():
            return in_full(self._run(pixels, kept))

    @abstractmethod
    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        """Return the logits, (B, classes), from the kept patches; None is the whole grid."""

    def _kept(self, keep_indices: torch.Tensor | None, positions: str, batch: int) -> Kept | None:
        scheme = self.spec.positions
        if positions not in scheme.modes:
            raise SettingError(
                f"{self.spec.name} can run with positions {', '.join(scheme.modes)} "
                f"({scheme.name}), got {quoted(positions)}."
            )
        if keep_indices is None:
            if positions == "right":
                return None
            keep_indices = torch.arange(self.spec.grid.num_patches).expand(batch, -1)
        indices = keep_indices.to(next(self.module.parameters()).device)
        return Kept(indices, place_kept(indices, positions))

    def _check_indices(self, keep_indices: torch.Tensor, batch: int) -> None:
        patches = self.spec.grid.num_patches
        shape = tuple(keep_indices.shape)
        if len(shape) != 2 or shape[0] != batch or not 1 <= shape[1] <= patches:
            raise SettingError(
                f"Kept patches have shape ({batch}, K) with K from 1 to {patches}, got {shape}."
            )
        if keep_indices.dtype != torch.int64:
            raise SettingError(f"Kept patches are int64 indices, got {keep_indices.dtype}.")
        low, high = int(keep_indices.min()), int(keep_indices.max())
        if low < 0 or high >= patches:
            raise SettingError(
                f"Kept patches must lie between 0 and {patches - 1}, got {low} to {high}."
            )
        if bool((keep_indices.diff(dim=1) <= 0).any()):
            raise SettingError("Kept patches must be sorted and unique in every row.")


def place_kept(indices: torch.Tensor, positions: str) -> torch.Tensor | None:
    """Return the cells whose positions kept patches take, (B, K) int64; None for no position.

    Where positions are right it is the very tensor that was given.

    Args:
        indices: (B, K) int64, the kept patches, each row sorted.
        positions: a name in ``POSITION_MODES``.
    """
    if positions == "right":
        return indices
    if positions == "none":
        return None
    batch, num_keep = indices.shape
    if positions == "first":
        return torch.arange(num_keep, device=indices.device).expand(batch, -1)
    return indices[:, _shuffled(num_keep).to(indices.device)]


def gather_rows(x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return rows ``indices`` (B, K) of ``x`` (B, N, C), as (B, K, C)."""
    return x.gather(1, indices[:, :, None].expand(-1, -1, x.shape[-1]))


def _shuffled(num_keep: int) -> torch.Tensor:
    """Return one permutation of 0..K-1, always the same; for K > 1 not the identity."""
    generator = torch.Generator().manual_seed(_SHUFFLE_SEED)
    order = torch.randperm(num_keep, generator=generator)
    if torch.equal(order, torch.arange(num_keep)):
        return order.roll(1)
    return order
