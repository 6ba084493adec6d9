"""What Swin and SwinV2 have in common as targets: units, stages, windows and their oracle.

Patches can only be left out in units that become one token in the last stage, since the merging of
patches joins whole units alone. All patches are embedded; then only the tokens of kept units go
on, and attention runs among the kept tokens of each window.

Wrong positions: units that are placed in other cells take the windows and the bias of those cells.
Without positions the bias is left out, while tokens still meet in the windows of their own places.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.costs import WindowedCost, WindowGrid, WindowStage, linear_macs
from tinydrop.models.backbones.families.windowed.layout import (
    Layout,
    Places,
    Scores,
    attend_in_windows,
    group_by_window,
)
from tinydrop.models.backbones.family import spec_input_of
from tinydrop.models.backbones.parity import placed_like
from tinydrop.models.backbones.target import Kept, PositionScheme, Target, TargetSpec

# Beside any score this hides a key completely, yet stays finite: a window may be hidden entirely.
_HIDDEN = -1e4

Attend = Callable[[torch.Tensor], torch.Tensor]
"""What one block's attention makes of its input, of the same shape."""


class WindowedTarget(Target):
    """The adapter of a windowed transformer; a family adds how its blocks and attention work."""

    def __init__(self, spec: TargetSpec, module: Any) -> None:
        super().__init__(spec, module)
        self._model = module

    @abstractmethod
    def run_block(self, block: Any, x: torch.Tensor, attend: Attend) -> torch.Tensor:
        """Return a block's output for tokens (..., C), with ``attend`` as its attention."""

    @abstractmethod
    def _scores(self, attn: Any, x: torch.Tensor) -> Scores:
        """Return what an attention compares and mixes, of its input (T, C)."""

    def _run(self, pixels: torch.Tensor, kept: Kept | None) -> torch.Tensor:
        model, grid = self._model, self.spec.grid
        x = model.patch_embed(placed_like(model, pixels))  # (B, rows, cols, C)
        batch = x.shape[0]
        if kept is None:
            everything = torch.arange(grid.num_patches, device=x.device).expand(batch, -1)
            kept = Kept(everything, everything)
        x = _kept_units(x, grid, kept.indices)  # (B * K, side, side, C)
        # Without positions tokens still meet in the windows of their own places, or nowhere.
        cells = kept.indices if kept.cells is None else kept.cells
        for stage in model.layers:
            x = stage.downsample(x)
            places = _places(cells, grid, int(x.shape[1]))
            tokens = x.flatten(0, 2)  # (T, C)
            layouts: dict[WindowGrid, Layout] = {}
            for block in stage.blocks:
                windows = _window_grid(block)
                if windows not in layouts:
                    index = block.attn.relative_position_index
                    layouts[windows] = group_by_window(windows, places, index)
                attend = self._attention(block.attn, layouts[windows], bias=kept.cells is not None)
                tokens = self.run_block(block, tokens, attend)
            x = tokens.view(*x.shape[:3], -1)
        x = model.norm(x).reshape(batch, -1, 1, x.shape[-1])
        logits: torch.Tensor = model.forward_head(x)
        return logits

    def _attention(self, attn: Any, layout: Layout, *, bias: bool) -> Attend:
        """Return the attention among kept tokens, without the relative bias if ``bias`` is off."""

        def attend(x: torch.Tensor) -> torch.Tensor:
            scores = self._scores(attn, x[layout.order])
            mixed: torch.Tensor = attn.proj(attend_in_windows(scores, layout, bias=bias))
            return mixed[layout.back]

        return attend


