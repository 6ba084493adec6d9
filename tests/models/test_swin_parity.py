"""Swin and SwinV2 on kept units against whole models with the dropped units masked.

The oracle is written out here from the papers and the layers' weights, and cuts no windows: all
tokens of a map attend to all at once, and a pair counts only if its two tokens share a window.
Dropped units are hidden as keys in every block and left out of the pooling.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F
from windowed_zoo import SWIN, SWIN_V2, kept_sets, make_windowed, noise

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.backbones import Target, masked_logits, wrap_target

VARIANTS = [*SWIN, *SWIN_V2]
SETS = ["one", "few", "half scattered", "half compact", "most", "all"]
EXACT = 1e-9  # of the logits' largest absolute value, in float64
FAR = 1e-3
HIDDEN = -1e4
TWINS = ["visible keys", "first columns", "no shift mask", "pools all"]


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def continuous_table(attn: nn.Module) -> torch.Tensor:
    """SwinV2's bias for every difference of places, (entries, heads), from the paper's formula."""
    height, width = attn.window_size
    trained = attn.pretrained_window_size
    sides = []
    for side, before in zip((height, width), trained, strict=True):
        steps = torch.arange(1 - side, side, dtype=torch.float32)  # timm's table is float32
        steps = steps / max((before or side) - 1, 1) * 8
        sides.append(steps.sign() * (1 + steps.abs()).log2() / math.log2(8))
    table = torch.stack(torch.meshgrid(*sides, indexing="ij"), dim=-1).reshape(-1, 2).double()
    first, _, second = attn.cpb_mlp
    return 16 * torch.sigmoid(F.relu(table @ first.weight.T + first.bias) @ second.weight.T)


def attention(block: nn.Module, x: torch.Tensor, seen: torch.Tensor, twin: str) -> torch.Tensor:
    """Attention of a map (B, rows, cols, C) in one piece; ``seen`` is (B, rows, cols) bool."""
    attn = block.attn
    batch, rows, cols, channels = x.shape
    (height, width), (down, right) = block.window_size, block.shift_size
    row = torch.arange(rows).repeat_interleave(cols)
    col = torch.arange(cols).repeat(rows)
    # Where a token comes to lie when the map is moved up and left, and what wrapped around.
    r, c = (row - down) % rows, (col - right) % cols
    window = (r // height) * cols + c // width
    wrapped = 2 * (row < down) + (col < right)
    together = window[:, None] == window[None, :]
    place = (r % height) * width + c % width
    key = place[None]
    if twin == "first columns":  # rows of the bias are gathered, columns taken from the first on
        before = together & (place[None, :] < place[:, None])
        key = (before & seen.reshape(batch, 1, -1)).sum(-1)
    dy = (place // width)[:, None] - (key // width)[:, None, :]
    dx = (place % width)[:, None] - (key % width)[:, None, :]
    entry = (dy + height - 1) * (2 * width - 1) + dx + width - 1  # (B or 1, queries, keys)
    heads = attn.num_heads
    flat = x.reshape(batch, rows * cols, channels)
    qkv = flat @ attn.qkv.weight.T
    if hasattr(attn, "cpb_mlp"):
        if attn.q_bias is not None:
            qkv = qkv + torch.cat((attn.q_bias, torch.zeros_like(attn.q_bias), attn.v_bias))
        table = continuous_table(attn)
    else:
        qkv = qkv + attn.qkv.bias
        table = attn.relative_position_bias_table
    q, k, v = qkv.view(batch, rows * cols, 3, heads, -1).permute(2, 0, 3, 1, 4)
    if hasattr(attn, "logit_scale"):
        q, k = q / q.norm(dim=-1, keepdim=True), k / k.norm(dim=-1, keepdim=True)
        scores = q @ k.transpose(-2, -1) * attn.logit_scale.clamp(max=math.log(100)).exp()
    else:
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores + table[entry].permute(0, 3, 1, 2)
    if twin != "no shift mask":
        scores = scores - 100.0 * (wrapped[:, None] != wrapped[None, :])
    if twin != "visible keys":
        scores = scores + HIDDEN * ~seen.reshape(batch, 1, 1, -1)
    weights = scores.masked_fill(~together, float("-inf")).softmax(-1)
    mixed = (weights @ v).transpose(1, 2).reshape(batch, rows, cols, -1)
    return mixed @ attn.proj.weight.T + attn.proj.bias


def masked_model(
    target: Target, pixels: torch.Tensor, keep: torch.Tensor, twin: str = ""
) -> torch.Tensor:
    """The whole model with dropped units hidden; ``twin`` names a mistake to make."""
    model, grid = target.module, target.spec.grid
    kept = torch.zeros((len(pixels), grid.num_patches), dtype=torch.bool)
    kept = kept.scatter(1, keep, value=True).view(-1, grid.rows, grid.cols)
    x = model.patch_embed(pixels)
    for number, stage in enumerate(model.layers):
        if number:  # four neighbours become one token
            x = torch.cat([x[:, r::2, c::2] for c in (0, 1) for r in (0, 1)], dim=-1)
            merging = stage.downsample
            x = (
                merging.reduction(merging.norm(x))
                if merging.norm.normalized_shape[0] == x.shape[-1]
                else merging.norm(merging.reduction(x))
            )
        side = x.shape[1] // grid.rows
        seen = kept.repeat_interleave(side, 1).repeat_interleave(side, 2)
        for block in stage.blocks:
            if hasattr(block.attn, "cpb_mlp"):
                x = x + block.norm1(attention(block, x, seen, twin))
                x = x + block.norm2(block.mlp(x))
            else:
                x = x + attention(block, block.norm1(x), seen, twin)
                x = x + block.mlp(block.norm2(x))
    x = model.norm(x)
    pooled = (torch.ones_like(kept) if twin == "pools all" else kept)[..., None]
    mean = (x * pooled).sum((1, 2)) / pooled.sum((1, 2))
    top = x.masked_fill(~pooled, float("-inf")).amax((1, 2))
    row = {"avg": mean, "max": top, "avgmax": 0.5 * (mean + top)}[model.head.global_pool.pool_type]
    return row @ model.head.fc.weight.T + model.head.fc.bias


@pytest.fixture(scope="module", params=VARIANTS)
def target(request: pytest.FixtureRequest) -> Target:
    return make_windowed(request.param)


@torch.no_grad()
def test_keeping_all_equals_the_models_own_forward(target: Target) -> None:
    pixels = noise(target)
    expected = target.module(pixels)
    assert difference(target.logits(pixels), expected) <= EXACT
    assert difference(target.logits(pixels, kept_sets(target)["all"]), expected) <= EXACT
    assert difference(masked_model(target, pixels, kept_sets(target)["all"]), expected) <= EXACT
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
@pytest.mark.parametrize("twin", TWINS)
def test_negative_twins_miss_by_far(target: Target, twin: str) -> None:
    pixels, keep = noise(target), kept_sets(target)["half scattered"]
    shifted = any(any(b.shift_size) for stage in target.module.layers for b in stage.blocks)
    assert shifted or twin != "no shift mask"
    wrong = masked_model(target, pixels, keep, twin)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
def test_first_and_shuffled_places_miss_by_far_and_none_has_no_bias(target: Target) -> None:
    """Units that are packed take windows and bias of where they are put, not their own."""
    pixels, keep = noise(target), kept_sets(target)["few"]
    right = target.logits(pixels, keep)
    for mode in ("first", "shuffled", "none"):
        assert difference(target.logits(pixels, keep, mode), right) > FAR, mode


@torch.no_grad()
@pytest.mark.parametrize("variant", ["swin", "swin-window4", "swinv2-cut"])
def test_drift_is_a_picture_whose_units_were_moved(variant: str) -> None:
    """Moving the pixels of the kept units to other cells and dropping the rest is the same."""
    target = make_windowed(variant)
    pixels, keep = noise(target, 1), kept_sets(target)["half scattered"][:1]
    grid, (height, width) = target.spec.grid, target.spec.patch_size
    count = keep.shape[1]
    cut = pixels.view(1, 3, grid.rows, height, grid.cols, width).permute(2, 4, 0, 1, 3, 5)
    cut = cut.flatten(0, 1)  # (N, 1, 3, height, width)

    def moved(cells: torch.Tensor) -> torch.Tensor:
        canvas = torch.zeros_like(cut)
        canvas[cells] = cut[keep[0]]
        canvas = canvas.view(grid.rows, grid.cols, 1, 3, height, width).permute(2, 3, 0, 4, 1, 5)
        return masked_model(target, canvas.reshape(pixels.shape), cells.sort().values[None])

    assert difference(target.logits(pixels, keep, "first"), moved(torch.arange(count))) <= EXACT
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    shuffled = target.logits(pixels, keep, "shuffled")
    assert difference(shuffled, moved(keep[0][order])) <= EXACT


@torch.no_grad()
@pytest.mark.parametrize("variant", ["swin", "swinv2"])
def test_without_positions_the_tables_do_not_matter(variant: str) -> None:
    target = make_windowed(variant)
    pixels, keep = noise(target), kept_sets(target)["few"]
    before = target.logits(pixels, keep, "none"), target.logits(pixels, keep)
    for stage in target.module.layers:
        for block in stage.blocks:
            attn = block.attn
            attn.cpb_mlp[2].weight.neg_() if variant == "swinv2" else (
                attn.relative_position_bias_table.neg_()
            )
    assert difference(target.logits(pixels, keep, "none"), before[0]) <= EXACT
    assert difference(target.logits(pixels, keep), before[1]) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", ["swin", "swinv2"])
def test_pictures_of_a_batch_do_not_see_each_other(variant: str) -> None:
    target = make_windowed(variant)
    pixels = noise(target)
    for keep in kept_sets(target).values():
        both = target.logits(pixels, keep)
        for i in range(2):
            alone = target.logits(pixels[i : i + 1], keep[i : i + 1])
            assert difference(alone, both[i : i + 1]) <= EXACT


def test_many_threads_get_the_answers_of_one_and_the_model_stays_as_it_was() -> None:
    target = make_windowed("swinv2")
    before = {key: value.clone() for key, value in target.module.state_dict().items()}
    pixels, sets = noise(target), list(kept_sets(target).values()) * 3
    alone = [target.logits(pixels, keep) for keep in sets]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda keep: target.logits(pixels, keep), sets))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    after = target.module.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("swin_tiny_patch4_window7_224", {"img_size": 256}, "would pad its 64x64 tokens"),
        ("swin_tiny_patch4_window7_224", {"img_size": 240}, "merged 8 by 8 without padding"),
        ("swin_tiny_patch4_window7_224", {"strict_img_size": False}, "any input size"),
        ("swin_tiny_patch4_window7_224", {"in_chans": 1}, "1 channels"),
        ("swin_tiny_patch4_window7_224", {"num_classes": 0}, "no classifier"),
        ("swin_tiny_patch4_window7_224", {"global_pool": ""}, "pooling '' is not proved"),
        (
            "swin_tiny_patch4_window7_224",
            {"img_size": 64, "window_size": 4, "always_partition": True},
            "would pad its 2x2 tokens",
        ),
        ("swinv2_tiny_window8_256", {"img_size": 224}, "would pad its 28x28 tokens"),
        ("swinv2_cr_tiny_224", {}, "another way than SwinV2"),
    ],
)
def test_what_is_not_proved_is_refused_with_a_reason(
    name: str, arguments: dict[str, object], says: str
) -> None:
    small = {"embed_dim": 24, "depths": (1, 1, 1, 1)} | arguments
    with pytest.raises(UnsupportedModelError, match=says) as caught:
        wrap_target(timm.create_model(name, **small).eval(), name)
    assert "\n" not in str(caught.value)


def test_units_are_counted_not_patches() -> None:
    """At 224 pixels Swin-T can drop 49 units of 32x32 pixels, and says so when asked for more."""
    with torch.device("meta"):
        model = timm.create_model("swin_tiny_patch4_window7_224").eval()
    from tinydrop.models.backbones import describe_target

    spec = describe_target(model, "swin_tiny_patch4_window7_224")
    assert (spec.grid.rows, spec.grid.cols, spec.patch_size) == (7, 7, (32, 32))
    assert (spec.pooling, spec.num_prefix_tokens, spec.depth) == ("avg", 0, 12)
    assert spec.positions.name == "windows"
    target = make_windowed("swin-window4")
    with pytest.raises(SettingError, match="between 0 and 15"):
        target.logits(noise(target), torch.tensor([[0, 16], [0, 1]]))
