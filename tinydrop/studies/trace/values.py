"""A trace: what guidance and target said of every picture at all 16 budget levels.

There are at most 16 possible K, so a trace answers any (tau, gamma, rule) exactly, without a model.
Shape letters beyond ``tokens.py``: M pictures, L = 16 levels, T stated temperatures; C is classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError, quoted
from tinydrop.studies.trace.provenance import TraceProvenance

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


# Column -> (dtype, shape in the letters of the class below); "coherence" is checked on its own.
_SHAPES: Mapping[str, tuple[type[np.generic], str]] = MappingProxyType(
    {
        "label": (np.int64, "M"),
        "guidance_logits": (np.float16, "MC"),
        "confidence": (np.float32, "MT"),
        "guidance_class": (np.int64, "M"),
        "guidance_rank": (np.int64, "M"),
        "target_class": (np.int64, "ML"),
        "target_rank": (np.int64, "ML"),
        "target_confidence": (np.float32, "ML"),
        "unranked": (np.bool_, "M"),
        "num_keep": (np.int64, "ML"),
        "target_macs": (np.int64, "ML"),
        "order": (np.int32, "MN"),
    }
)


@dataclass(frozen=True, eq=False)
class Trace:
    """Per-picture outcomes; every array is read-only and column l - 1 is level l.

    Attributes:
        provenance: where it comes from.
        picture_id: (M,) str, unique within the data set.
        label: (M,) int64, the true class as an index of the pair's classes.
        guidance_logits: (M, C) float16, for showing and for fitting a temperature.
        confidence: (M, T) float32, largest softmax at each stated temperature; exits compare
            float64 of these with tau.
        guidance_class: (M,) int64, the winner; ties go to the lowest index.
        guidance_rank: (M,) int64, place of the true class among the guidance's logits, 0 = right;
            equal logits are ordered by class index.
        target_class: (M, L) int64, the target's winner on the K patches of each level.
        target_rank: (M, L) int64, place of the true class there, 0 = right.
        target_confidence: (M, L) float32, the target's largest softmax at temperature 1.
        unranked: (M,) bool, True where the map could not be ranked: every level keeps everything.
        num_keep: (M, L) int64, K.
        target_macs: (M, L) int64, multiply-accumulates of the target on those patches.
        guidance_macs: of the guidance's forward pass.
        saliency_macs: of the head-only gradient and the map; 0 for selectors without one.
        saliency_macs_literal: the same step counted as a full backward pass.
        coherence: metric -> (M, L) float32, NaN where it has no meaning.
        order: (M, N) int32, patches from first to last kept; 0..N-1 where unranked.
        saliency_map: (M, map rows * cols) float16, the guidance's raw map; None without one.
        box: (M, N) bool, True where a patch belongs to the object's box; a row without any where
            no box is known, None where none is known at all.

    Raises:
        SettingError: if arrays differ in length, shape or kind, or contradict each other.
    """

    provenance: TraceProvenance
    picture_id: npt.NDArray[np.str_]
    label: Ints
    guidance_logits: npt.NDArray[np.float16]
    confidence: Floats
    guidance_class: Ints
    guidance_rank: Ints
    target_class: Ints
    target_rank: Ints
    target_confidence: Floats
    unranked: npt.NDArray[np.bool_]
    num_keep: Ints
    target_macs: Ints
    guidance_macs: int
    saliency_macs: int
    saliency_macs_literal: int
    coherence: Mapping[str, Floats]
    order: npt.NDArray[np.int32]
    saliency_map: npt.NDArray[np.float16] | None = None
    box: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        ids = np.asarray(self.picture_id, dtype=np.str_)
        known = self.provenance
        letters = {
            "M": ids.size,
            "L": BUDGET_LEVELS,
            "C": len(known.classes),
            "N": known.num_patches,
            "T": len(known.temperatures),
        }
        object.__setattr__(self, "picture_id", _frozen(ids))
        for name, (dtype, shape) in _SHAPES.items():
            wanted = tuple(letters[letter] for letter in shape)
            object.__setattr__(self, name, _checked(name, getattr(self, name), dtype, wanted))
        coherence = {
            name: _checked(name, values, np.float32, (ids.size, BUDGET_LEVELS))
            for name, values in self.coherence.items()
        }
        object.__setattr__(self, "coherence", MappingProxyType(coherence))
        if (self.saliency_map is None) != (known.map_grid is None):
            raise SettingError("A trace holds a map for each picture and names its grid, or none.")
        if self.saliency_map is not None and known.map_grid is not None:
            wanted = (ids.size, known.map_grid[0] * known.map_grid[1])
            values = _checked("saliency_map", self.saliency_map, np.float16, wanted)
            object.__setattr__(self, "saliency_map", values)
        if self.box is not None:
            boxes = _checked("box", self.box, np.bool_, (ids.size, known.num_patches))
            object.__setattr__(self, "box", boxes)
        self._check_values()

    def _check_values(self) -> None:
        """Refuse a trace whose columns contradict each other."""
        known, count = self.provenance, len(self)
        classes, patches = len(known.classes), known.num_patches
        if known.pictures != count:
            raise SettingError(
                f"The trace's description says {known.pictures} pictures, its table has {count}; "
                f"trace the pictures again."
            )
        for name, top in (
            ("label", classes),
            ("guidance_class", classes),
            ("guidance_rank", classes),
            ("target_class", classes),
            ("target_rank", classes),
            ("num_keep", patches + 1),
        ):
            values = getattr(self, name)
            if count and (values.min() < 0 or values.max() >= top):
                raise SettingError(f"The trace's {name} must lie from 0 to {top - 1}.")
        for name in ("confidence", "target_confidence"):
            values = getattr(self, name)
            if not ((values >= 0.0) & (values <= 1.0)).all():
                raise SettingError(f"The trace's {name} must lie between 0 and 1.")
        truth = self.label[:, None]
        if ((self.target_rank == 0) != (self.target_class == truth)).any() or (
            (self.guidance_rank == 0) != (self.guidance_class == self.label)
        ).any():
            raise SettingError("The trace's ranks and classes contradict each other.")
        if (self.num_keep != _num_keep(self.unranked, patches)).any():
            raise SettingError("The trace's num_keep does not follow from the budget levels.")

    def __len__(self) -> int:
        """M, the number of pictures."""
        return int(self.picture_id.size)

    def column(self, temperature: float) -> Floats:
        """Return the guidance's confidence at a stated temperature, (M,) float32.

        Raises:
            SettingError: if the trace does not state that temperature.
        """
        stated = self.provenance.temperatures
        if float(temperature) not in stated:
            raise SettingError(
                f"The trace does not state the confidence at temperature {quoted(temperature)}; "
                f"it does at {', '.join(f'{t:g}' for t in stated)}."
            )
        column: Floats = self.confidence[:, stated.index(float(temperature))]
        return column

    def take(self, indices: npt.ArrayLike) -> Trace:
        """Return the trace of some pictures, in the order given; repeats are allowed.

        Args:
            indices: (k,) int64 positions or (M,) bool.
        """
        chosen = np.asarray(indices)
        picked = np.arange(len(self))[chosen if chosen.size else chosen.astype(np.int64)]
        changes: dict[str, Any] = {name: getattr(self, name)[picked] for name in _SHAPES}
        changes["picture_id"] = self.picture_id[picked]
        changes["coherence"] = {name: array[picked] for name, array in self.coherence.items()}
        for name in ("saliency_map", "box"):
            if getattr(self, name) is not None:
                changes[name] = getattr(self, name)[picked]
        provenance = replace(self.provenance, pictures=int(picked.size))
        return replace(self, provenance=provenance, **changes)


def _frozen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view, so that freezing never reaches the caller's own array."""
    view: npt.NDArray[Any] = values.view()
    view.setflags(write=False)
    return view


