"""The target's own map: gradient x activation, against finite differences of timm's own forward."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import timm
import torch
from trace_zoo import one_thread, small_drop

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.backbones import Target, target_own_maps, why_no_own_map, wrap_target
from tinydrop.models.backbones.parity import probe_pixels
from tinydrop.studies.check import redraw_weights

KINDS = {
    "token": {"global_pool": "token"},
    "avg": {"global_pool": "avg", "class_token": False},
    "avg, norm after": {"global_pool": "avg", "class_token": False, "fc_norm": True},
    "max": {"global_pool": "max"},
    "registers": {"global_pool": "token", "reg_tokens": 3},
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def plain(kind: str) -> Target:
    size = {"img_size": 24, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 2}
    if kind == "distilled":
        module = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=5, **size)
    else:
        module = timm.create_model("vit_tiny_patch16_224", num_classes=5, **size, **KINDS[kind])
    redraw_weights(module)
    return wrap_target(module.eval().double(), kind)


def by_differences(target: Target, pixels: torch.Tensor, classes: list[int]) -> np.ndarray:
    """Scale one normalised patch token a little up and down; timm does the rest."""
    module, prefix = copy.deepcopy(target.module), target.spec.num_prefix_tokens
    norm = module.blocks[-1].norm1 if module.global_pool == "token" else module.norm
    step = 1e-5
    result = np.empty((len(pixels), target.spec.grid.num_patches))
    for patch in range(target.spec.grid.num_patches):
        logits = []
        for factor in (1 + step, 1 - step):

            def scale(_norm: object, _inputs: object, x: torch.Tensor, f: float = factor) -> object:
                scaled = x.clone()
                scaled[:, prefix + patch] *= f  # noqa: B023
                return scaled

            handle = norm.register_forward_hook(scale)
            with torch.no_grad():
                logits.append(module(pixels)[range(len(pixels)), classes].numpy())
            handle.remove()
        result[:, patch] = (logits[0] - logits[1]) / (2 * step)
    return result


@pytest.mark.parametrize("kind", [*KINDS, "distilled"])
def test_it_is_the_derivative_by_each_tokens_size(kind: str) -> None:
    target = plain(kind)
    pixels = probe_pixels(target.module, target.spec.input.size, batch=2)
    maps = target_own_maps(target, pixels, [1, 4])
    known = by_differences(target, pixels, [1, 4])
    ours = np.stack([one.values.reshape(-1) for one in maps])
    scale = np.abs(known).max()
    assert np.abs(ours - known).max() < 1e-5 * scale
    # The negative twins: another class, and tokens one place further.
    other = np.stack([m.values.reshape(-1) for m in target_own_maps(target, pixels, [2, 0])])
    assert np.abs(other - known).max() > 0.1 * scale
    assert np.abs(np.roll(ours, 1, axis=1) - known).max() > 0.1 * scale
    layer = "blocks.2.norm1" if target.spec.pooling == "token" else "norm"
    assert {one.layer for one in maps} == {layer}


def test_nothing_of_the_caller_is_changed() -> None:
    target = plain("token")
    pixels = probe_pixels(target.module, target.spec.input.size)
    for parameter in target.module.parameters():
        parameter.requires_grad_(requires_grad=False)
    (expected,) = target_own_maps(target, pixels, [3])
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            (found,) = target_own_maps(target, pixels.clone(), [3])
        assert (found.values == expected.values).all()
    assert all(p.grad is None and not p.requires_grad for p in target.module.parameters())
    assert expected.problem is None


def test_a_target_that_has_none_is_refused_with_a_sentence() -> None:
    target = small_drop(windowed=True).pair.target
    reason = why_no_own_map(target)
    assert reason is not None
    assert "SwinTransformer, of which no map of its own can be made" in reason
    with pytest.raises(UnsupportedModelError, match="no map of its own"):
        target_own_maps(target, torch.zeros(1, 3, 32, 32), [0])
    assert why_no_own_map(plain("avg")) is None


@pytest.mark.parametrize(
    ("batch", "size", "classes"), [(1, 24, [5]), (1, 24, [-1]), (2, 24, [1]), (1, 16, [1])]
)
def test_what_does_not_fit_is_refused(batch: int, size: int, classes: list[int]) -> None:
    with pytest.raises(SettingError, match=r"got"):
        target_own_maps(plain("token"), torch.zeros(batch, 3, size, size), classes)
