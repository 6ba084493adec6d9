"""Accuracy by tenths of coherence, against sorting by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.coherence import coherence_percentiles
from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid
from tinydrop.studies.quality import BINS, CoherenceTable, accuracy_by_coherence
from tinydrop.studies.trace import Trace


def with_metric(trace: Trace, values: np.ndarray) -> Trace:
    """Return the trace with one measure, the same at every level."""
    column = np.repeat(values[:, None], 16, axis=1).astype(np.float32)
    return replace(trace, coherence={"morans_i": column})


@pytest.fixture(scope="module")
def trace() -> Trace:
    made = synthetic_trace(1000, unranked_share=0.0)
    return with_metric(made, np.random.default_rng(1).permutation(1000) / 1000.0)


def test_tenths_are_those_of_sorting(trace: Trace) -> None:
    found = accuracy_by_coherence(trace)
    order = np.argsort(trace.coherence["morans_i"][:, 0])
    right, full = trace.target_rank == 0, trace.target_rank[:, -1] == 0
    for level in (1, 8, 15):
        for tenth in range(BINS):
            inside = order[100 * tenth : 100 * (tenth + 1)]
            at = (level - 1, tenth)
            assert found.pictures[at] == 100
            assert found.correct[at] == right[inside, level - 1].sum()
            assert found.full_correct[at] == full[inside].sum()
            assert found.low[at] == pytest.approx(tenth / 10, abs=1e-6)
            assert found.high[at] == pytest.approx(tenth / 10 + 0.099, abs=1e-6)
    kept = 8 * 196 // 16
    values = trace.coherence["morans_i"][order[300:400], 7]
    known = coherence_percentiles("morans_i", values, PatchGrid(14, 14), kept).mean()
    assert found.percentile[7, 3] == pytest.approx(known)


def test_the_top_level_has_no_tenths(trace: Trace) -> None:
    found = accuracy_by_coherence(trace)
    assert found.pictures[15].sum() == 0
    assert np.isnan(found.accuracy[15]).all()
    assert found.to_dict()["accuracy"][15] == [None] * 10
    assert found.to_dict()["accuracy"][0][0] == found.correct[0, 0] / 100
    assert found.to_dict()["pictures"][0] == [100] * 10


def test_what_decides_shows_and_what_does_not_is_flat(trace: Trace) -> None:
    right = (trace.target_rank[:, 7] == 0).astype(float)
    noise = np.random.default_rng(0).random(1000)
    steep = accuracy_by_coherence(with_metric(trace, right + 0.1 * noise)).accuracy[7]
    assert (steep[0], steep[-1]) == (0.0, 1.0)
    assert np.ptp(accuracy_by_coherence(trace).accuracy[7]) < 0.35


def test_equal_values_stay_together() -> None:
    made = synthetic_trace(100, unranked_share=0.0)
    values = np.repeat([1.0, 2.0, 3.0], [50, 30, 20])
    found = accuracy_by_coherence(with_metric(made, values))
    # Middles of the ranks 0-50, 50-80 and 80-100.
    assert found.pictures[0].tolist() == [0, 0, 50, 0, 0, 0, 30, 0, 0, 20]
    assert np.isnan(found.accuracy[0, 0])
    low, high = found.interval
    assert np.isnan(low[0, 0])
    assert low[0, 2] < found.accuracy[0, 2] < high[0, 2]


def test_unranked_pictures_and_values_without_meaning_are_left_out(trace: Trace) -> None:
    values = trace.coherence["morans_i"][:, 0].copy()
    values[:200] = np.nan
    assert accuracy_by_coherence(with_metric(trace, values)).pictures[0].sum() == 800
    made = synthetic_trace(400, unranked_share=0.5)
    found = accuracy_by_coherence(with_metric(made, np.arange(400.0)))
    assert found.pictures[0].sum() == 400 - made.unranked.sum() < 300


def test_what_the_trace_lacks_is_said(trace: Trace) -> None:
    with pytest.raises(SettingError, match="holds no 'beauty'; it holds morans_i"):
        accuracy_by_coherence(trace, "beauty")
    with pytest.raises(SettingError, match="no pictures"):
        accuracy_by_coherence(synthetic_trace(0))
    found = accuracy_by_coherence(trace)
    with pytest.raises(SettingError, match="more pictures are right"):
        replace(found, correct=found.pictures + 1)
    with pytest.raises(SettingError, match="10 tenths"):
        replace(found, low=found.low[:, :9])
    assert isinstance(found, CoherenceTable)
