"""A second, slow implementation of plans: one picture, Python loops, keys written out.

It shares with the code under test only timm's layers that work on one token at a time. A token that
holds s patches stands s times among the keys: that is what proportional attention must equal.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from tinydrop.models.reduction import DropStep, MergeStep, Plan, PruneStep

__all__ = ["slow_run"]

Sources = list[list[int]]


def slow_run(
    model: Any, pixels: torch.Tensor, plan: Plan, order: list[int] | None = None
) -> tuple[torch.Tensor, list[Sources]]:
    """Return one picture's logits (classes,) and which patches every token holds after each step.

    ``pixels`` is (3, H, W); the model pools by token or by mean.
    """
    prefix = model.num_prefix_tokens
    x = model.norm_pre(model._pos_embed(model.patch_embed(pixels[None])))[0]
    rows = list(x)  # a token is one row; the prefix comes first
    sources: Sources = [[patch] for patch in range(plan.num_patches)]
    seen: list[Sources] = []
    attended: list[float] = []
    for index, block in enumerate(model.blocks):
        for step in plan.steps:
            if isinstance(step, DropStep) and step.block == index:
                if step.by == "order":
                    value = [-order.index(held[0]) for held in sources]  # type: ignore[union-attr]
                else:
                    value = attended
                kept = largest(value, step.keep)
                rows = rows[:prefix] + [rows[prefix + i] for i in kept]
                sources = [sources[i] for i in kept]
                seen.append(sources)
        repeats = [1] * prefix + [len(held) if plan.proportional else 1 for held in sources]
        mixed, keys, attended = slow_attention(block.attn, block.norm1(torch.stack(rows)), repeats)
        attended = attended[prefix:]
        rows = [row + block.ls1(part) for row, part in zip(rows, mixed, strict=True)]
        for step in plan.steps:
            if isinstance(step, PruneStep) and step.block == index:
                rows, sources = slow_prune(rows, sources, prefix, attended, step)
                seen.append(sources)
            if isinstance(step, MergeStep) and step.block == index:
                rows, sources = slow_merge(rows, sources, prefix, keys[prefix:], step.removed)
                seen.append(sources)
        stacked = torch.stack(rows)
        rows = list(stacked + block.ls2(block.mlp(block.norm2(stacked))))
    x = model.norm(torch.stack(rows))
    if model.global_pool == "token":
        return model.forward_head(x[None])[0], seen
    counted = [
        row
        for row, held in zip(x[prefix:], sources, strict=True)
        for _ in range(len(held) if plan.proportional else 1)
    ]
    if model.pool_include_prefix:
        counted = [*x[:prefix], *counted]
    mean = sum(counted) / len(counted)
    return model.head(model.fc_norm(mean)), seen


def largest(values: list[float], count: int) -> list[int]:
    """Return the places of the largest values, rising; the first of equal ones."""
    ranked = sorted(range(len(values)), key=lambda i: (-values[i], i))
    return sorted(ranked[:count])


def slow_attention(
    attn: Any, x: torch.Tensor, repeats: list[int]
) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    """Return attention over keys that stand several times, head-mean keys, and the first row."""
    tokens, heads = len(x), attn.num_heads
    q, k, v = attn.qkv(x).reshape(tokens, 3, heads, -1).unbind(1)
    q, k = attn.q_norm(q), attn.k_norm(k)
    copies = [i for i, times in enumerate(repeats) for _ in range(times)]
    first = [0.0] * tokens
    mixed = []
    for head in range(heads):
        scores = q[:, head] @ k[copies, head].T / math.sqrt(q.shape[-1])
        shares = scores.softmax(dim=-1)
        for place, owner in enumerate(copies):
            first[owner] += float(shares[0, place]) / heads
        mixed.append(shares @ v[copies, head])
    return attn.proj(attn.norm(torch.cat(mixed, dim=-1))), k.mean(dim=1), first


def slow_prune(
    rows: list[torch.Tensor], sources: Sources, prefix: int, attended: list[float], step: PruneStep
) -> tuple[list[torch.Tensor], Sources]:
    kept = largest(attended, step.keep)
    rest = [i for i in range(len(sources)) if i not in kept]
    left = rows[:prefix] + [rows[prefix + i] for i in kept]
    held = [sources[i] for i in kept]
    if step.fused and rest:
        total = sum(attended[i] for i in rest)
        left.append(sum(attended[i] / total * rows[prefix + i] for i in rest))  # type: ignore[arg-type]
        held.append([patch for i in rest for patch in sources[i]])
    return left, held


def slow_merge(
    rows: list[torch.Tensor], sources: Sources, prefix: int, keys: torch.Tensor, removed: int
) -> tuple[list[torch.Tensor], Sources]:
    """Merge pair by pair, in the order of similarity; sums are kept until the end."""
    even, odd = range(0, len(sources), 2), range(1, len(sources), 2)
    best = []
    for i in even:
        likeness = [float(keys[i] @ keys[j] / (keys[i].norm() * keys[j].norm())) for j in odd]
        place = max(range(len(likeness)), key=lambda n: (likeness[n], -n))
        best.append((likeness[place], i, odd[place]))
    chosen = sorted(best, key=lambda pair: (-pair[0], pair[1]))[:removed]
    parts = {i: [i] for i in range(len(sources))}
    for _, i, j in chosen:
        parts[j].append(i)
        del parts[i]
    left, held = rows[:prefix], []
    for i in [*(i for i in even if i in parts), *odd]:
        weights = [len(sources[part]) for part in parts[i]]
        summed = sum(w * rows[prefix + p] for w, p in zip(weights, parts[i], strict=True))
        left.append(summed / sum(weights))  # type: ignore[arg-type]
        held.append([patch for part in parts[i] for patch in sources[part]])
    return left, held
