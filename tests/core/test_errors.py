"""What somebody gave is quoted, and never at length."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest
from trace_zoo import picture_bytes, small_drop

import tinydrop
from tinydrop.core.budget import Setting
from tinydrop.core.errors import MAX_MESSAGE, MAX_QUOTED, SettingError, TinyDropError, quoted
from tinydrop.data.view import InputSpec, open_picture
from tinydrop.models.pairs import load_pair

TEN_MEGABYTES = "x" * 10_000_000


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("value", ["a", "", "it's", 3, 2.5, None, True, (1, 2), ["a"], {"a": 1}])
def test_short_values_are_quoted_as_python_writes_them(value: object) -> None:
    assert quoted(value) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        TEN_MEGABYTES,
        "\x00" * 150,
        "\U0001f600" * 300,
        [TEN_MEGABYTES],
        [1.25] * 1_000_000,
        {str(n): n for n in range(100_000)},
        [[[[[["deep" * 100] * 100] * 100]]]],
        np.arange(10_000_000),
        10**4000,
        10**100_000,
        Rude(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_long_values_are_cut(value: object) -> None:
    text = quoted(value)
    assert 0 < len(text) <= MAX_QUOTED
    assert "\n" not in text or isinstance(value, np.ndarray)


def test_a_message_keeps_its_end_and_leaves_out_the_middle_of_what_is_long() -> None:
    path = "/".join(["folder"] * 100)
    text = str(TinyDropError(f"There is no file {path}; check the path."))
    assert text.startswith("There is no file folder/folder")
    assert text.endswith("folder/folder; check the path.")
    assert len(text) < 260
    words = str(SettingError("word " * 1_000_000 + "give another."))
    assert len(words) == MAX_MESSAGE
    assert words.endswith("word give another.")
    assert str(TinyDropError("short")) == "short"
    again = pickle.loads(pickle.dumps(SettingError(TEN_MEGABYTES)))  # noqa: S301 - our own
    assert len(str(again)) == MAX_QUOTED


def test_ten_megabytes_are_echoed_nowhere() -> None:
    drop = small_drop()
    guide = drop.guide(picture_bytes(1))
    spaced = "x y " * 2_500_000
    for value in (TEN_MEGABYTES, spaced):
        for ask in (
            lambda value: drop.setting(rule=value),
            lambda value: drop.setting(tau=value),
            lambda value: drop.select(guide, 3, value),
            lambda value: drop.saliency(guide, value),
            lambda value: drop.classify(guide, positions=value),
            lambda value: drop(picture_bytes(1), selector=value),
            lambda value: load_pair(value),
            lambda value: open_picture(value),
            lambda value: open_picture(picture_bytes(1)[:50], value),
            lambda value: InputSpec(value, (0, 0, 0), (1, 1, 1)),
            lambda value: InputSpec((8, 8), (0, 0, 0), (1, 1, 1), value),
            lambda value: Setting(rule=value),
        ):
            with pytest.raises(TinyDropError) as caught:
                ask(value)
            text = str(caught.value)
            assert len(text) <= MAX_QUOTED + 600, text
            assert text.endswith(".")


QUOTING_ELSEWHERE = {"ui", "data", "views", "cli", "errors.py", "__init__.py"}
"""Rooms whose messages the limit of ``TinyDropError`` alone cuts, or that raise none."""


def test_values_are_quoted_by_the_one_helper() -> None:
    root = Path(tinydrop.__file__).parent
    found = []
    for path in root.rglob("*.py"):
        if path.relative_to(root).parts[0] in QUOTING_ELSEWHERE:
            continue
        found += [
            f"{path.relative_to(root)}:{node.lineno}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
        ]
    assert found == []
