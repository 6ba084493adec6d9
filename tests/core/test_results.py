"""Answers, costs and the JSON form of a result."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import special

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.core.results import (
    Answer,
    CostBreakdown,
    DropResult,
    LatencyBreakdown,
    group_shares,
    softmax,
)
from tinydrop.core.tokens import PatchGrid, TokenSelection


@pytest.mark.parametrize("temperature", [0.05, 1.0, 2.5, 100.0])
def test_softmax_equals_scipys(temperature):
    logits = np.random.default_rng(0).normal(0, 30, (5, 7))
    np.testing.assert_allclose(
        softmax(logits, temperature), special.softmax(logits / temperature, axis=-1), rtol=1e-12
    )


def test_softmax_of_extreme_logits_and_temperatures_is_a_distribution():
    for temperature in (5e-324, 1e-300, 1.0, 100.0):
        assert softmax([1e308, -1e308, 0.0], temperature).tolist() == [1.0, 0.0, 0.0]
        assert softmax([3.0, 3.0], temperature).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_softmax_refuses_logits_that_are_not_finite(bad):
    with pytest.raises(SettingError, match="logits are not finite"):
        softmax([0.0, bad])


def test_groups_sum_their_classes_and_the_likeliest_comes_first():
    logits = np.float32([2.0, 1.0, 0.5, 1.5])
    answer = Answer(logits, ("tabby", "dog", "wolf", "lion"), temperature=2.0)
    share = special.softmax(logits / 2.0)
    groups = {"cat": ("tabby",), "dogs": ("dog", "wolf", "fox"), "fish": ("pike",)}
    found = group_shares(answer, groups)
    assert [(name, count) for name, _, count in found] == [("dogs", 2), ("cat", 1)]
    assert [value for _, value, _ in found] == pytest.approx([share[1] + share[2], share[0]])
    assert group_shares(answer, {}) == ()


def test_answer_ranks_and_breaks_ties_by_index():
    answer = Answer(np.float32([1.0, 3.0, 3.0, 0.0]), ("a", "b", "c", "d"))
    assert (answer.class_index, answer.name) == (1, "b")
    top = answer.top(3)
    assert [p.name for p in top] == ["b", "c", "a"]
    assert top[0].probability == pytest.approx(np.e**3 / (2 * np.e**3 + np.e + 1))
    assert answer.confidence == top[0].probability
    assert len(answer.top(5)) == 4


def test_a_temperature_changes_the_confidence_and_not_the_class():
    logits, classes = np.float32([1.0, 3.0]), ("a", "b")
    warm = Answer(logits, classes, temperature=2.0)
    assert warm.class_index == 1
    assert warm.confidence == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize("logits", [np.zeros(3), np.zeros((1, 2)), np.zeros(0)])
def test_an_answer_has_one_logit_per_class(logits):
    with pytest.raises(SettingError, match="one logit for each of the 2 classes"):
        Answer(logits, ("a", "b"))


def test_cost_adds_up_in_both_accountings_and_may_be_negative():
    cost = CostBreakdown(10, 1, 40, 50, 20)
    assert (cost.total, cost.total_literal) == (51, 70)
    assert cost.saved == pytest.approx(-0.02)
    assert cost.to_dict()["total"] == 51


def make_result(*, exited: bool) -> DropResult:
    classes = ("a", "b")
    guidance = Answer(np.float32([0.0, 2.0]), classes)
    target = Answer(np.float32([2.0, 0.0]), classes)
    grid = PatchGrid(2, 2)
    return DropResult(
        file="p.jpg",
        pair="bundled",
        selector="gradcam",
        setting=Setting(),
        confidence=0.88,
        exited=exited,
        keep_ratio=None if exited else 0.4,
        level=None if exited else 7,
        patches=4,
        selection=None if exited else TokenSelection(grid, np.array([1, 2]), "gradcam"),
        saliency=None,
        guidance=guidance,
        target=None if exited else target,
        full=None,
        macs=CostBreakdown(10, 0 if exited else 1, 0 if exited else 20, 50, 0 if exited else 20),
        latency_ms=LatencyBreakdown(1.0, 0.5, 2.0),
        coherence=None if exited else {"holes": {"value": 0.0, "percentile": None}},
        warnings=(),
    )


# DESIGN part 5, run --json
CONTRACT = {
    *("file", "pair", "selector", "tau", "gamma", "confidence", "exited", "exit_class", "level"),
    *("kept", "patches", "keep_ratio", "keep_indices", "guidance_top5", "target_top5", "macs"),
    *("saved", "latency_ms", "coherence", "warnings"),
}


@pytest.mark.parametrize("exited", [True, False])
def test_a_result_is_json_with_the_names_of_the_contract(exited):
    result = make_result(exited=exited)
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert set(data) >= CONTRACT
    nulls = {key for key in CONTRACT if data[key] is None}
    if exited:
        assert nulls == {"level", "keep_ratio", "target_top5", "coherence"}
        assert (data["kept"], data["keep_indices"], data["exit_class"]) == (0, [], "b")
        assert result.final is result.guidance
    else:
        assert nulls == {"exit_class"}
        assert (data["kept"], data["keep_indices"]) == (2, [1, 2])
        assert result.final is result.target
