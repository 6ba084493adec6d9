"""The bundled trace and its tables as the data-set half of the Coherence page shows them.

No gradio and no models: everything here is read or counted from what is bundled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tinydrop.core.assets import asset
from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.coherence import describe_coherence, describe_map, judge_coherence
from tinydrop.core.errors import TinyDropError
from tinydrop.core.selection import select_tokens
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
from tinydrop.models.backbones import POSITION_MODES
from tinydrop.models.saliency import resize_saliency
from tinydrop.studies.quality import (
    CoherenceTable,
    DriftTable,
    Failures,
    InterventionTable,
    QualityReport,
    find_failures,
    read_coherence,
    read_drift,
    read_interventions,
    read_report,
    table_path,
)
from tinydrop.studies.trace import Trace
from tinydrop.ui.coherence.gallery_cards import GalleryKnown, ShownAnswer, opened_html
from tinydrop.ui.coherence.measures import measure_bars, verdict_line
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.traces import TraceMaker

Table = TypeVar("Table")


class GalleryMaker:
    """One trace with its tables; each table is there, or a sentence says why it is not."""

    def __init__(self, traces: TraceMaker, folder: Path | None = None) -> None:
        """Take the traces and where the tables lie; nothing is read before it is asked for."""
        self._traces = traces
        self._folder = folder or asset("tables")
        self._levels: BoundedCache[int, Failures] = BoundedCache(BUDGET_LEVELS)

    @property
    def trace(self) -> Trace:
        """The bundled trace; TinyDropError if it cannot be read."""
        return self._traces.bundled().trace

    @property
    def grid(self) -> PatchGrid:
        """The target's grid."""
        return PatchGrid(*self.trace.provenance.grid)

    @cached_property
    def interventions(self) -> InterventionTable | str:
        """Accuracy of each choice of patches and positions, or why there is none."""
        return self._table("interventions", read_interventions, lambda t: t.provenance.pair_digest)

    @cached_property
    def small_interventions(self) -> InterventionTable | str:
        """The same for the pictures with small objects, or why there is nothing."""
        return self._table(
            "interventions-small", read_interventions, lambda t: t.provenance.pair_digest
        )

    @cached_property
    def report(self) -> QualityReport | str:
        """The maps' quality, or why there is none."""
        return self._table("quality", read_report, lambda table: table.provenance.pair_digest)

    @cached_property
    def small_report(self) -> QualityReport | str:
        """The same for the pictures with small objects, or why there is nothing."""
        return self._table("quality-small", read_report, lambda table: table.provenance.pair_digest)

    @cached_property
    def tenths(self) -> CoherenceTable | str:
        """Accuracy by tenths of coherence, or why there is none."""
        return self._table("coherence", read_coherence, lambda table: table.pair_digest)

    @cached_property
    def drift(self) -> DriftTable | str:
        """What the target says of each picture with other positions, or why nobody knows."""
        return self._table("drift", read_drift, lambda table: table.provenance.pair_digest)

    def failures(self, level: int) -> Failures:
        """Return the failures at a level; worked out once."""
        known = self._levels.get(level)
        if known is None:
            drift = self.drift
            known = find_failures(self.trace, level, None if isinstance(drift, str) else drift)
            self._levels.put(level, known)
        return known

    def guidance_accuracy(self, pictures: int) -> float | None:
        """Return the guidance's accuracy on the trace, None where the tables hold other pictures.

        Args:
            pictures: how many the tables hold; fewer than the trace are its first ones.
        """
        trace = self.trace
        if not 0 < pictures <= len(trace):
            return None
        return float((trace.guidance_rank[:pictures] == 0).mean())

    def card(self, index: int, level: int) -> GalleryKnown:
        """Return one picture of the trace at a level."""
        trace, found = self.trace, self.failures(level)
        moran, rank = float(found.moran[index]), float(found.moran_percentile[index])
        return GalleryKnown(
            index=index,
            label=self._name(trace.label[index]),
            selection=self.selection(index, level),
            heat=self._heat(index),
            full=self._said(index, BUDGET_LEVELS),
            kept=self._said(index, level),
            moran=None if np.isnan(moran) else moran,
            percentile=None if np.isnan(rank) else rank,
            kinds=found.named(index),
            box=self._box(index),
        )

    def opened(self, index: int, level: int) -> str:
        """Return one picture enlarged, as HTML."""
        trace, grid = self.trace, self.grid
        card = self.card(index, level)
        ranks = None
        if not trace.unranked[index]:
            ranks = np.empty(grid.num_patches, dtype=np.int64)
            ranks[trace.order[index]] = np.arange(1, grid.num_patches + 1)
        strip = [
            (self.selection(index, one), self._said(index, one))
            for one in range(1, BUDGET_LEVELS + 1)
        ]
        problem = "the map is flat" if trace.unranked[index] else None
        raw = self._raw(index)
        maps = {} if raw is None else describe_map(raw)
        layer = trace.provenance.map_layer
        words = "" if raw is None else f"{trace.provenance.selector} at {layer}, as it was made"
        return opened_html(
            card,
            ranks,
            strip,
            level,
            self._drifted(index, level),
            verdict_line(judge_coherence(card.selection, problem=problem, box=card.box)),
            measure_bars(describe_coherence(card.selection), maps, card.selection.num_keep, words),
        )

    def selection(self, index: int, level: int) -> TokenSelection:
        """Return the kept patches of a picture at a level."""
        trace = self.trace
        kept = int(trace.num_keep[index, level - 1])
        order = trace.order[index].astype(np.int64)
        return select_tokens(order, self.grid, kept, trace.provenance.selector)

    def _table(
        self, name: str, read: Callable[[Path], Table], digest: Callable[[Table], str]
    ) -> Table | str:
        known = self.trace.provenance
        path = table_path(self._folder, known.pair, name)
        if not path.is_file():
            return f"There is no table {path.name}."
        try:
            table = read(path)
        except TinyDropError as error:
            return str(error).replace(str(self._folder), "assets/tables")
        if digest(table) != known.pair_digest:
            return f"The table {path.name} belongs to other weights than the trace."
        return table

    def _name(self, class_index: Any) -> str:
        return self.trace.provenance.classes[int(class_index)]

    def _said(self, index: int, level: int) -> ShownAnswer:
        trace, at = self.trace, level - 1
        return ShownAnswer(
            self._name(trace.target_class[index, at]),
            bool(trace.target_rank[index, at] == 0),
            float(trace.target_confidence[index, at]),
        )

    def _drifted(self, index: int, level: int) -> dict[str, ShownAnswer]:
        """Return what the target says with each mode of positions but the right one."""
        drift, trace = self.drift, self.trace
        if isinstance(drift, str):
            return {}
        found = {}
        for mode in POSITION_MODES:
            if mode == "right" or mode not in drift.winner:
                continue
            said = int(drift.aligned(mode, trace.picture_id[index : index + 1])[0, level - 1])
            if said >= 0:
                found[mode] = ShownAnswer(self._name(said), said == int(trace.label[index]))
        return found

    def _raw(self, index: int) -> Saliency | None:
        """Return the map as the guidance made it; None without one."""
        trace = self.trace
        shape = trace.provenance.map_grid
        if trace.saliency_map is None or shape is None or trace.unranked[index]:
            return None
        values = trace.saliency_map[index].astype(np.float32).reshape(shape)
        selector = trace.provenance.selector
        return Saliency(values, selector, trace.provenance.map_layer or "")

    def _box(self, index: int) -> npt.NDArray[np.bool_] | None:
        """Return the patches of the object's box; None where no box is known."""
        boxes = self.trace.box
        return None if boxes is None or not boxes[index].any() else boxes[index]

    def _heat(self, index: int) -> npt.NDArray[np.float32] | None:
        raw = self._raw(index)
        if raw is None or raw.problem is not None:
            return None
        return resize_saliency(raw, self.grid).normalised()
