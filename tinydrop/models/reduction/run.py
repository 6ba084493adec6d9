"""Running a frozen target under a plan, by the model's own layers in their own order.

Nothing is patched and nothing is kept between calls: what a step does to the tokens lives in local
values, so any number of threads may share one target.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.backbones import (
    Target,
    check_pixels,
    family_of,
    gather_rows,
    largest_difference,
    linear_macs,
    placed_like,
    probe_pixels,
    tolerance,
)
from tinydrop.models.reduction.costs import check_plan_fits
from tinydrop.models.reduction.layers import answer, attention
from tinydrop.models.reduction.merging import match_tokens, size_bias
from tinydrop.models.reduction.plan import DropStep, MergeStep, Plan, PruneStep, Step
from tinydrop.models.reduction.pruning import fuse_dropped, kept_destinations, top_tokens
from tinydrop.models.reduction.stages import Reduced, Tokens


def why_not_reducible(target: Target, plan: Plan | None = None) -> str | None:
    """Return why tokens cannot be reduced inside a target, as a sentence; None if they can.

    Args:
        target: what ``wrap_target`` returned.
        plan: what is to be done; None asks about dropping and merging alone.
    """
    reason = _why_not_run(target, plan)
    if reason is not None:
        return reason
    model: Any = target.module
    shapes = {
        (block.attn.qkv.weight.shape, block.attn.num_heads, linear_macs(block))
        for block in model.blocks
    }
    if len(shapes) > 1:
        return (
            f"The blocks of {target.spec.name} differ in width, so their MACs cannot be told "
            f"apart; choose a model with equal blocks."
        )
    return None


def _why_not_run(target: Target, plan: Plan | None) -> str | None:
    """Return why a plan cannot be run, which is asked at every run; None if it can."""
    spec, family = target.spec, family_of(target.module)
    if family is None or family.name != "plain":
        return (
            f"{spec.name} is a {spec.family}; merging, pruning and dropping inside the network are "
            f"proved for plain attention only, so choose a VisionTransformer of timm."
        )
    model: Any = target.module
    if plan is not None and plan.needs_class_token and model.cls_token is None:
        return (
            f"{spec.name} has no class token whose attention could rank patches; drop by a map or "
            f"merge instead."
        )
    return None


def check_reducible(target: Target) -> None:
    """Prove that running a target layer by layer gives its own answer.

    Raises:
        UnsupportedModelError: if tokens cannot be reduced in it, or the answer is another one.
    """
    reason = why_not_reducible(target)
    if reason is not None:
        raise UnsupportedModelError(reason)
    spec = target.spec
    pixels = probe_pixels(target.module, spec.input.size)
    with torch.inference_mode():
        expected = target.module(pixels)
    own = run_plan(target, pixels, Plan(spec.grid.num_patches, spec.depth)).logits
    difference, limit = largest_difference(own, expected), tolerance(expected.dtype)
    if not difference <= limit:
        raise UnsupportedModelError(
            f"{spec.name} run layer by layer differs by {difference:.1e} of its largest logit, "
            f"where at most {limit:.0e} is allowed; choose another target."
        )


def run_plan(
    target: Target,
    pixels: torch.Tensor,
    plan: Plan,
    order: torch.Tensor | None = None,
) -> Reduced:
    """Return a target's logits under a plan, without gradient, and where every patch went.

    Args:
        target: a plain-attention target.
        pixels: (B, 3, H, W), normalised as ``spec.input`` says.
        plan: what is done to its tokens.
        order: (B, N) int64, every patch once per row, the most important first; needed exactly
            where the plan drops by an order.

    Raises:
        UnsupportedModelError: if tokens cannot be reduced in this target.
        SettingError: if the plan, the pixels or the order do not fit.
    """
    reason = _why_not_run(target, plan)
    if reason is not None:
        raise UnsupportedModelError(reason)
    check_plan_fits(target.spec, plan)
    check_pixels(pixels, target.spec.input)
    _check_order(plan, order, len(pixels))
    model: Any = target.module
    prefix = target.spec.num_prefix_tokens
    with torch.inference_mode():
        x = model.norm_pre(model._pos_embed(model.patch_embed(placed_like(model, pixels))))
        every = torch.arange(plan.num_patches, device=x.device).expand(len(x), -1)
        rank = None if order is None else order.to(x.device).argsort(dim=1)
        tokens = Tokens(x, prefix, every)
        scores = None
        for index, (block, counts) in enumerate(zip(model.blocks, plan.blocks, strict=True)):
            drop = plan.before(index)
            if drop is not None and drop.keep < tokens.patches.shape[1]:
                by = scores if drop.by == "attention" else rank
                tokens = _drop(tokens, drop, by)
            bias = None
            if plan.proportional and tokens.sizes is not None:
                bias = size_bias(tokens.sizes, prefix)
            mixed, keys, scores = attention(
                block.attn, block.norm1(tokens.x), bias, scored=counts.scored
            )
            tokens = replace(tokens, x=tokens.x + block.drop_path1(block.ls1(mixed)))
            inner = plan.inside(index)
            if inner is not None:
                tokens = _inside(tokens, inner, keys, scores)
            x = tokens.x + block.drop_path2(block.ls2(block.mlp(block.norm2(tokens.x))))
            tokens = replace(tokens, x=x)
        sizes = tokens.sizes if plan.proportional else None
        logits = answer(model, model.norm(tokens.x), sizes, prefix)
    return Reduced(logits, tokens.moves)


def _drop(tokens: Tokens, step: DropStep, by: torch.Tensor | None) -> Tokens:
    """Return the tokens that a step before a block keeps.

    ``by`` is the class token's attention (B, P + M), or the rank of every patch (B, N), 0 first.
    """
    cells = tokens.cells
    if by is not None and step.by == "attention":
        scores = by[:, tokens.prefix :]
    elif by is not None and cells is not None:
        scores = -by.gather(1, cells)
    else:  # a plan that was checked never comes here
        raise SettingError(f"Nothing ranks the tokens before block {step.block}.")
    return _keep(tokens, step, top_tokens(scores, step.keep))


def _inside(
    tokens: Tokens,
    step: PruneStep | MergeStep,
    keys: torch.Tensor,
    scores: torch.Tensor | None,
) -> Tokens:
    """Return the tokens after a step between attention and MLP."""
    if isinstance(step, MergeStep):
        return _merge(tokens, step, keys) if step.removed else tokens
    if scores is None:  # everything is kept
        return tokens
    own = scores[:, tokens.prefix :]
    kept = top_tokens(own, step.keep)
    if not step.fused:
        return _keep(tokens, step, kept)
    extra = fuse_dropped(tokens.patches, own, kept)
    sizes = tokens.known_sizes()
    left = sizes.gather(1, kept)
    rest = sizes.sum(dim=1, keepdim=True) - left.sum(dim=1, keepdim=True)
    return tokens.moved(
        step,
        torch.cat((gather_rows(tokens.patches, kept), extra), dim=1),
        partial(kept_destinations, kept, own.shape[1], others=step.keep),
        cells=None,
        sizes=torch.cat((left, rest), dim=1),
    )


def _keep(tokens: Tokens, step: Step, kept: torch.Tensor) -> Tokens:
    return tokens.moved(
        step,
        gather_rows(tokens.patches, kept),
        partial(kept_destinations, kept, tokens.patches.shape[1]),
        cells=None if tokens.cells is None else tokens.cells.gather(1, kept),
        sizes=None if tokens.sizes is None else tokens.sizes.gather(1, kept),
    )


def _merge(tokens: Tokens, step: MergeStep, keys: torch.Tensor) -> Tokens:
    matching = match_tokens(keys[:, :, tokens.prefix :].mean(dim=1), step.removed)
    merged, sizes = matching.merged(tokens.patches, tokens.known_sizes())
    return tokens.moved(step, merged, matching.destinations, cells=None, sizes=sizes)


def _check_order(plan: Plan, order: torch.Tensor | None, batch: int) -> None:
    if (order is None) == plan.needs_order:
        raise SettingError(
            "This plan drops by an order of the patches; give one."
            if plan.needs_order
            else "This plan ranks no patches by an order, got one; leave it out."
        )
    if order is None:
        return
    every = torch.arange(plan.num_patches, device=order.device).expand(batch, -1)
    if order.dtype != torch.int64 or not torch.equal(order.sort(dim=-1).values, every):
        raise SettingError(
            f"An order has shape ({batch}, {plan.num_patches}) and names each patch once, "
            f"as int64, got {tuple(order.shape)} of {order.dtype}."
        )
