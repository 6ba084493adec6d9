"""What the Coherence page is made of: tiles, film and measures, as HTML from values alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image
from view_values import CLASSES, answer

from tinydrop.core.coherence import COHERENCE_METRICS, MAP_METRICS, Verdict
from tinydrop.core.coherence.verdict import VERDICT_KINDS
from tinydrop.core.numbers import signed
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.models.backbones.target import place_kept
from tinydrop.pipeline.render.words import plain_text
from tinydrop.studies.quality import Film, Frame
from tinydrop.ui.coherence.film import Cell, exact_part, film_cells, film_sentence
from tinydrop.ui.coherence.measures import measure_bars, measure_formulas, verdict_line
from tinydrop.ui.coherence.multiples import EMPTY, Multiple, multiples, placed_image, thumb_mask
from tinydrop.ui.coherence.wish import ARRANGEMENTS, PAINTED
from tinydrop.ui.coherence.words import (
    MAP_WORDS,
    MEASURE_GROUPS,
    MEASURE_WORDS,
    POSITION_NOTES,
    POSITION_TITLES,
    arrangement,
    say_parts,
)
from tinydrop.ui.kit.agreement import agreement

GRID = PatchGrid(2, 3)
UNIT = 8
KEPT = TokenSelection(GRID, np.array([1, 2, 5]), "gradcam")


def parsed(html: str) -> ET.Element:
    """Parse a view as XML: tags close, attributes are quoted."""
    text = re.sub(r"(<img[^>]*)>", r"\1/>", html.replace("&nbsp;", " "))
    return ET.fromstring(f"<div>{text}</div>")  # noqa: S314 - our own text


def words_of(html: str) -> str:
    return " ".join("".join(parsed(html).itertext()).split())


@pytest.fixture
def thumb() -> Image.Image:
    """A picture in which every pixel says which patch it belongs to: red = 40 * (index + 1)."""
    cells = np.arange(6, dtype=np.uint8).reshape(2, 3).repeat(UNIT, 0).repeat(UNIT, 1)
    return Image.fromarray(np.stack([40 * (cells + 1), cells, cells], axis=2))


def patches_of(picture: Image.Image) -> list[int | None]:
    """Return which patch lies in the middle of each cell, or None for the empty grey."""
    pixels = np.asarray(picture)
    found: list[int | None] = []
    for row in range(GRID.rows):
        for col in range(GRID.cols):
            red, *_ = middle = pixels[int((row + 0.6) * UNIT), int((col + 0.6) * UNIT)].tolist()
            found.append(None if tuple(middle) == EMPTY else red // 40 - 1)
    return found


class TestTiles:
    def test_the_veil_covers_exactly_the_dropped_patches(self) -> None:
        svg = parsed(thumb_mask(KEPT))[0][0]
        assert svg.get("viewBox") == "0 0 3 2"
        path = svg[0].get("d") or ""
        assert path.startswith("M0 0H3V2H0Z"), "the whole grid"
        # One piece: patches 1, 2 and 5, its corners in order.
        assert path.removeprefix("M0 0H3V2H0Z") == "M1 0H3V2H2V1H1Z"

    def test_patches_are_drawn_where_the_target_believes_them(self, thumb: Image.Image) -> None:
        def drawn(mode: str) -> list[int | None]:
            cells = place_kept(torch.from_numpy(KEPT.keep_indices.copy())[None], mode)
            return patches_of(
                placed_image(thumb, KEPT, None if cells is None else cells[0].numpy())
            )

        assert drawn("right") == [None, 1, 2, None, None, 5]
        assert drawn("first") == [1, 2, 5, None, None, None]
        assert drawn("none") == [1, 2, 5, None, None, None]
        shuffled = drawn("shuffled")
        assert shuffled != drawn("right")
        assert sorted(p for p in shuffled if p is not None) == [1, 2, 5]
        assert [p is None for p in shuffled] == [True, False, False, True, True, False]

    def test_loose_patches_have_gaps(self, thumb: Image.Image) -> None:
        loose, packed = placed_image(thumb, KEPT, None), placed_image(thumb, KEPT, np.arange(3))
        assert np.asarray(loose)[0, 0].tolist() == list(EMPTY)
        assert np.asarray(packed)[0, 0].tolist() == [80, 1, 1]

    @pytest.mark.parametrize(
        ("said", "mark", "spoken"),
        [
            (answer(0), "= same", "random: cat, 60 %, same as with every patch"),
            (answer(1), "≠ differs", "random: dog, 60 %, differs from every patch"),
            (None, "… running", "random: running"),
        ],
    )
    def test_agreement_is_a_mark_and_a_word(self, said: object, mark: str, spoken: str) -> None:
        # exp(2) / (exp(2) + 5) = 0.596
        tile = Multiple("random", "random", "note", False, KEPT, said, None)  # type: ignore[arg-type]
        html = multiples([tile], answer(0), "group", stopped=False)
        assert mark in words_of(html)
        (button,) = parsed(html).iter("button")
        assert button.get("aria-label") == spoken
        assert button.get("aria-pressed") == "false"

    def test_what_will_not_come_is_not_running(self) -> None:
        tile = Multiple("random", "random", "note", True, KEPT, None, None)
        html = multiples([tile], None, "group", stopped=True)
        assert "no answer" in words_of(html)
        assert "running" not in html

    def test_every_name_has_its_words(self) -> None:
        named = {arrangement(name).short for name in (*ARRANGEMENTS, PAINTED)}
        assert len(named) == len(ARRANGEMENTS) + 1
        assert set(POSITION_TITLES) == set(POSITION_NOTES)
        assert set(MEASURE_WORDS) == set(COHERENCE_METRICS)
        assert set(MAP_WORDS) == set(MAP_METRICS)
        assert {name for names in MEASURE_GROUPS.values() for name in names} == set(MEASURE_WORDS)


class TestSentence:
    def test_it_says_whether_all_patches_say_the_same(self) -> None:
        same = plain_text(say_parts(3, 6, "random", "right", answer(0), answer(0)))
        assert same == (
            "The target looked at 3 of 6 patches (random) and says cat, 60 % sure, as it does with "
            "all of them."
        )
        other = plain_text(say_parts(3, 6, "random", "none", answer(1), answer(0)))
        assert "(random, without positions) and says dog" in other
        assert other.endswith("but with all of them it says cat.")
        every = plain_text(say_parts(6, 6, "random", "right", answer(0), answer(0)))
        assert every.endswith("60 % sure.")
        waits = plain_text(say_parts(3, 6, "random", "right", None, answer(0)))
        assert waits == "The target is looking at 3 of 6 patches (random)…"

    @pytest.mark.parametrize(
        ("value", "text"), [(0.346, "+0.35"), (-1.2, "−1.20"), (-0.004, "±0.00"), (0.0, "±0.00")]
    )
    def test_a_difference_carries_its_sign(self, value: float, text: str) -> None:
        assert signed(value) == text

    def test_agreement(self) -> None:
        assert agreement(answer(2), answer(2))[0] == "ch-same"
        assert agreement(answer(2), answer(3))[0] == "ch-other"
        assert agreement(answer(2), None)[0] == "ch-wait"


def film(decisions: Sequence[int], step: int = 1) -> Film:
    """Return a film over the patches in reading order, ``step`` at a time."""
    frames = [
        Frame(k, tuple(range(k - step, k)), answer(decisions[k // step - 1]))
        for k in range(step, GRID.num_patches + 1, step)
    ]
    return Film(GRID, "gradcam", tuple(frames))


def cells(decisions: Sequence[int | None]) -> list[Cell]:
    return [
        Cell(k, TokenSelection(GRID, np.arange(k), "x"), None if one is None else answer(one))
        for k, one in enumerate(decisions, start=1)
    ]


class TestFilm:
    @pytest.mark.parametrize(
        ("decisions", "words"),
        [
            ((0, 0, 0, 0, 0, 0), "and so it does from 1 patch on: it never flips."),
            ((1, 1, 0, 0, 0, 0), "3 patches are enough: from there on it always says so, and with "
             "fewer it never does. The decision flips once."),
            ((1, 0, 2, 0, 0, 0), "4 patches are enough: from there on it always says so. It "
             "already does with 2, but changes its mind again. The decision flips 3 times."),
        ],
    )  # fmt: skip
    def test_it_says_how_few_suffice(self, decisions: Sequence[int], words: str) -> None:
        html = film_sentence(film(decisions), answer(0), CLASSES, placed_right=True)
        start = "With all 6 patches the target says cat"
        assert words_of(html) == f"{start}{',' if 'never flips' in words else '.'} {words}"

    def test_levels_leave_the_patch_open(self) -> None:
        html = film_sentence(film((1, 1, 0), step=2), answer(0), CLASSES, placed_right=True)
        assert "The decision flips once: between 4 and 6. Only every K tells" in words_of(html)

    def test_wrong_positions_that_change_the_mind_on_every_patch(self) -> None:
        html = film_sentence(film((1,) * 6), answer(0), CLASSES, placed_right=False)
        assert "cat at the right ones" in words_of(html)
        assert "enough" not in html

    def test_each_cell_says_its_decision_and_where_it_flips(self) -> None:
        html = film_cells(cells((1, 0, 0, None, 0, 1)), answer(0))
        buttons = list(parsed(html).iter("button"))
        assert [button.findtext("i") for button in buttons] == ["≠", "=", "=", "…", "=", "≠"]
        assert [button.findtext("em") for button in buttons] == ["", "flip", "", "", "", "flip"]
        assert buttons[0].get("aria-label") == (
            "Level 1, 1 of 6 patches: dog, 60 % sure, not what it says with every patch"
        )

    def test_the_exact_strip_names_the_patch(self) -> None:
        decisions = (1, 1, 0, 0, 0, 0)
        html = exact_part(
            cells(decisions), film(decisions), answer(0), CLASSES, filming=False, stopped=False
        )
        (flip,) = parsed(html).iter("li")
        assert " ".join("".join(flip.itertext()).split()) == (
            "K = 3: row 1, column 3 turns dog into cat"
        )
        assert flip[0].get("data-patch") == "2"
        heights = [int(d) for d in re.findall(r'd="M\d+ 20V(\d+)H', html)]
        assert heights == [9, 9, 0, 0, 0, 0], "short where the class is another one"

    def test_before_and_during_it_says_how_many_runs(self) -> None:
        some = cells((1, None, None, None, None, 0))
        html = exact_part(some, None, answer(0), CLASSES, filming=False, stopped=False)
        assert "4 more runs" in words_of(html)
        assert 'data-action="film"' in html
        html = exact_part(some, None, answer(0), CLASSES, filming=True, stopped=False)
        assert "2 of 6 K known" in words_of(html)
        assert 'data-action="stop"' in html


class TestMeasures:
    def bars(self, value: float | None, percentile: float | None) -> str:
        entry = {"value": value, "percentile": percentile}
        html = measure_bars(
            dict.fromkeys(COHERENCE_METRICS, entry), dict.fromkeys(MAP_METRICS, entry), 3, "a map"
        )
        parsed(html)
        return html

    @pytest.mark.parametrize(
        ("percentile", "left", "width", "said"),
        [(80.0, 50.0, 30.0, "80"), (10.0, 10.0, 40.0, "10"), (99.8, 50.0, 49.8, ">99"),
         (100.0, 50.0, 50.0, "100")],
    )  # fmt: skip
    def test_a_bar_reaches_from_chance_to_the_percentile(
        self, percentile: float, left: float, width: float, said: str
    ) -> None:
        html = self.bars(0.5, percentile)
        assert html.count(f'style="left:{left:.1f}%;width:{width:.1f}%"') == 13
        assert html.count(f'ch-pin" style="left:{percentile:.1f}%"') == 13
        assert f"percentile {said} among random sets of 3 patches" in html
        assert html.count("ch-mid") == 13

    def test_without_a_percentile_there_is_no_bar(self) -> None:
        html = self.bars(None, None)
        assert "ch-pin" not in html
        assert html.count("no percentile") == 13

    def test_values_carry_units(self) -> None:
        assert MEASURE_WORDS["components"].show(1.0) == "1 piece"
        assert MEASURE_WORDS["holes"].show(2.0) == "2 holes"
        assert MEASURE_WORDS["border_share"].show(0.256) == "26 %"
        assert MEASURE_WORDS["morans_i"].show(-0.5) == "−0.50"

    @pytest.mark.parametrize("kind", VERDICT_KINDS)
    def test_a_verdict_is_a_mark_and_a_sentence(self, kind: str) -> None:
        html = verdict_line(Verdict(kind, "Because <so>."))
        assert words_of(html).endswith(f"{kind.capitalize()}. Because <so>.")
        assert ("✓" in html) is (kind == "coherent")

    def test_every_measure_has_a_formula(self) -> None:
        text = words_of(measure_formulas())
        assert all(words.title in text for words in MEASURE_WORDS.values())
