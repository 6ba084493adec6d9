"""What the page is made of: layers, curve and cards, as HTML from values alone."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from view_values import GRID, drop_result, exit_result

from tinydrop.core.budget import Setting, decide_budget, keep_level, keep_ratio, num_keep
from tinydrop.core.numbers import amount
from tinydrop.core.results import CostBreakdown, DropResult
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
from tinydrop.ui.explore.cards import (
    ACCOUNTING,
    answers_card,
    cost_card,
    cost_formula,
    decision_card,
)
from tinydrop.ui.explore.snippets import python_snippet
from tinydrop.ui.kit.curve import budget_curve, budget_formula
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.kit.stage import map_layer, mask_layer, picture_layer


def parsed(html: str) -> ET.Element:
    """Parse a view as XML: tags close, attributes are quoted."""
    return ET.fromstring(f"<div>{html.replace('&nbsp;', ' ')}</div>")  # noqa: S314 - our own text


def classes_of(html: str) -> list[str]:
    return re.findall(r'class="([^"]+)"', html)


class TestStage:
    def test_the_mask_says_what_is_kept(self) -> None:
        selection = TokenSelection(GRID, np.array([5, 6, 10]), "gradcam")
        layer = mask_layer(GRID, selection, forced_in=[10], forced_out=[0])
        svg = parsed(layer)[0]
        assert svg.get("data-kept") == "000001100010"
        assert svg.get("aria-label") == "3 of 12 patches kept"
        assert (svg.get("data-in"), svg.get("data-out")) == ("10", "0")
        assert classes_of(layer).count("td-forced td-forced-in") == 1
        assert classes_of(layer).count("td-forced td-forced-out") == 1

    def test_the_veil_covers_exactly_the_dropped_patches(self) -> None:
        selection = TokenSelection(GRID, np.array([5, 6, 10]), "gradcam")
        svg = parsed(mask_layer(GRID, selection))[0]
        (veil,) = [p for p in svg if p.get("class") == "td-veil"]
        unit = 560 // 4
        inside = [
            even_odd(veil.get("d") or "", ((i % 4) + 0.5) * unit, ((i // 4) + 0.5) * unit)
            for i in range(12)
        ]
        assert inside == [i not in (5, 6, 10) for i in range(12)]

    def test_after_an_exit_nothing_is_faded_or_outlined(self) -> None:
        layer = mask_layer(GRID, None)
        assert 'data-exited="1"' in layer
        assert 'data-kept="000000000000"' in layer
        assert not {"td-veil", "td-edge", "td-hatch"} & set(classes_of(layer))

    def test_the_map_carries_scores_and_ranks_in_reading_order(self) -> None:
        values = np.array([[3.0, 1.0], [0.0, 2.0]], dtype=np.float32)
        layer = map_layer(PatchGrid(2, 2), Saliency(values, "gradcam", "x"), np.array([0, 3, 1, 2]))
        part = parsed(str(layer).replace('alt="">', 'alt=""/>'))[0]
        assert part.get("data-scores") == "1.000 0.333 0.000 0.667"
        assert part.get("data-ranks") == "1 3 4 2"
        assert [text.text for text in part.iter("text")] == ["1", "3", "4", "2"]

    def test_a_map_that_cannot_be_ranked_shows_no_heat(self) -> None:
        flat = Saliency(np.ones((3, 4), dtype=np.float32), "gradcam", "x")
        layer = map_layer(GRID, flat, None)
        assert "<img" not in layer
        assert 'data-scores=""' in layer

    def test_a_slider_sends_no_picture(self) -> None:
        grid = PatchGrid(14, 14)
        checkered = TokenSelection.from_mask(grid, np.indices((14, 14)).sum(axis=0) % 2 == 0, "x")
        layer = mask_layer(grid, checkered)
        assert "data:" not in layer
        assert len(layer) < 20_000, "the worst outline there is"

    def test_a_name_cannot_leave_its_attribute(self) -> None:
        layer = picture_layer(Image.new("RGB", (8, 6)), '"><script>{{x}}${y}`')
        assert "<script" not in layer
        assert not set("{}`$") & set(layer)


def even_odd(path: str, x: float, y: float) -> bool:
    """Is a point inside a path of horizontal and vertical lines, by the even-odd rule?"""
    crossings = 0
    for loop in path.split("M")[1:]:
        points: list[tuple[float, float]] = []
        for command, text in re.findall(r"([HVL]?)([-\d. ]+)", loop.replace("Z", "")):
            numbers = [float(n) for n in text.split()]
            last = points[-1] if points else (0.0, 0.0)
            points.append(
                (numbers[0], last[1]) if command == "H"
                else (last[0], numbers[0]) if command == "V"
                else (numbers[0], numbers[1])
            )  # fmt: skip
        for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
            crossings += ax == bx and ax > x and min(ay, by) < y < max(ay, by)
    return crossings % 2 == 1


def test_escape_leaves_nothing_that_a_template_would_read() -> None:
    assert (
        escape("a<b>\"'&{{c}}`$")
        == "a&lt;b&gt;&quot;&#x27;&amp;&#123;&#123;c&#125;&#125;&#96;&#36;"
    )


class TestCurve:
    SETTING = Setting(tau=0.8, gamma=2.0)

    def corners(self) -> list[tuple[float, float]]:
        """Return the staircase's corners as (confidence, share kept)."""
        budget = decide_budget(0.4, self.SETTING, 196)
        (path,) = re.findall(
            r'class="td-line" d="([^"]+)"', budget_curve(self.SETTING, budget, 196)
        )
        x, y, points = 0.0, 0.0, []
        for command, numbers in re.findall(r"([MHV])([\d. ]+)", path):
            values = [float(n) for n in numbers.split()]
            x = values[0] if command in "MH" else x
            y = values[-1] if command in "MV" else y
            points.append(((x - 30) / 260, (116 - y) / 96))
        return points

    def test_the_staircase_is_the_budget(self) -> None:
        corners = self.corners()
        for c in np.linspace(0.02, 0.78, 37):
            before = [point for point in corners if point[0] <= c + 1e-9][-1]
            level = int(keep_level(keep_ratio(c, self.SETTING)))
            # The line is drawn with a tenth of a pixel, so next to a step either side may show.
            near = [point for point in corners if abs(point[0] - c) < 0.004]
            assert near or before[1] == pytest.approx(num_keep(level, 196) / 196, abs=0.002)

    def test_it_falls_to_nothing_at_tau(self) -> None:
        corners = self.corners()
        assert corners[0][1] == pytest.approx(1.0)
        assert corners[-1] == (pytest.approx(1.0), pytest.approx(0.0, abs=0.002))
        drop = next(a for a, b in itertools.pairwise(corners) if b[1] < 0.001)
        assert drop[0] == pytest.approx(0.8, abs=0.001)

    def test_the_picture_is_marked_and_said(self) -> None:
        budget = decide_budget(0.4, self.SETTING, 196)
        curve = budget_curve(self.SETTING, budget, 196)
        assert f"level {budget.level} of 16, {budget.num_keep} of 196 patches" in curve
        assert 'class="td-dot" cx="134.0"' in curve
        exited = budget_curve(self.SETTING, decide_budget(0.9, self.SETTING, 196), 196)
        assert "90 % sure, early exit" in exited

    @pytest.mark.parametrize("rule", ["curvature", "linear", "fixed"])
    def test_the_formula_ends_in_k(self, rule: str) -> None:
        setting = Setting(tau=0.8, gamma=2.0, rule=rule)
        budget = decide_budget(0.4, setting, 196)
        text = budget_formula(setting, budget, 196)
        assert f"<b>{budget.num_keep}</b> patches" in text
        assert "reconstruction" in text


