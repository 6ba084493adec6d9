"""How the browser tests read the Tune page; see ``reading`` for the waits."""

from __future__ import annotations

import re
from typing import Any

from tinydrop.core.budget import Setting


def drawn(page: Any) -> None:
    page.wait_for_selector(".tn-now")
    page.wait_for_selector("#tn-frontier .tc-plot[data-ready]")
    page.wait_for_selector("#tn-chosen table")
    followed(page)


def followed(page: Any) -> None:
    """Wait until the intervals of the figures on the page have come."""
    page.wait_for_function(
        "document.querySelector('[data-interval=accuracy]').textContent.includes('95 %')"
    )


def figure(page: Any, name: str) -> str:
    return str(page.inner_text(f"#tn-numbers [data-measure={name}] b"))


def number(page: Any, name: str) -> float:
    return float(page.input_value(f"#{name} input[type=number]"))


def type_in(page: Any, name: str, value: float) -> None:
    field = page.locator(f"#{name} input[type=number]").first
    field.fill(str(value))
    field.press("Enter")


def accuracy_is(page: Any, words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('#tn-numbers [data-measure=accuracy] b').innerText"
        " === words",
        arg=words,
    )


def at(page: Any) -> Setting:
    """The setting of the link that the page offers: the one it holds, to the last digit."""
    query = page.get_attribute("#tn-actions [data-query]", "data-query")
    found = dict(re.findall(r"t-(\w+)=([^&]+)", query))
    return Setting(float(found["tau"]), float(found["gamma"]), float(found["temperature"]))
