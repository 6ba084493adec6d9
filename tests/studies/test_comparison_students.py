"""Slimmed students beside the methods, and one plan on one picture."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop.cli import main
from tinydrop.core.errors import SettingError
from tinydrop.data import open_dataset
from tinydrop.models.pairs import (
    Student,
    StudentCard,
    bundled_students,
    load_pair,
    load_student,
    read_student_card,
)
from tinydrop.models.reduction import DropStep, Plan, plan_macs
from tinydrop.models.slimming import Slimmed, SlimmedTransformer, SlimmingPlan
from tinydrop.studies.comparison import (
    budget_of,
    compare_methods,
    contend,
    place_within,
    read_compare,
    slim,
    write_compare,
)

COUNTS = {"red fox": 3, "goldfish": 3, "spider": 2}
PLAN = SlimmingPlan((1, 1), (0.5,))


@pytest.fixture(scope="module")
def drop():
    return small_drop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data"), COUNTS)


@pytest.fixture(scope="module")
def student(drop):
    return made(drop, "small-sit")


def made(drop, name, *, hard=False, plan=PLAN, **info):
    target = drop.pair.target
    card = StudentCard(
        name=name,
        title="A student",
        model="vit_tiny_patch16_224",
        kwargs={},
        input=target.spec.input,
        classes=drop.pair.classes,
        plan=plan,
        hard=hard,
        teacher={"pair": drop.pair.name, "digest": drop.pair.digest},
        info=info,
    )
    module = SlimmedTransformer(target, plan, hard=hard, seed=2)
    return Student(card, Slimmed(name, target.spec, module))


def test_a_students_row_is_what_it_answers_picture_by_picture(drop, folder, student, tmp_path):
    with one_thread():
        table = compare_methods(drop, open_dataset(folder), ["uniform"], [student], repeats=1)
    row, teacher = table.find("small-sit", 0), table.find("target", 16)
    correct = agreeing = full = 0
    for label, name in enumerate(COUNTS):
        for path in sorted((folder / name).iterdir()):
            guide = drop.guide(path)
            said = slim(student.model, drop, guide).answer.class_index
            whole = drop.classify(guide).class_index
            correct += said == label
            agreeing += said == whole
            full += whole == label
    assert (row.correct, row.agreeing, teacher.correct) == (correct, agreeing, full)
    assert row.drop.value == pytest.approx((full - correct) / 8)
    assert row.macs == row.target_macs == student.model.macs < teacher.macs
    assert row.plan is None
    assert row.gain is None
    assert row.time == row.target_time is not None
    assert table.students == {"small-sit": "mixing tokens into few (SiT)"}
    assert read_compare(write_compare(tmp_path, table)) == table


def test_slim_tokens_are_convex_mixtures_over_the_picture(drop, folder, student):
    guide = drop.guide(next((folder / "spider").iterdir()))
    deep = made(drop, "two", plan=SlimmingPlan((1, 1), (0.25,)))
    found = slim(student.model, drop, guide)
    assert found.tokens == (16, 8)
    assert [one.shape for one in found.weights] == [(8, 16)]
    np.testing.assert_array_equal(found.weights[0], found.composed[0])  # nothing before it
    np.testing.assert_allclose(found.composed[0].sum(axis=1), 1.0, rtol=1e-5)
    assert found.macs == student.model.macs > slim(deep.model, drop, guide).macs
    pixels = torch.from_numpy(guide.view.pixels(guide.picture, drop.pair.target.spec.input))[None]
    with torch.no_grad():
        expected = student.model.module(pixels)[0].numpy()
    np.testing.assert_allclose(found.answer.logits, expected, rtol=1e-5)


def test_only_a_student_of_this_target_is_taken(drop, folder, student):
    dataset = open_dataset(folder)
    with pytest.raises(SettingError, match="Every student needs"):
        compare_methods(drop, dataset, ["uniform"], [student, student])
    named = replace(student, card=replace(student.card, name="merge"))
    with pytest.raises(SettingError, match="none of a method"):
        compare_methods(drop, dataset, ["uniform"], [named])
    stranger = load_student(bundled_students()[0], load_pair("bundled"))
    with pytest.raises(SettingError, match="give the target it was made from"):
        compare_methods(drop, dataset, ["uniform"], [stranger])
    with pytest.raises(SettingError, match="other weights than those of the pair small"):
        load_student(bundled_students()[0], drop.pair)


def test_the_words_of_a_card_tell_how_it_was_trained(drop):
    known = read_student_card(bundled_students()[0])
    assert known.words.startswith("mixing tokens into few (SiT), ")
    assert known.words.endswith(f"{known.info['compute']['pictures_seen']:,} pictures seen")

    def words(*, hard=False, **recipe):
        return made(drop, "one", hard=hard, recipe=recipe).card.words

    assert words(distil=False, reverse=True) == (
        "mixing tokens into few (SiT), trained without its teacher"
    )
    assert words(distil=True, reverse=False).endswith("trained without reverse modules")
    assert words(start="random").endswith("from random modules")
    assert words(hard=True, start="random") == "choosing a few tokens"


@pytest.mark.parametrize("by", ["order", "attention"])
def test_as_many_patches_as_are_paid_for_go_on(drop, by):
    spec = drop.pair.target.spec
    costs = [plan_macs(spec, Plan(16, 2, (DropStep(1, k, by),))).total for k in range(1, 17)]
    for budget in (costs[0] - 1, costs[0], costs[6] + 1, costs[15], costs[15] + 1):
        plan = place_within(spec, 1, budget, by)
        paid = sum(cost <= budget for cost in costs)
        assert plan == (None if not paid else Plan(16, 2, (DropStep(1, paid, by),)))
    assert place_within(spec, 0, costs[15], "attention") is None
    assert place_within(spec, 0, budget_of(spec, 8)) == Plan(16, 2, (DropStep(0, 8),))
    with pytest.raises(SettingError, match="blocks 0 to 1"):
        place_within(spec, 2, costs[15])
    with pytest.raises(SettingError, match="order or attention"):
        place_within(spec, 1, costs[15], "magic")


def test_one_plan_on_one_picture(drop, folder):
    guide = drop.guide(next((folder / "goldfish").iterdir()))
    plan = place_within(drop.pair.target.spec, 0, budget_of(drop.pair.target.spec, 4))
    found = contend(drop, guide, "mine", plan, selector="centre")
    selected = drop.select(guide, 4, "centre").selection
    assert np.flatnonzero(found.groups >= 0).tolist() == selected.keep_indices.tolist()
    expected = drop.classify(guide, selected)
    np.testing.assert_allclose(found.answer.logits, expected.logits, rtol=1e-4)
    assert found.method == "mine"
    assert found.macs == found.target_macs  # the centre needs no guide
    flat = small_drop(flat=True)
    whole = contend(flat, flat.guide(guide.picture), "mine", plan, selector="gradcam")
    assert whole.plan == Plan(16, 2)
    with pytest.raises(SettingError):
        contend(drop, guide, "mine", plan)


def test_the_command_takes_students_of_its_pair_only(tmp_path, capsys):
    folder = write_folder(tmp_path / "data", {"tabby": 1, "goldfish": 1})
    known = ["compare", str(folder), "--repeats", "1", "--limit", "2", "--method", "uniform"]
    with one_thread():
        assert main([*known, "--json", "--student", str(bundled_students()[0])]) == 0
    printed = json.loads(capsys.readouterr().out)
    (row,) = [row for row in printed["rows"] if row["method"] == "bundled-sit"]
    assert (
        row["macs"] == read_student_card(bundled_students()[0]).info["measured"]["student"]["macs"]
    )
    assert list(printed["provenance"]["students"]) == ["bundled-sit"]
    assert main([*known, "--student", str(tmp_path / "none")]) == 2
    assert "is no slimmed student" in capsys.readouterr().err
