"""The budget curve: how many patches each confidence buys, with this picture marked on it."""

from __future__ import annotations

import numpy as np

from tinydrop.core.budget import BUDGET_LEVELS, Budget, Setting, keep_level, keep_ratio, num_keep
from tinydrop.core.numbers import percent

WIDTH, HEIGHT = 300, 150
LEFT, RIGHT, TOP, BOTTOM = 30.0, 290.0, 20.0, 116.0
STEPS = 1024


def budget_curve(setting: Setting, budget: Budget, num_patches: int) -> str:
    """Return the staircase of 16 levels up to tau as inline SVG, the picture as a dot on it.

    Args:
        setting: the operating point.
        budget: what this picture's confidence bought.
        num_patches: N of the target.
    """
    # From just above 0 to tau; above it the target does not run at all.
    confidence = np.linspace(0.0, setting.tau, STEPS)
    levels = keep_level(keep_ratio(confidence, setting))
    kept = [num_keep(int(level), num_patches) / num_patches for level in levels]
    path = f"M{x_of(0.0):.1f} {y_of(kept[0]):.1f}"
    for c, before, share in zip(confidence[1:], kept, kept[1:], strict=False):
        if share != before:
            path += f"H{x_of(c):.1f}V{y_of(share):.1f}"
    path += f"H{x_of(setting.tau):.1f}"
    share = budget.num_keep / num_patches
    tau = x_of(setting.tau)
    return (
        f'<svg class="td-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Share of patches kept against the confidence of the guidance. '
        f'{_here(budget, num_patches)}.">'
        f"{axes()}"
        f'<rect class="td-exit" x="{tau:.1f}" y="{TOP}" width="{max(RIGHT - tau, 0):.1f}" '
        f'height="{BOTTOM - TOP}"/>'
        f'<path class="td-line" d="{path}V{BOTTOM}H{RIGHT}"/>'
        f'<path class="td-tau" d="M{tau:.1f} {TOP - 4}V{BOTTOM}"/>'
        f"{tau_label(setting.tau)}"
        f'<path class="td-drop" d="M{x_of(budget.confidence):.1f} {BOTTOM}V{y_of(share):.1f}"/>'
        f'<circle class="td-dot" cx="{x_of(budget.confidence):.1f}" cy="{y_of(share):.1f}" r="5"/>'
        f"</svg>"
        f'<p class="td-hint td-here"><i class="td-key"></i> {_here(budget, num_patches)}</p>'
    )


def budget_formula(setting: Setting, budget: Budget, num_patches: int) -> str:
    """Return how this picture's K came about, with the numbers put in, as HTML."""
    c, tau, gamma = f"{budget.confidence:.3f}", f"{setting.tau:.2f}", f"{setting.gamma:.2f}"
    if budget.keep_ratio is None or budget.level is None:
        return f"<p>c = {c} is above tau = {tau}: early exit, no patch is needed.</p>{_CAVEAT}"
    rule = {
        "curvature": f"1 − (c / tau)<sup>gamma</sup> = 1 − ({c} / {tau})<sup>{gamma}</sup>",
        "linear": f"1 − c / tau = 1 − {c} / {tau}",
        "fixed": f"the same for every picture, {setting.fixed_keep_ratio:g}",
    }[setting.rule]
    return (
        f"<p>keep ratio = {rule}, at least 1/16: <b>{budget.keep_ratio:.3f}</b></p>"
        f"<p>rounded up to level <b>{budget.level}</b> of {BUDGET_LEVELS}, so K = "
        f"⌈{num_patches} × {budget.level} / {BUDGET_LEVELS}⌉ = <b>{budget.num_keep}</b> patches</p>"
        f"{_CAVEAT}"
    )


_CAVEAT = (
    '<p class="td-hint">The formula is our reconstruction: the one printed in the paper could not '
    "be read. It agrees with everything else that the paper says of it.</p>"
)


def _here(budget: Budget, num_patches: int) -> str:
    if budget.exited:
        return f"This picture: {percent(budget.confidence)} sure, early exit"
    return (
        f"This picture: {percent(budget.confidence)} sure, level {budget.level} of "
        f"{BUDGET_LEVELS}, {budget.num_keep} of {num_patches} patches"
    )


def x_of(confidence: float) -> float:
    """Return where a confidence lies on the drawing, from left to right."""
    return LEFT + (RIGHT - LEFT) * float(confidence)


def y_of(share: float) -> float:
    """Return where a share of patches lies on the drawing, from the top down."""
    return BOTTOM - (BOTTOM - TOP) * float(share)


def tau_label(tau: float) -> str:
    """Return the words beside the exit threshold, on the side where there is room."""
    anchor, x = ("end", x_of(tau) - 5) if tau > 0.3 else ("start", x_of(tau) + 5)
    return f'<text x="{x:.1f}" y="{TOP - 6}" text-anchor="{anchor}">exit above tau</text>'


def axes() -> str:
    """Return both axes with their numbers and names."""
    ticks = "".join(
        f'<text x="{x_of(v):.0f}" y="{BOTTOM + 14}" text-anchor="middle">{v:g}</text>'
        for v in (0, 0.5, 1)
    )
    shares = "".join(
        f'<text x="{LEFT - 5}" y="{y_of(v) + 4:.0f}" text-anchor="end">{name}</text>'
        f'<path class="td-rule" d="M{LEFT} {y_of(v):.1f}H{RIGHT}"/>'
        for v, name in ((0, "0"), (0.5, "half"), (1, "all"))
    )
    middle = (LEFT + RIGHT) / 2
    return (
        f"{shares}{ticks}"
        f'<text x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle">guidance confidence c</text>'
    )
