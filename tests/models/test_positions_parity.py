"""Wrong positions on purpose: each mode is the model with its patches believed to be elsewhere.

The oracle of tests/support/dense_oracle.py takes the cells that patches are believed to be at.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch
from backbone_zoo import DENSE_TARGETS, make_target
from dense_oracle import Belief, difference, first_cells, kept, masked_model, noise, placed_cells

from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import POSITION_MODES, Target, wrap_target

EXACT = 1e-9
FAR = 1e-3
VARIANTS = ["vit", "deit3", "registers", "map", "no-class-token", *DENSE_TARGETS]


@lru_cache
def target_of(variant: str) -> Target:
    return wrap_target(make_target(variant), variant)


def oracle(target: Target, keep: torch.Tensor, belief: Belief) -> torch.Tensor:
    grid = target.spec.grid
    pixels = noise(target.spec.input.size)
    return masked_model(target.module, (grid.rows, grid.cols), pixels, keep, belief)


def logits(target: Target, keep: torch.Tensor, mode: str) -> torch.Tensor:
    return target.logits(noise(target.spec.input.size), keep, mode)


def shuffled_cells(target: Target, keep: torch.Tensor) -> torch.Tensor:
    """Which cells the adapter shuffles the kept patches to; that they are a shuffle is asserted."""
    kept_patches = target._kept(keep, "shuffled", len(keep))
    assert kept_patches is not None
    assert kept_patches.cells is not None
    assert torch.equal(kept_patches.cells.sort(dim=1).values, keep)
    assert not bool((kept_patches.cells == keep).all(dim=1).any())
    return kept_patches.cells


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_first_is_the_model_with_the_patches_packed_together(variant: str) -> None:
    target = target_of(variant)
    keep = kept(target.spec.grid.num_patches, 9)
    expected = oracle(target, keep, Belief.same(first_cells(keep, target.spec.grid.num_patches)))
    assert difference(logits(target, keep, "first"), expected) <= EXACT
    assert difference(logits(target, keep, "right"), expected) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_shuffled_is_the_model_with_the_patches_among_each_others_cells(variant: str) -> None:
    target = target_of(variant)
    keep = kept(target.spec.grid.num_patches, 9)
    cells = placed_cells(keep, shuffled_cells(target, keep), target.spec.grid.num_patches)
    expected = oracle(target, keep, Belief.same(cells))
    assert difference(logits(target, keep, "shuffled"), expected) <= EXACT
    assert difference(logits(target, keep, "right"), expected) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_none_is_the_model_without_table_bias_and_rotation(variant: str) -> None:
    target = target_of(variant)
    keep = kept(target.spec.grid.num_patches, 9)
    expected = oracle(target, keep, Belief.same(None))
    assert difference(logits(target, keep, "none"), expected) <= EXACT
    assert difference(logits(target, keep, "right"), expected) > FAR


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_without_positions_only_the_set_of_pictures_counts(variant: str) -> None:
    """The whole grid in another order gives the same answer without positions, and no other."""
    target = target_of(variant)
    size, grid = target.spec.input.size, target.spec.grid
    pixels = noise(size)
    order = torch.randperm(grid.num_patches, generator=torch.Generator().manual_seed(2))
    height, width = target.spec.patch_size
    cells = pixels.unfold(2, height, height).unfold(3, width, width).flatten(2, 3)[:, :, order]
    cells = cells.unflatten(2, (grid.rows, grid.cols))
    mixed = cells.permute(0, 1, 2, 4, 3, 5).reshape(pixels.shape)
    for mode, low, high in (("none", 0.0, EXACT), ("right", FAR, float("inf"))):
        everything = kept(grid.num_patches, grid.num_patches)
        there = target.logits(mixed, everything, mode)
        assert low <= difference(there, target.logits(pixels, everything, mode)) <= high


@torch.no_grad()
@pytest.mark.parametrize("variant", ["vit", "dinov3", "beitv2"])
def test_first_moves_nothing_where_the_first_patches_are_kept(variant: str) -> None:
    target = target_of(variant)
    keep = torch.arange(9).expand(2, -1)
    assert torch.equal(logits(target, keep, "first"), logits(target, keep, "right"))


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_all_patches_can_be_shuffled_without_naming_them(variant: str) -> None:
    target = target_of(variant)
    pixels = noise(target.spec.input.size)
    everything = kept(target.spec.grid.num_patches, target.spec.grid.num_patches)
    named = target.logits(pixels, everything, "shuffled")
    unnamed = target.logits(pixels, positions="shuffled")
    assert torch.equal(unnamed, named)
    assert difference(named, target.logits(pixels)) > FAR


def test_every_scheme_names_its_modes() -> None:
    for variant in VARIANTS:
        scheme = target_of(variant).spec.positions
        assert scheme.modes == POSITION_MODES
        assert ("rotary" in scheme.words) == ("rotary" in scheme.name)
        assert ("bias" in scheme.words) == ("bias" in scheme.name)
        assert ("absolute table" in scheme.words) == ("absolute" in scheme.name)


def test_an_unknown_mode_is_refused_by_name() -> None:
    target = target_of("dinov3")
    with pytest.raises(SettingError, match=r"right, first, shuffled, none.*rotary.*'drifted'"):
        logits(target, kept(64, 3), "drifted")
