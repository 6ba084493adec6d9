"""Boxes from the data set to the gallery: which patches they are, and what lies off the object."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from made_up import synthetic_trace
from quality_zoo import write_boxed
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop.core.budget import num_keep
from tinydrop.core.coherence import box_percentiles, describe_box, judge_coherence
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import select_tokens
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.data import open_dataset
from tinydrop.studies.quality import FAILURE_KINDS, find_failures
from tinydrop.studies.trace import Trace, make_trace, read_trace
from tinydrop.ui.coherence.gallery_cards import grid_svg
from tinydrop.ui.kit.stage import outline_path

# Of quality_zoo's boxes, by hand: pictures are 40 x 36, the crop is x 2..38, a patch is 9 pixels.
PATCHES = (
    {0, 1, 4, 5},
    {5, 6, 9, 10},
    set(range(16)),
    {11},  # smaller than a patch
    {10, 11, 14, 15},
    {1, 2},  # 4/9 of these two is the most it covers of any
    set(),  # left of the crop
    set(),
)
GRID = PatchGrid(8, 8)


def test_a_trace_holds_the_patches_of_every_box(tmp_path: Path) -> None:
    drop = small_drop()
    data = open_dataset(write_boxed(tmp_path / "boxed.parquet", damaged=[1]))
    with one_thread():
        trace = make_trace(drop, data, tmp_path / "t.parquet")
    assert trace.box is not None
    known = [patches for number, patches in enumerate(PATCHES) if number != 1]
    assert [set(np.flatnonzero(row)) for row in trace.box] == known
    assert set(np.flatnonzero(trace.take([4, 2]).box[0])) == {1, 2}  # type: ignore[index]
    plain = open_dataset(write_folder(tmp_path / "plain", {"red fox": 1, "goldfish": 1}))
    with one_thread():
        assert make_trace(drop, plain, tmp_path / "p.parquet").box is None
    assert read_trace(tmp_path / "p.parquet").box is None


def boxed(seed: int = 0) -> Trace:
    """Random orders beside boxes of every kind: none, one patch, small, half, whole."""
    trace = synthetic_trace(60, seed, num_patches=64, unranked_share=0.05)
    rng = np.random.default_rng(seed)
    boxes = np.zeros((60, 8, 8), np.bool_)
    for picture in range(60):
        if picture % 6:
            top, left = rng.integers(0, 5, 2)
            tall, wide = [(1, 1), (2, 3), (4, 4), (4, 8), (8, 8)][picture % 6 - 1]
            boxes[picture, top : top + tall, left : left + wide] = True
    boxes[5::6] = True
    return replace(trace, box=boxes.reshape(60, 64))


@pytest.mark.parametrize("level", [1, 4, 9, 16])
def test_off_object_is_the_verdict_of_one_picture(level: int) -> None:
    trace = boxed()
    found = find_failures(trace, level)
    assert tuple(found.kinds) == tuple(k for k in FAILURE_KINDS if k != "drifted")
    off = []
    for picture in range(60):
        unranked = bool(trace.unranked[picture])
        kept = 64 if unranked else num_keep(level, 64)
        selection = select_tokens(trace.order[picture].astype(np.int64), GRID, kept, "t")
        box = trace.box[picture] if trace.box[picture].any() else None  # type: ignore[index]
        problem = "flat" if unranked else None
        off.append(judge_coherence(selection, problem=problem, box=box).kind == "off-object")
    assert found.kinds["off-object"].tolist() == off
    if level < 16:
        assert 0 < sum(off) < 60
    assert "off-object" not in find_failures(replace(trace, box=None), level).kinds


def test_percentiles_are_those_of_every_set_there_is() -> None:
    grid = PatchGrid(2, 4)
    rng = np.random.default_rng(1)
    masks = np.stack([rng.permutation(8) < k for k in (1, 2, 3, 5, 7, 8) for _ in range(3)])
    boxes = np.stack([rng.permutation(8) < rng.integers(0, 9) for _ in masks])
    shares, ranks = box_percentiles(masks, boxes)
    for mask, box, share, rank in zip(masks, boxes, shares, ranks, strict=True):
        kept = int(mask.sum())
        every = [box[list(chosen)].sum() for chosen in combinations(range(8), kept)]
        own = (mask & box).sum()
        assert share == own / kept
        below, ties = np.sum(np.array(every) < own), np.sum(np.array(every) == own)
        if ties == len(every):
            assert np.isnan(rank)
        else:
            assert rank == pytest.approx(100 * (below + ties / 2) / len(every))
        one = describe_box(TokenSelection(grid, np.flatnonzero(mask), "t"), box)
        assert one["value"] == share
        assert np.array_equal(one["percentile"] or np.nan, rank, equal_nan=True)
    with pytest.raises(SettingError, match="one shape"):
        box_percentiles(masks, boxes[:, :4])
    with pytest.raises(SettingError, match="no set is empty"):
        box_percentiles(np.zeros_like(masks), boxes)


def test_a_box_of_another_grid_is_refused() -> None:
    with pytest.raises(SettingError, match="box must have shape"):
        replace(boxed(), box=np.zeros((60, 49), np.bool_))


def test_the_box_is_drawn_where_it_is_known() -> None:
    selection = TokenSelection(GRID, np.arange(8), "t")
    box = np.zeros(64, np.bool_)
    box[[9, 10, 17, 18]] = True
    around = outline_path(TokenSelection(GRID, np.array([9, 10, 17, 18]), "box"))
    assert f'class="cg-box" d="{around}"' in grid_svg(selection, None, box=box)
    assert "cg-box" not in grid_svg(selection, None)
