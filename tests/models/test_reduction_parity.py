"""Plans against a slow second implementation, against masking, and against the plain model."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import product

import numpy as np
import pytest
import torch
from backbone_zoo import TARGETS, make_target
from reduction_oracle import slow_run
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tinydrop.models.backbones import Target, wrap_target
from tinydrop.models.reduction import (
    DropStep,
    MergeStep,
    Plan,
    PruneStep,
    check_reducible,
    plan_macs,
    run_plan,
)

EXACT = 1e-9  # of the logits' largest absolute value, in float64
FAR = 1e-3

STEPS: dict[str, tuple[tuple[DropStep | PruneStep | MergeStep, ...], bool]] = {
    "input": ((DropStep(0, 7),), False),
    "middle": ((DropStep(1, 5),), False),
    "schedule": ((DropStep(0, 7), DropStep(2, 3)), False),
    "attention": ((DropStep(1, 6, "attention"), DropStep(2, 3, "attention")), False),
    "hybrid": ((DropStep(0, 7), DropStep(1, 4, "attention")), False),
    "prune": ((PruneStep(0, 6), PruneStep(1, 3)), False),
    "prune fused": ((PruneStep(0, 5, fused=True), PruneStep(1, 2, fused=True)), False),
    "merge": ((MergeStep(0, 3), MergeStep(1, 2), MergeStep(2, 1)), True),
    "merge plain": ((MergeStep(0, 3), MergeStep(1, 2), MergeStep(2, 1)), False),
    "drop and merge": ((DropStep(0, 7), MergeStep(0, 3), MergeStep(1, 1)), True),
    "merge and drop": ((MergeStep(0, 3), DropStep(2, 4, "attention")), True),
    "merge and prune": ((MergeStep(0, 3), PruneStep(1, 2, fused=True), MergeStep(2, 1)), True),
}
NEEDS_CLASS_TOKEN = {"attention", "hybrid", "prune", "prune fused", "merge and drop"}
NEEDS_CLASS_TOKEN |= {"merge and prune"}
NO_CLASS_TOKEN = {"siglip", "no-class-token"}
SLOW = """distilled deit3 registers qk-norm scaled-norms norm-after-token average-with-prefix
no-class-token""".split()  # pooled by token or by mean, as the slow implementation does
COUNTED = ("hybrid", "prune fused", "merge", "merge and prune")


def pairs(variants: Iterable[str], names: Iterable[str]) -> list[tuple[str, str]]:
    """Variants with the plans that they can run."""
    return [
        (variant, name)
        for variant, name in product(variants, names)
        if not (variant in NO_CLASS_TOKEN and name in NEEDS_CLASS_TOKEN)
    ]


@lru_cache
def target_of(variant: str) -> Target:
    return wrap_target(make_target(variant), variant)


def plan_of(target: Target, name: str) -> Plan:
    steps, proportional = STEPS[name]
    return Plan(target.spec.grid.num_patches, target.spec.depth, steps, proportional)


def pixels_for(target: Target, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    size = target.spec.input.size
    return torch.randn((batch, 3, *size), generator=generator, dtype=torch.float64)


def orders_for(target: Target, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(6)
    patches = target.spec.grid.num_patches
    return torch.stack([torch.randperm(patches, generator=generator) for _ in range(batch)])


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.mark.parametrize("variant", TARGETS)
@torch.no_grad()
def test_nothing_done_is_the_models_own_answer(variant: str) -> None:
    """Also with every step there and none changing anything."""
    target = target_of(variant)
    check_reducible(target)
    patches, depth = target.spec.grid.num_patches, target.spec.depth
    pixels, expected = pixels_for(target), target.module(pixels_for(target))
    idle = [MergeStep(b, 0) for b in range(depth - 1)]
    last: list[PruneStep | MergeStep] = [MergeStep(depth - 1, 0)]
    if variant not in NO_CLASS_TOKEN:
        last = [PruneStep(depth - 1, patches, fused=True)]
    none = Plan(patches, depth)
    same = Plan(patches, depth, (DropStep(0, patches), *idle, *last), proportional=True)
    assert difference(run_plan(target, pixels, none).logits, expected) <= EXACT
    found = run_plan(target, pixels, same, orders_for(target))
    assert difference(found.logits, expected) <= EXACT
    assert found.stages == ()


@pytest.mark.parametrize("variant", ["deit3", "dinov2", "registers"])
@torch.no_grad()
def test_negative_twin_without_layer_scale(variant: str) -> None:
    """What the published code does: it copies the block and leaves ``ls1`` and ``ls2`` out."""
    target = target_of(variant)
    module = copy.deepcopy(target.module)
    for block in module.blocks:
        block.ls1, block.ls2 = nn.Identity(), nn.Identity()
    wrong = wrap_target(module, "without LayerScale")
    pixels, none = pixels_for(target), Plan(target.spec.grid.num_patches, target.spec.depth)
    expected = target.module(pixels)
    assert difference(run_plan(wrong, pixels, none).logits, expected) > FAR


@pytest.mark.parametrize(("variant", "name"), pairs(SLOW, STEPS))
@torch.no_grad()
def test_a_plan_equals_the_slow_implementation(variant: str, name: str) -> None:
    target = target_of(variant)
    plan, pixels = plan_of(target, name), pixels_for(target)
    orders = orders_for(target) if plan.needs_order else None
    found = run_plan(target, pixels, plan, orders)
    for picture in range(2):
        order = None if orders is None else orders[picture].tolist()
        expected, seen = slow_run(target.module, pixels[picture], plan, order)
        assert difference(found.logits[picture], expected) <= EXACT
        for stage, sources in zip(found.stages, seen, strict=True):
            owner = stage.owner[picture]
            assert [np.flatnonzero(owner == t).tolist() for t in range(stage.num_tokens)] == [
                sorted(held) for held in sources
            ]


@pytest.mark.parametrize("variant", TARGETS)
@pytest.mark.parametrize("block", [0, 1])
@torch.no_grad()
def test_dropping_before_a_block_equals_masking_from_there(variant: str, block: int) -> None:
    """timm's own blocks on all tokens, the dropped ones masked as keys; every pooling."""
    target = target_of(variant)
    model, pixels, orders = target.module, pixels_for(target), orders_for(target)
    spec, keep = target.spec, 6
    plan = Plan(spec.grid.num_patches, spec.depth, (DropStep(block, keep),))
    found = run_plan(target, pixels, plan, orders)
    for picture in range(2):
        rows = [*range(spec.num_prefix_tokens)]
        rows += [spec.num_prefix_tokens + p for p in sorted(orders[picture, :keep].tolist())]
        x = model.norm_pre(model._pos_embed(model.patch_embed(pixels[picture : picture + 1])))
        hidden = torch.full((1, 1, 1, x.shape[1]), float("-inf"), dtype=x.dtype)
        hidden[..., rows] = 0.0
        for index, each in enumerate(model.blocks):
            mask = hidden.expand(1, 1, x.shape[1], -1) if index >= block else None
            x = each(x, attn_mask=mask)
        expected = model.forward_head(model.norm(x)[:, rows])
        assert difference(found.logits[picture : picture + 1], expected) <= EXACT
    late = Plan(spec.grid.num_patches, spec.depth, (DropStep(block + 1, keep),))
    assert difference(run_plan(target, pixels, late, orders).logits, found.logits) > FAR


