"""Is the guidance's confidence worth anything? Reliability and risk-coverage as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydrop.core.numbers import exact_percent
from tinydrop.studies.calibration import Reliability, RiskCoverage
from tinydrop.ui.kit.markup import escape

WIDTH, HEIGHT = 300, 210
LEFT, RIGHT, TOP, BOTTOM = 36.0, 290.0, 24.0, 176.0
POINTS = 160


def reliability_chart(
    plain: Reliability, scaled: Reliability, temperature: float, fitted: float
) -> str:
    """Return the reliability diagram before and after dividing the logits by ``temperature``.

    Args:
        plain: at temperature 1.
        scaled: at ``temperature``.
        temperature: the setting's.
        fitted: the one that makes the labels of these pictures most likely.
    """
    said = (
        f"Expected calibration error {exact_percent(plain.ece)} at temperature 1, "
        f"{exact_percent(scaled.ece)} at {temperature:g}"
    )
    before, after = _filled(plain), _filled(scaled)
    return (
        f'<svg class="td-curve tn-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{said}.">'
        + _axes("guidance confidence", "share right", 1.0)
        + f'<path class="tn-ideal" d="M{LEFT} {BOTTOM}L{RIGHT} {TOP}"/>'
        + _line("tn-before", [(c, a) for c, a, _ in before], 1.0)
        + _line("tn-after", [(c, a) for c, a, _ in after], 1.0)
        + "".join(
            f'<path class="tn-before-dot" d="M{_x(c) - 2.5:.1f} {_y(a, 1.0) - 2.5:.1f}h5v5h-5z">'
            f"{_bin_title(c, a, n)}</path>"
            for c, a, n in before
        )
        + "".join(
            f'<circle class="tn-after-dot" cx="{_x(c):.1f}" cy="{_y(a, 1.0):.1f}" r="3.5">'
            f"{_bin_title(c, a, n)}</circle>"
            for c, a, n in after
        )
        + "</svg>"
        + '<p class="tn-legend"><span><i class="tn-k tn-k-before"></i>T = 1: ECE '
        f"<b>{exact_percent(plain.ece)}</b></span>"
        f'<span><i class="tn-k tn-k-after"></i>T = {temperature:g}: ECE '
        f"<b>{exact_percent(scaled.ece)}</b></span></p>"
        f'<p class="td-hint">Fitted on these pictures: T = {fitted:.2f}.</p>'
    )


def risk_coverage_chart(
    curve: RiskCoverage, auroc: float | None, coverage: float, risk: float | None
) -> str:
    """Return how often the guidance is wrong when it answers its surest pictures.

    Args:
        curve: at the setting's temperature.
        auroc: chance that a right answer is surer than a wrong one, or None where there is
            only one kind.
        coverage: the exit rate at the setting's tau.
        risk: share wrong of those that exit; None where nothing exits.
    """
    points = _thinned(curve)
    top = max([0.05, *(r for _, r in points)]) * 1.08
    at = (
        "nothing exits at this tau"
        if risk is None
        else f"{exact_percent(coverage)} exit, {exact_percent(risk)} of them wrong"
    )
    dot = (
        f'<path class="td-tau" d="M{_x(coverage):.1f} {TOP}V{BOTTOM}"/>'
        f'<circle class="td-dot" cx="{_x(coverage):.1f}" cy="{_y(risk, top):.1f}" r="5"/>'
        if risk is not None
        else ""
    )
    worth = "not defined: all answers are of one kind" if auroc is None else f"{auroc:.3f}"
    return (
        f'<svg class="td-curve tn-chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Risk against coverage. {escape(at)}.">'
        + _axes("share of pictures that exit", "of those, wrong", top)
        + _line("td-line", points, top)
        + dot
        + f'</svg><p class="tn-legend"><span>AURC <b>{curve.aurc:.3f}</b></span>'
        f'<span>AUROC <b>{worth}</b></span></p><p class="td-hint"><i class="td-key"></i> '
        f"Here {at}.</p>"
    )


def _filled(bins: Reliability) -> list[tuple[float, float, int]]:
    """Return (confidence, accuracy, count) of the bins that hold pictures."""
    return [
        (c, a, n)
        for c, a, n in zip(bins.confidence, bins.accuracy, bins.counts, strict=True)
        if c is not None and a is not None
    ]


def _bin_title(confidence: float, accuracy: float, count: int) -> str:
    return (
        f"<title>{count:,} pictures: {exact_percent(confidence)} sure, "
        f"{exact_percent(accuracy)} right</title>"
    )


def _thinned(curve: RiskCoverage) -> list[tuple[float, float]]:
    """Return at most ``POINTS`` points, evenly by coverage: more cannot be seen."""
    wanted = np.linspace(0.0, 1.0, POINTS)
    places = np.unique(np.searchsorted(curve.coverage, wanted).clip(0, curve.coverage.size - 1))
    return [(float(curve.coverage[p]), float(curve.risk[p])) for p in places]


def _line(kind: str, points: Sequence[tuple[float, float]], top: float) -> str:
    if len(points) < 2:
        return ""
    path = "L".join(f"{_x(x):.1f} {_y(y, top):.1f}" for x, y in points)
    return f'<path class="{kind}" d="M{path}"/>'


def _x(share: float) -> float:
    return LEFT + (RIGHT - LEFT) * float(share)


def _y(value: float, top: float) -> float:
    return BOTTOM - (BOTTOM - TOP) * float(value) / top


def _axes(across: str, up: str, top: float) -> str:
    ticks = "".join(
        f'<text x="{_x(v):.0f}" y="{BOTTOM + 14}" text-anchor="middle">{v:g}</text>'
        for v in (0, 0.5, 1)
    )
    digits = 0 if top >= 0.1 else 1
    shares = "".join(
        f'<text x="{LEFT - 5}" y="{_y(v, top) + 4:.0f}" text-anchor="end">{100 * v:.{digits}f}'
        f"{' %' if v else ''}</text>"
        f'<path class="td-rule" d="M{LEFT} {_y(v, top):.1f}H{RIGHT}"/>'
        for v in (0.0, top / 2, top)
    )
    middle = (LEFT + RIGHT) / 2
    return (
        f'{shares}{ticks}<text x="{middle:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{across}'
        f'</text><text x="4" y="12">{up}</text>'
    )
