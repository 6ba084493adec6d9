"""The times of a shipped pair that come with the app; the pages measure none themselves."""

from __future__ import annotations

from functools import lru_cache

from tinydrop.core.assets import asset
from tinydrop.core.errors import TinyDropError
from tinydrop.models.pairs import Pair
from tinydrop.studies.bench import LevelTimes, read_level_times

_THREADS = 2
"""The table that is shown: the number of threads of a small machine, one picture at a time."""


def level_times(pair: Pair) -> LevelTimes | None:
    """Return a pair's times at two threads and one picture; None where none were measured."""
    return _known(pair.name, pair.digest)


def times_line(times: LevelTimes | None, level: int | None, *, exited: bool) -> str:
    """Return what a picture costs in time as a share of the full target's, as HTML.

    Args:
        times: what the pair's benchmark measured; None where there is none.
        level: the budget level of the kept patches; None after an exit.
        exited: whether the target did not run.
    """
    if times is None:
        return '<p class="td-hint">No time was measured for this pair; tinydrop bench does.</p>'
    ratio = times.exit_ratio if exited or level is None else times.ratio_at(level)
    what = "the guidance and its map" if not exited else "the guidance alone"
    rest = "" if exited else " and the target on so many patches"
    slower = " Fewer MACs are not always faster." if ratio.median > 1 else ""
    threads = "1 thread" if times.threads == 1 else f"{times.threads} threads"
    return (
        f'<p class="td-hint">Time: <b>{ratio.median:.2f}</b> of the full target’s '
        f"({ratio.low:.2f} to {ratio.high:.2f}) for {what}{rest}; benchmark, {threads}, one "
        f"picture at a time, medians of {times.repeats} turns after a warm-up.{slower}</p>"
    )


@lru_cache(maxsize=16)
def _known(name: str, digest: str) -> LevelTimes | None:
    try:
        tables = read_level_times(asset("tables", f"{name}-times.json"))
    except TinyDropError:
        return None
    wanted = (digest, _THREADS, 1)
    found = [one for one in tables if (one.digest, one.threads, one.batch_size) == wanted]
    return found[0] if found else None
