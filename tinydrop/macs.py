"""Multiply-accumulates (MACs) per stage, as whole numbers for one picture.

One MAC is a multiplication and an addition; the papers' "GFLOPs" are GMACs. Counted are matrix
products and convolutions. Not counted, here and in every counter we compare with: norms, softmax,
activations, additions, pooling, resizing and sorting.

The target's MACs are a formula in the kept set. The guidance's forward pass is counted once per
model by torch's ``FlopCounterMode`` on the meta device, where nothing is computed and fused
attention is seen. The head's gradient is a rule on the counted head, see ``guidance_macs``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from tinydrop.backbones import Guidance, TargetSpec, meta_copy
from tinydrop.errors import SettingError

__all__ = ["GuidanceMacs", "TargetMacs", "guidance_macs", "target_macs"]

# Operators that multiply an activation by weights; every other counted one multiplies two
# activations (attention's scores and its mix).
_WEIGHT_OPERATORS = ("mm", "addmm", "convolution", "_convolution", "linear")


@dataclass(frozen=True)
class TargetMacs:
    """The target's MACs on one picture.

    Attributes:
        embed: embedding every patch of the grid.
        blocks: all blocks on prefix and kept tokens.
        head: pooling by attention, if any, and the classifier.
    """

    embed: int
    blocks: int
    head: int

    @property
    def total(self) -> int:
        """The sum of the stages."""
        return self.embed + self.blocks + self.head


@dataclass(frozen=True)
class GuidanceMacs:
    """The guidance's MACs on one picture.

    Attributes:
        forward: one forward pass.
        saliency: the head once more, its gradient and the weighted sum of the map's channels.
    """

    forward: int
    saliency: int

    @property
    def saliency_literal(self) -> int:
        """The saliency step counted as a full backward pass: twice the forward pass."""
        return 2 * self.forward


def target_macs(spec: TargetSpec, num_keep: int) -> TargetMacs:
    """Return the MACs of a target on ``num_keep`` (K) patches, K from 1 to N.

    With T = P + K tokens: all N patches are embedded; every block runs its linear layers on T
    tokens and its attention on T x T pairs, once for the scores and once for the mix; the head
    runs on the pooled row, attention pooling on the pooled tokens.

    Raises:
        SettingError: if K is outside 1..N.
    """
    if not 1 <= num_keep <= spec.grid.num_patches:
        raise SettingError(
            f"{spec.name} keeps from 1 to {spec.grid.num_patches} patches, got {num_keep}."
        )
    cost = spec.cost
    tokens = spec.num_prefix_tokens + num_keep
    pooled = tokens if spec.pools_prefix else num_keep
    return TargetMacs(
        embed=spec.grid.num_patches * cost.patch_macs + cost.fixed,
        blocks=tokens * cost.token_macs + 2 * tokens * tokens * cost.attention_width,
        head=cost.pool_cost.fixed + pooled * cost.pool_cost.per_token + cost.head_macs,
    )


def guidance_macs(guidance: Guidance) -> GuidanceMacs:
    """Return the MACs of a guidance's forward pass and of its saliency step.

    The saliency step runs the head again, now with a graph, and multiplies its Jacobian from the
    left by the winning class's one-hot row (vector-Jacobian product). The transpose of a linear
    layer or convolution costs as much as the layer, also for grouped convolutions, where torch's
    counter is wrong on the backward pass; no gradient of any weight is taken. A product of two
    activations costs two, one for each factor. In a transformer's head the query comes from the
    class token or the latent, not from the map: its projection and one side of the scores need no
    gradient. Finally alpha weights C channels on rows x cols cells.
    """
    spec = guidance.spec
    twin = guidance.rebuilt(meta_copy(guidance.module))
    first = next(p for p in twin.module.parameters() if p.is_floating_point())
    pixels = torch.zeros((1, 3, *spec.input.size), device="meta", dtype=first.dtype)
    # On the meta device attention is two batched products, whatever kernel would run elsewhere.
    with torch.no_grad():
        with FlopCounterMode(display=False) as whole:
            features = twin.features(pixels)
        with FlopCounterMode(display=False) as head:
            twin.head(features.map, features.rest)
    operators = head.get_flop_counts().get("Global", {})
    weights = products = 0
    for operator, flops in operators.items():
        if str(operator).rpartition(".")[2] in _WEIGHT_OPERATORS:
            weights += flops // 2
        else:
            products += flops // 2
    if spec.constant_query_macs is None:
        gradient = weights + 2 * products
    else:
        gradient = weights - spec.constant_query_macs + products * 3 // 2
    combine = spec.map_channels * spec.map_grid.num_patches
    return GuidanceMacs(
        forward=whole.get_total_flops() // 2,
        saliency=weights + products + gradient + combine,
    )
