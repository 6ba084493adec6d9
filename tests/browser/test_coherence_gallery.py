"""The data-set half of the Coherence page: filter, sort, level, open a card, and the panels."""

from __future__ import annotations

import re
from typing import Any

import pytest
from reading import Seen

pytestmark = pytest.mark.browser

PANELS = ("lesson", "chart", "small", "modes", "tenths", "quality")
TABLES = "document.querySelectorAll('.cg-missing').length === 0"


@pytest.fixture
def gallery(page: Any) -> Any:
    page.get_by_role("tab", name="Coherence").click()
    page.wait_for_selector(".cg-card")
    page.wait_for_function("!document.querySelector('#cg-card-lesson .td-waiting')")
    return page


def chip(page: Any, kind: str) -> Any:
    return page.locator(f"#cg-filter [data-key='{kind}']")


def count(page: Any, kind: str) -> int:
    return int(chip(page, kind).locator("b").inner_text().replace(",", ""))


def choose(page: Any, kind: str) -> None:
    chip(page, kind).click()
    page.wait_for_function(
        "kind => document.querySelector(`#cg-filter [data-key='${kind}']`)"
        ".getAttribute('aria-pressed') === 'true'",
        arg=kind,
    )
    page.wait_for_function(  # the cards come with the chips, in a node of their own
        "kind => kind === 'all' || [...document.querySelectorAll('#cg-cards .cg-tags')]"
        ".every(one => one.innerText.includes(kind))",
        arg=kind,
    )


def slide(page: Any, level: int) -> None:
    field = page.locator("#cg-level input[type=number]").first
    field.fill(str(level))
    field.press("Enter")
    kept = f"{4 * level}"  # the bundled target has 64 patches
    page.wait_for_function(
        "kept => document.querySelector('#cg-kept b')?.innerText === kept", arg=kept
    )


def test_it_opens_filled_and_asks_nobody_else(gallery: Any, seen: Seen) -> None:
    assert count(gallery, "all") == 5000
    assert 0 < count(gallery, "dropped and wrong") <= count(gallery, "any") < 5000
    assert gallery.locator("#cg-cards .cg-card").count() == 24
    assert gallery.locator("#cg-cards .cg-grid image").count() == 24
    assert seen.outside == []
    assert seen.errors == []


def test_a_chip_filters_and_more_shows_more(gallery: Any) -> None:
    choose(gallery, "off-object")
    tags = gallery.locator("#cg-cards .cg-tags").all_inner_texts()
    assert len(tags) == 24
    assert all("off-object" in text for text in tags)
    gallery.locator("#cg-cards [data-do=more]").click()
    gallery.wait_for_function("document.querySelectorAll('#cg-cards .cg-card').length === 48")


@pytest.mark.thorough
def test_the_order_can_be_chosen(gallery: Any) -> None:
    choose(gallery, "dropped and wrong")
    before = gallery.locator(".cg-card").first.get_attribute("data-key")
    gallery.select_option("#cg-filter select", "surest")
    gallery.wait_for_function(
        "old => document.querySelector('.cg-card').dataset.key !== old", arg=before
    )
    lines = gallery.locator(".cg-card .cg-line:nth-of-type(2) small:last-child").all_inner_texts()
    sure = [int(re.sub(r"\D", "", text)) for text in lines]
    assert len(sure) == 24
    assert sure == sorted(sure, reverse=True)


@pytest.mark.thorough
def test_the_level_changes_what_fails(gallery: Any) -> None:
    before = count(gallery, "dropped and wrong")
    slide(gallery, 2)
    gallery.wait_for_function(
        "old => +document.querySelector(\"#cg-filter [data-key='dropped and wrong'] b\")"
        ".innerText.replace(',', '') > old",
        arg=before,
    )
    slide(gallery, 16)
    gallery.wait_for_selector(".cg-none")
    assert count(gallery, "any") == 0


