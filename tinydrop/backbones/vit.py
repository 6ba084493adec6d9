"""The target adapter: a plain vision transformer that runs on the kept patches only.

The model's own stages are called in order. Patches and positions are embedded on the whole grid,
so every kept patch carries its own position; then the kept rows are gathered behind the prefix
tokens, and the rest of the model never sees the others. No live model is changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from tinydrop.backbones.build import build_model, model_input
from tinydrop.backbones.hub import DownloadProgress
from tinydrop.backbones.parity import (
    check_pixels,
    largest_difference,
    placed_like,
    probe_pixels,
    require_ready,
    tolerance,
)
from tinydrop.backbones.structure import why_not_plain
from tinydrop.errors import SettingError, UnsupportedModelError
from tinydrop.images import InputSpec
from tinydrop.tokens import PatchGrid

__all__ = ["PoolCost", "Target", "TargetSpec", "describe_target", "load_target", "wrap_target"]


@dataclass(frozen=True)
class PoolCost:
    """What pooling by attention multiplies, in MACs; all zero for every other pooling.

    Attributes:
        fixed: independent of the kept set: the latent query, the projection and the MLP.
        per_token: per pooled token: keys, values, scores and mixing.
    """

    fixed: int = 0
    per_token: int = 0


@dataclass(frozen=True)
class TargetSpec:
    """Facts about a target, enough to count its MACs for any number of kept patches.

    Attributes:
        name: the name it was asked for.
        family: the model's class in timm.
        positions: how positions enter, in words.
        grid: the patch grid.
        patch_size: (height, width) of a patch in input pixels.
        num_prefix_tokens: P, class, distillation and register tokens, always kept.
        pooling: timm's pooling: token, avg, max, avgmax or map.
        pools_prefix: whether prefix tokens are pooled together with the patches.
        num_classes: the length of its logits; 0 without a classifier.
        input: the input it wants.
        depth: D, the number of blocks.
        embed_dim: C.
        num_heads: H of a block.
        parameters: the number of weights.
        patch_macs: MACs to embed one patch.
        token_macs: MACs of the linear layers of all blocks together for one token.
        attention_width: heads x head size, summed over all blocks.
        pool_cost: the cost of pooling by attention.
        head_macs: MACs of the classifier (of both, if distilled).
    """

    name: str
    family: str
    positions: str
    grid: PatchGrid
    patch_size: tuple[int, int]
    num_prefix_tokens: int
    pooling: str
    pools_prefix: bool
    num_classes: int
    input: InputSpec
    depth: int
    embed_dim: int
    num_heads: int
    parameters: int
    patch_macs: int
    token_macs: int
    attention_width: int
    pool_cost: PoolCost
    head_macs: int


class Target:
    """A frozen transformer that classifies from any set of patches; make it with ``wrap_target``.

    Attributes:
        spec: facts about the model.
        module: the live model, never changed.
    """

    def __init__(self, spec: TargetSpec, module: VisionTransformer) -> None:
        self.spec = spec
        self.module: nn.Module = module
        self._model = module

    def logits(
        self, pixels: torch.Tensor, keep_indices: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the logits, (B, classes), on the model's device, without gradient.

        Args:
            pixels: (B, 3, H, W), normalised as ``spec.input`` says.
            keep_indices: (B, K) int64, each row sorted and unique, patches only; None keeps all.

        Raises:
            SettingError: if a shape, type or index does not fit.
        """
        check_pixels(pixels, self.spec.input)
        if keep_indices is not None:
            self._check_indices(keep_indices, pixels.shape[0])
        model = self._model
        with torch.inference_mode():
            x = model._pos_embed(model.patch_embed(placed_like(model, pixels)))  # (B, P + N, C)
            if keep_indices is not None:
                x = self._gather(x, keep_indices.to(x.device))  # (B, P + K, C)
            x = model.norm(model.blocks(model.norm_pre(x)))
            logits: torch.Tensor = model.forward_head(x)
            return logits

    def _gather(self, x: torch.Tensor, keep_indices: torch.Tensor) -> torch.Tensor:
        """Return prefix and kept patches, (B, P + K, C), of the embedded grid (B, P + N, C)."""
        prefix = self.spec.num_prefix_tokens
        rows = keep_indices[:, :, None].expand(-1, -1, x.shape[-1])  # (B, K, C)
        return torch.cat((x[:, :prefix], x[:, prefix:].gather(1, rows)), dim=1)

    def _check_indices(self, keep_indices: torch.Tensor, batch: int) -> None:
        patches = self.spec.grid.num_patches
        shape = tuple(keep_indices.shape)
        if len(shape) != 2 or shape[0] != batch or not 1 <= shape[1] <= patches:
            raise SettingError(
                f"Kept patches have shape ({batch}, K) with K from 1 to {patches}, got {shape}."
            )
        if keep_indices.dtype != torch.int64:
            raise SettingError(f"Kept patches are int64 indices, got {keep_indices.dtype}.")
        low, high = int(keep_indices.min()), int(keep_indices.max())
        if low < 0 or high >= patches:
            raise SettingError(
                f"Kept patches must lie between 0 and {patches - 1}, got {low} to {high}."
            )
        if bool((keep_indices.diff(dim=1) <= 0).any()):
            raise SettingError("Kept patches must be sorted and unique in every row.")


