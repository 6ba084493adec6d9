"""The app in a process of its own, with no way to the Hub, and a real Chromium looking at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from reading import PATIENCE_MS, App, Seen, note_outside, open_page
from serving import FLAGS, served
from tuning import drawn


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    yield from served(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium on this machine: install Debian's package `chromium`")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {"viewport": {"width": 1400, "height": 900}}


@pytest.fixture
def page(app: App, chromium: Any, seen: Seen, context_options: dict[str, Any]) -> Iterator[Any]:
    context = chromium.new_context(**context_options)
    context.grant_permissions(["clipboard-read", "clipboard-write", "camera"], origin=app.url)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: note_outside(seen, request.url, app.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on(
        "console",
        lambda message: seen.errors.append(message.text) if message.type == "error" else None,
    )
    open_page(page, app.url)
    yield page
    context.close()


@pytest.fixture
def tune(page: Any) -> Any:
    """Explore as it opens, then the Tune page, drawn."""
    page.get_by_role("tab", name="Tune").click()
    drawn(page)
    return page


@pytest.fixture
def linked(app: App, chromium: Any, seen: Seen, context_options: dict[str, Any]) -> Iterator[Any]:
    """A browser tab that opens links, in the look that ``context_options`` asks for."""
    context = chromium.new_context(**context_options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: note_outside(seen, request.url, app.url))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    yield page
    context.close()
