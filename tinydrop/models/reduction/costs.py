"""The MACs of a target under a plan: a formula in the plan's token counts."""

from __future__ import annotations

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.backbones import DenseCost, TargetSpec
from tinydrop.models.macs import TargetMacs
from tinydrop.models.reduction.plan import BlockTokens, Plan


def plan_macs(spec: TargetSpec, plan: Plan) -> TargetMacs:
    """Return the MACs of a plain-attention target under a plan, counted like ``target_macs``.

    A block with T tokens in its attention and U in its MLP costs T linear rows of attention, two
    products of T x T pairs and U rows of the MLP. Its class token's attention, where it is read,
    costs one more row of scores; matching costs one product of half of the patch tokens with the
    other half, one head wide. Both stand in ``blocks``. All blocks are alike, which
    ``check_reducible`` makes sure of.

    Raises:
        SettingError: if the plan is made for another number of patches or blocks.
        UnsupportedModelError: if the target does not attend over all its tokens.
    """
    check_plan_fits(spec, plan)
    cost = spec.cost
    if not isinstance(cost, DenseCost):
        raise UnsupportedModelError(
            f"{spec.name} attends inside windows, where tokens can be neither merged nor pruned; "
            f"choose a plain vision transformer."
        )
    width = cost.attention_width // spec.depth
    attention_row = 4 * spec.embed_dim * width  # queries, keys, values and the projection
    mlp_row = cost.token_macs // spec.depth - attention_row
    head_size = width // spec.num_heads
    prefix = spec.num_prefix_tokens

    def one(block: BlockTokens) -> int:
        tokens = prefix + block.attention
        half = block.attention // 2
        return (
            tokens * attention_row
            + 2 * tokens * tokens * width
            + (prefix + block.mlp) * mlp_row
            + (tokens * width if block.scored else 0)
            + ((block.attention - half) * half * head_size if block.matched else 0)
        )

    pooled = plan.blocks[-1].mlp + (prefix if spec.pools_prefix else 0)
    return TargetMacs(
        embed=spec.grid.num_patches * cost.patch_macs + cost.fixed,
        blocks=sum(one(block) for block in plan.blocks),
        head=cost.pool_cost.fixed + pooled * cost.pool_cost.per_token + cost.head_macs,
    )


def check_plan_fits(spec: TargetSpec, plan: Plan) -> None:
    """Refuse a plan for another number of patches or blocks than the target has."""
    own = (spec.grid.num_patches, spec.depth)
    if (plan.num_patches, plan.depth) != own:
        raise SettingError(
            f"{spec.name} has {own[0]} patches and {own[1]} blocks, the plan is for "
            f"{plan.num_patches} and {plan.depth}; make it for this target."
        )
