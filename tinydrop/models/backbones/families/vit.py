"""Plain vision transformers as targets: absolute positions, attention over all tokens.

The model's own stages are called in order. Patches and positions are embedded on the whole grid,
so every kept patch carries its own position; then the kept rows are gathered behind the prefix
tokens, and the rest of the model never sees the others. No live model is changed.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import DenseCost, PoolCost, linear_macs
from tinydrop.models.backbones.dense import kept_tokens, masked_keys, moved, visible_rows
from tinydrop.models.backbones.family import Family, grid_facts, spec_input_of
from tinydrop.models.backbones.parity import num_classes_of, placed_like
from tinydrop.models.backbones.structure import why_not_plain
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec


class PlainTarget(Target):
    """The adapter of timm's ``VisionTransformer`` and its distilled form."""

    def __init__(self, spec: TargetSpec, module: VisionTransformer) -> None:
        super().__init__(spec, module)
        self._model = module

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model = self._model
        patches = model.patch_embed(placed_like(model, pixels))  # (B, N, C)
        x = model._pos_embed(moved(patches, kept))
        x = kept_tokens(x, patches, kept, self.spec.num_prefix_tokens)  # (B, P + K, C)
        x = model.norm(model.blocks(model.norm_pre(x)))
        logits: torch.Tensor = model.forward_head(x)
        return logits


def _describe(
    module: VisionTransformer, name: str, input_spec: InputSpec | None = None
) -> TargetSpec:
    """Read the facts off a plain transformer; its weights are not touched."""
    embed = module.patch_embed
    blocks = list(module.blocks)
    heads = [module.head, module.head_dist] if hasattr(module, "head_dist") else [module.head]
    grid, patch_size = grid_facts(embed)
    return TargetSpec(
        name=name,
        family=type(module).__name__,
        positions=PositionScheme("absolute", _words(module)),
        grid=grid,
        patch_size=patch_size,
        num_prefix_tokens=int(module.num_prefix_tokens),
        pooling=str(module.global_pool),
        pools_prefix=bool(module.pool_include_prefix),
        num_classes=num_classes_of(module),
        input=spec_input_of(module, name, input_spec),
        depth=len(blocks),
        embed_dim=int(module.embed_dim),
        num_heads=int(blocks[0].attn.num_heads),
        parameters=sum(int(p.numel()) for p in module.parameters()),
        cost=DenseCost(
            patch_macs=int(embed.proj.weight.numel()),
            token_macs=sum(linear_macs(block) for block in blocks),
            attention_width=sum(int(block.attn.qkv.out_features) // 3 for block in blocks),
            pool_cost=latent_pool_cost(module.attn_pool),
            head_macs=sum(linear_macs(head) for head in heads),
        ),
    )


def _words(module: VisionTransformer) -> str:
    """Say in words how positions enter a plain transformer."""
    if module.no_embed_class or not module.num_prefix_tokens:
        return "absolute table, patches only"
    return "absolute table, prefix and patches"


def latent_pool_cost(pool: nn.Module | None) -> PoolCost:
    """Return what timm's ``AttentionPoolLatent`` multiplies; nothing where there is none."""
    if pool is None:
        return PoolCost()
    kv, q, proj, mlp = (getattr(pool, part) for part in ("kv", "q", "proj", "mlp"))
    width = int(kv.out_features) // 2
    latents = int(getattr(pool, "latent_len"))  # noqa: B009  nn.Module hides its type
    fixed = latents * sum(linear_macs(part) for part in (q, proj, mlp) if part is not None)
    # Keys and values of a token, then its score and its share in the mix for every latent.
    return PoolCost(fixed, linear_macs(kv) + 2 * latents * width)


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run timm's own blocks on every token with the dropped patches masked as keys."""
    model: Any = target.module
    x = model.norm_pre(model._pos_embed(model.patch_embed(pixels)))
    hidden = masked_keys(target, keep, x)
    for block in model.blocks:
        x = block(x, attn_mask=hidden)
    logits: torch.Tensor = model.forward_head(model.norm(x)[:, visible_rows(target, keep)])
    return logits


PLAIN = Family(
    name="plain",
    classes=(VisionTransformer, VisionTransformerDistilled),
    why_not=why_not_plain,
    describe=_describe,
    adapter=PlainTarget,
    masked_logits=_masked_logits,
)
