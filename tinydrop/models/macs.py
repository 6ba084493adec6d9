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
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.flop_counter import FlopCounterMode

from tinydrop.core.errors import SettingError, quoted
from tinydrop.models.backbones import DenseCost, Guidance, TargetSpec, WindowStage, meta_copy

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


@dataclass(frozen=True)
class MacsSpread:
    """The MACs of several kept sets of the same size.

    Attributes:
        mean: rounded to a whole number.
        low: of the cheapest set.
        high: of the dearest set.
    """

    mean: int
    low: int
    high: int


def target_macs(spec: TargetSpec, kept: int | npt.ArrayLike) -> TargetMacs:
    """Return the MACs of a target on its kept patches.

    Attention over all tokens, with T = P + K of them: all N patches are embedded; every block runs
    its linear layers on T tokens and its attention on T x T pairs, once for the scores and once
    for the mix; the head runs on the pooled row, attention pooling on the pooled tokens.

    Attention inside windows: pairs are those of kept tokens that share a window, so the same K
    costs less when scattered than when it fills windows, and K alone does not say.

    Args:
        spec: the target's facts.
        kept: K, from 1 to N, or the kept patches themselves as distinct whole numbers.

    Raises:
        SettingError: if a patch or K is outside the grid, or if K alone does not decide.
    """
    patches, cost = spec.grid.num_patches, spec.cost
    indices = _indices(spec, kept)
    num_keep = int(np.asarray(kept)) if indices is None else indices.size
    if not 1 <= num_keep <= patches:
        raise SettingError(f"{spec.name} keeps from 1 to {patches} patches, got {num_keep}.")
    if isinstance(cost, DenseCost):
        tokens = spec.num_prefix_tokens + num_keep
        pooled = tokens if spec.pools_prefix else num_keep
        return TargetMacs(
            embed=patches * cost.patch_macs + cost.fixed,
            blocks=tokens * cost.token_macs + 2 * tokens * tokens * cost.attention_width,
            head=cost.pool_cost.fixed + pooled * cost.pool_cost.per_token + cost.head_macs,
        )
    if indices is None and num_keep < patches:
        raise SettingError(
            f"The MACs of {spec.name} depend on which patches are kept, since it attends inside "
            f"windows; give the kept patches instead of their number {num_keep}."
        )
    mask = np.zeros((spec.grid.rows, spec.grid.cols), dtype=np.int64)
    mask.reshape(-1)[slice(None) if indices is None else indices] = 1
    return TargetMacs(
        embed=cost.embed_macs + cost.fixed,
        blocks=sum(_stage_macs(stage, mask) for stage in cost.stages),
        head=cost.head_macs,
    )


def target_macs_spread(
    spec: TargetSpec, num_keep: int, sets: int = 32, seed: int = 0
) -> MacsSpread:
    """Return the MACs of random kept sets of ``num_keep`` (K) patches.

    Where K alone decides, or all patches are kept, the three figures are the same.

    Raises:
        SettingError: if K is outside 1..N or there are no sets.
    """
    if sets < 1:
        raise SettingError(f"A spread needs at least one kept set, got {quoted(sets)}.")
    patches = spec.grid.num_patches
    if isinstance(spec.cost, DenseCost) or not 1 <= num_keep < patches:
        total = target_macs(spec, num_keep).total
        return MacsSpread(total, total, total)
    rng = np.random.default_rng(seed)
    drawn = (rng.permutation(patches)[:num_keep] for _ in range(sets))
    totals = [target_macs(spec, kept).total for kept in drawn]
    return MacsSpread(round(sum(totals) / sets), min(totals), max(totals))


def _indices(spec: TargetSpec, kept: int | npt.ArrayLike) -> npt.NDArray[np.int64] | None:
    """Return the kept patches, (K,) int64, or None where only their number is given."""
    indices, patches = np.asarray(kept), spec.grid.num_patches
    if indices.ndim == 0 and np.issubdtype(indices.dtype, np.integer):
        return None
    if (
        indices.ndim != 1
        or not np.issubdtype(indices.dtype, np.integer)
        or np.unique(indices).size != indices.size
        or ((indices < 0) | (indices >= patches)).any()
    ):
        raise SettingError(
            f"The kept patches of {spec.name} are one row of distinct whole numbers from 0 to "
            f"{patches - 1}."
        )
    return indices.astype(np.int64)


def _stage_macs(stage: WindowStage, mask: npt.NDArray[np.int64]) -> int:
    """Return the MACs of a stage's blocks and of the merging before them."""
    total = int(mask.sum()) * stage.unit_side**2 * stage.token_macs
    for windows, width in stage.windows:
        down = _overlap(windows.rows, windows.height, windows.shift_rows, stage.unit_side)
        across = _overlap(windows.cols, windows.width, windows.shift_cols, stage.unit_side)
        tokens = down @ mask @ across.T  # kept tokens in every window
        total += 2 * width * int((tokens * tokens).sum())
    return total


@lru_cache(maxsize=256)
def _overlap(length: int, window: int, shift: int, unit: int) -> npt.NDArray[np.int64]:
    """Return how many tokens windows and units share along one side, (windows, units) int64."""
    at = np.arange(length)
    shared = np.zeros((length // window, length // unit), dtype=np.int64)
    np.add.at(shared, ((at - shift) % length // window, at // unit), 1)
    shared.setflags(write=False)
    return shared


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
