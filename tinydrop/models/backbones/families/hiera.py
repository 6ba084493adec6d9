"""Hiera as target: what is dropped are its own mask units, which its early stages never mix.

timm's ``mask=`` is not used: it blacks out pixels before an overlapping convolution, so that the
edges of kept units change too. Here all pixels are embedded and the kept units' tokens go on.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from timm.layers import ClNormMlpClassifierHead, LayerScale, Mlp
from timm.models.hiera import Hiera, HieraBlock, MaskUnitAttention, PatchEmbed, Unroll
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.build import model_input
from tinydrop.models.backbones.costs import DenseCost, PoolCost, linear_macs
from tinydrop.models.backbones.family import Family
from tinydrop.models.backbones.parity import placed_like
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec

_POOLINGS = ("avg", "avgmax", "max")


class HieraTarget(Target):
    """The adapter of timm's ``Hiera``."""

    def __init__(self, spec: TargetSpec, module: Hiera) -> None:
        super().__init__(spec, module)
        self._model = module

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model = self._model
        x = model.patch_embed(placed_like(model, pixels))  # (B, tokens, C)
        if kept is None:
            x = model.unroll(model._pos_embed(x))
        else:
            units, nothing = self.spec.grid.num_patches, torch.zeros_like(x[:1])
            x = _kept_units(model.unroll(x), kept.indices, units)
            if kept.cells is not None:
                table = model.unroll(model._pos_embed(nothing)).expand(len(x), -1, -1)
                x = x + _kept_units(table, kept.cells, units)
        for block in model.blocks:
            x = block(x)
        logits: torch.Tensor = model.forward_head(x)
        return logits


def _kept_units(x: torch.Tensor, indices: torch.Tensor, units: int) -> torch.Tensor:
    """Return the tokens of units ``indices`` (B, K) of unrolled tokens (B, side * units, C).

    Unrolled, the unit is the index that runs fastest, and so it is in what comes back.
    """
    batch, _, channels = x.shape
    x = x.view(batch, -1, units, channels)
    rows = indices[:, None, :, None].expand(-1, x.shape[1], -1, channels)
    return x.gather(2, rows).flatten(1, 2)


def _describe(module: Hiera, name: str, input_spec: InputSpec | None = None) -> TargetSpec:
    """Read the facts off a Hiera; its weights are not touched."""
    rows, cols = (int(side) for side in module.mask_spatial_shape)
    height, width = (
        int(unit) * int(stride)
        for unit, stride in zip(module.mask_unit_size, module.patch_stride, strict=True)
    )
    blocks = list(module.blocks)
    table = "absolute table over all tokens"
    if module.pos_embed_win is not None:
        table += " and one inside mask units"
    return TargetSpec(
        name=name,
        family=type(module).__name__,
        positions=PositionScheme(
            "absolute", f"{table}, kept in mask units of {height}x{width} pixels"
        ),
        grid=PatchGrid(rows, cols),
        patch_size=(height, width),
        num_prefix_tokens=0,
        pooling=str(module.head.pool_type),
        pools_prefix=False,
        num_classes=int(module.num_classes),
        input=_input(module, name, input_spec, (rows * height, cols * width)),
        depth=len(blocks),
        embed_dim=int(module.num_features),
        num_heads=int(blocks[-1].attn.heads),
        parameters=sum(int(p.numel()) for p in module.parameters()),
        cost=_cost(module),
    )


def _input(
    module: Hiera, name: str, input_spec: InputSpec | None, size: tuple[int, int]
) -> InputSpec:
    """Return the input that was asked for, or the model's own at the size it was built for."""
    if input_spec is None:
        return replace(model_input(module), size=size)
    if input_spec.size != size:
        raise UnsupportedModelError(
            f"{name} was built for {size[0]}x{size[1]} pixels, not for "
            f"{input_spec.size[0]}x{input_spec.size[1]}; build it with that img_size."
        )
    return input_spec