def test_a_card_opens_with_ranks_levels_and_bars_and_closes(gallery: Any) -> None:
    card = gallery.locator("#cg-cards .cg-card").nth(3)
    name = card.locator("b").inner_text()
    card.click()
    gallery.wait_for_selector(".cg-open")
    assert gallery.inner_text(".cg-open h3 >> nth=0") == name
    ranks = gallery.locator(".cg-figure text").all_text_contents()
    assert sorted(map(int, ranks)) == list(range(1, 65))
    assert gallery.locator(".cg-strip .cg-cell").count() == 16
    assert gallery.inner_text(".cg-cell[aria-current] b") == "32"
    assert gallery.locator(".cg-open .ch-measure").count() == 13
    slide(gallery, 4)
    gallery.wait_for_function(
        "document.querySelector('.cg-cell[aria-current] b')?.innerText === '16'"
    )
    gallery.locator(".cg-open [data-do=close]").click()
    gallery.wait_for_selector(".cg-open", state="detached")


@pytest.mark.thorough
def test_the_keyboard_opens_a_card(gallery: Any) -> None:
    gallery.locator("#cg-cards .cg-card").first.focus()
    gallery.keyboard.press("Enter")
    gallery.wait_for_selector(".cg-open")


def test_every_panel_shows_figures_or_its_command(gallery: Any) -> None:
    for name in PANELS:
        gallery.locator(f"#cg-card-{name}").scroll_into_view_if_needed()
        # A chart is drawn, with its figures, when it comes near the window.
        gallery.wait_for_function(
            """id => { const text = document.getElementById(id).innerText;
                return /\\d/.test(text) || text.includes('python -m tinydrop quality'); }""",
            arg=f"cg-card-{name}",
        )
    if not gallery.evaluate(TABLES):
        pytest.skip("the bundled tables are not all there: the panels name their command")
    chart = gallery.locator("#cg-chart")
    chart.scroll_into_view_if_needed()
    chart.locator(".tc-plot[data-ready]").first.wait_for()
    assert chart.locator("[data-chart=choices] .tc-key").count() >= 10
    assert re.search(r"full target \d\d\.\d %", chart.inner_text())
    assert gallery.locator("#cg-modes .tc-key").count() == 4
    assert gallery.locator("#cg-small .tc-key").count() >= 5
    assert "object covers less than 35 %" in gallery.inner_text("#cg-card-small")
    assert gallery.locator("#cg-tenths tbody tr").count() > 10
    assert gallery.locator("#cg-quality [data-method]").count() >= 10
    assert "levels" in gallery.inner_text(".cg-lesson")


@pytest.mark.thorough
def test_the_legend_hides_and_shows_a_line(gallery: Any) -> None:
    if not gallery.evaluate(TABLES):
        pytest.skip("the bundled tables are not all there")
    chart = gallery.locator("#cg-chart [data-chart=choices]")
    chart.scroll_into_view_if_needed()
    chart.locator(".tc-plot[data-ready]").wait_for()
    key = chart.locator("[data-line=selector-uniform]")
    visible = (
        "want => document.querySelector('#cg-chart [data-chart=choices] .tc-plot').data"
        ".filter(one => one.meta.line === 'selector-uniform').every(one => one.visible === want)"
    )
    gallery.wait_for_function(visible, arg=True)
    key.click()
    assert key.get_attribute("aria-pressed") == "false"
    gallery.wait_for_function(visible, arg=False)
    key.click()
    gallery.wait_for_function(visible, arg=True)


class TestPhone:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    def test_nothing_has_to_be_scrolled_sideways(self, gallery: Any) -> None:
        gallery.locator("#cg-cards .cg-card").first.click()
        gallery.wait_for_selector(".cg-open")
        # Not beside window.innerWidth: a phone's grows with what sticks out.
        assert gallery.evaluate("document.documentElement.scrollWidth") <= 390
