"""The events of the Coherence page, and what each of them may change; no browser, no server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coherence_zoo import (
    OTHER,
    Counting,
    compared,
    finish,
    look_at,
    make_page,
    make_pictures,
    opened,
    staged,
    windowed_drop,
)
from trace_zoo import one_thread, small_drop

from tinydrop import TinyDrop
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.core.tokens import TokenSelection
from tinydrop.ui.coherence.handlers import START_LEVEL, Coherence
from tinydrop.ui.coherence.wiring import BY_PICTURE
from tinydrop.ui.coherence.wish import PAINTED
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.texts import GENERIC_ERROR


def stroke(*patches: int) -> str:
    return json.dumps({"kept": list(patches)})


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def plain() -> Counting:
    return Counting(small_drop().pair)


@pytest.fixture(scope="module")
def windowed() -> TinyDrop:
    return windowed_drop()


@pytest.fixture
def drop(plain: Counting) -> Counting:
    plain.runs, plain.broken = 0, False
    return plain


@pytest.fixture
def page(drop: Counting, folder: Path, windowed: TinyDrop) -> Coherence:
    return make_page(drop, folder, windowed)


@pytest.fixture
def look(folder: Path) -> Look:
    return look_at(folder)


class TestEvents:
    def test_the_page_opens_filled_with_what_explore_shows(
        self, page: Coherence, look: Look
    ) -> None:
        shown = page.open(None, look, START_LEVEL)
        assert set(BY_PICTURE) | {"gallery"} == set(shown)
        empty = [name for name, value in shown.items() if not value and name != "message"]
        assert empty == []
        wish = shown["wish"]
        assert (wish.look.source, wish.arrangement) == (look.source, "gradcam")
        assert "8 of 16" in shown["say"]
        assert page.open(wish, look, START_LEVEL) == {}, "it keeps its state"

    def test_another_pair_of_explore_fills_it_anew(self, page: Coherence, look: Look) -> None:
        wish = replace(opened(page, look), positions="none")
        shown = page.open(wish, replace(look, pair=OTHER), START_LEVEL)
        assert shown["wish"].look.pair == OTHER
        assert shown["wish"].positions == "right"
        assert shown["map"]

    def test_events_before_it_is_filled_do_nothing(self, page: Coherence) -> None:
        assert page.slide(None, 8) == page.run(None, 8) == page.pin(None, 8) == {}

    def test_an_arrangement_goes_on_the_stage_with_its_ranks(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        shown = page.arrange(opened(page, look), "inverse", START_LEVEL)
        own = drop.select(drop.guide(look.source), 8, "inverse")
        kept = "".join("01"[int(bit)] for bit in own.selection.token_mask)
        assert f'data-kept="{kept}"' in shown["mask"]
        ranks = re.search(r'data-ranks="([\d ]+)"', shown["map"])
        assert ranks is not None
        assert own.order is not None
        assert ranks[1].split()[own.order[0]] == "1"
        assert 'data-key="inverse" aria-pressed="true"' in shown["tiles"]

    def test_painting_is_compared_with_the_arrangement_and_with_all(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        wish = opened(page, look)
        wish = page.paint(wish, stroke(0, 5, 6), START_LEVEL)["wish"]
        assert wish.by_hand
        finish(page, wish)
        shown = page.settle(wish, START_LEVEL, 0)
        guide = drop.guide(look.source)
        full = drop.classify(guide).logits
        winner = int(full.argmax())
        own = drop.classify(
            guide, TokenSelection(drop.pair.target.spec.grid, np.array([0, 5, 6]), "")
        )
        base = drop.classify(guide, drop.select(guide, 8).selection)
        for other in (base.logits, full):
            change = f"{own.logits[winner] - other[winner]:+.2f}".replace("-", "−")
            assert f"<b>{change}</b> against" in shown["paint"]
        assert 'data-key="painted" aria-pressed="true"' in shown["tiles"]
        moved = page.slide(wish, 9)
        assert not moved["wish"].by_hand, "the level brings the arrangement back"
        assert 'data-key="painted" aria-pressed="false"' in moved["tiles"]
        back = page.arrange(moved["wish"], PAINTED, 9)
        assert 'aria-label="3 of 16 patches kept"' in back["mask"]

    def test_painting_is_taken_back(self, page: Coherence, look: Look) -> None:
        wish = opened(page, look)
        before = page.slide(wish, START_LEVEL)["mask"]
        wish = page.paint(wish, stroke(1), START_LEVEL)["wish"]
        shown = page.paint(wish, json.dumps({"kept": None}), START_LEVEL)
        assert shown["mask"] == before
        assert shown["wish"].painted is None

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            (stroke(), "at least one patch"),
            (stroke(3, 99), "between 0 and 15"),
            ('{"kept": ["a"]}', "whole numbers"),
            ("nonsense", "whole numbers"),
            (None, "whole numbers"),
        ],
    )
    def test_a_wrong_wish_is_one_sentence_and_changes_nothing(
        self, page: Coherence, look: Look, sent: Any, words: str
    ) -> None:
        shown = page.paint(opened(page, look), sent, START_LEVEL)
        assert words in shown.pop("message")
        assert shown == {"stage": ""}

    def test_only_a_kept_shape_stays_for_another_picture(self, page: Coherence, look: Look) -> None:
        wish = page.arrange(opened(page, look), "random", START_LEVEL)["wish"]
        shape = compared(page, wish).stage.selection
        kept = page.pin(wish, START_LEVEL)["wish"]
        moved = staged(page, page.pick(kept, "second", START_LEVEL))
        assert compared(page, moved["wish"]).stage.selection == shape
        assert 'data-pinned="1"' in moved["mask"]
        loose = page.pin(kept, START_LEVEL)["wish"]
        moved = page.pick(loose, "second", START_LEVEL)
        assert moved["wish"].painted is None
        assert compared(page, moved["wish"]).stage.selection != shape

    def test_a_bad_picture_leaves_the_page_as_it_is(
        self, page: Coherence, look: Look, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.jpg").write_bytes(b"not a picture")
        shown = page.upload(opened(page, look), (str(tmp_path / "bad.jpg"), "bad.jpg"), 8)
        assert set(shown) == {"message"}
        assert "bad.jpg" in shown["message"]

    @pytest.mark.parametrize("level", [0, 17, None, "many", float("nan"), float("inf")])
    def test_a_level_that_is_none_is_one_sentence(
        self, page: Coherence, look: Look, level: Any
    ) -> None:
        shown = page.slide(opened(page, look), level)
        assert set(shown) == {"message"}
        assert "level" in shown["message"]
        assert GENERIC_ERROR not in shown["message"]

    def test_what_is_unknown_is_refused(self, page: Coherence, look: Look) -> None:
        wish = opened(page, look)
        assert "arrangement" in page.arrange(wish, "eigencam", 8)["message"]
        assert "positions" in page.place(wish, "sideways", 8)["message"]
        assert "There is no sample" in page.pick(wish, "third", 8)["message"]
        with pytest.raises(SettingError, match="at least one patch"):
            replace(wish, by_hand=True)


def test_only_the_positions_that_a_target_can_take_are_offered(
    page: Coherence, look: Look, windowed: TinyDrop
) -> None:
    modes = windowed.pair.target.spec.positions.modes
    shown = page.open(None, replace(look, pair=OTHER), 8)
    offered = re.findall(r'data-key="(\w+)"', shown["modes"])
    assert offered == list(modes)
    refused = {"right", "first", "shuffled", "none"} - set(modes)
    for mode in refused:
        assert "can run with positions" in page.place(shown["wish"], mode, 8)["message"]


def test_a_pair_that_cannot_be_had_is_one_sentence(look: Look, drop: Counting) -> None:
    def load(pair: str, _progress: object) -> TinyDrop:
        if pair == BUNDLED:
            return drop
        raise TinyDropError("The Hub cannot be reached; choose the bundled pair.")

    page = Coherence(LookMaker(load), [])
    shown = page.open(None, replace(look, pair=OTHER), 8)
    assert set(shown) == {"message"}
    assert "choose it again in the menu" in shown["message"], "to load it is no quick event"
