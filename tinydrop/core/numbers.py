"""How numbers are written for a person: shares, differences and multiply-accumulates."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """Return a share (0 to 1) as whole percent; 99.7 % is not rounded up to certainty."""
    value = 100 * share
    if 0 < value < 1:
        return "<1 %"
    if 99 < value < 100:
        return ">99 %"
    return f"{value:.0f} %"


def macs_unit(largest: int) -> tuple[float, str]:
    """Return (divisor, unit) that suit a group of figures whose largest is given, in MACs."""
    return (1e9, "GMACs") if largest >= 1e9 else (1e6, "MMACs")


def amount(macs: int, unit: float) -> str:
    """Return MACs in a unit with three digits that matter, and at most two decimals."""
    value = macs / unit
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


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


def span_words(low: float, high: float) -> str:
    """Return an interval of shares (0 to 1) in whole percent, ``58 to 95 %``, rounded outwards."""
    return f"{math.floor(100 * low)} to {math.ceil(100 * high)} %"


def whole_percent(value: float) -> str:
    """Return a share (0 to 1) in whole percent, as it rounds."""
    return f"{100 * value:.0f} %"


def decimals(value: float) -> str:
    """Return a number with two decimals and a real minus."""
    return f"{value:.2f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a difference with its sign and two decimals; one that rounds to nothing has both."""
    text = f"{value:+.2f}".replace("-", "−")
    return "±0.00" if text in ("+0.00", "−0.00") else text


def millions(macs: float) -> str:
    """Return MACs in millions, with three digits that matter."""
    value = macs / 1e6
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f} million MACs"


def share(part: float, whole: float) -> str:
    """Return a part of a cost in whole percent; a little is not rounded to nothing."""
    value = 100 * part / whole
    return "<1 %" if 0 < value < 0.5 else f"{value:.0f} %"


def signed_points(part: float) -> str:
    """Return a difference of shares in percentage points, with its sign and one decimal."""
    text = f"{100 * part:+.1f}".replace("-", "−")
    return "±0.0" if text in ("+0.0", "−0.0") else text
