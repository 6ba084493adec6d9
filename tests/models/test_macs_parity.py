"""MACs against torch's own counter: exact, for every variant and for odd numbers of patches."""

from __future__ import annotations

import copy
from functools import lru_cache
from itertools import pairwise

import pytest
import timm
import torch
from backbone_zoo import DENSE_TARGETS, GUIDANCES, TARGETS, make_guidance, make_target
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import Target, wrap_target
from tinydrop.models.macs import guidance_macs, target_macs


def counted(call: object) -> int:
    """MACs that torch sees in one call; the math kernel is the one that its CPU counter knows."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()  # type: ignore[operator]
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


@lru_cache
def target_of(variant: str) -> Target:
    return wrap_target(make_target(variant), variant)


def angle_macs(target: Target) -> int:
    """What older releases of timm multiply as matrices to make learned angles; nothing in newer."""
    rope, grid = getattr(target.module, "rope", None), target.spec.grid
    if rope is None:
        return 0
    return counted(lambda: rope.get_embed(shape=(grid.rows, grid.cols)))


@pytest.mark.parametrize("variant", [*TARGETS, *DENSE_TARGETS])
@pytest.mark.parametrize("num_keep", [1, 7, 16, 31, None])
def test_target_macs_equal_torchs_counter(variant: str, num_keep: int | None) -> None:
    target = target_of(variant)
    patches = target.spec.grid.num_patches
    num_keep = patches if num_keep is None else min(num_keep, patches)
    pixels = torch.zeros((1, 3, *target.spec.input.size), dtype=torch.float64)
    keep = torch.arange(num_keep)[None]
    expected = counted(lambda: target.logits(pixels, keep))
    assert target_macs(target.spec, num_keep).total == expected - angle_macs(target)


def test_a_real_size_equals_the_published_figure() -> None:
    """ViT-B/16 is 17.564 GMACs; counted on the meta device, where no weight is drawn."""
    with torch.device("meta"):
        model = timm.create_model("vit_base_patch16_224").eval()
        pixels = torch.zeros((1, 3, 224, 224))
    from tinydrop.models.backbones import describe_target

    spec = describe_target(model, "vit_base_patch16_224")
    with torch.no_grad():
        expected = counted(lambda: model(pixels))
    assert target_macs(spec, 196).total == expected
    # The plain formula, with T tokens, N patches, D channels, L blocks and P-pixel patches.
    tokens, patches, dim, depth, side = 197, 196, 768, 12, 16
    block = 12 * tokens * dim**2 + 2 * tokens**2 * dim
    assert expected == patches * dim * 3 * side**2 + depth * block + dim * 1000


def test_negative_twin_a_formula_without_prefix_tokens_is_off() -> None:
    target = wrap_target(make_target("registers"), "registers")
    pixels = torch.zeros((1, 3, *target.spec.input.size), dtype=torch.float64)
    expected = counted(lambda: target.logits(pixels, torch.arange(7)[None]))
    assert target_macs(target.spec, 7 - target.spec.num_prefix_tokens).total != expected


def test_macs_grow_with_every_patch() -> None:
    spec = wrap_target(make_target("vit"), "vit").spec
    totals = [target_macs(spec, k).total for k in range(1, spec.grid.num_patches + 1)]
    assert all(a < b for a, b in pairwise(totals))


@pytest.mark.parametrize("num_keep", [0, 65, -1])
def test_a_count_outside_the_grid_is_refused(num_keep: int) -> None:
    spec = wrap_target(make_target("vit"), "vit").spec
    with pytest.raises(SettingError):
        target_macs(spec, num_keep)


@pytest.mark.parametrize("variant", GUIDANCES)
def test_guidance_forward_equals_torchs_counter_on_the_plain_model(variant: str) -> None:
    guidance = make_guidance(variant)
    model = copy.deepcopy(guidance.module)
    pixels = torch.zeros((1, 3, *guidance.spec.input.size), dtype=torch.float64)
    with torch.no_grad():
        expected = counted(lambda: model(pixels))
    macs = guidance_macs(guidance)
    assert macs.forward == expected
    assert macs.saliency_literal == 2 * expected


@pytest.mark.parametrize(
    "variant", ["resnet", "efficientformer", "efficientformerv2", "vit-average"]
)
def test_saliency_macs_follow_the_formula_for_a_linear_head(variant: str) -> None:
    """A head of linear layers after a pool: once forward, once back, and C weights on the map."""
    guidance = make_guidance(variant)
    spec = guidance.spec
    heads = 2 if variant.startswith("efficientformer") else 1
    head = heads * spec.map_channels * spec.num_classes
    expected = 2 * head + spec.map_channels * spec.map_grid.num_patches
    assert guidance_macs(guidance).saliency == expected


@pytest.mark.parametrize("variant", ["convnext", "mobilenetv3", "vit-token"])
def test_saliency_macs_equal_torchs_counter_of_the_gradient(variant: str) -> None:
    """Heads that are no plain linear layer: torch counts the same forward and backward pass."""
    guidance = make_guidance(variant)
    spec = guidance.spec
    pixels = torch.zeros((1, 3, *spec.input.size), dtype=torch.float64)
    features = guidance.features(pixels)
    leaf = features.map.clone().requires_grad_()

    def step() -> None:
        logits = guidance.head(leaf, features.rest)
        torch.autograd.grad(logits[0, 0], leaf)

    for parameter in guidance.module.parameters():
        parameter.requires_grad_(requires_grad=False)
    combine = spec.map_channels * spec.map_grid.num_patches
    assert guidance_macs(guidance).saliency == counted(step) + combine


@pytest.mark.parametrize("variant", GUIDANCES)
def test_the_saliency_step_is_cheap_beside_a_full_backward_pass(variant: str) -> None:
    macs = guidance_macs(make_guidance(variant))
    assert 0 < macs.saliency < macs.saliency_literal
