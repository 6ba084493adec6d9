"""Targets on kept patches against the full model with the dropped patches masked.

The oracle is written out here from the model's layers: dropped patches are masked as keys in every
block (minus infinity before the softmax) and left out of the pooling. Every proof has negative
twins, the mistakes that people make, and they must miss by a wide margin.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from backbone_zoo import TARGETS, awake, make_target
from torch import nn
from torch.nn import functional as F

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.backbones import Target, wrap_target

VARIANTS = list(TARGETS)
EXACT = 1e-9  # of the logits' largest absolute value, in float64
FAR = 1e-3


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def pixels_for(target: Target, batch: int = 2) -> torch.Tensor:
    height, width = target.spec.input.size
    generator = torch.Generator().manual_seed(5)
    return torch.randn((batch, 3, height, width), generator=generator, dtype=torch.float64)


def kept(target: Target, num_keep: int, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(num_keep)
    rows = [
        torch.randperm(target.spec.grid.num_patches, generator=generator)[:num_keep].sort().values
        for _ in range(batch)
    ]
    return torch.stack(rows)


def masked_attention(attn: nn.Module, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Multi-head attention written out; ``visible`` is (B, tokens), True = may be attended to."""
    batch, tokens, _ = x.shape
    qkv = attn.qkv(x).reshape(batch, tokens, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    q, k, v = attn.q_norm(qkv[0]), attn.k_norm(qkv[1]), qkv[2]
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    scores = scores.masked_fill(~visible[:, None, None, :], float("-inf"))
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, -1)
    return attn.proj(attn.norm(mixed))


def masked_latent_pool(pool: nn.Module, x: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    batch, tokens, _ = x.shape
    heads = pool.num_heads
    q = pool.q(pool.latent.expand(batch, -1, -1)).reshape(batch, -1, heads, pool.head_dim)
    k, v = pool.kv(x).reshape(batch, tokens, 2, heads, pool.head_dim).permute(2, 0, 3, 1, 4)
    q, k = pool.q_norm(q.transpose(1, 2)), pool.k_norm(k)
    scores = q @ k.transpose(-2, -1) * pool.head_dim**-0.5
    scores = scores.masked_fill(~visible[:, None, None, :], float("-inf"))
    mixed = pool.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, pool.latent_len, -1))
    return (mixed + pool.mlp(pool.norm(mixed)))[:, 0]


def masked_model(
    model: nn.Module,
    pixels: torch.Tensor,
    keep: torch.Tensor,
    *,
    mask_keys: bool = True,
    pool_dropped: bool = False,
) -> torch.Tensor:
    """The full model with dropped patches hidden; the flags make its negative twins."""
    prefix = model.num_prefix_tokens
    x = model.norm_pre(model._pos_embed(model.patch_embed(pixels)))
    seen = torch.zeros(x.shape[:2], dtype=torch.bool)
    seen[:, :prefix] = True
    seen[:, prefix:].scatter_(1, keep, value=True)
    attended = seen if mask_keys else torch.ones_like(seen)
    for block in model.blocks:
        x = x + block.ls1(masked_attention(block.attn, block.norm1(x), attended))
        x = x + block.ls2(block.mlp(block.norm2(x)))
    x = model.norm(x)
    if hasattr(model, "head_dist"):
        return (model.head(x[:, 0]) + model.head_dist(x[:, 1])) / 2
    pooled = seen if not pool_dropped else torch.ones_like(seen)
    if not model.pool_include_prefix:
        pooled = pooled.clone()
        pooled[:, :prefix] = False
    if model.global_pool == "token":
        row = x[:, 0]
    elif model.global_pool == "map":
        row = masked_latent_pool(model.attn_pool, x, pooled)
    else:
        weights = pooled[..., None].to(x)
        mean = (x * weights).sum(1) / weights.sum(1)
        top = x.masked_fill(~pooled[..., None], float("-inf")).amax(1)
        row = {"avg": mean, "max": top, "avgmax": 0.5 * (mean + top)}[model.global_pool]
    return model.head(model.fc_norm(row))


@pytest.fixture(params=VARIANTS)
def target(request: pytest.FixtureRequest) -> Target:
    return wrap_target(make_target(request.param), request.param)


@torch.no_grad()
def test_keeping_all_equals_the_models_own_forward(target: Target) -> None:
    pixels = pixels_for(target)
    expected = target.module(pixels)
    assert difference(target.logits(pixels), expected) <= EXACT
    everything = kept(target, target.spec.grid.num_patches)
    assert difference(target.logits(pixels, everything), expected) <= EXACT


@torch.no_grad()
@pytest.mark.parametrize("share", [1 / 16, 0.3, 0.5, 0.9])
def test_dropping_equals_masking(target: Target, share: float) -> None:
    pixels = pixels_for(target)
    keep = kept(target, max(1, round(share * target.spec.grid.num_patches)))
    expected = masked_model(target.module, pixels, keep)
    assert difference(target.logits(pixels, keep), expected) <= EXACT


@torch.no_grad()
def test_negative_twin_visible_keys(target: Target) -> None:
    pixels, keep = pixels_for(target), kept(target, 5)
    wrong = masked_model(target.module, pixels, keep, mask_keys=False)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
