"""The live flow, the words and the classes of the Explore page in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from reading import changed, kept, number, set_number, settled

pytestmark = pytest.mark.browser


def station(page: Any, key: str) -> str:
    return str(page.inner_text(f"[data-station={key}]"))


class TestFlow:
    def test_the_stations_show_this_picture(self, page: Any) -> None:
        text = settled(page)
        sure = re.search(r"only (\S+ %) sure", text)
        many = re.search(r"\d+ of \d+", text)
        assert sure
        assert many
        assert sure[1] in station(page, "guide")
        assert sure[1] in station(page, "sure")
        assert f"{round(100 * number(page, 'tau'))} %" in station(page, "sure")
        assert many[0] in station(page, "many")
        assert page.inner_text(".td-big") in station(page, "cost")
        photo = page.evaluate(
            "[getComputedStyle(document.querySelector('.fl-pic-photo')).backgroundImage,"
            " document.querySelector('#td-board .td-photo').src]"
        )
        assert photo[0] == f'url("{photo[1]}")'

    def test_a_slider_moves_every_station_after_it(self, page: Any) -> None:
        before = settled(page)
        many, cost = station(page, "many"), station(page, "cost")
        veil = page.get_attribute(".fl-veil", "d")
        page.click("[data-station=guide]")
        set_number(page, "gamma", 0.3)
        text = changed(page, before)
        shown = re.search(r"\d+ of \d+", text)
        assert shown
        assert shown[0] in station(page, "many") != many
        assert station(page, "cost") != cost
        assert page.get_attribute(".fl-veil", "d") != veil
        assert page.is_visible("#fl-guide"), "what was opened stays open"

    def test_an_exit_takes_the_short_way(self, page: Any) -> None:
        before = settled(page)
        assert page.locator(".fl-off").count() == 0
        set_number(page, "tau", 0.05)
        changed(page, before)
        off = page.locator(".fl-off").evaluate_all("all => all.map(one => one.dataset.station)")
        assert off == ["map", "many", "kept", "target"]
        assert "yes" in station(page, "sure")
        assert "did not run" in station(page, "target")
        accent, way = page.evaluate(
            "(() => { const probe = document.createElement('i');"
            " probe.style.color = 'var(--td-accent)'; document.body.append(probe);"
            " const own = getComputedStyle(document.querySelector('.fl-way'));"
            " return [getComputedStyle(probe).color, own.borderBottomColor]; })()"
        )
        assert page.wait_for_function(
            "a => getComputedStyle(document.querySelector('.fl-way')).borderBottomColor === a",
            arg=accent,
        ), way

    def test_a_station_explains_itself_and_leads_to_its_control(self, page: Any) -> None:
        settled(page)
        page.focus("[data-station=sure]")
        page.keyboard.press("Enter")
        assert page.get_attribute("[data-station=sure]", "aria-expanded") == "true"
        assert "Above tau" in page.inner_text("#fl-sure")
        assert page.locator(".fl-about:visible").count() == 1
        page.click("#fl-sure summary")
        assert f"tau = {number(page, 'tau'):.2f}" in page.inner_text("#fl-sure details")
        page.click("#fl-sure [data-jump]")
        assert page.evaluate("document.activeElement.closest('#td-tau') !== null")
        page.click("[data-station=sure]")
        assert page.locator(".fl-about:visible").count() == 0

    def test_every_station_has_its_control(self, page: Any) -> None:
        settled(page)
        ways = page.locator("[data-station]").evaluate_all("all => all.map(one => one.dataset.to)")
        assert len(ways) == 9
        for way in ways:
            assert page.locator(way).count() >= 1, way


def test_patches_fade_and_end_as_the_server_says(page: Any) -> None:
    before = settled(page)
    page.evaluate(
        "window.faded = 0; new MutationObserver((all) => { for (const one of all)"
        " for (const node of one.addedNodes) if (node.classList?.contains('td-fading'))"
        " window.faded = node.children.length; }).observe("
        "document.querySelector('#td-board'), { childList: true })"
    )
    set_number(page, "gamma", 0.3)
    changed(page, before)
    page.wait_for_function("window.faded > 0 && !document.querySelector('.td-fading')")
    assert page.is_visible("#td-board .td-mask .td-veil")
    assert "0" in kept(page)


class TestStill:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 1400, "height": 900}, "reduced_motion": "reduce"}

    def test_nothing_moves_where_that_is_wished(self, page: Any) -> None:
        before = settled(page)
        page.evaluate(
            "window.faded = 0; new MutationObserver((all) => { for (const one of all)"
            " for (const node of one.addedNodes) if (node.classList?.contains('td-fading'))"
            " window.faded += 1; }).observe("
            "document.querySelector('#td-board'), { childList: true })"
        )
        set_number(page, "gamma", 0.3)
        changed(page, before)
        assert page.evaluate("window.faded") == 0


def test_a_word_tells_its_meaning_by_keyboard(page: Any) -> None:
    page.focus("#td-card-thresholds .td-term >> nth=0")
    page.keyboard.press("Enter")
    assert "answer stands" in page.inner_text(".td-told")
    page.keyboard.press("Escape")
    assert page.is_hidden(".td-told")
    assert page.evaluate("document.activeElement.classList.contains('td-term')")


def test_classes_are_searched(page: Any) -> None:
    every = page.locator("#td-class-list li")
    total = every.count()
    name = every.nth(3).inner_text()
    page.fill("#td-class-search", name.upper())
    visible = page.locator("#td-class-list li:visible").all_inner_texts()
    assert name in visible
    assert 0 < len(visible) < total
    assert page.inner_text("#td-classes [role=status]") == f"{len(visible)} of {total}"
    page.fill("#td-class-search", "no such thing at all")
    assert page.locator("#td-class-list li:visible").count() == 0
    assert "No class is called so" in page.inner_text("#td-classes [role=status]")


def test_arrow_keys_move_between_the_pages(page: Any) -> None:
    page.get_by_role("tab", name="Explore").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Tune"
    page.wait_for_selector("#tn-main", state="visible")
    page.keyboard.press("Home")
    page.wait_for_selector("#td-main", state="visible")