def repeated_patches(target: Target) -> tuple[Target, torch.Tensor]:
    """A model that does not see positions, and a picture of four kinds of equal patches."""
    module = copy.deepcopy(target.module)
    table = module.pos_embed
    table[:, -target.spec.grid.num_patches :] = 0.3
    blind = wrap_target(module, "blind")
    pixels = pixels_for(target)
    (height, width), grid = target.spec.patch_size, target.spec.grid
    shown = pixels[:, :, :height].clone()  # its first four patches are the kinds
    kind = np.repeat([0, 1, 2, 3], [n * grid.num_patches // 16 for n in (2, 2, 4, 8)])
    for patch, of in enumerate(kind):
        row, col = divmod(patch, grid.cols)
        inside = slice(row * height, (row + 1) * height), slice(col * width, (col + 1) * width)
        pixels[(slice(None), slice(None), *inside)] = shown[..., of * width : (of + 1) * width]
    return blind, pixels


@pytest.mark.parametrize("variant", [v for v in TARGETS if v != "large-patches"])
@torch.no_grad()
def test_merging_equal_tokens_changes_nothing(variant: str) -> None:
    """Every pooling: a token of s patches must count as s equal tokens, in each block and after."""
    blind, pixels = repeated_patches(target_of(variant))
    patches, depth = blind.spec.grid.num_patches, blind.spec.depth
    steps = (MergeStep(0, patches // 3), MergeStep(1, patches // 6), MergeStep(2, patches // 12))
    expected = blind.module(pixels)
    right = run_plan(blind, pixels, Plan(patches, depth, steps, proportional=True))
    assert difference(right.logits, expected) <= EXACT
    wrong = run_plan(blind, pixels, Plan(patches, depth, steps, proportional=False))
    assert difference(wrong.logits, expected) > FAR


def counted(target: Target, plan: Plan) -> int:
    pixels = torch.zeros((1, 3, *target.spec.input.size), dtype=torch.float64)
    order = torch.arange(plan.num_patches)[None] if plan.needs_order else None
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run_plan(target, pixels, plan, order)
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


@pytest.mark.parametrize(("variant", "name"), pairs(TARGETS, COUNTED))
def test_macs_equal_torchs_counter(variant: str, name: str) -> None:
    target = target_of(variant)
    plan = plan_of(target, name)
    assert plan_macs(target.spec, plan).total == counted(target, plan)


@pytest.mark.parametrize("name", ["prune fused", "merge", "merge and prune"])
def test_joined_tokens_hold_every_patch_once(name: str) -> None:
    target = target_of("registers")
    plan = plan_of(target, name)
    for stage in run_plan(target, pixels_for(target), plan).stages:
        for picture in range(2):
            assert stage.sizes(picture).sum() == target.spec.grid.num_patches
            assert stage.sizes(picture).min() >= 1
            assert stage.kept(picture).size == target.spec.grid.num_patches


def test_one_thread_or_eight_give_the_same_answer() -> None:
    target = target_of("deit3")
    plan, pixels = plan_of(target, "merge and prune"), pixels_for(target)
    alone = run_plan(target, pixels, plan).logits
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: run_plan(target, pixels, plan).logits, range(16)))
    assert all(torch.equal(alone, one) for one in found)
