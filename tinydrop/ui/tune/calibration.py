"""Is the guidance's confidence worth anything? Reliability and risk-coverage."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from tinydrop.core.numbers import exact_percent
from tinydrop.studies.calibration import Reliability, RiskCoverage
from tinydrop.ui.kit.chart import Axis, Chart, Line, Point
from tinydrop.ui.kit.styles import HERE
from tinydrop.ui.kit.templates import draw

HEIGHT = 320
POINTS = 160


def reliability_chart(
    plain: Reliability, scaled: Reliability, temperature: float, fitted: float
) -> Markup:
    """Return the reliability diagram before and after dividing the logits by ``temperature``.

    Args:
        plain: at temperature 1.
        scaled: at ``temperature``.
        temperature: the setting's.
        fitted: the one that makes the labels of these pictures most likely.
    """
    ece = [
        ("T = 1", exact_percent(plain.ece)),
        (f"T = {temperature:g}", exact_percent(scaled.ece)),
    ]
    ideal = tuple(Point(v, v, "as sure as right") for v in (0.0, 100.0))
    lines = (
        Line("ideal", "as sure as right", "ideal", ideal),
        Line("before", "T = 1", "before", _bins(plain)),
        Line("after", f"T = {temperature:g}, the setting’s", "after", _bins(scaled)),
    )
    chart = Chart(
        "reliability",
        f"Expected calibration error {ece[0][1]} at temperature 1, {ece[1][1]} at {temperature:g}",
        Axis("guidance confidence", "%", 0, 102),
        Axis("share right", "%", 0, 102),
        lines,
        height=HEIGHT,
    )
    return draw(
        "tune/calibration.html", "reliability", chart=chart.html(), ece=ece, fitted=f"{fitted:.2f}"
    )


def risk_coverage_chart(
    curve: RiskCoverage, auroc: float | None, coverage: float, risk: float | None
) -> Markup:
    """Return how often the guidance is wrong when it answers its surest pictures.

    Args:
        curve: at the setting's temperature.
        auroc: chance that a right answer is surer than a wrong one, or None where there is
            only one kind.
        coverage: the exit rate at the setting's tau.
        risk: share wrong of those that exit; None where nothing exits.
    """
    points = tuple(
        Point(100 * c, 100 * r, f"{exact_percent(c)} exit\n{exact_percent(r)} of them wrong")
        for c, r in _thinned(curve)
    )
    at = (
        "nothing exits at this tau"
        if risk is None
        else f"{exact_percent(coverage)} exit, {exact_percent(risk)} of them wrong"
    )
    lines = [Line("curve", "risk at each coverage", "curve", points)]
    if risk is not None:
        here = Point(100 * coverage, 100 * risk, f"this setting\n{at}")
        lines.append(Line(HERE, "this setting", HERE, (here,)))
    top = max([5.0, *(point.y for point in points)]) * 1.08
    chart = Chart(
        "risk",
        f"Risk against coverage. Here {at}",
        Axis("share of pictures that exit", "%", 0, 102),
        Axis("of those, wrong", "%", 0, top),
        tuple(lines),
        height=HEIGHT,
    )
    worth = "not defined: all answers are of one kind" if auroc is None else f"{auroc:.3f}"
    return draw(
        "tune/calibration.html", "risk", chart=chart.html(), aurc=f"{curve.aurc:.3f}",
        auroc=worth, at=at,
    )  # fmt: skip


def _bins(bins: Reliability) -> tuple[Point, ...]:
    """Return (confidence, accuracy) of the bins that hold pictures."""
    return tuple(
        Point(100 * c, 100 * a, f"{n:,} pictures\n{exact_percent(c)} sure, "
              f"{exact_percent(a)} right")
        for c, a, n in zip(bins.confidence, bins.accuracy, bins.counts, strict=True)
        if c is not None and a is not None
    )  # fmt: skip


def _thinned(curve: RiskCoverage) -> list[tuple[float, float]]:
    """Return at most ``POINTS`` points, evenly by coverage: more cannot be seen."""
    wanted = np.linspace(0.0, 1.0, POINTS)
    places = np.unique(np.searchsorted(curve.coverage, wanted).clip(0, curve.coverage.size - 1))
    return [(float(curve.coverage[p]), float(curve.risk[p])) for p in places]
