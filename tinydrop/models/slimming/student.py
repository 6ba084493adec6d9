"""A transformer with slimming modules between its blocks, made from a plain one.

The teacher's own stages run in order on a copy of it: embedding, blocks, norm, head. Behind some
blocks the patch tokens are slimmed, with the prefix tokens set aside and attached again.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.backbones import DenseCost, Target, TargetSpec, family_of, linear_macs
from tinydrop.models.slimming.modules import HardTopK, ReverseSlimming, TokenSlimming
from tinydrop.models.slimming.plan import SlimmingPlan


@dataclass(frozen=True)
class SlimmedMacs:
    """The MACs of a slimmed student on one picture.

    Attributes:
        embed: embedding every patch of the grid.
        blocks: all blocks on their own numbers of tokens.
        slimming: all slimming modules.
        head: pooling by attention, if any, and the classifier.
    """

    embed: int
    blocks: int
    slimming: int
    head: int

    @property
    def total(self) -> int:
        """The sum of the stages."""
        return self.embed + self.blocks + self.slimming + self.head


@dataclass(frozen=True)
class SlimmedSpec:
    """Facts about a slimmed student.

    Attributes:
        name: what a person calls it.
        teacher: the facts of the transformer it was made from.
        plan: where it is slimmed.
        hard: whether tokens are chosen (top-K) instead of mixed.
        tokens: patch tokens of every stage, N first.
        macs: its MACs on one picture.
    """

    name: str
    teacher: TargetSpec
    plan: SlimmingPlan
    hard: bool
    tokens: tuple[int, ...]
    macs: SlimmedMacs


@dataclass(frozen=True, eq=False)
class SlimmedRun:
    """What a student makes of a batch.

    Attributes:
        logits: (B, classes).
        patches: for every block its patch tokens, behind the slimming module that follows it if
            one does: (B, N or K, C).
        weights: for every slimming module its weights (B, K, tokens before it).
    """

    logits: torch.Tensor
    patches: tuple[torch.Tensor, ...]
    weights: tuple[torch.Tensor, ...]


class SlimmedTransformer(nn.Module):
    """A trainable copy of a plain transformer with slimming modules between its blocks.

    Args:
        teacher: a target of the plain family; it is copied, not changed.
        plan: where it is slimmed; its blocks must be the teacher's.
        hard: choose tokens (top-K) instead of mixing them.
        seed: of the slimming modules' weights.

    Raises:
        UnsupportedModelError: if the teacher is of another family.
        SettingError: if the plan is for another number of blocks or leaves no token.
    """

    def __init__(
        self, teacher: Target, plan: SlimmingPlan, *, hard: bool = False, seed: int = 0
    ) -> None:
        super().__init__()
        family = family_of(teacher.module)
        if family is None or family.name != "plain":
            raise UnsupportedModelError(
                f"{teacher.spec.name} is a {teacher.spec.family}, but only a plain vision "
                f"transformer, with absolute positions and attention over all tokens, can be "
                f"slimmed; choose such a target."
            )
        plan.check_depth(teacher.spec.depth, teacher.spec.name)
        self.plan = plan
        self.hard = hard
        self.prefix = teacher.spec.num_prefix_tokens
        self.tokens = plan.tokens(teacher.spec.grid.num_patches)
        self.body = copy.deepcopy(teacher.module).requires_grad_()
        kind = HardTopK if hard else TokenSlimming
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.slimmers = nn.ModuleList(
                kind(teacher.spec.embed_dim, count) for count in self.tokens[1:]
            )
        like = next(self.body.parameters())
        self.slimmers.to(like.device, like.dtype)

    def run(self, pixels: torch.Tensor) -> SlimmedRun:
        """Run on (B, 3, H, W), normalised as the teacher's input says."""
        body: Any = self.body
        patches: list[torch.Tensor] = []
        mixed: list[torch.Tensor] = []
        x = body.norm_pre(body._pos_embed(body.patch_embed(pixels)))
        for number, block in enumerate(body.blocks, start=1):
            x = block(x)
            if number in self.plan.after:
                slim, weights = self.slimmers[len(mixed)](x[:, self.prefix :])
                x = torch.cat((x[:, : self.prefix], slim), dim=1)
                mixed.append(weights)
            patches.append(x[:, self.prefix :])
        logits: torch.Tensor = body.forward_head(body.norm(x))
        return SlimmedRun(logits, tuple(patches), tuple(mixed))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, classes)."""
        return self.run(pixels).logits

    def macs(self, spec: TargetSpec) -> SlimmedMacs:
        """Return its MACs by formula, exactly what runs; ``spec`` is its teacher's."""
        cost = spec.cost
        if not isinstance(cost, DenseCost):  # no plain transformer has another
            raise UnsupportedModelError(f"{spec.name} attends inside windows.")
        blocks = 0
        stage = 0
        body: Any = self.body
        for number, block in enumerate(body.blocks, start=1):
            tokens = self.prefix + self.tokens[stage]
            width = int(block.attn.qkv.out_features) // 3
            blocks += tokens * linear_macs(block) + 2 * tokens * tokens * width
            stage += number in self.plan.after
        modules: list[Any] = list(self.slimmers)
        slimming = sum(
            int(module.macs(before))
            for module, before in zip(modules, self.tokens[:-1], strict=True)
        )
        pooled = self.tokens[-1] + (self.prefix if spec.pools_prefix else 0)
        return SlimmedMacs(
            embed=spec.grid.num_patches * cost.patch_macs + cost.fixed,
            blocks=blocks,
            slimming=slimming,
            head=cost.pool_cost.fixed + pooled * cost.pool_cost.per_token + cost.head_macs,
        )


