"""timm's ``NaFlexVit`` as a target, on pictures of one fixed size.

In evaluation timm's own patch dropping does nothing there, silently. Here the patches of a picture
are embedded, the position table is resized to their grid by the model's own function, and the rows
(and rotations) of the kept patches go on.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models.naflexvit import NaFlexEmbeds, NaFlexVit, batch_patchify
from timm.models.vision_transformer import Block
from torch import nn

from tinydrop.core.errors import UnsupportedModelError, quoted
from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.build import model_input
from tinydrop.models.backbones.dense import (
    dense_spec,
    masked_keys,
    rotations,
    visible_rows,
)
from tinydrop.models.backbones.families.eva import (
    attention_width,
    rotation_words,
    why_not_rotation,
    why_not_turned_block,
)
from tinydrop.models.backbones.families.vit import latent_pool_cost
from tinydrop.models.backbones.family import Family
from tinydrop.models.backbones.parity import placed_like
from tinydrop.models.backbones.structure import (
    POOLINGS,
    why_not_block,
    why_not_blocks,
    why_not_head,
)
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec, gather_rows


class NaFlexTarget(Target):
    """The adapter of timm's ``NaFlexVit``."""

    def __init__(self, spec: TargetSpec, module: NaFlexVit) -> None:
        super().__init__(spec, module)
        self._model = module
        self._grid = spec.grid.rows, spec.grid.cols

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model = self._model
        patches = _patches(model.embeds, placed_like(model, pixels))  # (B, N, C)
        table = _table(model.embeds, patches, self._grid)  # (N, C)
        if kept is None:
            patches = patches + table
        else:
            patches = gather_rows(patches, kept.indices)
            if kept.cells is not None:
                patches = patches + table[kept.cells]
        x = model.norm_pre(_with_prefix(model.embeds, patches))  # (B, P + K, C)
        angles = None if model.rope is None else model.rope.get_embed(shape=self._grid)
        turns = rotations(angles, kept, len(model.blocks))
        for block, turn in zip(model.blocks, turns, strict=True):
            x = block(x) if type(block) is Block else block(x, rope=turn)
        logits: torch.Tensor = model.forward_head(model.norm(x))
        return logits


def _patches(embeds: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Return the patches without positions, (B, N, C)."""
    if embeds.is_linear:
        # Older releases of timm know one order of a patch's values only.
        order = {"channels_last": embeds.channels_last} if hasattr(embeds, "channels_last") else {}
        x, _ = batch_patchify(pixels, embeds.patch_size, pad=False, **order)
        x = embeds.proj(x if embeds.norm_input is None else embeds.norm_input(x))
    else:
        x = embeds.proj(pixels).flatten(2).transpose(1, 2)
    patches: torch.Tensor = embeds.norm(x)
    return patches


def _table(embeds: Any, patches: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """Return the position table, (N, C), resized to the grid by the model's own function.

    That function adds the table to whatever it is given, in place: here, to zeros.
    """
    table = torch.zeros_like(patches[:1])
    if embeds.pos_embed_type == "learned":
        embeds._apply_learned_pos_embed(table, grid_size=grid)
    elif embeds.pos_embed_type == "factorized":
        embeds._apply_factorized_pos_embed(table, grid_size=grid)
    return table[0]


def _with_prefix(embeds: Any, patches: torch.Tensor) -> torch.Tensor:
    own = [token for token in (embeds.cls_token, embeds.reg_token) if token is not None]
    return torch.cat([token.expand(patches.shape[0], -1, -1) for token in own] + [patches], dim=1)


def _why_not(module: NaFlexVit) -> str | None:
    return (
        _why_not_embeds(module)
        or why_not_blocks(module.blocks, nn.Sequential, _why_not_block)
        or _why_not_rotations(module)
        or why_not_head(module, POOLINGS)
    )


def _why_not_embeds(module: NaFlexVit) -> str | None:
    embeds = module.embeds
    if type(embeds) is not NaFlexEmbeds:
        return f"its patches come from {type(embeds).__name__}, not from its own embedding"
    if embeds.in_chans != 3:
        return f"it takes {embeds.in_chans} channels instead of red, green and blue"
    if type(embeds.proj) not in (nn.Linear, nn.Conv2d):
        return f"its patches are embedded by {type(embeds.proj).__name__}"
    if embeds.pos_embed_type not in ("learned", "factorized", "none"):
        return f"its position table {quoted(embeds.pos_embed_type)} is not proved"
    if embeds.pos_embed_type == "none" and module.rope is None:
        return "it has neither a position table nor rotations"
    return None


def _why_not_rotations(module: Any) -> str | None:
    if module.rope is None:
        return None
    if any(type(block) is Block for block in module.blocks):
        return "it has rotations that its blocks do not take"
    if any(block.attn.num_prefix_tokens != module.num_prefix_tokens for block in module.blocks):
        return "its blocks leave another number of tokens unturned than it has prefix tokens"
    return why_not_rotation(module.rope)


def _why_not_block(block: Any, index: int) -> str | None:
    return (why_not_block if type(block) is Block else why_not_turned_block)(block, index)


def _describe(module: NaFlexVit, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    embeds = module.embeds
    wanted = model_input(module) if input_spec is None else input_spec
    height, width = (int(side) for side in embeds.patch_size)
    if wanted.size[0] % height or wanted.size[1] % width:
        raise UnsupportedModelError(
            f"{name} takes pictures of whole patches of {height}x{width} pixels, "
            f"got {wanted.size[0]}x{wanted.size[1]}; give it another size."
        )
    kinds, words = [], []
    if embeds.pos_embed_type != "none":
        kinds.append("absolute")
        factors = ", one for rows and one for columns" if embeds.pos_embed is None else ""
        words.append(f"absolute table{factors}, patches only, resized to the grid")
    if module.rope is not None:
        kinds.append("rotary")
        words.append(rotation_words(module.rope))
    return dense_spec(
        module,
        name,
        positions=PositionScheme(" and ".join(kinds), "; ".join(words)),
        grid=PatchGrid(wanted.size[0] // height, wanted.size[1] // width),
        patch_size=(height, width),
        input_spec=wanted,
        patch_macs=int(embeds.proj.weight.numel()),
        widths=[attention_width(block.attn) for block in module.blocks],
        pools_prefix=bool(module.pool_include_prefix),
        pool_cost=latent_pool_cost(module.attn_pool),
    )


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run timm's own embedding and blocks on every token, the dropped ones masked as keys."""
    model: Any = target.module
    x, grid = model.embeds(pixels)
    x = model.norm_pre(x)
    hidden = masked_keys(target, keep, x)
    angles = None if model.rope is None else model.rope.get_embed(shape=grid)
    for block, turn in zip(model.blocks, rotations(angles, None, len(model.blocks)), strict=True):
        turned = {} if type(block) is Block else {"rope": turn}
        x = block(x, attn_mask=hidden, **turned)
    logits: torch.Tensor = model.forward_head(model.norm(x)[:, visible_rows(target, keep)])
    return logits


NAFLEX = Family(
    name="naflex",
    classes=(NaFlexVit,),
    why_not=_why_not,
    describe=_describe,
    adapter=NaFlexTarget,
    masked_logits=_masked_logits,
)