def wrap_target(module: nn.Module, name: str, input_spec: InputSpec | None = None) -> Target:
    """Return the adapter of a timm transformer in eval mode, after proving that it fits.

    Args:
        module: the model; it is not changed.
        name: how to call it in messages and results.
        input_spec: the input it wants; by default what timm says about it.

    Raises:
        UnsupportedModelError: if it is not a proved plain transformer, has no classifier, or
            running it by stages changes its answer; with the reason.
    """
    reason = why_not_plain(module)
    if reason is not None:
        raise UnsupportedModelError(f"{name} cannot be a target: {reason}.")
    require_ready(module, name, role="target")
    target = Target(describe_target(module, name, input_spec), module)
    pixels = probe_pixels(module, target.spec.input.size)
    with torch.inference_mode():
        expected = module(pixels)
    difference = largest_difference(target.logits(pixels), expected)
    limit = tolerance(expected.dtype)
    if not difference <= limit:
        raise UnsupportedModelError(
            f"{name} cannot be a target: run by stages on every patch its logits differ by "
            f"{difference:.1e} of their largest value, where at most {limit:.0e} is allowed."
        )
    return target


def load_target(
    name: str, *, pretrained: bool = True, progress: DownloadProgress | None = None
) -> Target:
    """Build a timm model by name and wrap it.

    Raises:
        UnsupportedModelError: for an unknown name or a model that does not fit.
        WeightsUnavailableError: if its weights cannot be had.
    """
    return wrap_target(build_model(name, pretrained=pretrained, progress=progress), name)


def describe_target(
    module: VisionTransformer, name: str, input_spec: InputSpec | None = None
) -> TargetSpec:
    """Read the facts off a plain transformer; its weights are not touched.

    Raises:
        UnsupportedModelError: if ``input_spec`` asks for another size than the model was built for.
    """
    embed = module.patch_embed
    height, width = (int(side) for side in embed.img_size)
    spec_input = model_input(module) if input_spec is None else input_spec
    if spec_input.size != (height, width):
        raise UnsupportedModelError(
            f"{name} was built for {height}x{width} pixels, not for "
            f"{spec_input.size[0]}x{spec_input.size[1]}; build it with that img_size."
        )
    rows, cols = (int(side) for side in embed.grid_size)
    patch_height, patch_width = (int(side) for side in embed.patch_size)
    blocks = list(module.blocks)
    heads = [module.head, module.head_dist] if hasattr(module, "head_dist") else [module.head]
    return TargetSpec(
        name=name,
        family=type(module).__name__,
        positions=_positions(module),
        grid=PatchGrid(rows, cols),
        patch_size=(patch_height, patch_width),
        num_prefix_tokens=int(module.num_prefix_tokens),
        pooling=str(module.global_pool),
        pools_prefix=bool(module.pool_include_prefix),
        num_classes=int(module.num_classes),
        input=spec_input,
        depth=len(blocks),
        embed_dim=int(module.embed_dim),
        num_heads=int(blocks[0].attn.num_heads),
        parameters=sum(int(p.numel()) for p in module.parameters()),
        patch_macs=int(embed.proj.weight.numel()),
        token_macs=sum(_linear_macs(block) for block in blocks),
        attention_width=sum(int(block.attn.qkv.out_features) // 3 for block in blocks),
        pool_cost=_pool_cost(module),
        head_macs=sum(_linear_macs(head) for head in heads),
    )


def _positions(module: VisionTransformer) -> str:
    """Say in words how positions enter a plain transformer."""
    if module.no_embed_class or not module.num_prefix_tokens:
        return "absolute table, patches only"
    return "absolute table, prefix and patches"


def _linear_macs(part: nn.Module) -> int:
    """MACs per token of all linear layers inside ``part``: inputs x outputs of each."""
    return sum(
        layer.in_features * layer.out_features
        for layer in part.modules()
        if isinstance(layer, nn.Linear)
    )


def _pool_cost(module: VisionTransformer) -> PoolCost:
    pool = module.attn_pool
    if pool is None:
        return PoolCost()
    width = int(pool.kv.out_features) // 2
    latents = int(pool.latent_len)
    fixed = latents * sum(
        _linear_macs(part) for part in (pool.q, pool.proj, pool.mlp) if part is not None
    )
    # Keys and values of a token, then its score and its share in the mix for every latent.
    return PoolCost(fixed, _linear_macs(pool.kv) + 2 * latents * width)
