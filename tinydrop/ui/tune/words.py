"""Sentences of the Tune page."""

from __future__ import annotations

from markupsafe import Markup

from tinydrop.core.budget import Setting
from tinydrop.core.selection import RULE_TITLES
from tinydrop.studies.trace import FEW_PICTURES
from tinydrop.ui.kit.pieces import note


def drop_words(drop: float, than: str = "the full target") -> str:
    """Return an accuracy drop, in percentage points, as words: below, above or as good.

    Args:
        drop: accuracy of the yardstick minus accuracy, in percentage points.
        than: the yardstick.
    """
    value = round(drop, 1)
    if value == 0:
        return f"as good as {than}"
    side = "below" if value > 0 else "above"
    return f"{abs(value):.1f} points {side} {than}"


def drop_span_words(low: float, high: float) -> str:
    """Return an interval of accuracy drops, in percentage points, from the worse end on."""
    ends = []
    for value in (round(high, 1), round(low, 1)):
        side = "below" if value > 0 else "above"
        ends.append(f"{abs(value):.1f} points {side}" if value else "as good as")
    return f"{ends[0]} to {ends[1]} the full target"


def too_few(pictures: int) -> Markup:
    """Return why no setting is recommended, as HTML."""
    count = "1 picture is" if pictures == 1 else f"{pictures:,} pictures are"
    return note(
        f"{count} too few to recommend a setting: chance alone decides which one looks best. It "
        f"takes {FEW_PICTURES} or more.",
        "td-honest",
    )


def setting_words(setting: Setting) -> str:
    """Return a setting in one line, for hovers and tables."""
    rule = RULE_TITLES[setting.rule].label
    gamma = f", gamma {setting.gamma:g}" if setting.rule == "curvature" else ""
    return f"tau {setting.tau:g}{gamma}, T {setting.temperature:g}, {rule}"
