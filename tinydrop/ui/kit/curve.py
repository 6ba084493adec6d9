"""The budget curve: how many patches each confidence buys, with this picture marked on it."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from tinydrop.core.budget import BUDGET_LEVELS, Budget, Setting, keep_level, keep_ratio, num_keep
from tinydrop.core.numbers import percent
from tinydrop.ui.kit.templates import draw

WIDTH, HEIGHT = 300, 150
LEFT, RIGHT, TOP, BOTTOM = 30.0, 290.0, 20.0, 116.0
STEPS = 1024
CURVE = "kit/curve.html"


def budget_curve(setting: Setting, budget: Budget, num_patches: int) -> Markup:
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
    tau = x_of(setting.tau)
    return draw(
        CURVE,
        "curve",
        width=WIDTH,
        height=HEIGHT,
        here=_here(budget, num_patches),
        axes=axes(),
        tau=f"{tau:.1f}",
        top=TOP,
        bottom=BOTTOM,
        right=RIGHT,
        exit_width=f"{max(RIGHT - tau, 0):.1f}",
        line=f"{path}H{tau:.1f}V{BOTTOM}H{RIGHT}",
        label=tau_label(setting.tau),
        x=f"{x_of(budget.confidence):.1f}",
        y=f"{y_of(budget.num_keep / num_patches):.1f}",
    )


def budget_formula(setting: Setting, budget: Budget, num_patches: int) -> Markup:
    """Return how this picture's K came about, with the numbers put in, as HTML."""
    c, tau = f"{budget.confidence:.3f}", f"{setting.tau:.2f}"
    if budget.keep_ratio is None or budget.level is None:
        return draw(CURVE, "exit_formula", c=c, tau=tau)
    return draw(
        CURVE,
        "formula",
        rule=setting.rule,
        c=c,
        tau=tau,
        gamma=f"{setting.gamma:.2f}",
        fixed=f"{setting.fixed_keep_ratio:g}",
        ratio=f"{budget.keep_ratio:.3f}",
        level=budget.level,
        levels=BUDGET_LEVELS,
        patches=num_patches,
        kept=budget.num_keep,
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


def tau_label(tau: float) -> Markup:
    """Return the words beside the exit threshold, on the side where there is room."""
    anchor, x = ("end", x_of(tau) - 5) if tau > 0.3 else ("start", x_of(tau) + 5)
    return draw(CURVE, "tau_label", x=f"{x:.1f}", y=TOP - 6, anchor=anchor)


def axes() -> Markup:
    """Return both axes with their numbers and names."""
    shares = ((0, "0"), (0.5, "half"), (1, "all"))
    return draw(
        CURVE,
        "axes",
        rules=[(f"{y_of(v):.1f}", f"{y_of(v) + 4:.0f}", name) for v, name in shares],
        ticks=[(f"{x_of(v):.0f}", f"{v:g}") for v in (0, 0.5, 1)],
        left=LEFT,
        right=RIGHT,
        tick_y=BOTTOM + 14,
        middle=f"{(LEFT + RIGHT) / 2:.0f}",
        foot=HEIGHT - 4,
    )
