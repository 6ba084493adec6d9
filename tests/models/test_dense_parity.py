"""Targets that attend over all tokens, against the model with the dropped patches masked.

The oracle (tests/support/dense_oracle.py) is written out from the layers and shares nothing with
the adapters. Every proof has negative twins, the mistakes that people make, which must miss widely.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from backbone_zoo import DENSE_TARGETS, make_target
from dense_oracle import Belief, difference, first_cells, kept, masked_model, noise

from tinydrop.models.backbones import Target, masked_logits, wrap_target

EXACT = 1e-9  # of the logits' largest absolute value, in float64
FAR = 1e-3


@lru_cache
def target_of(variant: str) -> Target:
    return wrap_target(make_target(variant), variant)


POOLED = ["cait", *(v for v in DENSE_TARGETS if target_of(v).spec.pooling != "token")]
BIASED = [v for v in DENSE_TARGETS if v.startswith(("beit", "relpos")) and v != "beit-absolute"]
TURNED = [v for v in DENSE_TARGETS if "rotary" in target_of(v).spec.positions.name]
TWO_SCHEMES = ["beitv2-everything", "eva02", "eva02-tall", "eva02-clip", "rope-absolute"]
TWO_SCHEMES += ["rope-mixed-absolute", "perception", "naflex-rope-absolute", "naflex-rope-mixed"]


def case(variant: str, num_keep: int) -> tuple[Target, tuple[int, int], torch.Tensor, torch.Tensor]:
    target = target_of(variant)
    grid = target.spec.grid
    pixels = noise(target.spec.input.size)
    return target, (grid.rows, grid.cols), pixels, kept(grid.num_patches, num_keep)


@torch.no_grad()
@pytest.mark.parametrize("variant", DENSE_TARGETS)
def test_keeping_all_equals_the_models_own_forward(variant: str) -> None:
    target, grid, pixels, everything = case(variant, target_of(variant).spec.grid.num_patches)
    expected = target.module(pixels)
    assert difference(target.logits(pixels), expected) <= EXACT
    assert difference(target.logits(pixels, everything), expected) <= EXACT
    # The oracle itself is checked, and that a picture changes the answer at all.
    assert difference(masked_model(target.module, grid, pixels, everything), expected) <= EXACT
    assert difference(expected[:1], expected[1:]) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", DENSE_TARGETS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_dropping_equals_masking(variant: str, share: float) -> None:
    num_keep = max(1, round(share * target_of(variant).spec.grid.num_patches))
    target, grid, pixels, keep = case(variant, num_keep)
    expected = masked_model(target.module, grid, pixels, keep)
    assert difference(target.logits(pixels, keep), expected) <= EXACT
    theirs = masked_logits(target, pixels[:1], keep[0])  # the oracle that check uses
    assert difference(theirs, expected[:1]) <= EXACT


@torch.no_grad()
@pytest.mark.parametrize("variant", DENSE_TARGETS)
def test_negative_twin_visible_keys(variant: str) -> None:
    target, grid, pixels, keep = case(variant, 7)
    wrong = masked_model(target.module, grid, pixels, keep, see_all=True)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", DENSE_TARGETS)
def test_negative_twin_first_positions(variant: str) -> None:
    """Kept patches that are given the first K positions instead of their own."""
    target, grid, pixels, keep = case(variant, 7)
    belief = Belief.same(first_cells(keep, grid[0] * grid[1]))
    wrong = masked_model(target.module, grid, pixels, keep, belief)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("part", ["query", "key"])
@pytest.mark.parametrize("variant", [*BIASED, *TURNED])
def test_negative_twin_half_of_the_pairs_gathered(variant: str, part: str) -> None:
    """Rows of the bias gathered and columns not, or queries turned rightly and keys not."""
    target, grid, pixels, keep = case(variant, 7)
    right = Belief.right(2, grid[0] * grid[1])
    belief = right.but(**{part: first_cells(keep, grid[0] * grid[1])})
    wrong = masked_model(target.module, grid, pixels, keep, belief)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", TWO_SCHEMES)
@pytest.mark.parametrize("parts", [("table",), ("query", "key")])
def test_negative_twin_only_one_of_two_schemes_gathered(
    variant: str, parts: tuple[str, ...]
) -> None:
    """A table and rotations (or a bias), of which only one follows the kept patches."""
    target, grid, pixels, keep = case(variant, 7)
    wrong_cells = first_cells(keep, grid[0] * grid[1])
    belief = Belief.right(2, grid[0] * grid[1]).but(**dict.fromkeys(parts, wrong_cells))
    wrong = masked_model(target.module, grid, pixels, keep, belief)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", POOLED)
def test_negative_twin_pooling_the_dropped(variant: str) -> None:
    target, grid, pixels, keep = case(variant, 7)
    wrong = masked_model(target.module, grid, pixels, keep, pool_all=True)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", DENSE_TARGETS)
def test_negative_twin_a_prefix_token_too_few_or_too_many(variant: str) -> None:
    """Counting another number of prefix tokens shifts every kept patch by one."""
    target, grid, pixels, keep = case(variant, 7)
    shifted = (keep + 1) % (grid[0] * grid[1])
    wrong = masked_model(target.module, grid, pixels, shifted)
    assert difference(target.logits(pixels, keep), wrong) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", ["beitv2", "dinov3", "rope-mixed", "relpos-mlp", "naflex-rope"])
def test_pictures_of_a_batch_keep_their_own_positions(variant: str) -> None:
    target, _, pixels, keep = case(variant, 7)
    both = target.logits(pixels, keep)
    for i in range(2):
        alone = target.logits(pixels[i : i + 1], keep[i : i + 1])
        assert difference(alone, both[i : i + 1]) <= EXACT


@torch.no_grad()
@pytest.mark.parametrize("variant", DENSE_TARGETS)
def test_single_precision_stays_within_its_tolerance(variant: str) -> None:
    target = wrap_target(make_target(variant).float(), variant)
    grid = target.spec.grid
    pixels, keep = noise(target.spec.input.size).float(), kept(grid.num_patches, 11)
    expected = target_of(variant).logits(pixels.double(), keep)
    assert difference(target.logits(pixels, keep).double(), expected) <= 1e-5


@torch.no_grad()
def test_models_are_left_as_they_were() -> None:
    for variant in ("beitv2-everything", "rope-mixed-absolute", "relpos-mlp", "naflex"):
        model = make_target(variant)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        target = wrap_target(model, variant)
        keep = kept(target.spec.grid.num_patches, 3)
        for mode in target.spec.positions.modes:
            target.logits(noise(target.spec.input.size), keep, mode)
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
        assert not model.training
