"""Guidances cut at their last map: the two halves are the model, and a wrong cut is refused."""

from __future__ import annotations

import pytest
import timm
import torch
from backbone_zoo import GUIDANCES, awake, make_guidance
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.data.view import InputSpec
from tinydrop.models.backbones import Guidance, wrap_guidance

EXACT = 1e-9


@pytest.fixture(params=list(GUIDANCES))
def guidance(request: pytest.FixtureRequest) -> Guidance:
    return make_guidance(request.param)


def pixels_for(guidance: Guidance, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    size = (batch, 3, *guidance.spec.input.size)
    return torch.randn(size, generator=generator, dtype=torch.float64)


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


@torch.no_grad()
def test_the_two_halves_are_the_model(guidance: Guidance) -> None:
    pixels = pixels_for(guidance)
    expected = guidance.module(pixels)
    features = guidance.features(pixels)
    assert difference(features.logits, expected) <= EXACT
    assert difference(guidance.head(features.map, features.rest), expected) <= EXACT


@torch.no_grad()
def test_negative_twin_another_map_gives_another_answer(guidance: Guidance) -> None:
    """The head really reads the map: with its channels in another order the answer is another."""
    features = guidance.features(pixels_for(guidance))
    wrong = guidance.head(features.map.roll(1, dims=1), features.rest)
    assert difference(wrong, features.logits) > 1e-3


def test_the_map_is_spatial_and_named(guidance: Guidance) -> None:
    features = guidance.features(pixels_for(guidance))
    spec = guidance.spec
    grid = (spec.map_grid.rows, spec.map_grid.cols)
    assert tuple(features.map.shape) == (2, spec.map_channels, *grid)
    assert min(grid) > 1
    assert spec.layer
    assert not features.map.requires_grad


def test_the_head_gradient_reaches_the_whole_map(guidance: Guidance) -> None:
    features = guidance.features(pixels_for(guidance))
    leaf = features.map.clone().requires_grad_()
    logits = guidance.head(leaf, features.rest)
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), leaf)
    assert bool((gradient.abs().amax(dim=1) > 0).all())


@torch.no_grad()
def test_features_can_be_taken_one_by_one(guidance: Guidance) -> None:
    features = guidance.features(pixels_for(guidance))
    single = features[1]
    assert len(single) == 1
    assert torch.equal(single.map, features.map[1:2])
    again = guidance.head(single.map, single.rest)
    assert difference(again, features.logits[1:2]) <= EXACT


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mixer_s32_224", {}),
        ("resnet10t", {"num_classes": 0}),
        ("cait_xxs24_224", {"depth": 1}),
    ],
)
def test_what_has_no_usable_map_is_refused_with_a_reason(
    name: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        wrap_guidance(timm.create_model(name, **arguments).eval(), name)
    assert "\n" not in str(caught.value)


def test_a_model_in_training_mode_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="training mode"):
        wrap_guidance(timm.create_model("resnet10t"), "mine")


def test_a_model_whose_halves_do_not_fit_is_refused() -> None:
    """A forward pass that does more than its two halves: parity is checked, not assumed."""
    model = make_guidance("resnet").module
    plain = type(model).forward

    class Doubled(type(model)):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * plain(self, x)

    model.__class__ = Doubled
    with pytest.raises(UnsupportedModelError):
        wrap_guidance(model, "doubled")


def test_a_fixed_input_model_at_another_size_is_refused_with_a_sentence() -> None:
    """EfficientFormer's last attention knows its 7x7 cells only, so it runs at 224 pixels alone."""
    model = make_guidance("efficientformer").module
    other = InputSpec(size=(256, 256), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    with pytest.raises(UnsupportedModelError, match="does not run on 256x256 pixels") as caught:
        wrap_guidance(model, "efficientformer", other)
    assert "\n" not in str(caught.value)


def test_a_map_of_one_cell_is_refused() -> None:
    model = timm.create_model("resnet10t").eval()
    tiny = InputSpec(size=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    with pytest.raises(UnsupportedModelError, match="single cell"):
        wrap_guidance(model, "resnet10t", tiny)


def test_the_features_can_be_differentiated_after_a_callers_inference_mode() -> None:
    guidance = make_guidance("efficientformer")
    with torch.inference_mode():
        features = guidance.features(pixels_for(guidance))
    leaf = features.map.requires_grad_()
    logits = guidance.head(leaf, features.rest)
    assert torch.autograd.grad(logits[:, 0].sum(), leaf)[0].shape == leaf.shape


@torch.no_grad()
def test_the_map_is_read_before_the_final_norm() -> None:
    """Against a hook on the last stage, which the adapter itself never lays."""
    for variant in ("efficientformer", "efficientformerv2"):
        guidance = make_guidance(variant)
        seen: list[torch.Tensor] = []
        stage = guidance.module.stages[-1]
        handle = stage.register_forward_hook(lambda _m, _i, output, seen=seen: seen.append(output))
        pixels = pixels_for(guidance)
        guidance.module(pixels)
        handle.remove()
        rows = guidance.spec.map_grid.rows
        if seen[0].dim() == 3:  # (B, tokens, C), row-major
            seen[0] = seen[0].transpose(1, 2).unflatten(2, (rows, -1))
        assert guidance.spec.layer == "stages"
        assert torch.equal(guidance.features(pixels).map, seen[0])


def test_something_that_is_no_timm_model_is_refused() -> None:
    class Own(nn.Module):
        num_classes = 4

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x.mean(dim=(2, 3)))

    with pytest.raises(UnsupportedModelError):
        wrap_guidance(awake(Own()), "own")
