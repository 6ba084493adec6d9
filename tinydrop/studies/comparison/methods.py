"""The methods that are compared, each as a ladder of plans from dear to cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.selection import map_method
from tinydrop.models.backbones import TargetSpec
from tinydrop.models.reduction import (
    Plan,
    drop_plan,
    hybrid_plan,
    merge_plan,
    plan_macs,
    prune_plan,
    spread_evenly,
)

REFERENCE = "gradcam"
"""The method that gains are counted from, and its selector."""
_RATES = 200


@dataclass(frozen=True)
class Method:
    """One way to make the frozen target cheaper.

    Attributes:
        words: what it does, for people.
        selector: who ranks the patches, a name in ``SELECTORS``; None where no order is used.
        plans: the target's facts -> plans of every strength.
    """

    words: str
    selector: str | None
    plans: Callable[[TargetSpec], Iterable[Plan]]

    @property
    def reads_map(self) -> bool:
        """Whether it needs the guidance and its map."""
        return self.selector is not None and map_method(self.selector) is not None


@lru_cache(maxsize=256)
def costed_plans(spec: TargetSpec, name: str) -> tuple[tuple[int, Plan], ...]:
    """Return every plan of a method with its MACs, the cheapest first.

    Args:
        spec: the target's facts.
        name: a name in ``METHODS``.

    Raises:
        SettingError: if there is no such method.
    """
    if name not in METHODS:
        raise SettingError(f"Unknown method {quoted(name)}; choose one of {', '.join(METHODS)}.")
    found = [(plan_macs(spec, plan).total, plan) for plan in METHODS[name].plans(spec)]
    return tuple(sorted(found, key=lambda pair: pair[0]))


def plan_within(spec: TargetSpec, name: str, budget: int) -> Plan | None:
    """Return the dearest plan of a method that costs at most ``budget`` MACs, None if none does."""
    fitting = [plan for macs, plan in costed_plans(spec, name) if macs <= budget]
    return fitting[-1] if fitting else None


def place_within(spec: TargetSpec, block: int, budget: int, by: str = "order") -> Plan | None:
    """Return the plan that drops once, before one block, and keeps as many patches as are paid for.

    Args:
        spec: the target's facts.
        block: where, from 0 (the input) to D - 1.
        budget: MACs that the target may cost.
        by: ``order`` or ``attention``, the target's own class attention.

    Returns:
        None where even one patch costs more, and for attention at the input, where nothing has
        attended yet.

    Raises:
        SettingError: if there is no such block, or no such source.
    """
    patches, depth = _size(spec)
    if not 0 <= block < depth:
        raise SettingError(
            f"{spec.name} has the blocks 0 to {depth - 1} to drop before, got {quoted(block)}."
        )
    if by == "attention" and block == 0:
        return None
    plans = (drop_plan(patches, depth, keep, block, by) for keep in range(patches, 0, -1))
    return next((plan for plan in plans if plan_macs(spec, plan).total <= budget), None)


def _size(spec: TargetSpec) -> tuple[int, int]:
    return spec.grid.num_patches, spec.depth


def _dropped(quarters: int, by: str) -> Callable[[TargetSpec], Iterable[Plan]]:
    """Return plans that drop before the block after so many quarters of the depth."""

    def plans(spec: TargetSpec) -> Iterable[Plan]:
        patches, depth = _size(spec)
        block = quarters * depth // 4
        if by == "attention" and block == 0:  # nothing has attended yet
            return []
        return (drop_plan(patches, depth, keep, block, by) for keep in range(1, patches + 1))

    return plans


def _hybrid(spec: TargetSpec) -> Iterable[Plan]:
    """Return plans that keep the same share at the input and, of those, half way through."""
    patches, depth = _size(spec)
    if depth < 2:
        return []
    return (
        hybrid_plan(patches, depth, keep, -(-keep * keep // patches), depth // 2)
        for keep in range(1, patches + 1)
    )


def _merged(*, proportional: bool) -> Callable[[TargetSpec], Iterable[Plan]]:
    """Return plans that merge evenly over the blocks, as far as half of a block's tokens allows."""

    def plans(spec: TargetSpec) -> Iterable[Plan]:
        patches, depth = _size(spec)
        for total in range(depth * (patches // 2) + 1):
            removed = spread_evenly(total, depth)
            yield merge_plan(patches, depth, removed, proportional=proportional)

    return plans


def _pruned(*, fused: bool) -> Callable[[TargetSpec], Iterable[Plan]]:
    def plans(spec: TargetSpec) -> Iterable[Plan]:
        patches, depth = _size(spec)
        for rate in range(1, _RATES + 1):
            yield prune_plan(patches, depth, rate / _RATES, fused=fused)

    return plans


_AT_INPUT = _dropped(0, "order")
_QUARTER = _dropped(1, "order")
_HALF = _dropped(2, "order")

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "gradcam": Method("Grad-CAM of the guidance, at the input", "gradcam", _AT_INPUT),
        "coverage": Method(
            "a quarter by Grad-CAM, the rest evenly, at the input", "coverage", _AT_INPUT
        ),
        "random": Method("random patches, at the input", "random", _AT_INPUT),
        "uniform": Method("evenly spread patches, at the input", "uniform", _AT_INPUT),
        "centre": Method("the centre, at the input", "centre", _AT_INPUT),
        "gradcam@1/4": Method("Grad-CAM, after a quarter of the blocks", "gradcam", _QUARTER),
        "gradcam@1/2": Method("Grad-CAM, half way through", "gradcam", _HALF),
        "random@1/4": Method("random patches, after a quarter of the blocks", "random", _QUARTER),
        "random@1/2": Method("random patches, half way through", "random", _HALF),
        "attention@1/4": Method(
            "the target's class attention, after a quarter of the blocks",
            None,
            _dropped(1, "attention"),
        ),
        "attention@1/2": Method(
            "the target's class attention, half way through", None, _dropped(2, "attention")
        ),
        "hybrid": Method(
            "Grad-CAM at the input, then class attention half way through", "gradcam", _hybrid
        ),
        "merge": Method(
            "similar tokens merged in every block (ToMe)", None, _merged(proportional=True)
        ),
        "merge-plain": Method(
            "the same without proportional attention", None, _merged(proportional=False)
        ),
        "prune": Method(
            "class attention at 1/4, 1/2, 3/4 of the depth (EViT's places)",
            None,
            _pruned(fused=False),
        ),
        "prune-fused": Method(
            "the same, the rest fused into one token (EViT)", None, _pruned(fused=True)
        ),
    }
)
"""Name -> method. ``@1/4`` and ``@1/2`` say how much of the depth comes before, rounded down."""
