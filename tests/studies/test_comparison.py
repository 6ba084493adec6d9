"""A comparison says what the pipeline says picture by picture, at a cost that was budgeted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop.cli import main
from tinydrop.core.budget import num_keep
from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.data import open_dataset
from tinydrop.models.macs import guidance_macs, target_macs
from tinydrop.models.reduction import DropStep, Plan, plan_macs
from tinydrop.pipeline import TinyDrop
from tinydrop.studies.comparison import (
    COMPARE_LEVELS,
    METHODS,
    budget_of,
    compare_methods,
    compare_path,
    duel,
    read_compare,
    write_compare,
)
from tinydrop.studies.comparison.methods import plan_within
from tinydrop.studies.sweep import evaluate
from tinydrop.studies.trace import make_trace

COUNTS = {"red fox": 5, "goldfish": 4, "spider": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data"), COUNTS, damaged=(("goldfish", 1),))


@pytest.fixture(scope="module")
def drop(folder):
    drop = small_drop()
    # Between two confidences, so that some of these pictures exit and others do not.
    found = sorted(drop.decide(drop.guide(path)).confidence for path, _ in photos(folder))
    setting = replace(drop.pair.setting, tau=(found[5] + found[6]) / 2)
    return TinyDrop(replace(drop.pair, setting=setting))


@pytest.fixture(scope="module")
def guides(drop, folder):
    return [(drop.guide(path), label) for path, label in photos(folder)]


@pytest.fixture(scope="module")
def table(drop, folder):
    with one_thread():
        return compare_methods(drop, open_dataset(folder), repeats=1)


def photos(folder):
    """Every readable picture with its class, in the pair's order of classes."""
    for label, name in enumerate(COUNTS):
        for path in sorted((folder / name).iterdir()):
            if path.name != "001.png" or name != "goldfish":
                yield path, label


@pytest.mark.parametrize("selector", ["gradcam", "coverage", "random", "uniform", "centre"])
def test_dropping_at_the_input_is_what_the_pipeline_does(drop, table, guides, selector):
    spec = drop.pair.target.spec
    for level in COMPARE_LEVELS:
        row = table.find(selector, level)
        correct = 0
        for guide, label in guides:
            selected = drop.select(guide, num_keep(level, spec.grid.num_patches), selector)
            correct += drop.classify(guide, selected.selection).class_index == label
        assert row.correct == correct
        assert row.target_macs == target_macs(spec, num_keep(level, 16)).total
        own = guidance_macs(drop.pair.guidance)
        guide_macs = own.forward + own.saliency if selector in ("gradcam", "coverage") else 0
        assert row.macs == row.target_macs + guide_macs


def test_the_pairs_own_setting_is_what_calling_it_gives(drop, table, guides, folder):
    row = table.find("tinydrop", 0)
    results = [(drop(path), label) for path, label in photos(folder)]
    assert row.pictures == len(results) == 11
    assert row.correct == sum(r.final.class_index == label for r, label in results)
    assert row.macs == pytest.approx(np.mean([r.macs.total for r, _ in results]))
    assert 0.0 < row.exit_rate == np.mean([r.target is None for r, _ in results]) < 1.0
    full = [drop.classify(guide).class_index == label for guide, label in guides]
    assert table.find("target", 16).correct == sum(full)
    assert row.drop.value == pytest.approx((sum(full) - row.correct) / 11)


def test_the_pairs_own_setting_is_what_a_sweep_of_its_trace_gives(drop, table, folder, tmp_path):
    with one_thread():
        trace = make_trace(drop, open_dataset(folder), tmp_path / "t.parquet")
    outcome = evaluate(trace, drop.pair.setting)
    row = table.find("tinydrop", 0)
    assert (row.correct, row.agreeing) == (outcome.correct, outcome.agreeing)
    assert (row.macs, row.exit_rate) == (outcome.macs, outcome.exit_rate)
    assert table.find("target", 16).correct == outcome.full_correct


def test_exits_replace_the_target_where_the_guidance_is_sure(drop, table, guides):
    spec, own = drop.pair.target.spec, guidance_macs(drop.pair.guidance)
    row = table.find("gradcam+exit", 8)
    correct = macs = 0
    for guide, label in guides:
        if drop.decide(guide).exited:
            correct += guide.answer.class_index == label
            macs += own.forward
        else:
            selection = drop.select(guide, 8).selection
            correct += drop.classify(guide, selection).class_index == label
            macs += own.forward + own.saliency + target_macs(spec, 8).total
    assert (row.correct, row.macs) == (correct, pytest.approx(macs / 11))


def test_every_row_keeps_its_budget(drop, table):
    spec = drop.pair.target.spec
    for row in table.rows:
        if row.plan is not None:
            budget = target_macs(spec, num_keep(row.level, 16)).total
            assert plan_macs(spec, row.plan).total <= budget
    assert table.provenance.pictures == 11
    assert table.provenance.skipped == {"unreadable": 1}
    assert table.provenance.unranked == 0


