"""The Compare page in a real browser: the duel, where to drop, slim tokens, and the data set."""

from __future__ import annotations

import re
from typing import Any

import pytest
from reading import SAMPLES, Seen, contrast, overflow

from tinydrop import TinyDrop
from tinydrop.studies.comparison import METHODS, budget_of, duel

pytestmark = pytest.mark.browser

SETTLED = (
    "document.querySelector('#cp-ask [data-ask]')"
    " && !document.querySelector('#cp-ask [data-pending]')"
)


@pytest.fixture
def compare(page: Any) -> Any:
    """Explore as it opens, then the Compare page, with every answer on it."""
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_selector("#cp-tiles .cp-tile")
    page.wait_for_selector("#cp-chart .cp-panel")
    page.wait_for_function(SETTLED)
    return page


def to_level(page: Any, level: int) -> None:
    """Move the cost, and wait until its duel and its places are there."""
    field = page.locator("#cp-level input[type=number]").first
    field.fill(str(level))
    field.press("Enter")
    page.wait_for_function(
        f"k => document.querySelector('#cp-cost').innerText.includes(k) && {SETTLED}",
        arg=f"on {4 * level} of its 64",
    )


def tiles(page: Any) -> dict[str, str]:
    """Return what stands in every tile that can be pressed."""
    return {
        str(tile.get_attribute("data-key")): str(tile.inner_text())
        for tile in page.query_selector_all("#cp-tiles button.cp-tile")
    }


def test_it_opens_with_the_duel_of_explores_picture(compare: Any, seen: Seen) -> None:
    shown = tiles(compare)
    drop = TinyDrop("bundled")
    name = compare.get_attribute("#cp-gallery .td-sample[aria-pressed=true]", "data-sample")
    guide = drop.guide(SAMPLES / f"{name}.jpg")
    contenders = duel(drop, guide, budget_of(drop.pair.target.spec, 8))
    full = drop.classify(guide).class_index
    assert set(shown) >= {one.method for one in contenders} | {"target", "guidance"}
    for one in contenders:
        word = "= same" if one.answer.class_index == full else "≠ differs"
        assert one.answer.name in shown[one.method]
        assert word in shown[one.method]
    assert compare.locator("#cp-tiles .cp-gone").count() == len(METHODS) - len(contenders)
    assert compare.locator("#cp-places [data-block]").count() == drop.pair.target.spec.depth
    assert compare.locator("#cp-chart .cp-panel").count() == 4
    assert seen.outside == []
    assert seen.errors == []


def test_a_tile_opens_large_and_the_cost_moves_everything(compare: Any) -> None:
    compare.locator("#cp-tiles [data-key=merge]").focus()
    compare.keyboard.press("Enter")
    compare.wait_for_function("document.querySelector('#cp-open h2').innerText.includes('ToMe')")
    assert compare.get_attribute("#cp-tiles [data-key=merge]", "aria-pressed") == "true"
    assert compare.evaluate("document.activeElement.dataset.key") == "merge", "focus stays"
    steps = compare.locator("#cp-open .cp-steps tbody tr")
    assert steps.count() == 9
    before = compare.inner_text("#cp-open .cp-cost")
    to_level(compare, 12)
    assert compare.inner_text("#cp-open .cp-cost") != before
    assert compare.locator("#cp-tiles .cp-gone").count() == 0
    assert compare.get_attribute("#cp-tiles [data-key=merge]", "aria-pressed") == "true"
    now = "#cp-places .cp-now"
    assert compare.get_attribute(now, "data-block") == "0"
    compare.locator("#cp-places [data-block='3'] rect").click()
    compare.wait_for_selector(f"{now}[data-block='3']")
    assert compare.input_value("#cp-block input[type=number]") == "3"
    assert "after 3 of 9 blocks" in compare.inner_text("#cp-place")
    compare.check("#cp-ranker input[value=attention]")
    compare.wait_for_function(
        "document.querySelector('#cp-place h3').innerText.startsWith('own attention')"
    )
    to_level(compare, 4)
    assert "Too dear" in compare.inner_text("#cp-place")
    gone = compare.locator("#cp-tiles .cp-gone")
    assert gone.count() > 0, "what attends to every patch half way cannot cost a quarter"
    assert re.search(r"costs \d+ % or more", gone.first.inner_text())


