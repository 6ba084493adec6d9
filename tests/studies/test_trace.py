"""The Trace value: what it refuses, what it answers, and made-up ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.studies.trace import Trace, label_rank
from tinydrop.studies.trace.provenance import TEMPERATURES, TraceProvenance, stated_temperatures


@pytest.fixture(scope="module")
def trace() -> Trace:
    return synthetic_trace(200, seed=3, num_patches=49, unranked_share=0.1, with_maps=True)


def test_arrays_are_read_only_and_wide(trace: Trace) -> None:
    assert len(trace) == 200
    assert trace.label.dtype == np.int64
    assert trace.order.dtype == np.int32
    with pytest.raises(ValueError, match="read-only"):
        trace.target_class[0, 0] = 1
    with pytest.raises(TypeError):
        trace.coherence["components"] = trace.confidence  # type: ignore[index]


def test_equal_seeds_give_equal_traces(trace: Trace) -> None:
    again = synthetic_trace(200, seed=3, num_patches=49, unranked_share=0.1, with_maps=True)
    other = synthetic_trace(200, seed=4, num_patches=49, unranked_share=0.1, with_maps=True)
    assert np.array_equal(again.target_class, trace.target_class)
    assert not np.array_equal(other.target_class, trace.target_class)


def test_made_up_traces_are_plausible() -> None:
    trace = synthetic_trace(4000, seed=0)
    right = (trace.target_rank == 0).mean(axis=0)
    assert right[-1] > right[7] > right[0]
    sure = trace.column(1.0) > np.median(trace.column(1.0))
    assert (trace.guidance_rank[sure] == 0).mean() > (trace.guidance_rank[~sure] == 0).mean() + 0.1


def test_k_follows_the_levels_and_unranked_pictures_keep_all(trace: Trace) -> None:
    ladder = [num_keep(level, 49) for level in range(1, BUDGET_LEVELS + 1)]
    assert trace.unranked.any()
    assert (trace.num_keep[~trace.unranked] == ladder).all()
    assert (trace.num_keep[trace.unranked] == 49).all()


def test_a_column_is_the_confidence_at_a_stated_temperature(trace: Trace) -> None:
    assert np.array_equal(trace.column(1.0), trace.confidence[:, TEMPERATURES.index(1.0)])
    # The confidence is the largest softmax of the logits at that temperature (float16 here).
    logits = trace.guidance_logits.astype(np.float64) / 0.5
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.abs(trace.column(0.5) - 1 / shifted.sum(axis=1)).max() < 0.01
    with pytest.raises(SettingError, match=r"temperature 0\.77; it does at 0\.3, 0\.35"):
        trace.column(0.77)


def test_taking_pictures_takes_every_column(trace: Trace) -> None:
    some = trace.take([5, 3, 5])
    assert some.provenance.pictures == len(some) == 3
    assert some.picture_id.tolist() == [trace.picture_id[i] for i in (5, 3, 5)]
    assert np.array_equal(some.target_rank, trace.target_rank[[5, 3, 5]])
    assert np.array_equal(
        some.coherence["morans_i"], trace.coherence["morans_i"][[5, 3, 5]], equal_nan=True
    )
    assert some.saliency_map is not None
    assert len(trace.take(trace.unranked)) == int(trace.unranked.sum())
    assert len(trace.take([])) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"label": np.zeros(3, np.int64)}, r"label must have shape \(200,\)"),
        ({"label": np.zeros(200)}, "label must hold whole numbers"),
        ({"label": np.full(200, 24)}, "label must lie from 0 to 23"),
        ({"confidence": np.full((200, len(TEMPERATURES)), 1.5)}, "between 0 and 1"),
        ({"confidence": np.full((200, len(TEMPERATURES)), np.nan)}, "between 0 and 1"),
        ({"target_rank": np.zeros((200, 16), np.int64)}, "contradict"),
        ({"num_keep": np.ones((200, 16), np.int64)}, "does not follow from the budget levels"),
        ({"saliency_map": None}, "names its grid, or none"),
        ({"coherence": {"x": np.zeros((200, 3))}}, "x must have shape"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    trace: Trace, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingError, match=says):
        replace(trace, **changes)


def test_the_rank_of_a_label_breaks_ties_by_class_index() -> None:
    logits = np.array([[3.0, 1.0, 3.0, 2.0]] * 4)
    # Sorted stably from large to small the classes are 0, 2, 3, 1.
    assert label_rank(logits, np.arange(4)).tolist() == [0, 3, 1, 2]


def test_provenance_survives_json(trace: Trace) -> None:
    known = replace(trace.provenance, skipped={"unreadable": 2}, versions={"torch": "2"})
    again = TraceProvenance.from_dict(known.to_dict())
    assert again == known
    with pytest.raises(SettingError, match="incomplete"):
        TraceProvenance.from_dict({"pair": "x"})
    with pytest.raises(SettingError, match="16 budget levels"):
        replace(known, budget_levels=8)
    with pytest.raises(SettingError, match="rising temperatures with 1"):
        replace(known, temperatures=(0.5, 2.0))


def test_the_pairs_own_temperature_joins_the_ladder() -> None:
    assert stated_temperatures([0.66, 1.0]) == tuple(sorted({*TEMPERATURES, 0.66}))
