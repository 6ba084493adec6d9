"""Where a guidance model is cut: everything up to the feature map, and the head after it.

The map is the output of the last block, before the final norm (DESIGN part 1, step 2). Only the
head is differentiated, so the body always runs without a graph. Nothing is patched: a cut is made
by calling the model's own stages, or on a shallow twin that shares every weight.
"""

from __future__ import annotations

import copy
from typing import Any, Protocol

import torch
from timm.layers import Attention, AttentionPoolLatent, Format
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F

from tinydrop.core.tokens import PatchGrid
from tinydrop.models.backbones.features import Features


class Split(Protocol):
    """A way to cut one model; ``Guidance`` adds the checks and the no-grad pass."""

    layer: str
    constant_query_macs: int | None

    def features(self, pixels: torch.Tensor) -> Features:
        """Return the features of ``pixels``, (B, 3, H, W)."""

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the logits, (B, classes), differentiable in ``feature_map``."""

    def rebuilt(self, module: nn.Module) -> Split:
        """Return the same cut through a copy of the model."""


def without_final_norm(module: nn.Module, norm: str) -> nn.Module:
    """Return a twin of ``module`` that shares every weight but skips the child named ``norm``."""
    twin = copy.copy(module)
    twin.__dict__["_modules"] = module._modules | {norm: nn.Identity()}
    return twin


def _on_grid(tokens: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
    """(B, N, C) row-major patch tokens -> (B, C, rows, cols)."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)


class SpatialSplit:
    """A network whose ``forward_features`` ends in a map, with or without a final norm after it.

    Args:
        module: a timm classifier with ``forward_features`` and ``forward_head``.
        layer: the name of the layer whose output the map is.
        norm: the name of the final norm, left out of the body and put before the head; or None.
        layout: how the model lays out its features: NCHW, NHWC, or NLC with row-major tokens.
        grid: the rows and columns of the map.
    """

    def __init__(
        self, module: nn.Module, layer: str, norm: str | None, layout: Format, grid: PatchGrid
    ) -> None:
        self.layer = layer
        self.constant_query_macs: int | None = None
        self._norm = norm
        self._layout = layout
        self._grid = grid
        # A timm classifier's own methods are unknown to the type checker.
        self._model: Any = module
        self._body: Any = module if norm is None else without_final_norm(module, norm)

    def _after(self, native: torch.Tensor) -> torch.Tensor:
        """Run the final norm and the head on features in the model's own layout."""
        if self._norm is not None:
            native = self._model.get_submodule(self._norm)(native)
        logits: torch.Tensor = self._model.forward_head(native)
        return logits

    def features(self, pixels: torch.Tensor) -> Features:
        """Return the features of ``pixels``, (B, 3, H, W)."""
        native: torch.Tensor = self._body.forward_features(pixels)
        # Some heads work in place: they get a copy, so that the map stays what the layer gave.
        logits = self._after(native.clone())
        if self._layout == Format.NHWC:
            native = native.permute(0, 3, 1, 2)
        elif self._layout == Format.NLC:
            native = _on_grid(native, (self._grid.rows, self._grid.cols))
        return Features(native, (), logits)

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the logits, (B, classes), differentiable in ``feature_map``."""
        del rest
        native = feature_map
        if self._layout == Format.NHWC:
            native = feature_map.permute(0, 2, 3, 1)
        elif self._layout == Format.NLC:
            native = feature_map.flatten(2).transpose(1, 2)
        return self._after(native.clone(memory_format=torch.contiguous_format))

    def rebuilt(self, module: nn.Module) -> SpatialSplit:
        """Return the same cut through a copy of the model."""
        return SpatialSplit(module, self.layer, self._norm, self._layout, self._grid)


def _query_macs(pool: AttentionPoolLatent) -> int:
    """MACs of projecting the latent query."""
    weight = getattr(pool.q, "weight", None)
    return 0 if weight is None else int(pool.latent_len) * int(weight.numel())


class _TransformerSplit:
    """What both cuts of a plain vision transformer share."""

    def __init__(self, module: VisionTransformer, layer: str, query_macs: int) -> None:
        self.layer = layer
        self.constant_query_macs: int | None = query_macs
        self._model = module
        self._prefix = int(module.num_prefix_tokens)
        rows, cols = module.patch_embed.grid_size
        self._grid_size = (int(rows), int(cols))

    def _embed(self, pixels: torch.Tensor) -> torch.Tensor:
        m = self._model
        x: torch.Tensor = m.norm_pre(m._pos_embed(m.patch_embed(pixels)))
        return x

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._model.forward_head(self._model.norm(x))
        return logits

    def _as_map(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, P + N, C) tokens -> (B, C, rows, cols), patches only."""
        return _on_grid(tokens[:, self._prefix :], self._grid_size)