class TestCards:
    def test_the_share_saved_is_one_minus_the_total(self) -> None:
        # 40 + 2 + 430 of 1080
        card = cost_card(drop_result())
        assert ">56 %</span>" in card
        assert "work saved" in card
        assert "td-honest" not in card

    def test_the_literal_count_adds_the_full_backward_pass(self) -> None:
        # 40 + 80 + 430 of 1080
        assert ">49 %</span>" in cost_card(drop_result(), ACCOUNTING[1])
        assert "twice the guidance" in cost_formula(drop_result(), ACCOUNTING[1])

    def test_costing_more_is_said(self) -> None:
        macs = CostBreakdown(400, 2, 1000, 1080, 800)
        card = cost_card(drop_result(macs=macs))
        assert "more work than the full target" in card
        assert "TinyDrop costs more here." in card

    def test_each_bar_starts_where_the_one_before_ended(self) -> None:
        bars = re.findall(r"margin-left:([\d.]+)%;width:([\d.]+)%", cost_card(drop_result()))
        starts, widths = zip(*((float(a), float(b)) for a, b in bars), strict=True)
        assert starts[:3] == pytest.approx([0.0, widths[0], widths[0] + widths[1]], abs=0.011)
        assert (starts[3], widths[3]) == (0.0, 100.0)
        assert widths[2] == pytest.approx(100 * 430 / 1080, abs=0.006)

    def test_three_columns_and_who_does_not_run(self) -> None:
        assert answers_card(drop_result()).count("<ol>") == 3
        exited = answers_card(exit_result())
        assert exited.count("<ol>") == 2
        assert "did not run" in exited
        assert answers_card(drop_result(target=None, full=None)).count("Running…") == 2

    def test_classes_of_a_kind_are_summed_up_below(self) -> None:
        result = drop_result()
        names = list(result.guidance.classes)
        pair = {"a <kind>": names[:2], "alone": names[2:3]}
        card = answers_card(result, pair)
        shares = [p.probability for p in result.full.top(len(names)) if p.name in names[:2]]
        assert "any of 2 classes “a &lt;kind&gt;”: " in card
        assert card.count("td-together") == 3
        assert f"<b>{sum(shares):.2f}</b>" in card
        assert "alone" not in card
        assert "td-together" not in answers_card(result)
        parsed(card)

    def test_warnings_and_states_are_shown_and_escaped(self) -> None:
        card = decision_card(drop_result(warnings=("mind <b>this</b>",)), "cached")
        assert "<li>mind &lt;b&gt;this&lt;/b&gt;</li>" in card
        assert ">cached</p>" in card
        assert "td-spin" in decision_card(drop_result(target=None, full=None))

    @pytest.mark.parametrize("result", [drop_result(), exit_result(), drop_result(target=None)])
    def test_every_card_is_well_formed(self, result: DropResult) -> None:
        for card in (decision_card(result), cost_card(result), answers_card(result)):
            parsed(card)


@pytest.mark.parametrize(
    ("macs", "text"), [(1_234_000_000, "1.23"), (12_340_000_000, "12.3"), (123_400_000_000, "123")]
)
def test_amounts_have_three_digits_that_matter(macs: int, text: str) -> None:
    assert amount(macs, 1e9) == text


@pytest.mark.parametrize("toggled", [(), (3, 1)])
def test_the_snippet_is_python_and_names_every_control(toggled: tuple[int, ...]) -> None:
    code = python_snippet(drop_result(), "cat's.jpg", toggled)
    compile(code, "snippet", "exec")
    for part in ("tau=0.8", "gamma=1.0", "temperature=1.0", "rule='curvature'", "'gradcam'"):
        assert part in code
    assert ("toggled = (1, 3)" in code) is bool(toggled)
