"""EVA, EVA02, DINOv3, RoPE ViTs, Perception Encoders: queries and keys are turned by position.

All of them are timm's ``Eva``. Rotations are gathered by the cells of the kept patches: one table
for all blocks, or one of its own for every block and head. A position table may be added as well.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.layers import AttentionRope
from timm.models.eva import Eva, EvaAttention, EvaBlock, EvaBlockPostNorm
from torch import nn

from tinydrop.data import InputSpec
from tinydrop.models.backbones.dense import (
    dense_spec,
    kept_tokens,
    masked_keys,
    moved,
    rotations,
    visible_rows,
)
from tinydrop.models.backbones.families.vit import latent_pool_cost
from tinydrop.models.backbones.family import Family, grid_facts, spec_input_of
from tinydrop.models.backbones.parity import placed_like
from tinydrop.models.backbones.structure import (
    MLPS,
    POOLINGS,
    why_not_blocks,
    why_not_embedding,
    why_not_head,
)
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec

# timm's class -> what it is in words; by name, since older releases of timm lack some of them.
_ROTATIONS = {
    "RotaryEmbeddingCat": "rotary, the same angles in every block",
    "RotaryEmbeddingDinoV3": "rotary, the same angles in every block, centred",
    "RotaryEmbeddingMRope": "rotary, the same angles in every block, interleaved",
    "RotaryEmbeddingMixed": "rotary, learned angles in every block and head",
}
_ROTATIONS_FROM = "timm.layers.pos_embed_sincos"


class EvaTarget(Target):
    """The adapter of timm's ``Eva``."""

    def __init__(self, spec: TargetSpec, module: Eva) -> None:
        super().__init__(spec, module)
        self._model = module

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model = self._model
        patches = _patches(model, placed_like(model, pixels))  # (B, N, C)
        x, angles = _with_positions(model, moved(patches, kept))
        x = kept_tokens(x, patches, kept, self.spec.num_prefix_tokens)  # (B, P + K, C)
        x = model.norm_pre(x)
        turns = rotations(angles, kept, len(model.blocks))
        for block, turn in zip(model.blocks, turns, strict=True):
            x = block(x, rope=turn)
        logits: torch.Tensor = model.forward_head(model.norm(x))
        return logits


def _patches(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Return the patches as (B, N, C), also where the model leaves them on their grid."""
    patches: torch.Tensor = model.patch_embed(pixels)
    return patches.flatten(1, 2) if patches.dim() == 4 else patches


def _with_positions(model: Any, patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return (B, P + N, C) with the position table added, and the angles of the whole grid."""
    if model.dynamic_img_size:
        patches = patches.reshape(patches.shape[0], *model.patch_embed.grid_size, -1)
    x, angles = model._pos_embed(patches)
    return x, angles


def _why_not(module: Eva) -> str | None:
    return (
        why_not_embedding(module.patch_embed)
        or why_not_rotation(module.rope)
        or why_not_blocks(module.blocks, nn.ModuleList, why_not_turned_block)
        or _why_not_positions(module)
        or why_not_head(module, POOLINGS)
    )


def _why_not_positions(module: Any) -> str | None:
    if module.pos_embed is None and module.rope is None:
        return "it has neither a position table nor rotations"
    if any(block.attn.num_prefix_tokens != module.num_prefix_tokens for block in module.blocks):
        return "its blocks leave another number of tokens unturned than it has prefix tokens"
    return None


def why_not_rotation(rope: nn.Module | None) -> str | None:
    """Return why a table of rotations is not one of those that are proved, or None."""
    kind = type(rope)
    if rope is None or (kind.__name__ in _ROTATIONS and kind.__module__ == _ROTATIONS_FROM):
        return None
    return f"its rotations come from {kind.__name__}, which is not proved"


def why_not_turned_block(block: Any, index: int) -> str | None:
    """Return why a block that turns queries and keys is not one of timm's own, or None."""
    where = f"block {index} has"
    if type(block) not in (EvaBlock, EvaBlockPostNorm):
        return f"block {index} is a {type(block).__name__}, not EVA's own block"
    if type(block.attn) not in (EvaAttention, AttentionRope):
        return f"{where} {type(block.attn).__name__} instead of rotary attention"
    if type(block.mlp) not in MLPS:
        return f"{where} {type(block.mlp).__name__} instead of a plain MLP"
    attn = block.attn
    own = (attn.qkv,) if attn.qkv is not None else (attn.q_proj, attn.k_proj, attn.v_proj)
    if any(type(part) is not nn.Linear for part in (*own, attn.proj)):
        return f"{where} projections that are not plain linear layers"
    return None


def attention_width(attn: Any) -> int:
    """Return heads x head size of an attention, grouped keys counted once per query head."""
    return int(attn.proj.in_features)


def rotation_words(rope: nn.Module) -> str:
    """Say in words how a proved table of rotations works."""
    return _ROTATIONS[type(rope).__name__]


def _describe(module: Eva, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    grid, patch_size = grid_facts(module.patch_embed)
    kinds, words = [], []
    if module.pos_embed is not None:
        only = module.no_embed_class or not module.num_prefix_tokens
        kinds.append("absolute")
        words.append(f"absolute table, {'patches only' if only else 'prefix and patches'}")
    if module.rope is not None:
        kinds.append("rotary")
        words.append(rotation_words(module.rope))
    return dense_spec(
        module,
        name,
        positions=PositionScheme(" and ".join(kinds), "; ".join(words)),
        grid=grid,
        patch_size=patch_size,
        input_spec=spec_input_of(module, name, input_spec),
        patch_macs=int(module.patch_embed.proj.weight.numel()),
        widths=[attention_width(block.attn) for block in module.blocks],
        pools_prefix=module.global_pool == "map",  # it pools every token, prefix and patches
        pool_cost=latent_pool_cost(module.attn_pool),
    )


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run timm's own blocks on every token with the dropped patches masked as keys."""
    model: Any = target.module
    x, angles = _with_positions(model, _patches(model, pixels))
    x = model.norm_pre(x)
    hidden = masked_keys(target, keep, x)
    for block, turn in zip(model.blocks, rotations(angles, None, len(model.blocks)), strict=True):
        x = block(x, rope=turn, attn_mask=hidden)
    logits: torch.Tensor = model.forward_head(model.norm(x)[:, visible_rows(target, keep)])
    return logits


EVA = Family(
    name="eva",
    classes=(Eva,),
    why_not=_why_not,
    describe=_describe,
    adapter=EvaTarget,
    masked_logits=_masked_logits,
)
