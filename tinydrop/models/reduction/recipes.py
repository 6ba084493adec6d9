"""Plans by their usual names: drop before a block, drop by a schedule, prune, merge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from tinydrop.core.errors import SettingError, quoted
from tinydrop.models.reduction.plan import DropStep, MergeStep, Plan, PruneStep


def drop_plan(num_patches: int, depth: int, keep: int, block: int = 0, by: str = "order") -> Plan:
    """Return a plan that keeps ``keep`` patches before one block; 0 is the input."""
    return Plan(num_patches, depth, (DropStep(block, keep, by),))


def drop_schedule(
    num_patches: int, depth: int, ratios: Mapping[int, float], by: str = "order"
) -> Plan:
    """Return a plan that drops before several blocks.

    Args:
        num_patches: N.
        depth: D.
        ratios: block -> share of **all** patches that is left from there on, rounded up.
        by: a name in ``DROP_SOURCES``.
    """
    steps = (DropStep(b, share_of(num_patches, r), by) for b, r in ratios.items())
    return Plan(num_patches, depth, tuple(steps))


def hybrid_plan(
    num_patches: int, depth: int, keep_input: int, keep_inside: int, block: int
) -> Plan:
    """Return a plan that drops by the order at the input, then by class attention before a block.

    Args:
        num_patches: N.
        depth: D.
        keep_input: how many patches enter.
        keep_inside: how many of them are left from ``block`` on.
        block: from 1 on.
    """
    return Plan(
        num_patches,
        depth,
        (DropStep(0, keep_input), DropStep(block, keep_inside, "attention")),
    )


def prune_plan(
    num_patches: int,
    depth: int,
    keep_rate: float,
    blocks: Sequence[int] | None = None,
    *,
    fused: bool = True,
) -> Plan:
    """Return EViT's plan: at some blocks keep a share of the tokens that are there, rounded up.

    Args:
        num_patches: N.
        depth: D.
        keep_rate: share kept at each of the blocks; a fused token counts like any other.
        blocks: where; the fourth, seventh and tenth of twelve by default, scaled to D.
        fused: whether what is left out lives on as one token.
    """
    if blocks is None:
        blocks = sorted({quarter * depth // 4 for quarter in (1, 2, 3)})
    tokens, steps = num_patches, []
    for block in blocks:
        keep = share_of(tokens, keep_rate)
        if keep < tokens:
            steps.append(PruneStep(block, keep, fused))
            tokens = keep + fused
    return Plan(num_patches, depth, tuple(steps))


def merge_plan(
    num_patches: int, depth: int, removed: int | Sequence[int], *, proportional: bool = True
) -> Plan:
    """Return ToMe's plan: merge r tokens in every block, as far as half of them allows.

    Args:
        num_patches: N.
        depth: D.
        removed: r for every block, or D of them.
        proportional: whether a merged token counts as often as it holds patches.
    """
    wanted = [removed] * depth if isinstance(removed, int) else list(removed)
    if len(wanted) != depth or min(wanted) < 0:
        raise SettingError(
            f"A schedule of merging names {depth} numbers from 0 on, one per block, got {wanted}."
        )
    tokens, steps = num_patches, []
    for block, want in enumerate(wanted):
        possible = min(want, tokens // 2)
        if possible:
            steps.append(MergeStep(block, possible))
            tokens -= possible
    return Plan(num_patches, depth, tuple(steps), proportional)


def merge_to_ratio(
    num_patches: int, depth: int, keep_ratio: float, *, proportional: bool = True
) -> Plan:
    """Return a plan that keeps the same share of the tokens in every block, rounded up."""
    tokens, removed = num_patches, []
    for _ in range(depth):
        possible = min(tokens - share_of(tokens, keep_ratio), tokens // 2)
        removed.append(possible)
        tokens -= possible
    return merge_plan(num_patches, depth, removed, proportional=proportional)


def spread_evenly(total: int, depth: int) -> list[int]:
    """Return ``total`` removals as evenly over D blocks as whole numbers allow."""
    return [(b + 1) * total // depth - b * total // depth for b in range(depth)]


def share_of(tokens: int, ratio: float) -> int:
    """Return ``ceil(ratio * tokens)``, at least 1, with the ratio taken as the decimal it shows.

    In floating point 0.7 * 10 lies above 7, and its ceil would be 8.

    Raises:
        SettingError: if the ratio is not above 0 and at most 1.
    """
    if not 0.0 < ratio <= 1.0:
        raise SettingError(f"A share of tokens lies above 0 and is at most 1, got {quoted(ratio)}.")
    return max(1, math.ceil(Fraction(repr(float(ratio))) * tokens))
