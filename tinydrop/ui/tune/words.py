"""Number formats and sentences of the Tune page; shares in, words out."""

from __future__ import annotations

import math

from tinydrop.core.budget import Setting
from tinydrop.pipeline.render import macs_unit
from tinydrop.studies.trace import FEW_PICTURES

RULE_WORDS = {
    "curvature": "curvature",
    "linear": "linear",
    "fixed": "fixed share",
}


def exact_percent(share: float) -> str:
    """Return a share (0 to 1) as percent with one decimal, ``73.4 %``; never ``-0.0 %``."""
    value = round(100 * share, 1)
    return f"{value + 0.0 if value else 0.0:.1f} %"


def macs_digits(full_macs: float) -> int:
    """Return how many decimals multiply-accumulates are shown with, beside a full target's."""
    return 3 if full_macs / macs_unit(int(full_macs))[0] < 10 else 1


def macs_words(macs: float, full_macs: float) -> str:
    """Return multiply-accumulates in the unit that suits the full target's: one unit per page."""
    unit, name = macs_unit(int(full_macs))
    return f"{macs / unit:.{macs_digits(full_macs)}f} {name}"


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


def span_words(low: float, high: float) -> str:
    """Return an interval of shares (0 to 1) in whole percent, ``58 to 95 %``, rounded outwards."""
    return f"{math.floor(100 * low)} to {math.ceil(100 * high)} %"


def too_few(pictures: int) -> str:
    """Return why no setting is recommended, as HTML."""
    count = "1 picture is" if pictures == 1 else f"{pictures:,} pictures are"
    return (
        f'<p class="td-honest">{count} too few to recommend a setting: chance alone decides which '
        f"one looks best. It takes {FEW_PICTURES} or more.</p>"
    )


def setting_words(setting: Setting) -> str:
    """Return a setting in one line, for hovers and tables."""
    rule = RULE_WORDS.get(setting.rule, setting.rule)
    gamma = f", gamma {setting.gamma:g}" if setting.rule == "curvature" else ""
    return f"tau {setting.tau:g}{gamma}, T {setting.temperature:g}, {rule}"
