"""Times of the 16 levels: shares within a turn, a file and its refusals, and the page's line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tinydrop.core.assets import asset
from tinydrop.core.errors import SettingError
from tinydrop.models.pairs import Pair, load_pair
from tinydrop.studies.bench import (
    LevelTimes,
    Spread,
    measure_level_times,
    read_level_times,
    write_level_times,
)
from tinydrop.ui.kit.times import level_times, times_line


@pytest.fixture(scope="module")
def pair() -> Pair:
    return load_pair("bundled")


@pytest.fixture(scope="module")
def times(pair: Pair) -> LevelTimes:
    return measure_level_times(pair.guidance, pair.target, pair.digest, repeats=3)


def test_every_level_has_its_share_of_the_full_targets_time(times: LevelTimes) -> None:
    assert len(times.ratios) == 16
    assert all(0 < one.low <= one.median <= one.high for one in times.ratios)
    assert times.threads == torch.get_num_threads()
    # The last level runs the full target itself, and the guidance and its map come on top.
    assert times.ratio_at(16).low > 1.0
    assert times.exit_ratio.median > 0


def test_a_file_brings_them_back(times: LevelTimes, tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    write_level_times([times, replace(times, threads=7)], path)
    one, two = read_level_times(path)
    assert (one.threads, two.threads) == (times.threads, 7)
    assert one.digest == times.digest
    for held, given in zip(one.ratios, times.ratios, strict=True):
        assert held.median == pytest.approx(given.median, abs=5e-4)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format": 2, "tables": []}', '{"format": 1, "tables": [{}]}',
     '{"format": 1, "tables": [{"ratios": 1}]}', '{"format": 1}'],
)  # fmt: skip
def test_a_file_of_another_kind_is_one_sentence(content: str, tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(content)
    with pytest.raises(SettingError, match=r"holds no times .* bench --save-times"):
        read_level_times(path)


def test_too_few_levels_are_refused(times: LevelTimes) -> None:
    with pytest.raises(SettingError, match="16 levels, got 15"):
        replace(times, ratios=times.ratios[1:])


def test_the_bundled_pair_has_times_of_its_own_weights(pair: Pair) -> None:
    tables = read_level_times(asset("tables", "bundled-times.json"))
    assert {(one.threads, one.batch_size) for one in tables} == {(1, 1), (1, 8), (2, 1), (2, 8)}
    assert {one.digest for one in tables} == {pair.digest}
    found = level_times(pair)
    assert found is not None
    assert (found.threads, found.batch_size) == (2, 1)


def test_the_line_says_what_is_measured_and_where(times: LevelTimes) -> None:
    known = replace(
        times,
        threads=2,
        repeats=15,
        exit_ratio=Spread(0.1, 0.09, 0.12),
        ratios=tuple(Spread(n / 16, n / 20, n / 10) for n in range(1, 17)),
    )
    dropped = times_line(known, 8, exited=False)
    assert "<b>0.50</b>" in dropped
    assert "(0.40 to 0.80)" in dropped
    assert "2 threads" in dropped
    assert "not always faster" not in dropped
    slow = replace(known, ratios=(Spread(1.2, 1.1, 1.3),) * 16)
    assert "Fewer MACs are not always faster." in times_line(slow, 8, exited=False)
    exited = times_line(known, None, exited=True)
    assert "<b>0.10</b>" in exited
    assert "the guidance alone" in exited
    assert "No time was measured" in times_line(None, 8, exited=False)


def test_another_pairs_times_are_not_shown(pair: Pair) -> None:
    assert level_times(replace(pair, digest="0" * 64)) is None


def test_the_file_is_plain_json(times: LevelTimes, tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    write_level_times([times], path)
    assert json.loads(path.read_text())["tables"][0]["torch"] == torch.__version__
