"""What a target's MACs are made of: facts read off a model, counted by ``macs.target_macs``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn


@dataclass(frozen=True)
class PoolCost:
    """What pooling by attention multiplies, in MACs; all zero for every other pooling.

    Attributes:
        fixed: independent of the kept set: the latent query, the projection and the MLP.
        per_token: per pooled token: keys, values, scores and mixing.
    """

    fixed: int = 0
    per_token: int = 0


@dataclass(frozen=True)
class DenseCost:
    """A target whose every block attends over all its tokens: K alone decides the MACs.

    Attributes:
        patch_macs: MACs to embed one patch.
        token_macs: MACs of the linear layers of all blocks together for one token.
        attention_width: heads x head size, summed over all blocks.
        pool_cost: the cost of pooling by attention.
        head_macs: MACs of the classifier (of both, if distilled).
        fixed: MACs per picture that no kept set changes, such as a network that makes a bias table.
        depends_on_set: whether K alone does not decide.
    """

    depends_on_set: ClassVar[bool] = False

    patch_macs: int
    token_macs: int
    attention_width: int
    pool_cost: PoolCost
    head_macs: int
    fixed: int = 0


@dataclass(frozen=True)
class WindowGrid:
    """How blocks cut a map of tokens into windows, after shifting it around cyclically.

    Attributes:
        rows: of tokens, a multiple of ``height``.
        cols: of tokens, a multiple of ``width``.
        height: of a window, in tokens.
        width: of a window, in tokens.
        shift_rows: tokens by which the map moves up before it is cut.
        shift_cols: tokens by which it moves to the left.
    """

    rows: int
    cols: int
    height: int
    width: int
    shift_rows: int
    shift_cols: int

    @property
    def num_windows(self) -> int:
        """The number of windows of a picture."""
        return (self.rows // self.height) * (self.cols // self.width)


@dataclass(frozen=True)
class WindowStage:
    """Blocks on the same map of tokens.

    Attributes:
        unit_side: rows, and columns, of tokens in one unit of the target's grid.
        token_macs: MACs of the linear layers of all its blocks, and of the merging of patches
            before them, for one token.
        windows: the kinds of windows, each with the attention width (heads x head size) of all
            blocks that use them together.
    """

    unit_side: int
    token_macs: int
    windows: tuple[tuple[WindowGrid, int], ...]


@dataclass(frozen=True)
class WindowedCost:
    """A target that attends inside windows: the MACs depend on which units are kept.

    Attributes:
        embed_macs: MACs to embed the whole picture.
        stages: the stages in order.
        head_macs: MACs of the classifier.
        fixed: MACs per picture that no kept set changes, such as a network that makes a bias table.
        depends_on_set: whether K alone does not decide.
    """

    depends_on_set: ClassVar[bool] = True

    embed_macs: int
    stages: tuple[WindowStage, ...]
    head_macs: int
    fixed: int = 0


TargetCost = DenseCost | WindowedCost


def linear_macs(part: nn.Module) -> int:
    """MACs per token of all linear layers inside ``part``: inputs x outputs of each."""
    return sum(
        layer.in_features * layer.out_features
        for layer in part.modules()
        if isinstance(layer, nn.Linear)
    )
