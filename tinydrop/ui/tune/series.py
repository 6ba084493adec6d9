"""The points of the chart: every setting of a grid, its frontier, and the baselines beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinydrop.core.budget import Setting
from tinydrop.studies.sweep import (
    GAMMAS,
    TAUS,
    Best,
    Grid,
    Outcome,
    best_settings,
    frontier,
    knee,
    sweep_grid,
)
from tinydrop.ui.kit.traces import KnownTrace
from tinydrop.ui.tune.frontier import Mark
from tinydrop.ui.tune.tables import BaselineRow
from tinydrop.ui.tune.words import drop_words

MATCHED = 12
"""Settings of the frontier at which the other selectors are shown."""
SHOWN = 7
"""Of the grid's points, every so many are drawn: the cloud is seen, and the chart stays quick."""

BASELINE_NAMES = {
    "guidance": "guidance alone",
    "target": "full target",
    "cascade": "pure cascade, no dropping",
    "no_exit": "dropping, no exit",
    "random": "random patches, same budgets",
    "uniform": "evenly spread patches, same budgets",
}


@dataclass(frozen=True)
class Found:
    """A setting and what it does."""

    setting: Setting
    outcome: Outcome


def chart_series(traced: KnownTrace, setting: Setting) -> dict[str, Sequence[Mark]]:
    """Return the chart's points under the setting's rule and temperature; see ``LOOKS``."""
    best = frontier_outcomes(traced, setting)
    bend = best[knee([f.outcome.macs for f in best], [f.outcome.accuracy for f in best])]
    same = traced.baselines(setting)
    return {
        "settings": [_mark(found, "") for found in _cloud(traced, setting)],
        "frontier": [_mark(found, "TinyDrop") for found in best],
        **_beside(traced, setting, best),
        "cascade": [
            Mark(found.outcome.accuracy, found.outcome.macs, f"cascade, tau {found.setting.tau:g}")
            for found in cascade_outcomes(traced, setting)
        ],
        "guidance": [_baseline(same["guidance"], "guidance alone")],
        "target": [_baseline(same["target"], "full target")],
        "knee": [] if traced.few else [_mark(bend, "knee")],
        "chosen": _chosen(traced, best_of(traced, setting)),
    }


def frontier_outcomes(traced: KnownTrace, setting: Setting) -> list[Found]:
    """Return the settings that no other setting of the grid beats in both, cheapest first."""

    def work() -> list[Found]:
        grid = _grid(traced, setting)
        places = frontier(grid.total_macs, grid.correct)
        cells = [divmod(int(place), len(grid.gammas)) for place in places]
        return [Found(grid.setting(*cell), grid.outcome(*cell)) for cell in cells]

    return traced.once(("frontier", *_kind(setting)), work)


def best_of(traced: KnownTrace, setting: Setting) -> tuple[Best, ...]:
    """Return the settings for 0.3, 0.5 and 1 points of drop; none where there are few pictures."""

    def work() -> tuple[Best, ...]:
        if traced.few:
            return ()
        return best_settings(
            traced.trace, base=setting, random=traced.random, uniform=traced.uniform
        )

    return traced.once(("best", *_kind(setting)), work)


def cascade_outcomes(traced: KnownTrace, setting: Setting) -> list[Found]:
    """Return the pure cascade at every tau: the same exit, else every patch and no saliency."""

    def work() -> list[Found]:
        base = replace(setting, rule="fixed", fixed_keep_ratio=1.0)
        grid = sweep_grid(replace(traced.trace, saliency_macs=0), TAUS, (1.0,), base)
        found = [Found(grid.setting(*cell), grid.outcome(*cell)) for cell in grid.cells()]
        return sorted(found, key=lambda one: one.outcome.macs)

    return traced.once(("cascade", setting.temperature), work)


def baseline_rows(traced: KnownTrace, setting: Setting) -> list[BaselineRow]:
    """Return every comparison at a setting, the setting itself first."""
    own = traced.outcome(setting)
    rows = [BaselineRow("this setting", own.accuracy, own.macs, own.saved)]
    return rows + [
        BaselineRow(BASELINE_NAMES[name], one.accuracy, one.macs, one.saved)
        for name, one in traced.baselines(setting).items()
    ]


def _beside(
    traced: KnownTrace, setting: Setting, best: Sequence[Found]
) -> dict[str, Sequence[Mark]]:
    """Return what dropping without exit and other selectors do at settings of the frontier."""

    def work() -> dict[str, Sequence[Mark]]:
        matched = best[:: max(1, len(best) // MATCHED)]
        outcomes = [traced.baselines(found.setting) for found in matched]
        result = {}
        for name in ("no_exit", "random", "uniform"):
            marks = [_baseline(one[name], BASELINE_NAMES[name]) for one in outcomes if name in one]
            result[name] = sorted(marks, key=lambda mark: mark.macs)
        return dict(result)

    return traced.once(("beside", *_kind(setting)), work)


def _kind(setting: Setting) -> tuple[str, float, float]:
    """Return what a grid does not vary."""
    return (setting.rule, setting.temperature, setting.fixed_keep_ratio)


def _grid(traced: KnownTrace, setting: Setting) -> Grid:
    gammas = GAMMAS if setting.rule == "curvature" else (setting.gamma,)
    key = ("grid", *_kind(setting))
    return traced.once(key, lambda: sweep_grid(traced.trace, TAUS, gammas, setting))


def _cloud(traced: KnownTrace, setting: Setting) -> list[Found]:
    grid = _grid(traced, setting)
    rows = range(SHOWN // 2, len(grid.taus), SHOWN // 2)
    columns = range(0, len(grid.gammas), SHOWN)
    return [Found(grid.setting(r, c), grid.outcome(r, c)) for r in rows for c in columns]


def _chosen(traced: KnownTrace, found: Sequence[Best]) -> list[Mark]:
    """Return the chosen settings where they lie on all pictures, as the other points do."""
    marks: dict[Setting, list[str]] = {}
    for one in found:
        if one.setting is not None:
            marks.setdefault(one.setting, []).append(f"{one.max_drop:g}")
    held = {one.setting: one.held_out for one in found}
    result = []
    for setting, drops in marks.items():
        outcome, other = traced.outcome(setting), held[setting]
        label = ", ".join(drops)
        if other is not None:
            label += (
                f"\non the half it was not chosen on: {drop_words(other.outcome.accuracy_drop)}"
            )
        result.append(Mark(outcome.accuracy, outcome.macs, label, setting))
    return result


def _mark(found: Found, label: str) -> Mark:
    return Mark(found.outcome.accuracy, found.outcome.macs, label, found.setting)


def _baseline(outcome: Outcome, label: str) -> Mark:
    return Mark(outcome.accuracy, outcome.macs, label)
