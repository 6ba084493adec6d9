"""What a target's MACs are made of: facts read off a model, counted by ``macs.target_macs``."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

__all__ = ["DenseCost", "PoolCost", "TargetCost", "linear_macs"]


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
    """

    patch_macs: int
    token_macs: int
    attention_width: int
    pool_cost: PoolCost
    head_macs: int
    fixed: int = 0


TargetCost = DenseCost


def linear_macs(part: nn.Module) -> int:
    """MACs per token of all linear layers inside ``part``: inputs x outputs of each."""
    return sum(
        layer.in_features * layer.out_features
        for layer in part.modules()
        if isinstance(layer, nn.Linear)
    )
