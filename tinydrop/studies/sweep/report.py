"""What ``sweep --json`` prints."""

from __future__ import annotations

from typing import Any

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.sweep.operating import Measured, best_settings, measure, setting_dict
from tinydrop.studies.sweep.outcome import baseline_replays, replay
from tinydrop.studies.trace import Trace, cautions

_KEYS = (
    "accuracy",
    "accuracy_drop",
    "macs",
    "saved",
    "exit_rate",
    "keep_ratio",
    "pictures",
    "intervals",
)


def sweep_report(
    trace: Trace,
    setting: Setting,
    max_drop: float | None = None,
    *,
    seed: int = 0,
    samples: int = 1000,
    random: Trace | None = None,
    uniform: Trace | None = None,
) -> dict[str, Any]:
    """Return the object of DESIGN part 5, JSON-ready.

    Args:
        trace: the pictures.
        setting: what to evaluate; with ``max_drop``, only its temperature and rule count.
        max_drop: percentage points; search one half of the pictures and report the other. Without
            it nothing is tuned, ``tuned_on`` is None and ``held_out`` is all pictures.
        seed: of the split and of the intervals.
        samples: resamples for the intervals.
        random: the same pictures traced with the random selector; adds the baseline ``random``.
        uniform: likewise.

    Raises:
        SettingError: if no setting stays within ``max_drop``, the trace is too small or does not
            state the temperature, or another trace does not belong.
    """
    tuned_on: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    if max_drop is None:
        held_out = measure(replay(trace, setting), seed=seed, samples=samples)
        runs = baseline_replays(trace, setting, random=random, uniform=uniform)
        baselines = {k: measure(v, seed=seed, samples=samples) for k, v in runs.items()}
    else:
        (best,) = best_settings(
            trace,
            (max_drop,),
            base=setting,
            seed=seed,
            samples=samples,
            random=random,
            uniform=uniform,
        )
        if best.setting is None or best.held_out is None or best.tuned_on is None:
            raise SettingError(best.notes[0])
        setting, held_out = best.setting, best.held_out
        baselines, notes = dict(best.baselines), best.notes
        found = best.tuned_on.to_dict()
        tuned_on = {"max_drop": best.max_drop, "seed": seed}
        tuned_on.update((key, found[key]) for key in _KEYS if key in found)
    return {
        "pair": trace.provenance.pair,
        "selector": trace.provenance.selector,
        "setting": setting_dict(setting),
        "tuned_on": tuned_on,
        "held_out": _measures(held_out),
        "baselines": {name: _measures(value) for name, value in baselines.items()},
        "notes": [*notes, *cautions(trace.label, trace.provenance.classes)],
    }


def _measures(value: Measured) -> dict[str, Any]:
    every = value.to_dict()
    return {key: every[key] for key in _KEYS}
