"""Models that are not ready: training mode anywhere inside, other channels, strange weights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from backbone_zoo import DENSE_TARGETS, TARGETS, make_target
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.models.backbones import wrap_guidance, wrap_target

Change = Callable[[nn.Module], object]


def resnet(**arguments: object) -> nn.Module:
    return timm.create_model("resnet10t", num_classes=7, **arguments).eval()


def vit(**arguments: object) -> nn.Module:
    small = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2}
    return timm.create_model("vit_tiny_patch16_224", num_classes=7, **small, **arguments).eval()


def snapshot(module: nn.Module) -> dict[str, object]:
    state = {f"value {k}": v.clone() for k, v in module.state_dict().items()}
    flags = {f"training {k}": part.training for k, part in module.named_modules()}
    return {**state, **flags, "parts": [str(type(part)) for part in module.modules()]}


def same(a: dict[str, object], b: dict[str, object]) -> bool:
    return a.keys() == b.keys() and all(
        torch.equal(a[k], b[k]) if isinstance(a[k], torch.Tensor) else a[k] == b[k] for k in a
    )


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda m: m.bn1.train(), "bn1"),
        (lambda m: m.layer3[0].bn2.train(), "layer3.0.bn2"),
        (lambda m: setattr(m.layer2, "drop", nn.Dropout(0.5)), "layer2.drop"),
        (lambda m: setattr(m, "fc", nn.Sequential(nn.BatchNorm1d(512), nn.Linear(512, 7))), "fc.0"),
        (lambda m: setattr(m, "fc", nn.BatchNorm1d(512)), "fc"),
        (lambda m: setattr(m.layer1[0], "extra", nn.RReLU()), "layer1.0.extra"),
    ],
)
def test_a_part_in_training_mode_is_refused_and_nothing_changes(change: Change, where: str) -> None:
    model = resnet()
    change(model)
    before = snapshot(model)
    with pytest.raises(UnsupportedModelError) as caught:
        wrap_guidance(model, "mine")
    text = str(caught.value)
    assert text.startswith(f"mine is in training mode at {where} (")
    assert text.endswith("; call .eval() on the whole model before using it as guidance.")
    assert same(snapshot(model), before)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda m: m.pos_drop.train(), "pos_drop"),
        (lambda m: m.blocks[1].attn.train(), "blocks.1.attn"),
        (lambda m: m.blocks[0].mlp.drop1.train(), "blocks.0.mlp.drop1"),
        (lambda m: m.head_drop.train(), "head_drop"),
    ],
)
def test_a_target_with_a_part_in_training_mode_is_refused(change: Change, where: str) -> None:
    model = vit(proj_drop_rate=0.5)
    change(model)
    before = snapshot(model)
    with pytest.raises(UnsupportedModelError, match=f"is in training mode at {where} "):
        wrap_target(model, "mine")
    assert same(snapshot(model), before)


def test_a_new_linear_head_is_harmless_and_accepted() -> None:
    """It is in training mode, like every new module, and acts the same."""
    for model, wrap, name in ((resnet(), wrap_guidance, "fc"), (vit(), wrap_target, "head")):
        features = getattr(model, name).in_features
        setattr(model, name, nn.Linear(features, 5))
        before = snapshot(model)
        assert wrap(model, "mine").spec.num_classes == 5
        assert same(snapshot(model), before)


def test_a_batch_norm_head_in_eval_mode_runs_as_a_guidance() -> None:
    model = resnet()
    model.fc = nn.Sequential(nn.BatchNorm1d(512), nn.Linear(512, 7)).eval()
    before = snapshot(model)
    guidance = wrap_guidance(model, "mine")
    pixels = torch.randn(2, 3, *guidance.spec.input.size)
    with torch.no_grad():
        assert torch.equal(guidance.features(pixels).logits, model(pixels))
    assert same(snapshot(model), before)


def test_running_a_model_never_changes_it() -> None:
    model = resnet()
    before = snapshot(model)
    guidance = wrap_guidance(model, "mine")
    model.layer1[0].bn1.train()  # somebody goes on training what they handed in
    changed = snapshot(model)
    with pytest.raises(UnsupportedModelError, match=r"in training mode at layer1\.0\.bn1"):
        guidance.features(torch.randn(2, 3, *guidance.spec.input.size))
    assert same(snapshot(model), changed)
    model.eval()
    guidance.features(torch.randn(2, 3, *guidance.spec.input.size))
    assert same(snapshot(model), before)
    target = wrap_target(vit(), "mine")
    target.module.train()
    with pytest.raises(UnsupportedModelError, match="in training mode"):
        target.logits(torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("name", ["resnet10t", "efficientnet_b0", "convnext_atto", "fastvit_t8"])
def test_a_guidance_for_other_channels_says_so(name: str, channels: int) -> None:
    model = timm.create_model(name, in_chans=channels).eval()
    with pytest.raises(UnsupportedModelError) as caught:
        wrap_guidance(model, "mine")
    count = "1 channel" if channels == 1 else "4 channels"
    assert f"it takes {count} (in_chans={channels}) instead of red, green and blue" in str(
        caught.value
    )


ONE_CHANNEL = ("vit", "beit", "eva02", "relpos-mlp", "cait")  # naflex: in test_refusals


@pytest.mark.parametrize("variant", ONE_CHANNEL)
def test_a_target_for_one_channel_says_so(variant: str) -> None:
    assert variant in {**TARGETS, **DENSE_TARGETS}
    model = make_target(variant)
    first = next(part for part in model.modules() if isinstance(part, nn.Conv2d))
    first.in_channels = 1
    first.weight = nn.Parameter(first.weight[:, :1].clone())
    with pytest.raises(UnsupportedModelError, match=r"it takes 1 channels? "):
        wrap_target(model, "mine")


@pytest.mark.parametrize(
    "name", ["swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "hiera_tiny_224"]
)
def test_a_windowed_target_for_one_channel_says_so(name: str) -> None:
    with pytest.raises(UnsupportedModelError, match=r"it takes 1 channels? "):
        wrap_target(timm.create_model(name, in_chans=1).eval(), "mine")


@pytest.mark.parametrize("kind", [torch.int8, torch.complex64])
def test_weights_that_are_no_floats_are_refused(kind: torch.dtype) -> None:
    for model, wrap in ((resnet(), wrap_guidance), (vit(), wrap_target)):
        part = next(p for p in model.modules() if isinstance(p, nn.Conv2d))
        strange = nn.Parameter(part.weight.detach().to(kind), requires_grad=False)
        part.weight = strange
        with pytest.raises(UnsupportedModelError) as caught:
            wrap(copy.deepcopy(model), "mine")
        name = str(kind).removeprefix("torch.")
        assert f"mine has {name} weights; only floating-point weights run" in str(caught.value)