def _checked(
    name: str, values: npt.ArrayLike, dtype: type[np.generic], shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Return the values as that dtype, read-only; SettingError if the shape or kind differs."""
    array = np.asarray(values)
    if array.shape != shape:
        raise SettingError(f"The trace's {name} must have shape {shape}, got {array.shape}.")
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(array.dtype, np.integer):
        raise SettingError(f"The trace's {name} must hold whole numbers, got {array.dtype}.")
    return _frozen(array.astype(dtype, copy=False))


def _num_keep(unranked: npt.NDArray[np.bool_], num_patches: int) -> Ints:
    """Return K for every picture and level, (M, L) int64; N everywhere where unranked."""
    ladder = [num_keep(level, num_patches) for level in range(1, BUDGET_LEVELS + 1)]
    result: Ints = np.where(unranked[:, None], num_patches, np.array(ladder, np.int64))
    return result


def label_rank(logits: npt.NDArray[np.floating[Any]], label: Ints) -> Ints:
    """Return the place of the true class, (M,) int64; equal logits are ordered by class index."""
    own = np.take_along_axis(logits, label[:, None], axis=1)
    earlier = np.arange(logits.shape[1]) < label[:, None]
    place: Ints = ((logits > own) | ((logits == own) & earlier)).sum(axis=1)
    return place
