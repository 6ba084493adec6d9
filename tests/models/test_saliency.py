"""Saliency on small hand-made guides: formulas, bad maps, refusals, and what stays untouched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tinydrop.core.errors import SettingError
from tinydrop.core.selection import SALIENCY_METHODS
from tinydrop.core.tokens import PatchGrid, Saliency
from tinydrop.data.view import InputSpec
from tinydrop.models import saliency as room
from tinydrop.models.backbones import Features, Guidance, GuidanceSpec
from tinydrop.models.saliency import compute_saliency, resize_saliency

CHANNELS, CLASSES, GRID = 5, 4, PatchGrid(3, 4)


class Head(nn.Module):
    """Pool, normalise, classify: not linear, so its gradient depends on the picture."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.norm = nn.LayerNorm(CHANNELS)
        self.fc = nn.Linear(CHANNELS, CLASSES)
        self.local = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        return self.fc(self.norm(torch.tanh(self.local(feature_map)).mean(dim=(2, 3))))


class FakeSplit:
    """A cut whose features are the pixels themselves."""

    layer = "stage"

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def features(self, pixels: torch.Tensor) -> Features:
        return Features(pixels, (), self.module(pixels))

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        return self.module(feature_map + sum(rest))

    def rebuilt(self, module: nn.Module) -> FakeSplit:
        return FakeSplit(module)


def make_guidance(module: nn.Module | None = None) -> Guidance:
    module = (Head() if module is None else module).eval()
    size = InputSpec((3, 4), (0.5,) * 3, (0.5,) * 3, "bicubic", 1.0, "center")
    spec = GuidanceSpec(
        name="fake", family="Head", layer="stage", num_classes=CLASSES, input=size, map_grid=GRID,
        map_channels=CHANNELS, parameters=1, constant_query_macs=0,
    )  # fmt: skip
    return Guidance(spec, module, FakeSplit(module))


def make_features(batch: int = 3, dtype: torch.dtype = torch.float32) -> Features:
    generator = torch.Generator().manual_seed(7)
    values = torch.randn((batch, CHANNELS, GRID.rows, GRID.cols), generator=generator, dtype=dtype)
    return Features(values, (), torch.zeros(batch, CLASSES))


def stacked(maps: tuple[Saliency, ...]) -> np.ndarray:
    return np.stack([one.values for one in maps])


def numeric_gradient(module: nn.Module, feature_map: torch.Tensor, index: int) -> np.ndarray:
    """Return d logit[index] / d feature map by central differences in float64, (C, rows, cols)."""
    module, step = module.double(), 1e-5
    flat = feature_map.double().reshape(-1)
    gradient = np.zeros(flat.numel())
    with torch.no_grad():
        for i in range(flat.numel()):
            moved = flat.repeat(2, 1)
            moved[:, i] += torch.tensor([step, -step], dtype=torch.float64)
            high, low = module(moved.reshape(2, *feature_map.shape))[:, index]
            gradient[i] = (high - low) / (2 * step)
    return gradient.reshape(feature_map.shape)


# --- the formulas --------------------------------------------------------------------------------


