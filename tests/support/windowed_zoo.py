"""Shrunk windowed and hierarchical targets, with every weight awake, and kept sets for them."""

from __future__ import annotations

import timm
import torch
from backbone_zoo import awake
from torch import nn

from tinydrop.models.backbones import Target, wrap_target

__all__ = ["HIERA", "SWIN", "SWIN_V2", "kept_sets", "make_windowed", "noise"]

_SMALL = {"embed_dim": 16, "num_classes": 10}
_THREE = {**_SMALL, "depths": (2, 2, 2), "num_heads": (1, 2, 4)}
_FOUR = {**_SMALL, "depths": (2, 2, 2, 2), "num_heads": (1, 2, 2, 4)}
_HIERA = {**_SMALL, "img_size": (96, 96), "stages": (1, 2, 2, 1), "num_heads": 1}

# Units of 4x4 tokens at first (8x8 with four stages); sides of the maps in brackets.
SWIN: dict[str, tuple[str, dict[str, object]]] = {
    # [28, 14, 7] in windows of 7, whose borders cut units; the last stage has one window.
    "swin": ("swin_tiny_patch4_window7_224", {**_THREE, "img_size": 56, "patch_size": 2}),
    # [32, 16, 8, 4]: windows of 4 lie inside units, then units inside windows.
    "swin-window4": (
        "swin_tiny_patch4_window7_224",
        {**_FOUR, "img_size": 64, "patch_size": 2, "window_size": 4},
    ),
    # [16, 8, 4]: windows of 8 are clipped to the whole map in the last two stages.
    "swin-clipped": ("swin_tiny_patch4_window7_224", {**_THREE, "img_size": 64, "window_size": 8}),
    # [16x8, 8x4, 4x2]: clipped along one side first, where only the other side is shifted.
    "swin-tall": (
        "swin_tiny_patch4_window7_224",
        {**_THREE, "img_size": (64, 32), "window_size": 4, "head_dim": 8},
    ),
    # Windows of another size in every stage, as the S3 models have.
    "swin-mixed": (
        "swin_s3_tiny_224",
        {**_FOUR, "img_size": 64, "patch_size": 2, "window_size": (8, (2, 4), 4, 2)},
    ),
    "swin-max": (
        "swin_tiny_patch4_window7_224",
        {**_THREE, "img_size": 64, "window_size": 4, "global_pool": "max"},
    ),
    "swin-always-shifted": (
        "swin_tiny_patch4_window7_224",
        {**_THREE, "img_size": 64, "window_size": 4, "always_partition": True},
    ),
}

SWIN_V2: dict[str, tuple[str, dict[str, object]]] = {
    "swinv2": ("swinv2_tiny_window8_256", {**_THREE, "img_size": 64, "window_size": 4}),
    "swinv2-cut": (
        "swinv2_tiny_window8_256",
        {**_THREE, "img_size": 56, "patch_size": 2, "window_size": 7},
    ),
    # Trained in other windows, which stretches the differences its bias is made of.
    "swinv2-pretrained": (
        "swinv2_tiny_window8_256",
        {**_THREE, "img_size": 64, "window_size": 8, "pretrained_window_sizes": (6, 6, 3)},
    ),
    "swinv2-tall": (
        "swinv2_tiny_window8_256",
        {**_THREE, "img_size": (64, 32), "window_size": 4, "qkv_bias": False},
    ),
    "swinv2-averagemax": (
        "swinv2_tiny_window8_256",
        {**_THREE, "img_size": 64, "window_size": 4, "global_pool": "avgmax"},
    ),
}

# Mask units of 8x8 tokens on a grid of 3x3, which become one token in the last stage.
HIERA: dict[str, tuple[str, dict[str, object]]] = {
    "hiera": ("hiera_tiny_224", _HIERA),
    "hiera-windowed-table": ("hiera_base_abswin_256", _HIERA),
    "hiera-pooled-shortcut": ("hiera_small_abswin_256", _HIERA),
    # Two poolings instead of three: a unit still has 2x2 tokens at the end.
    "hiera-two-pools": ("hiera_tiny_224", {**_HIERA, "q_pool": 2}),
    "hiera-global-early": (
        "hiera_tiny_224",
        {**_HIERA, "mask_unit_attn": (True, False, False, False)},
    ),
    "hiera-tall": (
        "hiera_tiny_224",
        {**_HIERA, "img_size": (96, 64), "global_pool": "avgmax", "init_values": 1e-5},
    ),
    "hiera-small-units": (
        "hiera_tiny_224",
        {
            **_HIERA,
            "img_size": (64, 64),
            "stages": (1, 2, 1),
            "mask_unit_size": (4, 4),
            "q_pool": 2,
            "mask_unit_attn": (True, False, False),
        },
    ),
}

_ALL = {**SWIN, **SWIN_V2, **HIERA}


def make_windowed(variant: str) -> Target:
    """Return a shrunk target of a variant, in float64 so that tolerances can be tight."""
    name, arguments = _ALL[variant]
    arguments = dict(arguments)
    pool = arguments.pop("global_pool", "avg")
    module: nn.Module = timm.create_model(name, **arguments)
    module.reset_classifier(10, pool)  # older constructors take the average alone
    module = awake(module).double()
    return wrap_target(module.requires_grad_(requires_grad=False), variant)


def noise(target: Target, batch: int = 2) -> torch.Tensor:
    """Return the same noise every time, (batch, 3, height, width) float64."""
    generator = torch.Generator().manual_seed(5)
    shape = (batch, 3, *target.spec.input.size)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def kept_sets(target: Target) -> dict[str, torch.Tensor]:
    """Return kept sets for a batch of two, (2, K) int64; the pictures keep different units."""
    grid = target.spec.grid
    units = grid.num_patches
    half = units // 2 + units % 2

    def scattered(count: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(count)
        rows = [torch.randperm(units, generator=generator)[:count].sort().values for _ in range(2)]
        return torch.stack(rows)

    index = torch.arange(units)
    row, col = index // grid.cols, index % grid.cols
    corners = [(row + col), (grid.rows - 1 - row + grid.cols - 1 - col)]  # distance from a corner
    compact = torch.stack([d.argsort(stable=True)[:half].sort().values for d in corners])
    return {
        "one": torch.tensor([[0], [units - 1]]),
        "few": scattered(3),
        "half scattered": scattered(half),
        "half compact": compact,
        "most": scattered(units - 1),
        "all": index.expand(2, -1),
    }
