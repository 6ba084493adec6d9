"""The flow, the glossary and the class list, as HTML from values alone."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from view_values import GRID, answer, drop_result, exit_result

from tinydrop.core.budget import decide_budget
from tinydrop.core.results import DropResult, Truth
from tinydrop.ui.explore.cards import ACCOUNTING, decision_card
from tinydrop.ui.explore.classes import class_list
from tinydrop.ui.explore.flow import SKIPPED, STATIONS, flow_card, flow_waiting
from tinydrop.ui.kit.glossary import GLOSSARY, define, glossary


def flow_of(result: DropResult, truth: Truth | None = None, accounting: str = ACCOUNTING[0]) -> str:
    budget = decide_budget(result.confidence, result.setting, result.patches)
    known = SimpleNamespace(result=result, budget=budget, grid=GRID)
    return str(flow_card(cast(Any, known), truth, accounting))


def station(html: str, key: str) -> str:
    found = re.search(rf'data-station="{key}".*?</button>', html, re.DOTALL)
    assert found
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", found[0]))


class TestFlow:
    def test_each_station_has_its_value(self) -> None:
        result = drop_result()
        html = flow_of(result, Truth(result.final.name))
        assert result.guidance.name in station(html, "guide")
        assert " no " in station(html, "sure")
        assert f"{result.kept} of {result.patches}" in station(html, "many")
        assert result.final.name in station(html, "target")
        assert "✓ right" in station(html, "answer")
        # 40 + 2 + 430 of 1080, and 40 + 80 + 430 where the pass is counted literally
        assert "56 %" in station(html, "cost")
        assert "49 %" in station(flow_of(result, accounting=ACCOUNTING[1]), "cost")
        assert "✗ wrong" in station(flow_of(result, Truth("unicorn")), "answer")

    def test_an_exit_passes_four_stations_by(self) -> None:
        html = flow_of(exit_result())
        off = re.findall(r'fl-off" data-station="(\w+)"', html)
        assert tuple(off) == SKIPPED
        assert "fl-exit" in html
        assert "fl-veil" not in html
        assert "fl-off" not in flow_of(drop_result())

    def test_nothing_is_said_of_what_has_not_run(self) -> None:
        html = flow_of(drop_result(target=None, full=None))
        assert "is looking" in station(html, "target")
        assert "…" in station(html, "answer")
        waiting = str(flow_waiting())
        assert waiting.count("data-station") == len(STATIONS)
        assert "%" not in waiting

    def test_it_is_a_few_kilobytes_without_a_picture(self) -> None:
        html = flow_of(drop_result())
        assert "data:" not in html
        assert len(html.encode()) < 8_000


def test_a_doubtful_answer_may_be_none_of_the_classes() -> None:
    # Softmax of (2, 0, 0, 0, 0, 0): 0.60 at T = 1, and 0.25 at T = 4.
    assert "may not be among" not in decision_card(drop_result())
    doubtful = drop_result(target=answer(1, 4.0))
    assert "Only 25 % sure" in decision_card(doubtful)
    assert "may not be among the 6 classes" in decision_card(doubtful)
    assert "may not be among" not in decision_card(doubtful, truth=Truth("dog"))
    assert "may not be among" not in decision_card(drop_result(target=None))


class TestGlossary:
    def test_every_word_has_one_sentence(self) -> None:
        assert list(GLOSSARY) == sorted(GLOSSARY, key=str.lower)
        for word, meaning in GLOSSARY.items():
            assert meaning.endswith("."), word
            assert ". " not in meaning, word
            assert "<dt>" in glossary()

    def test_a_word_carries_its_meaning(self) -> None:
        html = define("tau", "how sure")
        assert ">how sure</button>" in html
        assert f'data-meaning="{GLOSSARY["tau"]}"'.replace("'", "&#x27;") in html
        with pytest.raises(KeyError):
            define("phlogiston")

    def test_it_cannot_be_changed(self) -> None:
        with pytest.raises(TypeError):
            cast(Any, GLOSSARY)["tau"] = "something else"


def test_classes_come_in_groups_and_each_once() -> None:
    html = class_list(["b", "<a>", "c", "D"], {"animals": ["c", "b", "gone"], "empty": ["none"]})
    assert re.findall("<h3>(.*?)</h3>", html) == ["animals", "others"]
    assert re.findall("<li>(.*?)</li>", html) == ["b", "c", "&lt;a&gt;", "D"]
    assert re.findall("<h3>", class_list(["b", "a"], {})) == []
