"""Measured times beside counted MACs: what the saliency adds, what dropping saves, who wins.

All variants of one comparison run in turns (A B C A B C ...), so that a machine that slows down
slows all of them; ratios are taken within a turn. Times are wall times after a warm-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tinydrop.core.budget import keep_level, num_keep
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.tokens import PatchGrid
from tinydrop.models.backbones import Guidance, Target
from tinydrop.models.library_gradcam import library_gradcam
from tinydrop.models.macs import guidance_macs, target_macs, target_macs_spread
from tinydrop.models.saliency import compute_saliency, resize_saliency
from tinydrop.studies.bench.report import (
    BenchReport,
    BreakEven,
    SaliencyOverhead,
    Spread,
    TargetSpeed,
)

_WARM_UP = 2
_KEEP_RATIOS = (0.25, 0.5, 0.75, 1.0)


def time_in_turns(
    tasks: Mapping[str, Callable[[], object]], device: torch.device, repeats: int
) -> Mapping[str, npt.NDArray[np.float64]]:
    """Return each task's milliseconds in every turn, (repeats,) float64.

    Args:
        tasks: name -> what is timed; they run one after another in every turn.
        device: where they run; waited for before and after each.
        repeats: turns, after some that are not counted.

    Raises:
        SettingError: if ``repeats`` is not positive.
    """
    if repeats < 1:
        raise SettingError(f"A measurement needs at least one repeat, got {quoted(repeats)}.")
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(-_WARM_UP, repeats):
        for name, task in tasks.items():
            _wait(device)
            start = time.perf_counter()
            task()
            _wait(device)
            if turn >= 0:
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: np.array(values) for name, values in times.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _weight(module: nn.Module) -> torch.Tensor:
    """Return a weight, which tells where the model lies and in which precision it runs."""
    return next(p for p in module.parameters() if p.is_floating_point())


def _pixels(batch_size: int, size: tuple[int, int], module: nn.Module) -> torch.Tensor:
    """Return noise from a fixed seed: times do not depend on what a picture shows."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn((batch_size, 3, *size), generator=generator).to(_weight(module))


def measure_saliency_overhead(
    guidance: Guidance,
    batch_sizes: Sequence[int] = (1, 8),
    *,
    grid: PatchGrid | None = None,
    repeats: int = 20,
) -> tuple[SaliencyOverhead, ...]:
    """Return what Grad-CAM adds to the plain model's forward pass, per batch size.

    Args:
        guidance: the model.
        batch_sizes: pictures per call.
        grid: the patch grid that the map is resized to; by default it is not resized.
        repeats: turns.

    Raises:
        SettingError: if ``repeats`` is not positive.
    """
    device = _weight(guidance.module).device
    library = library_gradcam(guidance)
    grid = guidance.spec.map_grid if grid is None else grid

    def alone(pixels: torch.Tensor) -> None:
        with torch.no_grad():
            guidance.module(pixels)

    def ours(pixels: torch.Tensor) -> None:
        features = guidance.features(pixels)
        classes = features.logits.argmax(dim=1).tolist()
        for saliency in compute_saliency(guidance, features, classes):
            resize_saliency(saliency, grid)

    found = []
    for batch_size in batch_sizes:
        pixels = _pixels(batch_size, guidance.spec.input.size, guidance.module)
        runs = {"alone": alone, "ours": ours} | ({} if library is None else {"library": library})
        times = time_in_turns(
            {name: partial(run, pixels) for name, run in runs.items()},
            device,
            repeats,
        )
        known = times.get("library")
        found.append(
            SaliencyOverhead(
                batch_size,
                guidance_ms=Spread.of(times["alone"]),
                ours_ms=Spread.of(times["ours"]),
                library_ms=None if known is None else Spread.of(known),
                ratio=Spread.of(times["ours"] / times["alone"]),
                library_ratio=None if known is None else Spread.of(known / times["alone"]),
            )
        )
    return tuple(found)