@pytest.mark.parametrize("name", METHODS)
def test_the_dearest_plan_within_a_budget_is_taken(drop, name):
    spec = drop.pair.target.spec
    totals = sorted({plan_macs(spec, plan).total for plan in METHODS[name].plans(spec)})
    for budget in totals:
        plan = plan_within(spec, name, budget)
        assert plan is not None
        assert plan_macs(spec, plan).total == budget
        nearby = plan_within(spec, name, budget - 1)
        assert (nearby is None) == (budget == totals[0])
    assert name == "attention@1/4" or totals  # a quarter of two blocks is the input


def test_pictures_without_a_rank_keep_every_patch(folder):
    with one_thread():
        flat = compare_methods(small_drop(flat=True), open_dataset(folder), ["uniform"], repeats=1)
    row, full = flat.find("gradcam", 8), flat.provenance.full_macs
    assert flat.provenance.unranked == 11
    assert row.target_macs == full
    assert row.agreeing == 11
    assert flat.find("uniform", 8).target_macs < full
    assert flat.methods == ("target", "guidance", "tinydrop", "gradcam", "uniform", "gradcam+exit")


def test_a_table_survives_its_file(table, tmp_path):
    path = write_compare(tmp_path / "new", table)
    assert path == compare_path(tmp_path / "new", "small")
    assert read_compare(path) == table
    json.dumps(table.to_dict(), allow_nan=False)
    other = tmp_path / "other.parquet"
    from tinydrop.data import write_table

    write_table(other, {"a": np.arange(3)}, {})
    with pytest.raises(SettingError, match="no table of a comparison"):
        read_compare(other)
    with pytest.raises(SettingError, match="cannot be made"):
        write_compare(path, table)


def test_what_cannot_be_compared_is_refused(drop, folder):
    dataset = open_dataset(folder)
    with pytest.raises(SettingError, match="Unknown method 'magic'"):
        compare_methods(drop, dataset, ["magic"])
    with pytest.raises(SettingError, match="at least one turn"):
        compare_methods(drop, dataset, repeats=0)
    with pytest.raises(UnsupportedModelError, match="plain attention only"):
        compare_methods(small_drop(windowed=True), dataset)


def test_a_row_names_its_block(table):
    assert table.find("gradcam@1/2", 12).plan.steps[0].block == 1
    assert table.find("gradcam", 8).plan == Plan(16, 2, (DropStep(0, 8),))


def test_the_command(tmp_path, capsys):
    folder = write_folder(tmp_path / "data", {"tabby": 2, "goldfish": 2})
    known = [
        "compare",
        str(folder),
        "--repeats",
        "1",
        "--limit",
        "4",
        "--student",
        "--method",
        "merge",
    ]
    with one_thread():
        assert main([*known, "--json", "--save-tables", str(tmp_path)]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert {row["method"] for row in printed["rows"]} > {"merge", "gradcam"}
        assert main(known) == 0
    text = capsys.readouterr().out
    assert "similar tokens merged in every block" in text
    assert main([*known[:-1], "magic"]) == 2
    assert "Unknown method" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main([*known, "--save-tables", str(tmp_path / "file")]) == 2


def test_a_duel_on_one_picture(drop, guides):
    spec = drop.pair.target.spec
    guide, _ = guides[0]
    budget = budget_of(spec, 8)
    found = {one.method: one for one in duel(drop, guide, budget)}
    selected = drop.select(guide, 8)
    expected = drop.classify(guide, selected.selection)
    np.testing.assert_allclose(found["gradcam"].answer.logits, expected.logits, rtol=1e-4)
    kept = np.flatnonzero(found["gradcam"].groups >= 0)
    assert kept.tolist() == selected.selection.keep_indices.tolist()
    assert found["gradcam"].macs == drop.cost(8).total
    for one in found.values():
        assert one.target_macs <= budget
        assert set(one.groups.tolist()) - {-1} == set(range(one.groups.max() + 1))
    assert "merge" not in found  # half of the tokens in each of two blocks is too little
    (merged,) = duel(drop, guide, budget_of(spec, 12), ["merge"])
    assert merged.groups.min() == 0  # nobody is lost
    assert merged.blocks_run.tolist() == [2] * 16
    pruned = found["prune"].blocks_run
    assert set(pruned.tolist()) == {1, 2}  # dropped after the first attention, or not at all
    assert set(found["gradcam"].blocks_run.tolist()) == {0, 2}
    assert "attention@1/4" not in found
    with pytest.raises(SettingError, match="allow more"):
        duel(drop, guide, 1)


def test_the_committed_table_is_one_of_the_bundled_pair():
    folder = Path(__file__).resolve().parents[2] / "assets" / "tables"
    table = read_compare(compare_path(folder, "bundled"))
    assert table.provenance.pair == "bundled"
    assert set(METHODS) < set(table.methods)
    assert all(table.find("gradcam", level) is not None for level in COMPARE_LEVELS)
