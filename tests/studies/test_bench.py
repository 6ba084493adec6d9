"""The benchmark's arithmetic on made-up times, and one small run of the whole."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from backbone_zoo import GUIDANCES, make_guidance, make_target
from pytorch_grad_cam.utils.image import scale_cam_image

from tinydrop.core.errors import SettingError
from tinydrop.models.backbones import Guidance, Target, wrap_target
from tinydrop.models.library_gradcam import library_gradcam
from tinydrop.models.macs import guidance_macs, target_macs
from tinydrop.models.saliency import compute_saliency
from tinydrop.studies.bench import (
    BenchReport,
    Spread,
    TargetSpeed,
    find_break_even,
    measure_saliency_overhead,
    measure_target_speed,
    run_bench,
)
from tinydrop.studies.bench.measure import _last_crossing, time_in_turns


@pytest.fixture(scope="module")
def guidance() -> Guidance:
    return make_guidance("resnet")


@pytest.fixture(scope="module")
def target() -> Target:
    return wrap_target(make_target("vit"), "small")


@pytest.fixture(scope="module")
def report(guidance, target) -> BenchReport:
    return run_bench(guidance, target, repeats=3, batch_sizes=(2,))


def test_spread_is_the_quartiles():
    assert Spread.of(np.arange(1.0, 6.0)) == Spread(median=3.0, low=2.0, high=4.0)


def test_tasks_run_in_turns_and_the_warm_up_is_not_counted():
    calls = []
    tasks = {name: (lambda name=name: calls.append(name)) for name in "abc"}
    times = time_in_turns(tasks, torch.device("cpu"), repeats=4)
    assert calls == list("abc") * 6
    assert {name: values.shape for name, values in times.items()} == dict.fromkeys("abc", (4,))


@pytest.mark.parametrize("repeats", [0, -1])
def test_no_repeats_is_refused(guidance, target, repeats):
    with pytest.raises(SettingError, match="at least one repeat"):
        measure_saliency_overhead(guidance, repeats=repeats)
    with pytest.raises(SettingError, match="at least one repeat"):
        measure_target_speed(target, repeats=repeats)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ([5, 7, 9, 11], 0.625),  # 8 lies halfway between 0.5 and 0.75
        ([5, 7, 8, 11], 0.75),
        ([9, 10, 11, 12], None),
        ([1, 2, 3, 8], 1.0),
        ([9, 7, 9, 11], 0.625),  # noise at the low end does not hide what pays
    ],
)
def test_the_break_even_is_interpolated(cost, expected):
    shares = np.array([0.25, 0.5, 0.75, 1.0])
    assert _last_crossing(shares, np.array(cost, dtype=float), limit=8.0) == expected


def made_up_speed(*milliseconds: float) -> list[TargetSpeed]:
    return [
        TargetSpeed(
            share, math.ceil(64 * share), Spread(time, time, time), Spread(1, 1, 1), macs_ratio=1.0
        )
        for share, time in zip((0.25, 0.5, 0.75, 1.0), milliseconds, strict=True)
    ]


def test_break_even_by_macs_is_where_the_sums_cross(guidance, target):
    even = find_break_even(guidance, target)
    own = guidance_macs(guidance)
    for share, guide in (
        (even.macs, own.forward + own.saliency),
        (even.macs_literal, own.forward + own.saliency_literal),
    ):
        full = target_macs(target.spec, 64).total
        if share is None:
            assert guide + target_macs(target.spec, 1).total > full
        else:
            k = round(64 * share)
            assert guide + target_macs(target.spec, k).total <= full
            assert k == 64 or guide + target_macs(target.spec, k + 1).total > full
    assert even.measured is None


def test_break_even_by_time_needs_both_times(guidance, target):
    speed = made_up_speed(2.0, 4.0, 6.0, 8.0)
    assert find_break_even(guidance, target, speed, 3.0).measured == 0.625
    assert find_break_even(guidance, target, speed, 9.0).measured is None
    assert find_break_even(guidance, target, speed).measured is None


def test_a_guide_larger_than_the_target_never_pays(target):
    even = find_break_even(make_guidance("efficientformerv2"), target)
    assert (even.macs, even.macs_literal) == (None, None)


def test_a_report_has_every_part(report, target):
    assert [row.batch_size for row in report.overhead] == [1, 2]
    assert [row.num_keep for row in report.speed] == [16, 32, 48, 64]
    assert report.speed[-1].time_ratio == Spread(1.0, 1.0, 1.0)
    ratios = [row.macs_ratio for row in report.speed]
    assert ratios == [target_macs(target.spec, k).total / target_macs(target.spec, 64).total
                      for k in (16, 32, 48, 64)]  # fmt: skip
    for row in report.overhead:
        assert row.ratio.low <= row.ratio.median <= row.ratio.high
        assert row.library_ratio is not None


def test_a_report_is_json_and_text(report):
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["break_even"].keys() == {"macs", "macs_literal", "measured"}
    assert data["overhead"][0]["ratio"].keys() == {"median", "low", "high"}
    text = report.to_text()
    assert f"{report.threads} threads" in text
    assert "pytorch-grad-cam" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_report_says_when_the_machine_was_busy(report):
    calm = [replace(row, ratio=Spread(1.05, 1.0, 1.1)) for row in report.overhead]
    still = [replace(row, time_ratio=Spread(0.5, 0.48, 0.52)) for row in report.speed]
    quiet = replace(report, overhead=tuple(calm), speed=tuple(still))
    assert not quiet.noisy
    assert "idle" not in quiet.to_text()
    busy = replace(quiet, overhead=(replace(calm[0], ratio=Spread(1.05, 0.9, 1.3)),))
    assert busy.noisy
    assert busy.to_dict()["noisy"] is True
    assert "run it again while the machine is idle" in busy.to_text()


def test_the_measured_model_is_left_as_it_was(guidance, report):
    assert all(p.grad is None and not p.requires_grad for p in guidance.module.parameters())
    assert not any(m._forward_hooks for m in guidance.module.modules())


@pytest.mark.parametrize("variant", GUIDANCES)
def test_the_library_that_we_time_finds_our_map(variant):
    """The rival does the same work: its finished map of class 0 is ours, for every family."""
    guidance = make_guidance(variant)
    height, width = guidance.spec.input.size
    pixels = torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(3)).double()
    run = library_gradcam(guidance)
    assert run is not None
    features = guidance.features(pixels)
    maps = np.stack([s.values for s in compute_saliency(guidance, features, [0])])
    finished = scale_cam_image(scale_cam_image(np.maximum(maps, 0), (width, height)))
    assert np.abs(finished - run(pixels)).max() <= 1e-4
    other = np.stack([s.values for s in compute_saliency(guidance, features, [1])])
    assert np.abs(maps - other).max() > 0.05 * np.abs(maps).max()