def gradcam(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    return (g.mean(axis=(1, 2), keepdims=True) * a).sum(axis=0)


def gradcam_plus_plus(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Equation 19 of arXiv:1710.11063 cell by cell, with the library's 1e-6 under the fraction."""
    weights = np.zeros(len(a))
    for channel, cells in enumerate(a):
        for cell in np.ndindex(cells.shape):
            d = g[channel][cell]
            share = d**2 / (2 * d**2 + cells.sum() * d**3 + 1e-6)
            weights[channel] += share * max(d, 0.0)
    return np.einsum("c,cij->ij", weights, a)


FORMULAS = {
    "gradcam": gradcam,
    "gradcam++": gradcam_plus_plus,
    "hirescam": lambda a, g: (g * a).sum(axis=0),
    "layercam": lambda a, g: (np.maximum(g, 0) * a).sum(axis=0),
}


@pytest.mark.parametrize("method", FORMULAS)
def test_a_map_is_its_papers_formula_on_numeric_gradients(method):
    features, classes = make_features(), [2, 0, 3]
    found = stacked(compute_saliency(make_guidance(), features, classes, method))
    for picture, index in enumerate(classes):
        a = features.map[picture]
        expected = FORMULAS[method](a.double().numpy(), numeric_gradient(Head().eval(), a, index))
        np.testing.assert_allclose(found[picture], expected, atol=2e-4 * np.abs(expected).max())


def test_the_four_formulas_are_told_apart():
    """The negative twin of the test above: each method's map is none of the others."""
    features = make_features(1)
    maps = {m: stacked(compute_saliency(make_guidance(), features, [1], m)) for m in FORMULAS}
    for first in maps:
        for second in maps:
            if first != second:
                assert np.abs(maps[first] - maps[second]).max() > 1e-2 * np.abs(maps[first]).max()


def test_eigencam_is_the_first_principal_component_with_its_largest_entry_positive():
    features = make_features()
    found = stacked(compute_saliency(make_guidance(), features, [0, 0, 0], "eigencam"))
    for picture, values in enumerate(found):
        cells = features.map[picture].reshape(CHANNELS, -1).double().numpy()  # (C, cells)
        centred = cells - cells.mean(axis=1, keepdims=True)
        _, vectors = np.linalg.eigh(centred @ centred.T)
        expected = vectors[:, -1] @ centred
        expected = expected * np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(values.reshape(-1), expected, atol=1e-5)


def test_eigencam_knows_no_class_and_needs_no_gradient():
    class Broken(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise AssertionError("the head ran")

    features = make_features()
    broken = make_guidance(Broken(1, 1))
    first = stacked(compute_saliency(broken, features, [0, 1, 2], "eigencam"))
    np.testing.assert_array_equal(
        first, stacked(compute_saliency(broken, features, [3, 3, 3], "eigencam"))
    )


@pytest.mark.parametrize("method", FORMULAS)
def test_another_class_gives_another_map(method):
    features = make_features()
    first = stacked(compute_saliency(make_guidance(), features, [0, 0, 0], method))
    second = stacked(compute_saliency(make_guidance(), features, [1, 1, 1], method))
    assert np.abs(first - second).max() > 1e-2 * np.abs(first).max()


def test_the_rest_of_the_features_reaches_the_head():
    plain = make_features()
    shifted = Features(plain.map, (torch.full_like(plain.map, 0.5),), plain.logits)
    first, second = (
        stacked(compute_saliency(make_guidance(), features, [0, 1, 2]))
        for features in (plain, shifted)
    )
    assert np.abs(first - second).max() > 1e-2 * np.abs(first).max()


def test_a_map_says_where_it_comes_from():
    for method in SALIENCY_METHODS:
        (found, *_) = compute_saliency(make_guidance(), make_features(), [0, 1, 2], method)
        assert (found.method, found.layer, found.grid) == (method, "stage", GRID)


# --- what must stay untouched --------------------------------------------------------------------


@pytest.mark.parametrize("method", SALIENCY_METHODS)
@pytest.mark.parametrize("frozen", [True, False])
def test_nothing_is_left_on_the_model_or_the_features(method, frozen):
    guidance, features = make_guidance(), make_features()
    guidance.module.requires_grad_(not frozen)
    before, modes = features.map.clone(), [m.training for m in guidance.module.modules()]
    compute_saliency(guidance, features, [0, 1, 2], method)
    assert all(p.grad is None for p in guidance.module.parameters())
    assert all(p.requires_grad is not frozen for p in guidance.module.parameters())
    assert not any(m._forward_hooks or m._backward_hooks for m in guidance.module.modules())
    assert [m.training for m in guidance.module.modules()] == modes
    assert torch.equal(features.map, before)
    assert not features.map.requires_grad
    assert features.map.grad is None


@pytest.mark.parametrize("method", SALIENCY_METHODS)
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_caller_without_gradients_gets_the_same_map(method, mode):
    guidance, pixels = make_guidance(), make_features().map
    expected = stacked(compute_saliency(guidance, make_features(), [0, 1, 2], method))
    with mode():
        features = Features(pixels.clone(), (torch.zeros_like(pixels),), torch.zeros(3, CLASSES))
        found = stacked(compute_saliency(guidance, features, [0, 1, 2], method))
        assert torch.is_inference_mode_enabled() is (mode is torch.inference_mode)
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(found, expected)


def test_the_random_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    for method in SALIENCY_METHODS:
        compute_saliency(make_guidance(nn.Flatten()), make_features(), [0, 1, 2], method)
    assert torch.equal(torch.get_rng_state(), before)


def test_half_precision_features_give_a_float32_map():
    guidance = make_guidance(Head().to(torch.bfloat16))
    features = make_features(dtype=torch.float32)
    half = Features(features.map.to(torch.bfloat16), (), features.logits)
    exact = stacked(compute_saliency(make_guidance(), features, [0, 1, 2]))
    found = stacked(compute_saliency(guidance, half, [0, 1, 2]))
    assert np.abs(found - exact).max() <= 0.1 * np.abs(exact).max()


# --- bad maps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", SALIENCY_METHODS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_feature_that_is_not_finite_spoils_its_own_picture_alone(method, bad):
    """Also for EigenCAM, whose code reads NaN as 0 and would rank what is left."""
    features = make_features()
    expected = stacked(compute_saliency(make_guidance(), features, [0, 1, 2], method))
    features.map[1, 0, 0, 0] = bad
    found = compute_saliency(make_guidance(), features, [0, 1, 2], method)
    assert found[1].problem == "the saliency map holds values that are not finite"
    for good in (0, 2):
        np.testing.assert_allclose(found[good].values, expected[good], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_zero_features_give_a_zero_map_that_says_so(method):
    features = Features(torch.zeros(1, CHANNELS, 3, 4), (), torch.zeros(1, CLASSES))
    (found,) = compute_saliency(make_guidance(), features, [0], method)
    assert found.problem == "the saliency map is zero everywhere"


class PooledLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(CHANNELS, CLASSES)

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        return self.fc(feature_map.mean(dim=(2, 3)))


@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_constant_features_give_no_order(method):
    torch.manual_seed(0)
    features = Features(torch.full((1, CHANNELS, 3, 4), 0.7), (), torch.zeros(1, CLASSES))
    (found,) = compute_saliency(make_guidance(PooledLinear()), features, [0], method)
    assert found.problem is not None


@pytest.mark.parametrize("method", [m for m in SALIENCY_METHODS if m != "eigencam"])
def test_a_head_that_ignores_the_map_gives_a_zero_map_that_says_so(method):
    class Ignores(PooledLinear):
        def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
            return super().forward(0.0 * feature_map)

    (found,) = compute_saliency(make_guidance(Ignores()), make_features(1), [0], method)
    assert found.problem == "the saliency map is zero everywhere"


# --- refusals ------------------------------------------------------------------------------------


def test_an_unknown_method_is_refused_with_the_choices():
    with pytest.raises(SettingError, match="choose one of gradcam, gradcam"):
        compute_saliency(make_guidance(), make_features(), [0, 1, 2], "scorecam")


@pytest.mark.parametrize("classes", [[], [0], [0, 1, 2, 3]])
def test_one_class_per_picture(classes):
    with pytest.raises(SettingError, match="each of the 3 pictures"):
        compute_saliency(make_guidance(), make_features(), classes)


@pytest.mark.parametrize("index", [-1, CLASSES])
@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_a_class_that_does_not_exist_is_refused(index, method):
    with pytest.raises(SettingError, match="fake has classes 0 to 3"):
        compute_saliency(make_guidance(), make_features(), [0, 1, index], method)


def test_classes_may_be_numpys_or_torchs():
    expected = stacked(compute_saliency(make_guidance(), make_features(), [2, 1, 0]))
    for classes in (np.array([2, 1, 0]), torch.tensor([2, 1, 0])):
        found = stacked(compute_saliency(make_guidance(), make_features(), classes))
        np.testing.assert_array_equal(found, expected)


# --- resize --------------------------------------------------------------------------------------


def saliency(values: object) -> Saliency:
    return Saliency(np.array(values, dtype=np.float32), "layercam", "stage")


def test_resize_is_bilinear_between_cell_centres():
    """By hand: doubling puts new centres a quarter of a cell off, clamped at the border."""
    found = resize_saliency(saliency([[0.0, 4.0]]), PatchGrid(2, 4))
    np.testing.assert_array_equal(found.values, np.float32([[0, 1, 3, 4], [0, 1, 3, 4]]))
    assert (found.method, found.layer) == ("layercam", "stage")


def test_resize_7x7_to_14x14_equals_the_tent_formula():
    source = np.random.default_rng(0).normal(size=(7, 7)).astype(np.float32)
    centres = np.clip((np.arange(14) + 0.5) / 2 - 0.5, 0, 6)
    tent = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(7)))  # (14, 7)
    found = resize_saliency(saliency(source), PatchGrid(14, 14))
    np.testing.assert_allclose(found.values, tent @ source @ tent.T, atol=1e-6)


def test_resize_to_its_own_grid_changes_nothing():
    made = saliency(np.random.default_rng(0).normal(size=(3, 4)))
    assert resize_saliency(made, PatchGrid(3, 4)) is made


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_resize_never_loses_a_value_that_is_not_finite(bad):
    values = np.random.default_rng(0).normal(size=(16, 16))
    for cell in ((0, 0), (5, 7), (15, 15)):
        spoilt = values.copy()
        spoilt[cell] = bad
        for grid in (PatchGrid(4, 4), PatchGrid(3, 5), PatchGrid(32, 32)):
            assert "not finite" in resize_saliency(saliency(spoilt), grid).problem


@pytest.mark.parametrize("level", [0.1, -7.3, 1e-30, 3e30])
def test_resize_makes_no_order_out_of_a_flat_map(level):
    for grid in (PatchGrid(14, 14), PatchGrid(5, 3)):
        noisy = np.full((7, 7), level, dtype=np.float32)
        noisy[::2] = np.nextafter(noisy[::2], np.float32(np.inf))
        assert resize_saliency(saliency(noisy), grid).problem == "the saliency map is flat"


def test_resize_keeps_zero_zero():
    zero = saliency(np.zeros((7, 7)))
    assert resize_saliency(zero, PatchGrid(14, 14)).problem == "the saliency map is zero everywhere"


def test_every_named_method_is_computed_and_no_other() -> None:
    assert tuple(room._METHODS) == SALIENCY_METHODS
