"""Hiera on kept mask units against the whole model with the dropped units masked.

The oracle is written out here on maps with rows and columns, where timm sorts tokens so that units
run fastest: queries are pooled over squares of four neighbours, and who may attend to whom follows
from coordinates. Dropped units are hidden as keys in every block and left out of the pooling.
"""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F
from windowed_zoo import HIERA, kept_sets, make_windowed, noise

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.models.backbones import Target, masked_logits, wrap_target

EXACT = 1e-9  # of the logits' largest absolute value, in float64
FAR = 1e-3


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def pool(x: torch.Tensor, side: int) -> torch.Tensor:
    """The largest of every ``side`` x ``side`` neighbours of a map (B, rows, cols, C)."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1)


def position_table(model: nn.Module, rows: int, cols: int) -> torch.Tensor:
    if model.pos_embed_win is None:
        return model.pos_embed.view(1, rows, cols, -1)
    whole = F.interpolate(model.pos_embed, (rows, cols), mode="bicubic", antialias=True)
    height, width = model.pos_embed_win.shape[-2:]
    tiled = model.pos_embed_win.repeat(1, 1, rows // height, cols // width)
    return (whole + tiled).permute(0, 2, 3, 1)


def masked_model(
    target: Target, pixels: torch.Tensor, keep: torch.Tensor, twin: str = ""
) -> torch.Tensor:
    """The whole model with dropped units hidden; ``twin`` names a mistake to make."""
    model, grid = target.module, target.spec.grid
    batch = len(pixels)
    kept = torch.zeros((batch, grid.num_patches), dtype=torch.bool)
    kept = kept.scatter(1, keep, value=True).view(-1, grid.rows, grid.cols)
    if twin == "black pixels":  # what timm's own mask= does before its overlapping convolution
        sides = [a // b for a, b in zip(pixels.shape[2:], kept.shape[1:], strict=True)]
        shown = kept.repeat_interleave(sides[0], 1).repeat_interleave(sides[1], 2)
        pixels = pixels * shown[:, None]
    x = model.patch_embed.proj(pixels).permute(0, 2, 3, 1)
    x = x + position_table(model, x.shape[1], x.shape[2])
    unit = torch.arange(grid.num_patches).view(grid.rows, grid.cols)
    for block in model.blocks:
        attn = block.attn
        rows, cols = x.shape[1:3]
        step = round(attn.q_stride**0.5)
        normed = block.norm1(x)
        if block.do_expand and block.proj is not None:
            x = pool(block.proj(normed), step)
        elif block.do_expand:
            mean = F.avg_pool2d(x.permute(0, 3, 1, 2), step).permute(0, 2, 3, 1)
            x = torch.cat((pool(x, step), mean), dim=-1)
        q, k, v = attn.qkv(normed).chunk(3, dim=-1)
        q = pool(q, step)

        def heads(y: torch.Tensor, number: int = attn.heads) -> torch.Tensor:
            return y.reshape(batch, -1, number, y.shape[-1] // number).transpose(1, 2)

        def spread(cells: torch.Tensor, length: int) -> torch.Tensor:
            side = length // grid.rows
            return cells.repeat_interleave(side, -2).repeat_interleave(side, -1)

        scores = heads(q) @ heads(k).transpose(-2, -1) / heads(q).shape[-1] ** 0.5
        if attn.use_mask_unit_attn and twin != "units mixed":
            asks, answers = (spread(unit, n).flatten() for n in (rows // step, rows))
            scores = scores.masked_fill(asks[:, None] != answers[None, :], float("-inf"))
        if twin != "visible keys":
            # Finite, since a dropped unit sees only itself where units do not mix.
            scores = scores - 1e4 * ~spread(kept, rows).reshape(batch, 1, 1, rows * cols)
        mixed = (scores.softmax(-1) @ heads(v)).transpose(1, 2).reshape(*q.shape)
        x = x + block.ls1(attn.proj(mixed))
        x = x + block.ls2(block.mlp(block.norm2(x)))
    side = x.shape[1] // grid.rows
    pooled = kept.repeat_interleave(side, 1).repeat_interleave(side, 2)[..., None]
    if twin == "pools all":
        pooled = torch.ones_like(pooled)
    mean = (x * pooled).sum((1, 2)) / pooled.sum((1, 2))
    top = x.masked_fill(~pooled, float("-inf")).amax((1, 2))
    row = {"avg": mean, "max": top, "avgmax": 0.5 * (mean + top)}[model.head.pool_type]
    return model.head.fc(model.head.norm(row))


@pytest.fixture(scope="module", params=HIERA)
def target(request: pytest.FixtureRequest) -> Target:
    return make_windowed(request.param)


@torch.no_grad()
def test_keeping_all_equals_the_models_own_forward(target: Target) -> None:
    pixels, everything = noise(target), kept_sets(target)["all"]
    expected = target.module(pixels)
    assert difference(target.logits(pixels), expected) <= EXACT
    assert difference(target.logits(pixels, everything), expected) <= EXACT
    assert difference(masked_model(target, pixels, everything), expected) <= EXACT
    assert F.cosine_similarity(expected[0], expected[1], dim=0) < 0.9999


@torch.no_grad()
def test_dropping_equals_masking(target: Target) -> None:
    pixels = noise(target)
    for name, keep in kept_sets(target).items():
        expected = masked_model(target, pixels, keep)
        assert difference(target.logits(pixels, keep), expected) <= EXACT, name


@torch.no_grad()
def test_the_oracle_of_check_agrees_with_the_one_written_out_here(target: Target) -> None:
    pixels, keep = noise(target, 1), kept_sets(target)["half scattered"][:1]
    expected = masked_model(target, pixels, keep)
    assert difference(masked_logits(target, pixels, keep[0]), expected) <= EXACT


@torch.no_grad()
@pytest.mark.parametrize("twin", ["visible keys", "units mixed", "pools all", "black pixels"])
def test_negative_twins_miss_by_far(target: Target, twin: str) -> None:
    pixels, keep = noise(target), kept_sets(target)["half scattered"]
    wrong = masked_model(target, pixels, keep, twin)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("mode", ["first", "shuffled", "none"])
def test_wrong_positions_are_the_tables_of_other_cells(target: Target, mode: str) -> None:
    """Rearranging the table itself under units that stay where they are is the same mistake."""
    pixels, keep = noise(target, 1), kept_sets(target)["few"][:1]
    model, grid = target.module, target.spec.grid
    ours, right = target.logits(pixels, keep, mode), target.logits(pixels, keep)
    assert difference(ours, right) > FAR
    moved = make_windowed(target.spec.name)
    embedded = model.patch_embed.proj(pixels)
    rows, cols = embedded.shape[2:]
    height, width = rows // grid.rows, cols // grid.cols
    table = position_table(model, rows, cols).view(grid.rows, height, grid.cols, width, -1)
    table = table.permute(0, 2, 1, 3, 4).flatten(0, 1)  # (N, height, width, C)
    order = torch.randperm(3, generator=torch.Generator().manual_seed(0))
    cells = {"first": torch.arange(3), "shuffled": keep[0][order], "none": keep[0]}[mode]
    wrong = table.clone()
    wrong[keep[0]] = 0 * table[cells] if mode == "none" else table[cells]
    wrong = wrong.view(grid.rows, grid.cols, height, width, -1).transpose(1, 2)
    moved.module.pos_embed_win = None
    moved.module.pos_embed = nn.Parameter(wrong.reshape(1, rows * cols, -1))
    assert difference(ours, masked_model(moved, pixels, keep)) <= EXACT


@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    target = make_windowed("hiera")
    pixels, keep = noise(target), kept_sets(target)["few"]
    both = target.logits(pixels, keep)
    for i in range(2):
        alone = target.logits(pixels[i : i + 1], keep[i : i + 1])
        assert difference(alone, both[i : i + 1]) <= EXACT


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("hiera_tiny_224", {"mask_unit_size": (4, 4)}, "not what its pooling unrolls"),
        ("hiera_tiny_224", {"img_size": (80, 80)}, "do not fill whole mask units"),
        ("hiera_tiny_224", {"in_chans": 1}, "1 channels"),
        ("hiera_tiny_224", {"num_classes": 0}, "no classifier"),
        ("hiera_tiny_224", {"global_pool": ""}, "not a plain pooled classifier"),
        ("hieradet_small", {}, "accepts any input size"),
    ],
)
def test_what_is_not_proved_is_refused_with_a_reason(
    name: str, arguments: dict[str, object], says: str
) -> None:
    small = {"embed_dim": 16, "stages": (1, 1, 1, 1)} | arguments
    with pytest.raises(UnsupportedModelError, match=says) as caught:
        wrap_target(timm.create_model(name, **small).eval(), name)
    assert "\n" not in str(caught.value)
