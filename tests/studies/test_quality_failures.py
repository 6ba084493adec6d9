"""Kinds of failure of a whole trace, against the verdict of one picture and counts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.coherence import describe_coherence, judge_coherence
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import select_tokens
from tinydrop.core.tokens import PatchGrid
from tinydrop.studies.quality import DriftTable, QualityProvenance, find_failures, kept_masks
from tinydrop.studies.trace import Trace

GRID = PatchGrid(8, 8)
N = 64


def drawn(seed: int = 0) -> Trace:
    """Pictures whose orders run from one block over a frame to chance; the last is unranked."""
    trace = synthetic_trace(40, seed, num_patches=N, unranked_share=0.0)
    rng = np.random.default_rng(seed)
    rows, cols = np.divmod(np.arange(N), 8)
    orders = []
    for picture in range(40):
        middle = rng.uniform(1, 6, 2)
        block = np.hypot(rows - middle[0], cols - middle[1])
        frame = np.minimum.reduce([rows, cols, 7 - rows, 7 - cols]).astype(float)
        noise = rng.random(N)
        score = (block, 2.0 * frame + 0.3 * noise, 20.0 * noise)[picture % 3]
        orders.append(np.argsort(score + 1e-3 * noise))
    orders[-1] = np.arange(N)
    unranked = np.arange(40) == 39
    keep = trace.num_keep.copy()
    keep[39] = N
    flat = {"target_class": 0, "target_rank": 0, "target_confidence": 0}
    columns = {name: getattr(trace, name).copy() for name in flat}
    for values in columns.values():
        values[39] = values[39, -1]
    costs = trace.target_macs.copy()
    costs[39] = costs[39, -1]
    return replace(
        trace, order=np.array(orders, np.int32), unranked=unranked, num_keep=keep,
        target_macs=costs, coherence={}, **columns,
    )  # fmt: skip


def drift_of(trace: Trace, first: np.ndarray, **changes: object) -> DriftTable:
    known = trace.provenance
    provenance = QualityProvenance(
        pair=known.pair, pair_digest=known.pair_digest, data="made up", data_fingerprint="0" * 64,
        pictures=len(trace), boxes=0, grid=known.grid, seed=0, reference=known.selector,
        map_layer="x", own_map=None, redraws=1,
    )  # fmt: skip
    return DriftTable(replace(provenance, **changes), trace.picture_id, {"first": first})


@pytest.mark.parametrize("level", [1, 2, 5, 8, 12, 15, 16])
def test_verdicts_are_those_of_one_picture(level: int) -> None:
    trace = drawn()
    found = find_failures(trace, level)
    seen = set()
    for picture in range(len(trace)):
        unranked = bool(trace.unranked[picture])
        kept = N if unranked else num_keep(level, N)
        selection = select_tokens(trace.order[picture].astype(np.int64), GRID, kept, "t")
        verdict = judge_coherence(selection, problem="flat" if unranked else None).kind
        kinds = set(found.named(picture)) - {"dropped and wrong"}
        assert kinds == ({verdict} - {"coherent"}), picture
        seen.add(verdict)
        entry = describe_coherence(selection)["morans_i"]["percentile"]
        if entry is None:
            assert np.isnan(found.moran_percentile[picture])
        else:
            assert found.moran_percentile[picture] == pytest.approx(entry)
    if level in (5, 8):
        assert seen == {"coherent", "border-bound", "fragmented", "flat map"}


def test_masks_are_the_beginning_of_the_order() -> None:
    trace = drawn()
    masks = kept_masks(trace, 3)
    assert masks.shape == (40, 8, 8)
    for picture in range(39):
        assert set(np.flatnonzero(masks[picture])) == set(trace.order[picture, :12].tolist())
    assert masks[39].all()


def test_dropped_and_wrong_and_drifted_are_counted_as_by_hand() -> None:
    trace = drawn(3)
    level = 6
    first = np.repeat(trace.label[:, None], BUDGET_LEVELS, axis=1)
    first[::2] = (first[::2] + 1) % len(trace.provenance.classes)
    found = find_failures(trace, level, drift_of(trace, first))
    dropped, drifted = [], []
    for picture in range(40):
        right = trace.target_class[picture, level - 1] == trace.label[picture]
        full = trace.target_class[picture, -1] == trace.label[picture]
        dropped.append(bool(full and not right))
        drifted.append(bool(right and picture % 2 == 0))
    assert found.kinds["dropped and wrong"].tolist() == dropped
    assert found.kinds["drifted"].tolist() == drifted
    assert 0 < sum(dropped) < 40
    assert 0 < sum(drifted) < 40
    assert "drifted" not in find_failures(trace, level).kinds


def test_a_picture_that_nobody_measured_is_not_called_drifted() -> None:
    trace = drawn(3)
    first = np.repeat((trace.label[:, None] + 1) % 24, BUDGET_LEVELS, axis=1)
    whole = find_failures(trace, 6, drift_of(trace, first)).kinds["drifted"]
    part = drift_of(trace.take(np.arange(10)), first[:10])
    some = find_failures(trace, 6, part).kinds["drifted"]
    assert some[:10].tolist() == whole[:10].tolist()
    assert not some[10:].any()
    assert whole[10:].any()


def test_a_table_of_something_else_is_refused() -> None:
    trace = drawn()
    first = np.zeros((40, BUDGET_LEVELS), np.int64)
    for change in ({"pair_digest": "1" * 64}, {"reference": "random"}):
        with pytest.raises(SettingError, match="measure it again with this pair"):
            find_failures(trace, 6, drift_of(trace, first, **change))
    with pytest.raises(SettingError, match="level"):
        find_failures(trace, 17)


def test_orders_of_the_gallery() -> None:
    trace = drawn(1)
    found = find_failures(trace, 8)
    sure = trace.target_confidence[:, 7]
    scattered = found.listed("all", "scattered", sure)
    ranks = found.moran_percentile[scattered]
    assert np.isnan(ranks[-1])  # no percentile: last
    assert (np.diff(ranks[:-1]) >= 0).all()
    surest = found.listed("all", "surest", sure)
    wrong = found.wrong[surest]
    assert (np.diff(wrong.astype(int)) <= 0).all()  # every mistake comes first
    assert (np.diff(sure[surest][wrong]) <= 0).all()
    assert found.wrong.any()
    assert (~found.wrong).any()
    border = found.border_percentile[found.listed("all", "border", sure)]
    assert (np.diff(border[:-1]) <= 0).all()
    assert found.listed("all", "order", sure).tolist() == list(range(40))


def test_a_kind_lists_its_own_pictures() -> None:
    trace = drawn(1)
    found = find_failures(trace, 8)
    sure = trace.target_confidence[:, 7]
    for kind, mask in found.kinds.items():
        assert set(found.listed(kind, "scattered", sure)) == set(np.flatnonzero(mask))
    union = set().union(*(np.flatnonzero(mask) for mask in found.kinds.values()))
    assert set(found.listed("any", "order", sure)) == union
    with pytest.raises(SettingError, match="no kind 'off-object'"):
        found.listed("off-object", "order", sure)
    with pytest.raises(SettingError, match="no order 'best'"):
        found.listed("any", "best", sure)
