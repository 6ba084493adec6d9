"""The traces that the Tune page shows, each with what is worked out from it once.

No gradio, no models: numbers from ``sweep`` and ``calibration``, kept while the trace is held.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from tinydrop.core.assets import asset
from tinydrop.core.budget import Setting
from tinydrop.core.errors import TinyDropError
from tinydrop.models.pairs import Pair
from tinydrop.studies.sweep import Interval, Outcome, Replay, baselines, bootstrap, evaluate, replay
from tinydrop.studies.trace import FEW_PICTURES, Trace, read_trace
from tinydrop.ui.kit.cache import BoundedCache

BINS = 25
HELD = 6
Value = TypeVar("Value")


class KnownTrace:
    """One trace at any setting, with its baselines; safe to share between threads."""

    def __init__(
        self,
        key: str,
        title: str,
        trace: Trace,
        *,
        random: Trace | None = None,
        uniform: Trace | None = None,
        own: bool = False,
    ) -> None:
        """Take a trace of at least one picture.

        Args:
            key: names it for as long as it is held.
            title: what the page says of it.
            trace: by the map that chooses the patches.
            random: the same pictures with random patches.
            uniform: the same with evenly spread ones.
            own: True for a visitor's own.
        """
        self.key, self.title, self.trace, self.own = key, title, trace, own
        self.random, self.uniform = random, uniform
        self.setting = Setting(**trace.provenance.setting)
        self._kept: BoundedCache[Hashable, Any] = BoundedCache(256)
        self.full: Outcome = baselines(trace, self.setting)["target"]

    @property
    def few(self) -> bool:
        """Whether the pictures are too few to recommend a setting by them."""
        return len(self.trace) < FEW_PICTURES

    @property
    def stem(self) -> str:
        """The start of the names of its files."""
        return "tinydrop-own" if self.own else f"tinydrop-{self.trace.provenance.pair}"

    @property
    def temperatures(self) -> list[tuple[str, float]]:
        """(what the menu says, value) of every temperature that the trace states."""
        default = self.setting.temperature
        return [
            (f"{t:g}{' (pair)' if t == default else ''}", t)
            for t in self.trace.provenance.temperatures
        ]

    def measured(self, selector: str, setting: Setting) -> Outcome | None:
        """Return the figures of a setting under a selector; None where that is not traced."""
        traces = {self.trace.provenance.selector: self.trace}
        traces |= {t.provenance.selector: t for t in (self.random, self.uniform) if t is not None}
        trace = traces.get(selector)
        if trace is None or setting.temperature not in trace.provenance.temperatures:
            return None
        return self.once(("measured", selector, setting), lambda: evaluate(trace, setting))

    def checked(self, setting: Setting) -> Setting:
        """Return the setting; SettingError if the trace does not state its temperature."""
        self.trace.column(setting.temperature)
        return setting

    def run(self, setting: Setting) -> Replay:
        """Return what happens to every picture."""
        return replay(self.trace, setting)

    def outcome(self, setting: Setting) -> Outcome:
        """Return the figures of a setting."""
        return self.once(("outcome", setting), lambda: evaluate(self.trace, setting))

    def intervals(self, setting: Setting) -> Mapping[str, Interval]:
        """Return 95 % intervals of accuracy, its drop and the share saved."""
        return self.once(("intervals", setting), lambda: bootstrap(self.run(setting)))

    def baselines(self, setting: Setting) -> Mapping[str, Outcome]:
        """Return every comparison at a setting."""
        work = partial(baselines, self.trace, setting, random=self.random, uniform=self.uniform)
        return self.once(("baselines", setting), work)

    def histogram(self, temperature: float) -> npt.NDArray[np.int64]:
        """Return how many pictures fall into each of ``BINS`` equal bins of confidence."""

        def count() -> npt.NDArray[np.int64]:
            column = self.trace.column(temperature)
            return np.histogram(column, bins=BINS, range=(0.0, 1.0))[0].astype(np.int64)

        return self.once(("histogram", temperature), count)

    def once(self, key: Hashable, work: Callable[[], Value]) -> Value:
        """Return what is known under a key, working it out where it is not."""
        known = self._kept.get(key)
        if known is None:
            known = work()
            self._kept.put(key, known)
        return cast(Value, known)


class TraceMaker:
    """The bundled trace, read when first asked for, and a bounded number of visitors' own."""

    def __init__(self, load: Callable[[], KnownTrace]) -> None:
        """Take how the bundled trace is made."""
        self._load = load
        self._lock = threading.Lock()
        self._bundled: KnownTrace | None = None
        self._own: BoundedCache[str, KnownTrace] = BoundedCache(HELD)

    def bundled(self) -> KnownTrace:
        """Return the bundled trace; TinyDropError if its table cannot be read."""
        with self._lock:
            if self._bundled is None:
                self._bundled = self._load()
            return self._bundled

    def get(self, key: str) -> KnownTrace:
        """Return the trace of a key.

        Raises:
            TinyDropError: if a visitor's own one had to go in the meantime.
        """
        bundled = self.bundled()
        if key in ("", bundled.key):
            return bundled
        own = self._own.get(key)
        if own is None:
            raise TinyDropError(
                "Your own trace is no longer held here, because others came after it; "
                "upload the zip again, or go back to the bundled trace."
            )
        return own

    def keep(self, title: str, trace: Trace) -> KnownTrace:
        """Hold a visitor's trace under a key that nobody can guess."""
        traced = KnownTrace(secrets.token_hex(16), title, trace, own=True)
        self._own.put(traced.key, traced)
        return traced


def bundled_traces(pair: Pair, folder: Path | None = None) -> KnownTrace:
    """Return the pair's traces that come with the app.

    Args:
        pair: whose traces they must be.
        folder: with ``NAME-gradcam.parquet`` and, beside it, ``-random`` and ``-uniform``;
            the bundled traces without it.

    Raises:
        TinyDropError: if the trace is missing, damaged or another pair's.
    """
    folder = folder or asset("traces")
    random, uniform = (
        read_trace(path, pair)
        if (path := folder / f"{pair.name}-{name}.parquet").is_file()
        else None
        for name in ("random", "uniform")
    )
    trace = read_trace(folder / f"{pair.name}-gradcam.parquet", pair)
    title = "Comes with the app: the bundled pair on pictures that it was not trained on."
    return KnownTrace("bundled", title, trace, random=random, uniform=uniform)
