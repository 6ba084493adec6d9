"""What is done to the patch tokens inside a target: one frozen value, checked when it is made.

A plan is a list of steps, each at a block. Before a block tokens can be dropped; inside it, between
its attention and its MLP, they can be pruned by the attention of the class token or merged. Prefix
tokens (class, distillation, registers) are never touched and never counted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tinydrop.core.errors import SettingError, quoted

DROP_SOURCES = ("order", "attention")
"""Who says what a ``DropStep`` keeps: an order of the patches that is given from outside, such as
the guidance's map, or the class token's attention in the block before."""


@dataclass(frozen=True)
class DropStep:
    """Keep some tokens before a block, and forget the others.

    Attributes:
        block: acts before this block; 0 is the input.
        keep: how many tokens are left.
        by: a name in ``DROP_SOURCES``.
    """

    block: int
    keep: int
    by: str = "order"


@dataclass(frozen=True)
class PruneStep:
    """Keep the tokens that the class token attends to most, between attention and MLP (EViT).

    Attributes:
        block: acts inside this block, by its own attention.
        keep: how many tokens are kept.
        fused: whether the others live on as one token, their mean weighted by that attention.
    """

    block: int
    keep: int
    fused: bool = False


@dataclass(frozen=True)
class MergeStep:
    """Merge the most similar pairs of tokens, between attention and MLP (ToMe).

    Attributes:
        block: acts inside this block, by its own keys.
        removed: r, how many tokens disappear into another; at most half of them.
    """

    block: int
    removed: int


Step = DropStep | PruneStep | MergeStep
_KINDS: Mapping[str, type[DropStep] | type[PruneStep] | type[MergeStep]] = {
    "drop": DropStep,
    "prune": PruneStep,
    "merge": MergeStep,
}


@dataclass(frozen=True)
class BlockTokens:
    """How many patch tokens a block works on.

    Attributes:
        attention: in its attention.
        mlp: in its MLP, and from there on.
        scored: whether the class token's attention is read beside it.
        matched: whether its tokens are matched for merging.
    """

    attention: int
    mlp: int
    scored: bool
    matched: bool


@dataclass(frozen=True)
class Plan:
    """What is done to the tokens of a target with N patches and D blocks.

    Attributes:
        num_patches: N.
        depth: D.
        steps: in any order, at most one before each block and one inside it; kept sorted.
        proportional: whether a merged token counts as many times as it holds patches, as a key
            (its size's logarithm is added to the scores) and in mean and attention pooling.
        blocks: how many patch tokens every block works on, D of them; follows from the rest.

    Raises:
        SettingError: if a step is out of range, stands twice, or cannot be done where it stands.
    """

    num_patches: int
    depth: int
    steps: tuple[Step, ...] = ()
    proportional: bool = False
    blocks: tuple[BlockTokens, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.num_patches < 1 or self.depth < 1:
            raise SettingError(
                f"A plan is for a target with patches and blocks, got {quoted(self.num_patches)} "
                f"patches "
                f"and {quoted(self.depth)} blocks."
            )
        ordered = sorted(self.steps, key=lambda step: (step.block, not _acts_before(step)))
        object.__setattr__(self, "steps", tuple(ordered))
        places = [(step.block, _acts_before(step)) for step in ordered]
        for step, place in zip(ordered, places, strict=True):
            if not 0 <= step.block < self.depth:
                raise SettingError(
                    f"This target has the blocks 0 to {self.depth - 1}, got block "
                    f"{quoted(step.block)}."
                )
            if places.count(place) > 1:
                raise SettingError(
                    f"One step acts {'before' if place[1] else 'inside'} block {place[0]}, "
                    f"got {places.count(place)}; join them."
                )
        object.__setattr__(self, "blocks", self._counted())

    def before(self, block: int) -> DropStep | None:
        """Return what is done before a block, if anything."""
        found = (s for s in self.steps if isinstance(s, DropStep) and s.block == block)
        return next(found, None)

    def inside(self, block: int) -> PruneStep | MergeStep | None:
        """Return what is done between a block's attention and its MLP, if anything."""
        found = (s for s in self.steps if not isinstance(s, DropStep) and s.block == block)
        return next(found, None)

    def _counted(self) -> tuple[BlockTokens, ...]:
        """Return the number of patch tokens in every block; refuse what cannot be done."""
        counts = []
        tokens, whole = self.num_patches, True
        for block in range(self.depth):
            drop, inner = self.before(block), self.inside(block)
            if drop is not None:
                self._check_drop(drop, tokens, whole=whole)
                tokens = drop.keep
            entering, scored, matched = tokens, False, False
            if isinstance(inner, PruneStep):
                _check_keep(inner, tokens)
                scored = inner.keep < tokens
                tokens = inner.keep + (inner.fused and scored)
                whole = whole and not (inner.fused and scored)
            elif inner is not None:
                if not 0 <= inner.removed <= tokens // 2:
                    raise SettingError(
                        f"Block {block} can merge 0 to {tokens // 2} of its {tokens} tokens, "
                        f"got {quoted(inner.removed)}."
                    )
                tokens -= inner.removed
                matched = inner.removed > 0
                whole = whole and not matched
            later = self.before(block + 1)
            if later is not None and later.by == "attention" and later.keep < tokens:
                scored = True
            counts.append(BlockTokens(entering, tokens, scored, matched))
        return tuple(counts)

    def _check_drop(self, step: DropStep, tokens: int, *, whole: bool) -> None:
        _check_keep(step, tokens)
        if step.by not in DROP_SOURCES:
            raise SettingError(
                f"Tokens are dropped by {' or '.join(DROP_SOURCES)}, got {quoted(step.by)}."
            )
        if step.by == "order" and not whole:
            raise SettingError(
                f"The step before block {step.block} ranks patches, but tokens were joined before "
                f"it; drop by attention there, or earlier."
            )
        if step.by == "attention" and (step.block == 0 or self.inside(step.block - 1) is not None):
            raise SettingError(
                f"The step before block {step.block} needs a block before it that attends to the "
                f"same tokens; drop by order there, or let one of the two steps go."
            )

    @property
    def needs_order(self) -> bool:
        """Whether an order of the patches must be given."""
        return any(isinstance(s, DropStep) and s.by == "order" for s in self.steps)

    @property
    def needs_class_token(self) -> bool:
        """Whether some step reads the attention of the class token."""
        return any(isinstance(s, PruneStep) or _by_attention(s) for s in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        kinds = {kind: name for name, kind in _KINDS.items()}
        return {
            "num_patches": self.num_patches,
            "depth": self.depth,
            "proportional": self.proportional,
            "steps": [{"kind": kinds[type(step)], **asdict(step)} for step in self.steps],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Return the plan that ``to_dict`` wrote; SettingError if it is none."""
        try:
            steps = tuple(
                _KINDS[step["kind"]](**{k: v for k, v in step.items() if k != "kind"})
                for step in values["steps"]
            )
            return cls(values["num_patches"], values["depth"], steps, values["proportional"])
        except (KeyError, TypeError) as error:
            raise SettingError(f"This is no plan ({error}); make it again.") from error


def _acts_before(step: Step) -> bool:
    return isinstance(step, DropStep)


def _by_attention(step: Step) -> bool:
    return isinstance(step, DropStep) and step.by == "attention"


def _check_keep(step: DropStep | PruneStep, tokens: int) -> None:
    if not 1 <= step.keep <= tokens:
        raise SettingError(
            f"At block {step.block} there are {tokens} tokens, of which 1 to {tokens} can be kept, "
            f"got {quoted(step.keep)}."
        )
