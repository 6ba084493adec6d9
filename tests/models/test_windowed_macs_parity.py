"""MACs of windowed and hierarchical targets against torch's own counter, exact for every set."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from windowed_zoo import HIERA, SWIN, SWIN_V2, kept_sets, make_windowed, noise

from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import describe_target
from tinydrop.models.backbones.target import TargetSpec
from tinydrop.models.macs import target_macs, target_macs_spread

VARIANTS = [*SWIN, *SWIN_V2, *HIERA]


def counted(call: object) -> int:
    """MACs that torch sees in one call; the math kernel is the one that its CPU counter knows."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        call()  # type: ignore[operator]
    flops = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_macs_equal_torchs_counter_for_every_kept_set(variant: str) -> None:
    target = make_windowed(variant)
    pixels = noise(target, 1)
    totals = set()
    for name, keep in kept_sets(target).items():
        for row in keep:
            expected = counted(lambda row=row: target.logits(pixels, row[None]))
            assert target_macs(target.spec, row.numpy()).total == expected, name
            totals.add((row.numel(), expected))
    depends = target.spec.cost.depends_on_set
    assert depends == (variant not in HIERA)
    # Sets of the same size differ where windows decide, and only there.
    assert (len(totals) > len({count for count, _ in totals})) == depends


@pytest.mark.parametrize("variant", ["swin", "swinv2", "hiera"])
def test_a_batch_costs_what_its_pictures_cost(variant: str) -> None:
    """Windows of several pictures are computed together; only SwinV2's bias is made once."""
    target = make_windowed(variant)
    keep = kept_sets(target)["few"]
    together = counted(lambda: target.logits(noise(target), keep))
    alone = sum(target_macs(target.spec, row.numpy()).total for row in keep)
    assert together == alone - getattr(target.spec.cost, "fixed", 0)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("swin_tiny_patch4_window7_224", 4.5),
        ("swin_base_patch4_window7_224", 15.4),
        ("swinv2_tiny_window8_256", 5.9),
        ("hiera_tiny_224", 4.9),
        ("hiera_base_224", 9.4),
    ],
)
def test_real_sizes_equal_torchs_counter_and_the_published_figures(
    name: str, published: float
) -> None:
    """GMACs as the papers' tables print them; counted on the meta device, without weights."""
    with torch.device("meta"):
        model = timm.create_model(name).eval()
        pixels = torch.zeros((1, 3, *model.pretrained_cfg["input_size"][1:]))
    spec = describe_target(model, name)
    with torch.no_grad():
        expected = counted(lambda: model(pixels))
    assert target_macs(spec, spec.grid.num_patches).total == expected
    assert abs(expected / 1e9 - published) < 0.06


def test_negative_twin_windows_without_a_shift_are_off() -> None:
    from dataclasses import replace

    target = make_windowed("swin")
    keep = kept_sets(target)["half scattered"][0]
    cost = target.spec.cost
    still = tuple(
        replace(
            stage,
            windows=tuple((replace(w, shift_rows=0, shift_cols=0), n) for w, n in stage.windows),
        )
        for stage in cost.stages
    )
    wrong = replace(target.spec, cost=replace(cost, stages=still))
    assert target_macs(wrong, keep.numpy()) != target_macs(target.spec, keep.numpy())


def spec_of(variant: str) -> TargetSpec:
    return make_windowed(variant).spec


def test_a_number_alone_decides_only_where_no_windows_do() -> None:
    swin, hiera = spec_of("swin"), spec_of("hiera")
    with pytest.raises(SettingError, match="which patches are kept"):
        target_macs(swin, 5)
    assert target_macs(swin, 49) == target_macs(swin, np.arange(49))
    assert target_macs(hiera, 5) == target_macs(hiera, [0, 2, 3, 5, 7])
    assert target_macs(hiera, np.int64(5)) == target_macs(hiera, 5)


@pytest.mark.parametrize(
    "kept", [0, 50, [], [49], [-1, 3], [3, 3], [0.5, 1.0], [[1, 2]], [True, False]]
)
def test_what_is_no_kept_set_is_refused(kept: object) -> None:
    with pytest.raises(SettingError):
        target_macs(spec_of("swin"), kept)


def test_the_spread_is_that_of_seeded_random_sets() -> None:
    spec = spec_of("swin")
    spread = target_macs_spread(spec, 24, sets=8, seed=3)
    rng = np.random.default_rng(3)
    totals = [target_macs(spec, np.sort(rng.permutation(49)[:24])).total for _ in range(8)]
    assert (spread.low, spread.high) == (min(totals), max(totals))
    assert spread.mean == round(sum(totals) / 8)
    assert spread.low < spread.mean < spread.high
    assert spread == target_macs_spread(spec, 24, sets=8, seed=3)
    assert spread != target_macs_spread(spec, 24, sets=8, seed=4)
    full, one = target_macs_spread(spec, 49), spec_of("hiera")
    assert full.low == full.mean == full.high == target_macs(spec, 49).total
    dense = target_macs_spread(one, 4)
    assert dense.low == dense.mean == dense.high == target_macs(one, 4).total
    for count, sets in ((0, 8), (50, 8), (5, 0)):
        with pytest.raises(SettingError):
            target_macs_spread(spec, count, sets)