@pytest.mark.thorough
def test_a_sample_and_an_own_picture_replace_it(compare: Any) -> None:
    first = "document.querySelector('#cp-tiles [data-key=target] img').src"
    before = compare.evaluate(first)
    # While a new picture arrives there are no tiles.
    another = """old => {
      const image = document.querySelector('#cp-tiles [data-key=target] img');
      return image && image.src !== old;
    }"""
    compare.click("#cp-gallery [data-sample=koala]")
    compare.wait_for_function(another, arg=before)
    compare.wait_for_selector("#cp-gallery [data-sample=koala][aria-pressed=true]")
    before = compare.evaluate(first)
    compare.set_input_files("#cp-dropzone .td-file", SAMPLES / "bee.jpg")
    compare.wait_for_function(another, arg=before)
    compare.wait_for_function(SETTLED)
    assert "Your picture: bee.jpg" in compare.inner_text("#cp-card-picture")


@pytest.mark.thorough
def test_slim_tokens_are_laid_over_the_picture(compare: Any) -> None:
    said = ".cp-slim-said"
    heat = "document.querySelector('.cp-slim-heat').src"
    assert compare.inner_text(said).startswith("Token 1 of")
    before = compare.evaluate(heat)
    strip = compare.locator(".cp-slim-student:not([hidden]) .cp-strip").last
    strip.locator(".cp-token").nth(2).hover()
    compare.wait_for_function(f"old => {heat} !== old", arg=before)
    assert compare.inner_text(said).startswith("Token 3 of")
    assert compare.locator(".cp-source").count() == 3
    strip.locator(".cp-token").first.focus()
    compare.keyboard.press("ArrowRight")
    assert compare.inner_text(said).startswith("Token 2 of")
    assert compare.locator(".cp-token:visible .cp-alone:visible").count() == 0
    compare.click("[data-mode=alone].td-chip")
    assert compare.locator(".cp-alone:visible").count() == strip.locator(".cp-token").count()


@pytest.mark.thorough
def test_the_chart_turns_points_and_hides(compare: Any) -> None:
    panel = compare.locator("#cp-chart [data-chart=inside]")
    panel.scroll_into_view_if_needed()
    panel.locator(".tc-plot[data-ready]").wait_for()
    panel.locator(".tc-key[data-line=hybrid]").hover()
    compare.wait_for_function(
        "document.querySelector('[data-chart=inside] .tc-said').innerText"
        ".startsWith('hybrid, level 4')"
    )
    assert panel.locator(".trace.tc-on").count() == 2, "the line and its interval"
    compare.click("#cp-axes [data-group=steps]")
    assert compare.locator("#cp-chart .cp-panel:visible").count() == 3
    compare.click("#cp-axes [data-axis=time]")
    compare.wait_for_function("document.querySelector('#cp-chart').innerText.includes('time')")
    compare.wait_for_function("document.querySelectorAll('.cp-panel:not([hidden])').length === 3")
    compare.click("#cp-axes [data-guide]")
    compare.wait_for_function("document.querySelector('#cp-chart').innerText.includes('without')")


@pytest.mark.thorough
def test_the_table_shows_a_level_and_sorts(compare: Any) -> None:
    def column(number: int) -> list[float]:
        cells = compare.locator(f"#cp-table tbody tr:visible td:nth-child({number})")
        return [
            float(text.split()[0].replace("−", "-"))
            for text in cells.all_inner_texts()
            if text != "–"
        ]

    assert column(2) == sorted(column(2), reverse=True)
    many = len(column(2))
    compare.click("#cp-table [data-level='4']")
    assert len(column(2)) < many, "not every method can cost so little"
    compare.click("#cp-table [data-sort=gain]")
    assert column(3) == sorted(column(3), reverse=True)
    compare.click("#cp-table [data-sort=gain]")
    assert column(3) == sorted(column(3))


class TestPhone:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    def test_nothing_has_to_be_scrolled_sideways(self, compare: Any) -> None:
        assert overflow(compare) <= 0
        tile = compare.locator("#cp-tiles [data-key=prune]")
        tile.scroll_into_view_if_needed()
        tile.tap()
        compare.wait_for_function("document.querySelector('#cp-open h2').innerText === 'pruned'")
        compare.wait_for_function(
            "document.querySelector('#cp-card-open').getBoundingClientRect().bottom > 80"
        )
        assert overflow(compare) <= 0


class TestDark:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"}

    @pytest.mark.thorough
    def test_text_stands_out(self, compare: Any) -> None:
        to_level(compare, 4)  # some methods cannot be so cheap, and say so
        for text, ground in (
            ("#cp-say .td-say b", "#cp-card-say"),
            ("#cp-tiles i.ch-same, #cp-tiles i.ch-other", "#cp-card-tiles"),
            (".cp-gone small", "#cp-card-tiles"),
            ("#cp-open .cp-cost", "#cp-card-open"),
            (".cp-slim-said", "#cp-card-slim"),
            ("#cp-table tbody td", "#cp-card-table"),
        ):
            assert contrast(compare, text, ground) >= 4.5, f"{text} on {ground}"
