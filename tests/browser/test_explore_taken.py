"""What a visitor takes away from the Explore page: files, links, Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reading import App, changed, kept, number, open_page, set_number, settled

pytestmark = pytest.mark.browser


def test_files_are_downloaded(page: Any, tmp_path: Path) -> None:
    text = settled(page)
    with page.expect_download() as png:
        page.click("[data-action=png]")
    png.value.save_as(tmp_path / "overlay.png")
    assert png.value.suggested_filename.endswith("-tinydrop.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        assert picture.width == 896
        assert picture.height > 896, "the caption stands beneath"
    with page.expect_download() as made:
        page.click("[data-action=json]")
    made.value.save_as(tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_text())
    assert f"{result['kept']} of {result['patches']} patches" in text
    assert result["keep_indices"] == [i for i, bit in enumerate(kept(page)) if bit == "1"]


SEEN_WORDS = """
window.seenWords = [];
(function look() {
  const say = document.querySelector('.td-say');
  const card = say && say.closest('#td-card-decision');
  if (card && getComputedStyle(card).opacity !== '0') window.seenWords.push(say.innerText);
  requestAnimationFrame(look);
})();
"""


def test_a_link_restores_the_state(page: Any, app: App, chromium: Any) -> None:
    first = before = settled(page)
    page.click("[data-sample=koala]")
    before = changed(page, before)
    set_number(page, "gamma", 0.6)
    before = changed(page, before)
    page.focus("#td-board")
    page.keyboard.press("Space")
    text, mask = changed(page, before), kept(page)
    page.click("[data-action=link]")
    page.wait_for_function("document.querySelector('.td-said').innerText.includes('copied')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{app.url}/?sample=koala&pair=bundled&")
    other = chromium.new_context()
    try:
        fresh = other.new_page()
        fresh.add_init_script(SEEN_WORDS)
        open_page(fresh, link)
        fresh.wait_for_function("t => document.querySelector('.td-say').innerText === t", arg=text)
        fresh.wait_for_function("t => window.seenWords.includes(t)", arg=text)
        words = fresh.evaluate("window.seenWords")
        assert first not in words, "another look is not shown before the link's own"
        plain = other.new_page()
        plain.add_init_script(SEEN_WORDS)
        open_page(plain, app.url)
        assert first in plain.evaluate("window.seenWords"), "without a link it is shown at once"
        plain.close()
        assert kept(fresh) == mask
        assert number(fresh, "gamma") == 0.6
        assert fresh.locator(".td-forced").count() == 1
        assert fresh.get_attribute("[data-sample=koala]", "aria-pressed") == "true"
    finally:
        other.close()


@pytest.mark.parametrize("forced", [False, True])
def test_the_copied_python_gives_the_same(
    page: Any, forced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = settled(page)
    if forced:
        page.focus("#td-board")
        page.keyboard.press("Space")
        text = changed(page, text)
    page.click("[data-action=python]")
    page.wait_for_function("document.querySelector('.td-copied').innerText.length > 0")
    code = page.inner_text(".td-copied")
    monkeypatch.chdir(tmp_path)  # it runs anywhere, not in the repository alone
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the snippet of our own page
    result = names["result"]
    assert f"{result.kept} of {result.patches} patches and says {result.final.name}" in text
    assert "".join("01"[int(bit)] for bit in result.selection.token_mask) == kept(page)