def measure_target_speed(
    target: Target,
    ratios: Sequence[float] = _KEEP_RATIOS,
    *,
    batch_size: int = 1,
    repeats: int = 20,
) -> tuple[TargetSpeed, ...]:
    """Return the target's time on K patches, per keep ratio, rising.

    Args:
        target: the model.
        ratios: shares of the patches; each is rounded up to a budget level, and 1 is added.
        batch_size: pictures per call.
        repeats: turns.

    Raises:
        SettingError: if ``repeats`` is not positive.
    """
    device = _weight(target.module).device
    pixels = _pixels(batch_size, target.spec.input.size, target.module)
    patches = target.spec.grid.num_patches
    generator = torch.Generator().manual_seed(0)
    kept = {}
    for ratio in sorted({*ratios, 1.0}):
        order = torch.randperm(patches, generator=generator)
        row = order[: num_keep(int(keep_level(ratio)), patches)].sort().values
        kept[ratio] = row.expand(batch_size, -1)

    def run(ratio: float) -> torch.Tensor:
        return target.logits(pixels, None if ratio == 1.0 else kept[ratio].to(device))

    times = time_in_turns(
        {str(ratio): partial(run, ratio) for ratio in kept},
        device,
        repeats,
    )
    full_macs = target_macs(target.spec, patches).total
    return tuple(
        TargetSpeed(
            ratio,
            num_keep=indices.shape[1],
            target_ms=Spread.of(times[str(ratio)]),
            time_ratio=Spread.of(times[str(ratio)] / times["1.0"]),
            macs_ratio=target_macs(target.spec, indices[0].numpy()).total / full_macs,
        )
        for ratio, indices in kept.items()
    )


def find_break_even(
    guidance: Guidance,
    target: Target,
    speed: Sequence[TargetSpeed] = (),
    guide_ms: float | None = None,
) -> BreakEven:
    """Return the keep ratio where guidance + saliency + target cost what the full target costs.

    Args:
        guidance: the small model.
        target: the large one.
        speed: measured times, rising in the keep ratio and ending at 1; without them, or without
            ``guide_ms``, nothing is said about time.
        guide_ms: measured time of guidance and saliency at batch 1.
    """
    own, patches = guidance_macs(guidance), target.spec.grid.num_patches
    macs = {k: target_macs_spread(target.spec, k).mean for k in range(1, patches + 1)}

    def by_macs(guide: int) -> float | None:
        paying = [k for k, own_macs in macs.items() if guide + own_macs <= macs[patches]]
        return max(paying) / patches if paying else None

    measured = None
    if speed and guide_ms is not None:
        shares = np.array([row.num_keep / patches for row in speed])
        cost = np.array([row.target_ms.median for row in speed]) + guide_ms
        measured = _last_crossing(shares, cost, limit=speed[-1].target_ms.median)
    return BreakEven(
        by_macs(own.forward + own.saliency), by_macs(own.forward + own.saliency_literal), measured
    )


def _last_crossing(
    shares: npt.NDArray[np.float64], cost: npt.NDArray[np.float64], limit: float
) -> float | None:
    """Return the largest share whose interpolated cost is at most ``limit``, or None."""
    paying = np.flatnonzero(cost <= limit)
    if paying.size == 0:
        return None
    last = int(paying[-1])
    if last == shares.size - 1:
        return float(shares[last])
    step = (limit - cost[last]) / (cost[last + 1] - cost[last])
    return float(shares[last] + step * (shares[last + 1] - shares[last]))


def run_bench(
    guidance: Guidance,
    target: Target,
    *,
    repeats: int = 20,
    batch_sizes: Sequence[int] = (1, 8),
) -> BenchReport:
    """Measure a pair and return the report; takes tens of seconds for ImageNet models on a CPU.

    Args:
        guidance: the small model.
        target: the large one.
        repeats: turns per comparison.
        batch_sizes: of the saliency comparison; 1 is added, the break-even needs it.

    Raises:
        SettingError: if ``repeats`` is not positive.
    """
    sizes = sorted({1, *batch_sizes})
    overhead = measure_saliency_overhead(guidance, sizes, grid=target.spec.grid, repeats=repeats)
    speed = measure_target_speed(target, repeats=repeats)
    return BenchReport(
        guidance=guidance.spec.name,
        target=target.spec.name,
        device=str(_weight(target.module).device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        repeats=repeats,
        overhead=overhead,
        speed=speed,
        break_even=find_break_even(guidance, target, speed, overhead[0].ours_ms.median),
    )
