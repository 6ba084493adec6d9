"""What went wrong with each picture of a trace at one level: scattered, at the edge, drifted, lost.

The verdicts are those of ``judge_coherence``, worked out for a whole trace at once from the order
of the patches alone, so that a trace needs no column of measures for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import num_keep
from tinydrop.core.coherence import (
    BORDER_FROM,
    COHERENT_FROM,
    OFF_OBJECT_BELOW,
    border_share,
    box_percentiles,
    coherence_percentiles,
    component_count,
    hole_count,
    morans_i,
)
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.tokens import PatchGrid
from tinydrop.studies.quality.drift import DriftTable
from tinydrop.studies.trace import Trace

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FAILURE_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "fragmented": "the kept patches lie together no more than random ones would",
        "border-bound": "unusually many of the kept patches lie on the edge of the picture",
        "flat map": "no patch could be ranked, so every patch is kept",
        "off-object": "none of the kept patches lies in the object's box, or fewer than chance "
        "would put there",
        "drifted": "right with right positions, wrong when the kept patches are taken for the "
        "first K of the grid",
        "dropped and wrong": "right with every patch, wrong on the kept ones",
    }
)
"""Kind -> what it means."""

FAILURE_SORTS: Mapping[str, str] = MappingProxyType(
    {
        "scattered": "most scattered first",
        "surest": "surest mistakes first",
        "border": "most on the border first",
        "order": "as in the data set",
    }
)
"""Order of the pictures -> what it is called."""


@dataclass(frozen=True, eq=False)
class Failures:
    """The failures of M pictures at one level; every array is read-only.

    Attributes:
        level: 1 to 16.
        num_keep: K of the pictures whose map could be ranked.
        kinds: kind -> (M,) bool, in the order of ``FAILURE_KINDS``; ``drifted`` is missing where
            nobody measured it, ``off-object`` where the trace holds no boxes. A picture may have
            several.
        moran: (M,) float64, Moran's I; NaN where every patch is kept.
        moran_percentile: (M,) float64, its percentile among random sets of the same K.
        border_percentile: (M,) float64, that of the share on the border.
        wrong: (M,) bool, True where the target is wrong on the kept patches.
    """

    level: int
    num_keep: int
    kinds: Mapping[str, Bools]
    moran: Floats
    moran_percentile: Floats
    border_percentile: Floats
    wrong: Bools

    def __post_init__(self) -> None:
        columns = (self.moran, self.moran_percentile, self.border_percentile, self.wrong)
        for array in (*columns, *self.kinds.values()):
            array.setflags(write=False)
        object.__setattr__(self, "kinds", MappingProxyType(dict(self.kinds)))

    @property
    def any(self) -> Bools:
        """(M,) bool, True where a picture has at least one kind of failure."""
        found: Bools = np.any(np.stack(list(self.kinds.values())), axis=0)
        return found

    def named(self, picture: int) -> tuple[str, ...]:
        """Return the kinds of one picture."""
        return tuple(kind for kind, found in self.kinds.items() if found[picture])

    def listed(self, kind: str, sort: str, confidence: npt.ArrayLike) -> Ints:
        """Return the pictures of a kind, sorted, (k,) int64.

        Args:
            kind: a key of ``kinds``; ``any`` for those with a failure, ``all`` for every picture.
            sort: a name in ``FAILURE_SORTS``.
            confidence: (M,) the target's, on the kept patches.

        Raises:
            SettingError: if there is no such kind or order.
        """
        if kind == "all":
            chosen = np.ones(self.wrong.size, dtype=np.bool_)
        elif kind == "any":
            chosen = self.any
        elif kind in self.kinds:
            chosen = self.kinds[kind]
        else:
            known = ", ".join(("any", "all", *self.kinds))
            raise SettingError(f"There is no kind {quoted(kind)}; choose one of {known}.")
        sure = np.asarray(confidence, dtype=np.float64)
        # The last key counts first, and NaN goes last.
        keys: dict[str, tuple[Floats | Bools | Ints, ...]] = {
            "scattered": (self.moran, self.moran_percentile),
            "surest": (-sure, ~self.wrong),
            "border": (-self.border_percentile,),
            "order": (np.arange(self.wrong.size),),
        }
        if sort not in keys:
            raise SettingError(
                f"There is no order {quoted(sort)}; choose one of {', '.join(keys)}."
            )
        order = np.lexsort(keys[sort])
        found: Ints = order[chosen[order]]
        return found


def kept_masks(trace: Trace, level: int) -> Bools:
    """Return the kept patches of every picture at a level, (M, rows, cols) bool."""
    known = trace.provenance
    mask = np.zeros((len(trace), known.num_patches), dtype=np.bool_)
    first = trace.order[:, : num_keep(level, known.num_patches)].astype(np.int64)
    np.put_along_axis(mask, first, values=True, axis=1)
    mask[trace.unranked] = True
    return mask.reshape(len(trace), *known.grid)


def find_failures(trace: Trace, level: int, drift: DriftTable | None = None) -> Failures:
    """Return what went wrong with each picture at a level.

    Args:
        trace: the pictures.
        level: 1 to 16.
        drift: what the target says with other positions; pictures that it does not hold are never
            called drifted.

    Raises:
        SettingError: if the level is out of range, or the drift is of another pair or selector.
    """
    known = trace.provenance
    kept = num_keep(level, known.num_patches)
    masks, grid = kept_masks(trace, level), PatchGrid(*known.grid)
    moran = morans_i(masks)
    ranked = ~trace.unranked
    moran_rank, border_rank = (
        np.where(ranked, coherence_percentiles(name, values, grid, kept), np.nan)
        for name, values in (("morans_i", moran), ("border_share", border_share(masks)))
    )
    whole = (component_count(masks) == 1) & (hole_count(masks) == 0)
    judged = ranked & (1 < kept < known.num_patches)
    border = judged & (border_rank >= BORDER_FROM)
    wrong = trace.target_rank[:, level - 1] != 0
    kinds = {
        "fragmented": judged & ~border & ~(moran_rank >= COHERENT_FROM) & ~whole,
        "border-bound": border,
        "flat map": trace.unranked.copy(),
    }
    if trace.box is not None:
        share, chance = box_percentiles(masks.reshape(len(trace), -1), trace.box)
        # Without a percentile there is no box, or nothing outside it to keep instead.
        kinds["off-object"] = (
            ranked & ~np.isnan(chance) & ((share == 0.0) | (chance < OFF_OBJECT_BELOW))
        )
    if drift is not None:
        _check_drift(trace, drift)
        first = drift.aligned("first", trace.picture_id)[:, level - 1]
        kinds["drifted"] = ~wrong & (first >= 0) & (first != trace.label)
    kinds["dropped and wrong"] = wrong & (trace.target_rank[:, -1] == 0)
    return Failures(level, kept, kinds, moran, moran_rank, border_rank, wrong)


def _check_drift(trace: Trace, drift: DriftTable) -> None:
    own, other = trace.provenance, drift.provenance
    if (own.pair_digest, own.selector) != (other.pair_digest, other.reference):
        raise SettingError(
            f"The table of drift is of {other.pair} {other.pair_digest[:12]} by "
            f"{other.reference}, the trace of {own.pair} {own.pair_digest[:12]} by "
            f"{own.selector}; measure it again with this pair."
        )