def _kept_units(x: torch.Tensor, grid: PatchGrid, indices: torch.Tensor) -> torch.Tensor:
    """Return the kept units' tokens, (B * K, side, side, C), of a map (B, rows, cols, C)."""
    batch, rows, cols, channels = x.shape
    units = x.view(batch, grid.rows, rows // grid.rows, grid.cols, cols // grid.cols, channels)
    units = units.transpose(2, 3).flatten(1, 2)  # (B, N, side, side, C)
    picture = torch.arange(batch, device=x.device)[:, None]
    return units[picture, indices].flatten(0, 1)


def _places(cells: torch.Tensor, grid: PatchGrid, side: int) -> Places:
    """Return where the tokens of the units at ``cells`` (B, K) lie, unit after unit."""
    batch, num_keep = cells.shape
    inside = torch.arange(side, device=cells.device)
    picture = torch.arange(batch, device=cells.device)
    shape = (batch, num_keep, side, side)
    row = (cells // grid.cols * side)[:, :, None, None] + inside[:, None]
    col = (cells % grid.cols * side)[:, :, None, None] + inside
    return Places(
        picture[:, None, None, None].expand(shape).reshape(-1),
        row.expand(shape).reshape(-1),
        col.expand(shape).reshape(-1),
        batch,
    )


def _window_grid(block: Any) -> WindowGrid:
    (rows, cols), (height, width) = block.input_resolution, block.window_size
    down, right = block.shift_size
    return WindowGrid(int(rows), int(cols), int(height), int(width), int(down), int(right))


def describe_windowed(
    module: Any, name: str, input_spec: InputSpec | None, words: str, fixed: int = 0
) -> TargetSpec:
    """Read the facts off a windowed transformer; its weights are not touched.

    Args:
        module: of a class that ``why_not_windowed`` lets through.
        name: how to call it.
        input_spec: the input it wants; its own by default.
        words: how positions enter, in words.
        fixed: MACs per picture that no kept set changes.
    """
    embed = module.patch_embed
    rows, cols = (int(side) for side in embed.grid_size)
    scale = 2 ** (len(module.layers) - 1)
    height, width = (int(side) * scale for side in embed.patch_size)
    blocks = [block for stage in module.layers for block in stage.blocks]
    return TargetSpec(
        name=name,
        family=type(module).__name__,
        positions=PositionScheme("windows", f"{words}, kept in units of {height}x{width} pixels"),
        grid=PatchGrid(rows // scale, cols // scale),
        patch_size=(height, width),
        num_prefix_tokens=0,
        pooling=str(module.head.global_pool.pool_type),
        pools_prefix=False,
        num_classes=int(module.num_classes),
        input=spec_input_of(module, name, input_spec),
        depth=len(blocks),
        embed_dim=int(module.num_features),
        num_heads=int(blocks[-1].attn.num_heads),
        parameters=sum(int(p.numel()) for p in module.parameters()),
        cost=WindowedCost(
            embed_macs=rows * cols * int(embed.proj.weight.numel()),
            stages=tuple(
                _stage_cost(stage, scale >> index) for index, stage in enumerate(module.layers)
            ),
            head_macs=linear_macs(module.head),
            fixed=fixed,
        ),
    )


def _stage_cost(stage: Any, unit_side: int) -> WindowStage:
    windows: dict[WindowGrid, int] = {}
    token_macs = linear_macs(stage.downsample)
    for block in stage.blocks:
        token_macs += sum(
            linear_macs(part) for part in (block.attn.qkv, block.attn.proj, block.mlp)
        )
        grid = _window_grid(block)
        windows[grid] = windows.get(grid, 0) + int(block.attn.qkv.out_features) // 3
    return WindowStage(unit_side, token_macs, tuple(windows.items()))


def masked_windowed_logits(
    target: Target, pixels: torch.Tensor, keep: torch.Tensor
) -> torch.Tensor:
    """Run timm's own attention on whole windows with the dropped units masked as keys."""
    if not isinstance(target, WindowedTarget):
        raise UnsupportedModelError(f"{target.spec.name} does not attend inside windows.")
    model: Any = target.module
    grid = target.spec.grid
    kept = torch.zeros(grid.num_patches, dtype=torch.bool, device=pixels.device)
    kept[keep] = True
    kept = kept.view(grid.rows, grid.cols)
    x = model.patch_embed(pixels)
    for stage in model.layers:
        x = stage.downsample(x)
        side = x.shape[1] // grid.rows
        seen = kept.repeat_interleave(side, dim=0).repeat_interleave(side, dim=1)
        for block in stage.blocks:
            x = target.run_block(block, x, partial(_masked_attention, block, seen))
    pooled = model.norm(x)[:, kept][:, :, None]  # (B, K, 1, C)
    logits: torch.Tensor = model.forward_head(pooled)
    return logits


def _masked_attention(block: Any, seen: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Run timm's window attention on a map (B, rows, cols, C); ``seen`` is (rows, cols)."""
    down, right = block.shift_size
    x = torch.roll(x, (-down, -right), dims=(1, 2))
    hidden = (~torch.roll(seen, (-down, -right), dims=(0, 1))).to(x) * _HIDDEN
    keys = _windows(hidden[None, :, :, None], block.window_size)[:, :, 0]  # (windows, area)
    mask = keys[:, None, :].expand(-1, keys.shape[1], -1)
    if block.attn_mask is not None:
        mask = mask + block.attn_mask
    out = block.attn(_windows(x, block.window_size), mask=mask)
    (height, width), (batch, rows, cols, _) = block.window_size, x.shape
    out = out.view(batch, rows // height, cols // width, height, width, -1)
    return torch.roll(out.transpose(2, 3).reshape(x.shape), (down, right), dims=(1, 2))


def _windows(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return a map's windows one by one, (B * windows, area, C), of (B, rows, cols, C)."""
    (batch, rows, cols, channels), (height, width) = x.shape, size
    x = x.view(batch, rows // height, height, cols // width, width, channels)
    return x.transpose(2, 3).reshape(-1, height * width, channels)