class PatchTokenSplit(_TransformerSplit):
    """A transformer that pools its patch tokens: the map is the last block's output."""

    def __init__(self, module: VisionTransformer) -> None:
        # Attention pooling asks with a learned latent, whatever the picture.
        query = 0 if module.attn_pool is None else _query_macs(module.attn_pool)
        super().__init__(module, f"blocks.{len(module.blocks) - 1}", query)

    def features(self, pixels: torch.Tensor) -> Features:
        """Return the features of ``pixels``, (B, 3, H, W)."""
        x = self._model.blocks(self._embed(pixels))
        return Features(self._as_map(x), (x[:, : self._prefix],), self._logits(x))

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the logits, (B, classes), differentiable in ``feature_map``."""
        (prefix,) = rest
        return self._logits(torch.cat((prefix, feature_map.flatten(2).transpose(1, 2)), dim=1))

    def rebuilt(self, module: nn.Module) -> PatchTokenSplit:
        """Return the same cut through a copy of the model."""
        return PatchTokenSplit(module)


class PooledRowSplit(_TransformerSplit):
    """A transformer that pools its class token: the map is the output of the last block's norm1.

    After that norm the patches reach the logits only through the last attention, as keys and
    values of the pooled rows (at the block's output their gradient is exactly zero). The head
    therefore computes the last block for the pooled rows alone, which gives the same logits and
    the same gradient at a fraction of the cost.
    """

    def __init__(self, module: VisionTransformer) -> None:
        # A distilled model averages a head on each of its two prefix tokens.
        self._rows = 2 if hasattr(module, "head_dist") else 1
        query = self._rows * int(module.blocks[-1].attn.qkv.weight.numel()) // 3
        super().__init__(module, f"blocks.{len(module.blocks) - 1}.norm1", query)

    def features(self, pixels: torch.Tensor) -> Features:
        """Return the features of ``pixels``, (B, 3, H, W)."""
        last = self._model.blocks[-1]
        x = self._embed(pixels)
        for block in self._model.blocks[:-1]:
            x = block(x)
        normed = last.norm1(x)
        rest = (x[:, : self._rows], normed[:, : self._prefix])
        return Features(self._as_map(normed), rest, self._logits(last(x)))

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the logits, (B, classes), differentiable in ``feature_map``."""
        x, prefix = rest
        last = self._model.blocks[-1]
        tokens = torch.cat((prefix, feature_map.flatten(2).transpose(1, 2)), dim=1)
        attended = self._attend(last.attn, prefix[:, : self._rows], tokens)
        x = x + last.drop_path1(last.ls1(attended))
        x = x + last.drop_path2(last.ls2(last.mlp(last.norm2(x))))
        return self._logits(x)

    @staticmethod
    def _attend(attn: Attention, pooled: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Return the attention's output, (B, R, C), of pooled rows over tokens (B, P + N, C)."""
        weight, bias = attn.qkv.weight, attn.qkv.bias
        width = weight.shape[0] // 3
        split = (None, None) if bias is None else (bias[:width], bias[width:])
        batch, rows, _ = pooled.shape
        query = F.linear(pooled, weight[:width], split[0])
        query = query.reshape(batch, rows, attn.num_heads, -1).transpose(1, 2)  # (B, H, R, d)
        both = F.linear(tokens, weight[width:], split[1])
        both = both.reshape(batch, tokens.shape[1], 2, attn.num_heads, -1)
        key, value = both.permute(2, 0, 3, 1, 4)  # each (B, H, P + N, d)
        query, key = attn.q_norm(query), attn.k_norm(key)
        scores = (query * attn.scale) @ key.transpose(-2, -1)  # (B, H, R, P + N)
        mixed = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)  # (B, R, C)
        if hasattr(attn, "norm"):  # identity unless scale_norm; absent in older timm
            mixed = attn.norm(mixed)
        projected: torch.Tensor = attn.proj(mixed)
        return projected

    def rebuilt(self, module: nn.Module) -> PooledRowSplit:
        """Return the same cut through a copy of the model."""
        return PooledRowSplit(module)
