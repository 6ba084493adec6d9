"""A limit draws across the classes, and percentages of few pictures carry a warning (15.12)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from data_zoo import write_shard
from made_up import synthetic_trace
from scipy import stats
from trace_zoo import CLASSES, one_thread, small_drop, write_folder

from tinydrop import TinyDrop
from tinydrop.cli import main
from tinydrop.core.budget import Setting
from tinydrop.data import open_dataset
from tinydrop.studies.comparison import compare_methods
from tinydrop.studies.quality import measure_quality
from tinydrop.studies.sweep import bootstrap, replay, sweep_report
from tinydrop.studies.trace import make_trace, offered_pictures
from tinydrop.studies.trace.offered import draw_across
from tinydrop.studies.trace.provenance import FEW_PICTURES, cautions


@pytest.fixture(scope="module")
def drop() -> Iterator[TinyDrop]:
    with one_thread():
        yield small_drop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    counts = {"goldfish": 9, "red fox": 5, "spider": 2}
    return write_folder(tmp_path_factory.mktemp("limits") / "s", counts)


@pytest.mark.parametrize("seed", range(5))
def test_a_draw_takes_as_many_of_every_class_as_it_can(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 7, 90)
    sizes = Counter(classes.tolist())
    before: set[int] = set()
    for count in range(1, 91):
        places = draw_across(classes, count, seed)
        assert places.tolist() == sorted(set(places.tolist()))
        assert places.size == count
        found = Counter(classes[places].tolist())
        # Nobody may have two more than another who could have had more.
        top = max(found.values())
        assert all(found[c] >= min(sizes[c], top - 1) for c in sizes)
        assert before < set(places.tolist())
        before = set(places.tolist())


def test_a_draw_depends_on_the_seed_and_reaches_every_picture() -> None:
    classes = np.repeat(np.arange(4), 25)
    draws = [draw_across(classes, 8, seed).tolist() for seed in range(60)]
    assert draws[3] == draw_across(classes, 8, 3).tolist()
    # A picture is missed by one draw with 92 %, by all 60 with 0.7 %.
    assert len({place for draw in draws for place in draw}) > 90


def test_class_folders_are_drawn_from_and_tables_cut(
    drop: TinyDrop, folder: Path, tmp_path: Path
) -> None:
    offered = offered_pictures(open_dataset(folder), drop.pair, 6)
    assert Counter(offered.truth.tolist()) == {0: 2, 1: 2, 2: 2}
    assert offered.drawn == (
        "6 of 16 pictures, drawn evenly across the classes with seed 0: 3 of 3 classes."
    )
    assert offered_pictures(open_dataset(folder), drop.pair, 16).drawn == ""
    labels = [CLASSES[n] for n in (0, 0, 0, 0, 1, 2)]
    table = open_dataset(write_shard(tmp_path / "x.parquet", labels))
    first = offered_pictures(table, drop.pair, 3)
    assert first.positions.tolist() == [0, 1, 2]
    assert first.drawn == "3 of 6 pictures, the first ones: 1 of 3 classes."


def test_the_draw_stands_in_every_provenance(drop: TinyDrop, folder: Path, tmp_path: Path) -> None:
    data = open_dataset(folder)
    drawn = "4 of 16 pictures, drawn evenly across the classes with seed 0: 3 of 3 classes."
    trace = make_trace(drop, data, tmp_path / "t.parquet", limit=4)
    assert (trace.provenance.drawn, trace.provenance.split) == (drawn, None)
    assert len(set(trace.label.tolist())) == 3
    other = make_trace(drop, data, tmp_path / "r.parquet", "random", 7, limit=4)
    assert other.picture_id.tolist() == trace.picture_id.tolist()
    found = measure_quality(drop, data, ["gradcam"], limit=4, redraws=1)
    compared = compare_methods(drop, data, ["gradcam"], limit=4, repeats=1)
    for provenance in (found.report.provenance, compared.provenance):
        assert f"Measured are {drawn}" in provenance.notes
        assert any(n.startswith("Only 4 pictures are measured") for n in provenance.notes)


def test_the_split_stands_in_the_provenance(drop: TinyDrop, tmp_path: Path) -> None:
    for config in ("coarse", "fine"):
        write_shard(tmp_path / "s" / config / "test-0.parquet", [CLASSES[0], CLASSES[1]])
    trace = make_trace(drop, open_dataset(tmp_path / "s"), tmp_path / "t.parquet")
    known = trace.provenance
    assert (known.data, known.split, known.config) == ("s (coarse, test)", "test", "coarse")


@pytest.mark.parametrize("count", [1, 19, 100, 299])
def test_few_pictures_are_warned_of_with_what_they_are_worth(count: int) -> None:
    labels = np.arange(count) % 3
    said = cautions(labels, ("a", "b", "c"))
    half = stats.norm.ppf(0.975) * np.sqrt(0.25 / count)
    assert f"off by {100 * half:.0f} points" in said[0]
    assert cautions(np.arange(FEW_PICTURES) % 3, ("a", "b", "c")) == ()


def test_one_class_is_warned_of_however_many_pictures_there_are() -> None:
    (said,) = cautions(np.zeros(5000, np.int64), ("a", "b", "c"))
    assert "of the class 'a'" in said
    assert "other 2 classes" in said
    assert "cover 2 of the pair's 3" in cautions(np.array([0, 2]), ("a", "b", "c"))[1]


@pytest.mark.parametrize(("count", "right"), [(4, True), (4, False), (250, True)])
def test_all_right_is_no_interval_of_one_point(count: int, right: bool) -> None:
    trace = synthetic_trace(count, 3)
    shape = trace.target_rank.shape
    said = trace.label if right else (trace.label + 1) % len(trace.provenance.classes)
    trace = replace(
        trace,
        target_class=np.broadcast_to(said[:, None], shape),
        guidance_class=said,
        target_rank=np.full(shape, 0 if right else 3),
        guidance_rank=np.full(count, 0 if right else 3),
    )
    spans = bootstrap(replay(trace, Setting(0.6, 1.0)))
    exact = stats.binomtest(count if right else 0, count).proportion_ci(0.95, "exact")
    assert spans["accuracy"].to_list() == pytest.approx([exact.low, exact.high], abs=1e-12)
    unseen = stats.binomtest(0, count).proportion_ci(0.95, "exact").high
    assert spans["accuracy_drop"].to_list() == pytest.approx([-100 * unseen, 100 * unseen])


def test_a_sweep_of_few_pictures_says_so(
    drop: TinyDrop, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = make_trace(drop, open_dataset(folder), tmp_path / "t.parquet")
    assert sweep_report(trace, Setting())["notes"][0].startswith("Only 16 pictures")
    assert main(["sweep", str(tmp_path / "t.parquet")]) == 0
    assert "Only 16 pictures are measured" in capsys.readouterr().out
    large = synthetic_trace(FEW_PICTURES, 3)
    assert sweep_report(large, Setting())["notes"] == []


def test_the_command_line_draws_chooses_and_warns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, count in (("train", 9), ("val", 3)):
        write_folder(tmp_path / "s" / split, {"goldfish": count, "tarantula": count})
    out = tmp_path / "t.parquet"
    command = ["trace", str(tmp_path / "s"), "--out", str(out), "--selector", "uniform"]
    assert main([*command, "--limit", "2"]) == 0
    said = capsys.readouterr().err
    assert "Of the splits train, val of s only val is used; choose another by --split." in said
    assert "drawn evenly across the classes with seed 0: 2 of 2 classes." in said
    assert "Only 2 pictures are measured" in said
    assert main([*command, "--split", "train"]) == 0
    assert "18 pictures traced" in capsys.readouterr().err
    assert main([*command, "--config", "fine"]) == 2
    assert "no configuration 'fine'" in capsys.readouterr().err
    known = json.dumps(make_provenance(out))
    assert '"split": "train"' in known
    assert '"data": "s (train)"' in known


def make_provenance(path: Path) -> dict[str, object]:
    from tinydrop.studies.trace import read_trace

    return read_trace(path).provenance.to_dict()
