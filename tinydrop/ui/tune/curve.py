"""The budget curve over the confidences of a whole trace: which pictures get how many patches."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import Setting, keep_level, keep_ratio, num_keep
from tinydrop.core.numbers import percent
from tinydrop.ui.kit.curve import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    STEPS,
    TOP,
    WIDTH,
    axes,
    tau_label,
    x_of,
    y_of,
)


def trace_curve(
    setting: Setting, histogram: npt.NDArray[np.int64], exit_rate: float, num_patches: int
) -> str:
    """Return the staircase of 16 levels over the confidence histogram, as inline SVG.

    Args:
        setting: the operating point.
        histogram: (B,) counts of the guidance's confidence in B equal bins of [0, 1], at the
            setting's temperature.
        exit_rate: share of pictures above tau.
        num_patches: N of the target.
    """
    total = int(histogram.sum())
    said = (
        f"{percent(exit_rate)} of {total:,} pictures lie above tau and exit; "
        "the line gives the share of patches that the others keep"
    )
    return (
        f'<svg class="td-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}.">'
        f"{axes()}{_bars(histogram)}"
        f'<rect class="td-exit" x="{x_of(setting.tau):.1f}" y="{TOP}" '
        f'width="{max(RIGHT - x_of(setting.tau), 0):.1f}" height="{BOTTOM - TOP}"/>'
        f'<path class="td-line" d="{_staircase(setting, num_patches)}"/>'
        f'<path class="td-tau" d="M{x_of(setting.tau):.1f} {TOP - 4}V{BOTTOM}"/>'
        f"{tau_label(setting.tau)}</svg>"
        f'<p class="td-hint">Bars: confidence of {total:,} pictures. Line: share of patches kept.'
        "</p>"
    )


def _bars(histogram: npt.NDArray[np.int64]) -> str:
    top = max(int(histogram.max(initial=0)), 1)
    width = (RIGHT - LEFT) / max(histogram.size, 1)
    return "".join(
        f'<rect class="tn-bar" x="{LEFT + place * width + 0.5:.1f}" '
        f'y="{BOTTOM - 0.92 * (BOTTOM - TOP) * count / top:.1f}" width="{width - 1:.1f}" '
        f'height="{0.92 * (BOTTOM - TOP) * count / top:.1f}"/>'
        for place, count in enumerate(histogram)
        if count
    )


def _staircase(setting: Setting, num_patches: int) -> str:
    """Return the path from just above 0 to tau; above it the target does not run at all."""
    confidence = np.linspace(0.0, setting.tau, STEPS)
    levels = keep_level(keep_ratio(confidence, setting))
    changes = np.flatnonzero(np.diff(levels)) + 1
    share = {int(v): num_keep(int(v), num_patches) / num_patches for v in np.unique(levels)}
    path = f"M{x_of(0.0):.1f} {y_of(share[int(levels[0])]):.1f}"
    for place in changes:
        path += f"H{x_of(confidence[place]):.1f}V{y_of(share[int(levels[place])]):.1f}"
    return f"{path}H{x_of(setting.tau):.1f}V{BOTTOM}H{RIGHT}"
