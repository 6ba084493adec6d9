"""The times of a shipped pair that come with the app; the pages measure none themselves."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup

from tinydrop.core.assets import asset
from tinydrop.core.errors import TinyDropError
from tinydrop.models.pairs import Pair
from tinydrop.studies.bench import LevelTimes, read_level_times
from tinydrop.ui.kit.pieces import note
from tinydrop.ui.kit.templates import draw

PARTS = "explore/parts.html"
_THREADS = 2
"""The table that is shown: the number of threads of a small machine, one picture at a time."""


def level_times(pair: Pair) -> LevelTimes | None:
    """Return a pair's times at two threads and one picture; None where none were measured."""
    return _known(pair.name, pair.digest)


def times_line(times: LevelTimes | None, level: int | None, *, exited: bool) -> Markup:
    """Return what a picture costs in time as a share of the full target's, as HTML.

    Args:
        times: what the pair's benchmark measured; None where there is none.
        level: the budget level of the kept patches; None after an exit.
        exited: whether the target did not run.
    """
    if times is None:
        return note("No time was measured for this pair; tinydrop bench does.")
    ratio = times.exit_ratio if exited or level is None else times.ratio_at(level)
    return draw(
        PARTS,
        "times",
        ratio=f"{ratio.median:.2f}",
        low=f"{ratio.low:.2f}",
        high=f"{ratio.high:.2f}",
        what="the guidance alone"
        if exited
        else "the guidance and its map and the target on so many patches",
        threads="1 thread" if times.threads == 1 else f"{times.threads} threads",
        repeats=times.repeats,
        slower=ratio.median > 1,
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
