"""What the slim tokens look at, and one method large: the pictures and words are the weights'."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from view_values import answer

from tinydrop.core.tokens import PatchGrid
from tinydrop.pipeline.render.palette import heat_colours
from tinydrop.ui.compare.details import Details, details_html, said_html
from tinydrop.ui.compare.method_cards import MethodCard, Section, method_cards_html
from tinydrop.ui.compare.slim import Module, SlimStudent, half_held, slim_html

GRID = PatchGrid(2, 3)
RNG = np.random.default_rng(0)


def rows(*shape: int) -> np.ndarray:
    weights = RNG.random(shape).astype(np.float32)
    return weights / weights.sum(axis=1, keepdims=True)


FIRST, SECOND = rows(4, 6), rows(2, 4)
STUDENT = SlimStudent(
    "sit", "mixes tokens", (Module(1, FIRST, FIRST), Module(2, SECOND, SECOND @ FIRST))
)
CROP = Image.new("RGB", (60, 40), (90, 120, 60))


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))))


class TestSlim:
    def test_each_token_is_its_weights_as_colours(self) -> None:
        html = slim_html([STUDENT], GRID, CROP)
        tokens = re.findall(r'<button[^>]*class="cp-token.*?</button>', html)
        assert len(tokens) == 6
        for token, weights in zip(tokens, (*FIRST, *(SECOND @ FIRST)), strict=True):
            (address,) = re.findall(r'cp-composed" src="([^"]+)"', token)
            wanted = heat_colours((weights / weights.max()).reshape(2, 3))
            np.testing.assert_array_equal(pixels(address), wanted)
        for token, weights in zip(tokens[4:], SECOND, strict=True):
            (address,) = re.findall(r'cp-alone" src="([^"]+)"', token)
            wanted = heat_colours((weights / weights.max()).reshape(2, 2))
            np.testing.assert_array_equal(pixels(address), wanted)
            (sources,) = re.findall(r'data-from="([^"]+)"', token)
            assert [int(one) for one in sources.split()] == np.argsort(-weights)[:3].tolist()
        assert all("cp-alone" not in token for token in tokens[:4]), "alone is composed there"
        assert "4 tokens become 2" in html
        assert html.count("data-start") == 1
        assert "Student" not in html, "nothing to choose"

    def test_words_of_a_token(self) -> None:
        weights = np.array([[0.1, 0.6, 0.1, 0.1, 0.05, 0.05]], dtype=np.float32)
        html = slim_html([SlimStudent("s", "w", (Module(1, weights, weights),))], GRID, CROP)
        assert (
            "Token 1 of 1: half of its weight lies on 1 of 6 patches, the most on row 1, column 2 "
            "(60 %)." in html
        )

    @pytest.mark.parametrize("seed", range(4))
    def test_half_is_held_by_the_fewest(self, seed: int) -> None:
        weights = np.random.default_rng(seed).random(20).astype(np.float32)
        found = half_held(weights)
        heaviest = sorted(weights.astype(float), reverse=True)
        assert sum(heaviest[:found]) >= sum(heaviest) / 2 > sum(heaviest[: found - 1])


class TestOpened:
    ONE = Details(
        title="hybrid", note="It drops twice.", picture="data:,x", alt="hybrid", caption="Faded.",
        answer=answer(1), macs=50_000_000, guide=10_000_000, guide_words="guidance and map",
        patches=8, blocks=(8, 4, 2), steps=(("dropped at the input", 4), ("dropped later", 2)),
    )  # fmt: skip

    def test_costs_blocks_and_steps(self) -> None:
        html = details_html(self.ONE, answer(0), 100_000_000)
        assert "50.0 million MACs, 50 % of the full target" in html
        assert "with guidance and map 60.0 million MACs, <b>60 %</b>" in html
        assert "≠ differs" in html
        heights = [float(h) for h in re.findall(r'cp-some"[^>]*height="([\d.]+)"', html)]
        assert heights[1] / heights[0] == pytest.approx(0.5, abs=0.01)
        assert heights[2] / heights[0] == pytest.approx(0.25, abs=0.01)
        assert re.findall(r'scope="row">([^<]+)</th><td>(\d+)', html) == [
            (words, str(left)) for words, left in self.ONE.steps
        ]

    def test_while_nothing_is_known(self) -> None:
        assert "running" in details_html(None, None, 1)
        assert "running" in method_cards_html([], None, 1, "gradcam")
        assert "running" in said_html(0, 0, None, "", 0)

    def test_the_sentence_counts(self) -> None:
        said = said_html(3, 5, answer(2), "50 %", 11)
        assert "<b>3 of 5</b>" in said
        assert "11 cannot run so cheaply" in said
        assert "cannot" not in said_html(3, 5, answer(2), "50 %", 0)


class TestTiles:
    def test_what_a_name_holds_does_no_harm(self) -> None:
        bad = MethodCard("a<b", "<i>t</i>", '"note', "data:,x", answer(1), 50, 10, "3 <left>")
        gone = MethodCard("gone", "gone", "note", reason="costs 60 % or more")
        html = method_cards_html([Section("<s>", "n", (bad, gone))], answer(1), 100, "a<b")
        assert "<i>t" not in html
        assert "<s>" not in html
        assert "3 <left>" not in html
        assert 'aria-pressed="true"' in html
        assert "50 % + 10 %" in html
        assert re.findall(r'class="(cp-bar-\w+)" style="width:([\d.]+)%"', html) == [
            ("cp-bar-target", "50.0"), ("cp-bar-guide", "10.0"),
        ]  # fmt: skip
        assert html.count("<button") == 1, "one that is absent cannot be pressed"
        assert "costs 60 % or more" in html
        assert "same as the full target, 50 % of its MACs and 10 % for the guide" in html
