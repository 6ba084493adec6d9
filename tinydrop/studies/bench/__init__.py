"""Measured times beside counted MACs: what the saliency adds, what dropping saves, who wins."""

from __future__ import annotations

from tinydrop.studies.bench.measure import (
    find_break_even,
    measure_saliency_overhead,
    measure_target_speed,
    run_bench,
    time_in_turns,
)
from tinydrop.studies.bench.report import (
    BenchReport,
    BreakEven,
    SaliencyOverhead,
    Spread,
    TargetSpeed,
)
from tinydrop.studies.bench.times import (
    LevelTimes,
    measure_level_times,
    read_level_times,
    write_level_times,
)

__all__ = [
    "BenchReport",
    "BreakEven",
    "LevelTimes",
    "SaliencyOverhead",
    "Spread",
    "TargetSpeed",
    "find_break_even",
    "measure_level_times",
    "measure_saliency_overhead",
    "measure_target_speed",
    "read_level_times",
    "run_bench",
    "time_in_turns",
    "write_level_times",
]