def test_negative_twin_first_positions(target: Target) -> None:
    """Kept patches that are given the first K positions instead of their own."""
    model, pixels, keep = target.module, pixels_for(target), kept(target, 5)
    embedded = model.patch_embed(pixels)
    packed = embedded.gather(1, keep[:, :, None].expand(-1, -1, embedded.shape[-1]))
    padded = torch.cat((packed, embedded[:, : embedded.shape[1] - 5]), dim=1)
    x = model._pos_embed(padded)[:, : model.num_prefix_tokens + 5]
    wrong = model.forward_head(model.norm(model.blocks(model.norm_pre(x))))
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", ["distilled", "registers"])
def test_negative_twin_one_prefix_token(variant: str) -> None:
    """Counting one prefix token where there are more shifts every kept patch."""
    model = make_target(variant)
    target = wrap_target(model, variant)
    pixels, keep = pixels_for(target), kept(target, 5)
    x = model._pos_embed(model.patch_embed(pixels))
    rows = torch.cat((torch.zeros((2, 1), dtype=torch.int64), keep + 1), dim=1)
    x = x.gather(1, rows[:, :, None].expand(-1, -1, x.shape[-1]))
    wrong = model.forward_head(model.norm(model.blocks(model.norm_pre(x))))
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize(
    "variant",
    ["average", "average-max", "max", "average-with-prefix", "no-class-token", "siglip", "map"],
)
def test_negative_twin_pooling_the_dropped(variant: str) -> None:
    target = wrap_target(make_target(variant), variant)
    pixels, keep = pixels_for(target), kept(target, 5)
    wrong = masked_model(target.module, pixels, keep, pool_dropped=True)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", ["average", "max", "map", "map-with-prefix"])
def test_negative_twin_the_prefix_pooled_the_other_way(variant: str) -> None:
    """Pooling the prefix where the model leaves it out, or leaving it out where it belongs."""
    model = make_target(variant)
    target = wrap_target(model, variant)
    pixels, keep = pixels_for(target), kept(target, 5)
    ours = target.logits(pixels, keep)
    model.pool_include_prefix = not model.pool_include_prefix
    assert difference(ours, masked_model(model, pixels, keep)) > FAR


@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    target = wrap_target(make_target("registers"), "registers")
    pixels, keep = pixels_for(target), kept(target, 7)
    both = target.logits(pixels, keep)
    for i in range(2):
        alone = target.logits(pixels[i : i + 1], keep[i : i + 1])
        assert difference(alone, both[i : i + 1]) <= EXACT


@pytest.mark.parametrize(
    "keep",
    [
        torch.tensor([[0, 1]]),  # one row for two pictures
        torch.tensor([[1, 0], [0, 1]]),  # unsorted
        torch.tensor([[1, 1], [0, 1]]),  # repeated
        torch.tensor([[0, 64], [0, 1]]),  # outside
        torch.tensor([[-1, 3], [0, 1]]),
        torch.tensor([[0, 1], [0, 1]], dtype=torch.int32),
        torch.zeros((2, 0), dtype=torch.int64),  # nothing
    ],
)
def test_indices_that_do_not_fit_are_refused(keep: torch.Tensor) -> None:
    target = wrap_target(make_target("vit"), "vit")
    with pytest.raises(SettingError):
        target.logits(pixels_for(target), keep)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("swinv2_cr_tiny_224", {}, "windows"),
        ("vit_tiny_r_s16_p8_224", {"depth": 1}, "plain patch embedding"),
        ("vit_tiny_patch16_224", {"depth": 1, "dynamic_img_size": True}, "any input size"),
        ("vit_tiny_patch16_224", {"depth": 1, "num_classes": 0}, "no classifier"),
        ("resnet10t", {}, "convolutional"),
        ("vit_base_patch16_xp_224", {"depth": 1}, "cannot be a target"),
        ("vit_tiny_patch16_224", {"depth": 1, "in_chans": 1}, "1 channels"),
        ("vit_tiny_patch16_224", {"depth": 1, "pos_embed": "none"}, "no position table"),
    ],
)
def test_what_is_not_proved_is_refused_with_a_reason(
    name: str, arguments: dict[str, object], says: str
) -> None:
    import timm

    with pytest.raises(UnsupportedModelError, match=says) as caught:
        wrap_target(timm.create_model(name, **arguments).eval(), name)
    assert "\n" not in str(caught.value)


def test_a_subclass_is_refused() -> None:
    import timm
    from timm.models.vision_transformer import VisionTransformer

    class Own(VisionTransformer):
        pass

    model = awake(timm.create_model("vit_tiny_patch16_224", depth=1))
    model.__class__ = Own
    with pytest.raises(UnsupportedModelError, match="not proved"):
        wrap_target(model, "own")


def test_the_model_is_left_as_it_was() -> None:
    model = make_target("deit3")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    target = wrap_target(model, "deit3")
    target.logits(pixels_for(target), kept(target, 3))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert hooks == [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()]
    assert not model.training


def test_the_oracle_agrees_with_timm_when_nothing_is_dropped() -> None:
    """The oracle itself is checked: with every patch kept it is the model."""
    for variant in VARIANTS:
        target = wrap_target(make_target(variant), variant)
        pixels = pixels_for(target)
        everything = kept(target, target.spec.grid.num_patches)
        with torch.no_grad():
            expected = target.module(pixels)
            assert difference(masked_model(target.module, pixels, everything), expected) <= EXACT
        assert F.cosine_similarity(expected[0], expected[1], dim=0) < 0.9999, variant


def test_sixteen_threads_get_the_answers_of_one() -> None:
    """One adapter, many threads, another kept set in each: nothing is stored between calls."""
    target = wrap_target(make_target("registers"), "registers")
    pixels = pixels_for(target)
    sets = [kept(target, 1 + i) for i in range(48)]
    alone = [target.logits(pixels, keep) for keep in sets]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda keep: target.logits(pixels, keep), sets))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