class Reverse(nn.Module):
    """The reverse modules of a student, one behind every block from the first slimmed one on.

    They live apart from the student, so what is exported never holds them.

    Args:
        student: whose tokens are brought back to N.
        dim: C.
        seed: of their weights.
    """

    def __init__(self, student: SlimmedTransformer, dim: int, *, seed: int = 1) -> None:
        super().__init__()
        first = student.plan.after[0]
        full = student.tokens[0]
        counts = []
        stage = 0
        for number in range(1, student.plan.depth + 1):
            stage += number in student.plan.after
            if number >= first:
                counts.append(student.tokens[stage])
        self.first = first
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.parts = nn.ModuleList(ReverseSlimming(dim, count, full) for count in counts)

    def forward(self, patches: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """Return for every block (B, N, C): its patch tokens, brought back where slimmed."""
        plain = list(patches[: self.first - 1])
        slim = patches[self.first - 1 :]
        return plain + [part(x) for part, x in zip(self.parts, slim, strict=True)]


def teacher_tokens(
    teacher: Target, pixels: torch.Tensor
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """Return a plain target's logits and its patch tokens behind every block, without gradient."""
    model: Any = teacher.module
    prefix = teacher.spec.num_prefix_tokens
    patches = []
    with torch.no_grad():
        x = model.norm_pre(model._pos_embed(model.patch_embed(pixels)))
        for block in model.blocks:
            x = block(x)
            patches.append(x[:, prefix:])
        logits: torch.Tensor = model.forward_head(model.norm(x))
    return logits, tuple(patches)


def compose(weights: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Return for every stage the weights over the N patches, (B, K, N): products of the stages'.

    What attention mixes between two stages is not in it. Rows sum to 1 as those of each stage do.
    """
    composed: list[torch.Tensor] = []
    for one in weights:
        composed.append(one if not composed else one @ composed[-1])
    return tuple(composed)


class Slimmed:
    """A trained student as a model to ask; make it with ``pairs.load_slimmed``.

    Attributes:
        spec: its facts.
        module: the student, in eval mode, never changed.
    """

    def __init__(self, name: str, teacher: TargetSpec, module: SlimmedTransformer) -> None:
        self.module = module.eval()
        self.spec = SlimmedSpec(
            name=name,
            teacher=teacher,
            plan=module.plan,
            hard=module.hard,
            tokens=module.tokens,
            macs=module.macs(teacher),
        )

    @property
    def macs(self) -> int:
        """The MACs on one picture, the same for every picture."""
        return self.spec.macs.total

    def check_teacher(self, target: TargetSpec) -> None:
        """Raise SettingError if it is not made from such a target: grid, input and classes."""
        own = self.spec.teacher
        facts = [(s.grid, s.input, s.num_classes, s.depth) for s in (own, target)]
        if facts[0] != facts[1]:
            raise SettingError(
                f"{self.spec.name} has other patches, classes, blocks or another input than "
                f"{target.name}; give the target it was made from."
            )

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the logits, (B, classes), for (B, 3, H, W) pixels, without gradient.

        Raises:
            SettingError: if the pixels do not fit.
        """
        return self._run(pixels).logits

    def aggregation(
        self, pixels: torch.Tensor, *, composed: bool = True
    ) -> tuple[torch.Tensor, ...]:
        """Return for every slimming module how its K tokens are mixed; rows sum to 1.

        Args:
            pixels: (B, 3, H, W), normalised as ``spec.teacher.input`` says.
            composed: over the N patches of the picture, (B, K, N); otherwise over the tokens that
                enter the module, (B, K, tokens before it).

        Raises:
            SettingError: if the pixels do not fit.
        """
        weights = self._run(pixels).weights
        return compose(weights) if composed else weights

    def _run(self, pixels: torch.Tensor) -> SlimmedRun:
        size = self.spec.teacher.input.size
        if pixels.dim() != 4 or tuple(pixels.shape[1:]) != (3, *size):
            raise SettingError(
                f"{self.spec.name} takes pixels of shape (B, 3, {size[0]}, {size[1]}), got "
                f"{tuple(pixels.shape)}."
            )
        like = next(self.module.parameters())
        with torch.inference_mode():
            return self.module.run(pixels.to(like.device, like.dtype))
