"""A start for slimming modules: each slim token an even mix of neighbouring patches.

Random modules mix all patches almost evenly, so that every slim token is nearly the same mean and
a short training is spent on leaving that state. This is not in the paper; ``--start random`` is.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch

from tinydrop.core.tokens import PatchGrid
from tinydrop.models.slimming import SlimmedTransformer, TokenSlimming


def curve_ranks(grid: PatchGrid) -> list[int]:
    """Return every patch's place on a Z-shaped curve, on which neighbours stay close."""

    def code(index: int) -> int:
        row, col = divmod(index, grid.cols)
        return sum(
            ((col >> bit & 1) << (2 * bit)) | ((row >> bit & 1) << (2 * bit + 1))
            for bit in range(max(grid.rows, grid.cols).bit_length())
        )

    order = sorted(range(grid.num_patches), key=code)
    ranks = [0] * grid.num_patches
    for rank, index in enumerate(order):
        ranks[index] = rank
    return ranks


def local_groups(grid: PatchGrid, tokens: tuple[int, ...]) -> list[torch.Tensor]:
    """Return for every slimming module the wanted weights, (K, tokens before it), float32.

    Each slim token takes an even share of its stretch of the curve; the stretches are as equal as
    whole numbers allow and cover everything once.
    """
    ranks = torch.tensor(curve_ranks(grid))
    wanted = []
    for before, after in pairwise(tokens):
        group = ranks * after // before
        members = torch.zeros(after, before)
        members[group, torch.arange(before)] = 1.0
        wanted.append(members / members.sum(dim=1, keepdim=True))
        ranks = torch.arange(after)
    return wanted


def fit_local(
    student: SlimmedTransformer,
    grid: PatchGrid,
    batches: Callable[[int], torch.Tensor],
    steps: int,
    lr: float = 2e-3,
) -> float:
    """Fit the slimming modules alone to ``local_groups``, by cross-entropy of their weights.

    Args:
        student: as made from its teacher.
        grid: the teacher's patches.
        batches: step -> (B, 3, H, W) normalised pictures.
        steps: of AdamW.
        lr: its learning rate.

    Returns:
        The mean divergence from the wanted weights in the last step, in nats per slim token.
    """
    body: Any = student.body
    modules = [part for part in student.slimmers if isinstance(part, TokenSlimming)]
    like = next(student.parameters())
    wanted = [one.to(like.device) for one in local_groups(grid, student.tokens)]
    # Even shares have an entropy of their own; what is above it is the divergence.
    floor = sum(float(torch.special.entr(one).sum(dim=1).mean()) for one in wanted) / len(wanted)
    optimiser = torch.optim.AdamW(student.slimmers.parameters(), lr=lr, weight_decay=0.0)
    last = float("nan")
    for step in range(steps):
        pixels = batches(step).to(like.device, like.dtype)
        losses: list[torch.Tensor] = []
        with torch.no_grad():
            x = body.norm_pre(body._pos_embed(body.patch_embed(pixels)))
        for number, block in enumerate(body.blocks, start=1):
            with torch.no_grad():
                x = block(x)
            if number not in student.plan.after:
                continue
            module, target = modules[len(losses)], wanted[len(losses)]
            patches = x[:, student.prefix :]
            logs = module.scores(patches).log_softmax(dim=1).transpose(1, 2)  # (B, K, N)
            losses.append(-(target * logs).sum(dim=2).mean())
            slim = logs.detach().exp() @ patches
            x = torch.cat((x[:, : student.prefix], slim), dim=1)
            if len(losses) == len(modules):
                break
        loss = torch.stack(losses).mean()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        last = float(loss.detach()) - floor
    optimiser.zero_grad(set_to_none=True)  # no gradient is left for the training that follows
    return last
