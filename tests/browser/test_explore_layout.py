"""The Explore page on a phone, and in light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from reading import App, changed, contrast, open_page, overflow, settled

pytestmark = pytest.mark.browser


class TestPhone:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    def test_nothing_has_to_be_scrolled_sideways(self, page: Any) -> None:
        before = settled(page)
        assert overflow(page) <= 0
        page.click("[data-action=python]")
        assert overflow(page) <= 0
        page.tap("[data-sample=bison]")
        changed(page, before)
        assert overflow(page) <= 0

    @pytest.mark.thorough
    def test_one_column_with_the_stage_before_its_controls(self, page: Any) -> None:
        tops = [
            page.locator(f"#td-card-{name}").bounding_box()["y"]
            for name in ("stage", "decision", "thresholds", "cost", "answers")
        ]
        assert tops == sorted(tops)

    def test_a_tap_forces_a_patch(self, page: Any) -> None:
        before = settled(page)
        box = page.locator(".td-mask").bounding_box()
        page.touchscreen.tap(box["x"] + 10, box["y"] + 10)
        changed(page, before)
        assert page.locator(".td-forced").count() == 1


class TestProjector:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 1024, "height": 768}}

    def test_stage_and_verdict_stand_side_by_side_on_the_first_screen(self, page: Any) -> None:
        settled(page)
        page.click(".td-skip")
        stage, verdict, samples = (
            page.locator(f"#td-card-{name}").bounding_box()
            for name in ("stage", "decision", "picture")
        )
        assert stage["x"] + stage["width"] <= verdict["x"]
        assert verdict["y"] + verdict["height"] < 768
        assert samples["y"] > stage["y"]
        assert overflow(page) <= 0

    def test_no_class_name_is_cut_and_no_text_is_tiny(self, page: Any) -> None:
        settled(page)
        cut = page.locator(".td-tops li span, .fl-st > span").evaluate_all(
            "all => all.filter(one => one.scrollWidth > one.clientWidth + 1"
            " && getComputedStyle(one).overflowX !== 'visible').map(one => one.textContent)"
        )
        assert cut == []
        tiny = page.locator("#td-flow *, #td-main .td-card *").evaluate_all(
            "all => all.filter(one => !one.closest('svg') && one.offsetParent"
            " && parseFloat(getComputedStyle(one).fontSize) < 12).map(one => one.className)"
        )
        assert tiny == []


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestReadable:
    @pytest.fixture
    def context_options(self, theme: str) -> dict[str, Any]:
        return {"viewport": {"width": 1400, "height": 900}, "color_scheme": theme}

    def test_text_stands_out(self, page: Any, theme: str) -> None:
        assert page.evaluate("document.body.classList.contains('dark')") is (theme == "dark")
        for text, ground in (
            (".td-say", "#td-card-decision"),
            (".td-say b", "#td-card-decision"),
            (".td-hint", "#td-card-stage"),
            (".td-waterfall dt", "#td-card-cost"),
            (".td-tops li span", ".td-tops li"),
            (".td-link", "body"),
            ("#td-tau label span, #td-tau span", "#td-card-thresholds"),
        ):
            assert contrast(page, text, ground) >= 4.5, f"{text} on {ground}"

    @pytest.mark.thorough
    def test_the_question_mark_theme_wins(self, page: Any, app: App, theme: str) -> None:
        open_page(page, f"{app.url}/?__theme={theme}")
        assert page.evaluate("document.body.classList.contains('dark')") is (theme == "dark")