def _cost(module: Hiera) -> DenseCost:
    """Return the MACs in terms of units: K alone decides, since only units attend to units.

    With t tokens in a unit, attention inside it costs t queries times t keys for every unit, and
    attention among all costs that for every pair of units. Pooled queries are fewer than keys.
    """
    tokens = int(module.mu_size)
    patch_macs = tokens * int(module.patch_embed.proj.weight.numel())
    unit_macs = pair_width = 0
    for block in module.blocks:
        attn: Any = block.attn
        pooled = tokens // int(attn.q_stride)
        width = int(attn.dim_out)
        unit_macs += tokens * linear_macs(attn.qkv)
        unit_macs += pooled * (linear_macs(attn.proj) + linear_macs(block.mlp))
        if block.do_expand and block.proj is not None:
            unit_macs += tokens * linear_macs(block.proj)
        if attn.use_mask_unit_attn:
            unit_macs += 2 * pooled * tokens * width
        else:
            pair_width += pooled * tokens * width
        tokens = pooled
    return DenseCost(
        patch_macs=patch_macs,
        token_macs=unit_macs,
        attention_width=pair_width,
        pool_cost=PoolCost(),
        head_macs=linear_macs(module.head),
    )


def _why_not(module: Any) -> str | None:
    """Return why a Hiera is not one that is proved, as the end of a sentence, or None."""
    embed = module.patch_embed
    if type(embed) is not PatchEmbed or embed.spatial_dims != 2 or not embed.reshape:
        return "its patches do not come from a plain convolution over a picture"
    if embed.proj.in_channels != 3:
        return f"it takes {embed.proj.in_channels} channels instead of red, green and blue"
    if module.pos_embed is None:
        return "its position tables are separate for space and time, which is not proved"
    if type(module.unroll) is not Unroll:
        return "its tokens are not sorted into mask units by timm's own layer"
    strides = [math.prod(steps) for steps in zip(*module.unroll.schedule, strict=True)]
    if strides != list(module.mask_unit_size):
        return "its mask units are not what its pooling unrolls"
    if any(
        side % unit
        for side, unit in zip(module.tokens_spatial_shape, module.mask_unit_size, strict=True)
    ):
        return "its tokens do not fill whole mask units"
    for index, block in enumerate(module.blocks):
        if type(block) is not HieraBlock or type(block.attn) is not MaskUnitAttention:
            return f"block {index} is not timm's own"
        scales = (block.ls1, block.ls2)
        if type(block.mlp) is not Mlp or any(
            type(scale) not in (nn.Identity, LayerScale) for scale in scales
        ):
            return f"block {index} has an unknown MLP or scale"
    head = module.head
    if type(head) is not ClNormMlpClassifierHead or head.pool_type not in _POOLINGS:
        return "its head is not a plain pooled classifier"
    if type(head.fc) not in (nn.Linear, nn.Identity) or type(head.pre_logits) is not nn.Identity:
        return "its classifier is not a plain linear layer"
    return None


def _masked_logits(target: Target, pixels: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Run every token through timm's layers with the dropped units masked as keys."""
    model: Any = target.module
    units = target.spec.grid.num_patches
    kept = torch.zeros(units, dtype=torch.bool, device=pixels.device)
    kept[keep] = True
    x = model.unroll(model._pos_embed(model.patch_embed(pixels)))
    for block in model.blocks:
        # Where units do not see each other there is nothing to mask.
        x = block(x) if block.attn.use_mask_unit_attn else _masked_block(block, x, kept)
    seen = kept.repeat(x.shape[1] // units)
    logits: torch.Tensor = model.forward_head(x[:, seen])
    return logits


def _masked_block(block: Any, x: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Run a block of global attention on all tokens; ``kept`` is (units,) bool."""
    attn = block.attn
    (batch, tokens, _), pool = x.shape, int(attn.q_stride)

    def split(y: torch.Tensor) -> torch.Tensor:
        return y.view(batch, pool, tokens // pool, -1)  # (B, what is pooled, tokens left, C)

    normed = block.norm1(x)
    if block.do_expand and block.proj is not None:
        x = split(block.proj(normed)).amax(1)
    elif block.do_expand:
        x = torch.cat((split(x).amax(1), split(x).mean(1)), dim=-1)
    q, k, v = attn.qkv(normed).view(batch, tokens, 3, attn.heads, -1).unbind(2)
    q = q.reshape(batch, pool, tokens // pool, attn.heads, -1).amax(1)
    scores = torch.einsum("bqhd,bkhd->bhqk", q * attn.scale, k)
    hidden = ~kept.repeat(tokens // kept.numel())
    weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
    mixed = torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2)
    x = x + block.ls1(attn.proj(mixed))
    result: torch.Tensor = x + block.ls2(block.mlp(block.norm2(x)))
    return result


HIERA = Family(
    name="hiera",
    classes=(Hiera,),
    why_not=_why_not,
    describe=_describe,
    adapter=HieraTarget,
    masked_logits=_masked_logits,
)
