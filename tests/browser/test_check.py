"""The Models page: a measured table at once, any other name of timm on demand."""

from __future__ import annotations

from typing import Any

import pytest
from reading import overflow

pytestmark = pytest.mark.browser


@pytest.fixture
def models(page: Any) -> Any:
    page.get_by_role("tab", name="Models").click()
    page.wait_for_selector("#ck-report .td-say")
    return page


def say(page: Any) -> str:
    return str(page.inner_text("#ck-report .td-say"))


def wait_for_say(page: Any, words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('#ck-report .td-say')?.innerText.includes(words)",
        arg=words,
    )


def choose(page: Any, name: str) -> None:
    field = page.locator("#ck-model input")
    field.click()
    field.fill("")
    field.press_sequentially(name)  # gradio filters the menu key by key
    page.locator("ul[role=listbox] li", has_text=name).first.click()
    page.get_by_role("button", name="Check this model").click()


def test_it_opens_with_a_table_and_a_card(models: Any) -> None:
    assert "vit_base_patch16_224" in say(models)
    assert models.locator("#ck-models [data-model]").count() >= 60
    assert models.locator(".ck-cost tbody tr").count() == 4


def test_a_row_opens_its_card(models: Any) -> None:
    models.click("[data-model=resnet18]")
    wait_for_say(models, "resnet18 fits as a guidance")
    assert models.get_attribute("[data-model=resnet18]", "aria-pressed") == "true"


def test_the_filter_leaves_what_it_names(models: Any) -> None:
    models.fill(".ck-filter", "swin")
    shown = models.locator("#ck-models tr[data-said]:visible")
    assert 0 < shown.count() < 10
    assert all("swin" in text for text in shown.all_inner_texts())


def test_a_model_of_the_menu_is_really_checked(models: Any) -> None:
    choose(models, "test_vit3")
    wait_for_say(models, "test_vit3 fits both roles")
    assert "10x10" in models.inner_text("#ck-report")


def test_a_refused_model_says_why(models: Any) -> None:
    choose(models, "test_resnet")
    wait_for_say(models, "test_resnet fits as a guidance, not as a target")
    assert "cannot be a target" in models.inner_text("#ck-report .td-honest")


def test_a_second_click_replaces_the_first_and_both_say_what_they_do(models: Any) -> None:
    choose(models, "swin_base_patch4_window7_224")
    models.wait_for_selector("#ck-report [data-action=stop]")
    models.wait_for_function(
        "document.querySelector('#ck-report').innerText.includes('swin_base_patch4_window7_224')"
    )
    choose(models, "test_vit3")
    wait_for_say(models, "test_vit3 fits both roles")


def test_a_check_is_stopped(models: Any) -> None:
    choose(models, "swin_base_patch4_window7_224")
    models.wait_for_function("document.querySelector('#ck-report').innerText.includes('of 5)')")
    models.click("#ck-report [data-action=stop]")
    models.wait_for_function(
        "document.querySelector('#ck-report').innerText.startsWith('Stopped while')"
    )


class TestPhone:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    def test_nothing_has_to_be_scrolled_sideways(self, models: Any) -> None:
        assert overflow(models) <= 0
