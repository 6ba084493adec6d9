"""What each budget level costs in time, as a share of the full target's: measured once, kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError, quoted
from tinydrop.models.backbones import Guidance, Target
from tinydrop.models.saliency import compute_saliency, resize_saliency
from tinydrop.studies.bench.measure import time_in_turns
from tinydrop.studies.bench.report import Spread

_FORMAT = 1


@dataclass(frozen=True)
class LevelTimes:
    """The time of a whole picture at each budget level, over the full target's in the same turn.

    Attributes:
        digest: of the pair's weights.
        device: where both models ran.
        threads: that torch may use within one operation.
        batch_size: pictures per call.
        torch: its version.
        repeats: turns, after a warm-up.
        exit_ratio: guidance alone, over the full target.
        ratios: guidance, map and target at levels 1 to 16, over the full target.
    """

    digest: str
    device: str
    threads: int
    batch_size: int
    torch: str
    repeats: int
    exit_ratio: Spread
    ratios: tuple[Spread, ...]

    def __post_init__(self) -> None:
        if len(self.ratios) != BUDGET_LEVELS:
            raise SettingError(
                f"Times are of {BUDGET_LEVELS} levels, got {len(self.ratios)}; measure them again "
                "with tinydrop bench --save-times."
            )

    def ratio_at(self, level: int) -> Spread:
        """Return the time at a level, 1 to 16, as a share of the full target's."""
        return self.ratios[level - 1]


def measure_level_times(
    guidance: Guidance, target: Target, digest: str, *, batch_size: int = 1, repeats: int = 15
) -> LevelTimes:
    """Return the times of a pair at every level, with torch's present number of threads.

    Args:
        guidance: the small model.
        target: the large one.
        digest: of the pair's weights.
        batch_size: pictures per call.
        repeats: turns; guidance, map, all levels and the full target run in each.

    Raises:
        SettingError: if ``repeats`` is not positive.
    """
    generator = torch.Generator().manual_seed(0)
    small = torch.randn((batch_size, 3, *guidance.spec.input.size), generator=generator)
    large = torch.randn((batch_size, 3, *target.spec.input.size), generator=generator)
    grid = target.spec.grid
    order = torch.randperm(grid.num_patches, generator=generator)

    def look() -> None:
        guidance.features(small)

    def explain() -> None:
        features = guidance.features(small)
        for found in compute_saliency(guidance, features, features.logits.argmax(dim=1).tolist()):
            resize_saliency(found, grid)

    def run(level: int) -> None:
        kept = order[: num_keep(level, grid.num_patches)].sort().values
        target.logits(large, None if level == BUDGET_LEVELS else kept.expand(batch_size, -1))

    levels = range(1, BUDGET_LEVELS + 1)
    tasks = {"look": look, "explain": explain} | {f"{n}": partial(run, n) for n in levels}
    times = time_in_turns(tasks, torch.device("cpu"), repeats)
    full = times[str(BUDGET_LEVELS)]
    return LevelTimes(
        digest=digest,
        device="cpu",
        threads=torch.get_num_threads(),
        batch_size=batch_size,
        torch=torch.__version__,
        repeats=repeats,
        exit_ratio=Spread.of(times["look"] / full),
        ratios=tuple(Spread.of((times["explain"] + times[str(n)]) / full) for n in levels),
    )


def write_level_times(tables: Sequence[LevelTimes], path: Path) -> None:
    """Write tables as one JSON file; SettingError if that is not possible."""
    content = {"format": _FORMAT, "tables": [_rounded(asdict(one)) for one in tables]}
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written ({error.strerror}); give another file."
        ) from error


def read_level_times(path: Path) -> tuple[LevelTimes, ...]:
    """Return the tables of a file.

    Raises:
        SettingError: if it cannot be read or is none of ``write_level_times``.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise ValueError(f"format {quoted(content['format'])}")  # noqa: TRY301
        return tuple(_table(one) for one in content["tables"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(
            f"{path} holds no times ({error}); measure them with tinydrop bench --save-times."
        ) from error


def _table(held: dict[str, object]) -> LevelTimes:
    ratios = [Spread(**one) for one in held["ratios"]]  # type: ignore[attr-defined]
    return LevelTimes(
        **{**held, "exit_ratio": Spread(**held["exit_ratio"]), "ratios": tuple(ratios)}  # type: ignore[arg-type]
    )


def _rounded(value: object) -> object:
    """Return figures with three digits behind the point, all the way down."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return float(np.round(value, 3)) if isinstance(value, float) else value
