"""The times of a shipped pair that come with the app; the pages measure none themselves."""

from __future__ import annotations

from functools import lru_cache

from tinydrop.assets import asset
from tinydrop.bench import LevelTimes, read_level_times
from tinydrop.errors import TinyDropError
from tinydrop.pairs import Pair

__all__ = ["level_times"]

_THREADS = 2
"""The table that is shown: the number of threads of a small machine, one picture at a time."""


def level_times(pair: Pair) -> LevelTimes | None:
    """Return a pair's times at two threads and one picture; None where none were measured."""
    return _known(pair.name, pair.digest)


@lru_cache(maxsize=16)
def _known(name: str, digest: str) -> LevelTimes | None:
    try:
        tables = read_level_times(asset("tables", f"{name}-times.json"))
    except TinyDropError:
        return None
    wanted = (digest, _THREADS, 1)
    found = [one for one in tables if (one.digest, one.threads, one.batch_size) == wanted]
    return found[0] if found else None
