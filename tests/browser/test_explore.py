"""The Explore page in a real browser: what a visitor does, and what the page then says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from reading import (
    SAMPLES,
    App,
    Seen,
    agreed,
    alert,
    changed,
    choose,
    decision,
    kept,
    number,
    open_page,
    set_number,
    settled,
)

from tinydrop import TinyDrop
from tinydrop.models.pairs import SHIPPED, read_pair_card

pytestmark = pytest.mark.browser


def kept_share(text: str) -> int:
    found = re.search(r"(\d+) of \d+ patches", text)
    assert found, text
    return int(found[1])


def test_first_paint_is_a_finished_analysis(page: Any, seen: Seen) -> None:
    assert not page.query_selector("[data-pending]")
    assert re.match(r"The guidance is only \d+ % sure, below tau \(\d\.\d\d\)\. ", decision(page))
    assert page.evaluate("document.querySelector('.td-photo').naturalWidth") > 0
    assert kept(page).count("1") == kept_share(decision(page))
    assert page.locator(".td-tops ol").count() == 3
    page.wait_for_selector(".td-sample[aria-pressed=true]")
    assert page.locator(".td-sample[aria-pressed=true]").count() == 1
    assert seen.outside == [], "the page asks no other machine"
    assert seen.errors == []


def test_a_sample_replaces_the_picture(page: Any) -> None:
    before = settled(page)
    photo = page.get_attribute(".td-photo", "src")
    page.click("[data-sample=bison]")
    changed(page, before)
    assert page.get_attribute(".td-photo", "src") != photo
    assert "Kurt Kaiser" in page.inner_text("#td-credit")
    page.wait_for_selector("[data-sample=bison][aria-pressed=true]")


@pytest.mark.thorough
def test_surprise_me_shows_another_sample(page: Any) -> None:
    before = page.get_attribute(".td-sample[aria-pressed=true]", "data-sample")
    page.click(".td-surprise")
    page.wait_for_selector(f"[data-sample={before}][aria-pressed=false]")
    settled(page)


def test_an_uploaded_picture_is_analysed_as_on_the_command_line(page: Any) -> None:
    before = settled(page)
    path = SAMPLES / "bison.jpg"
    page.set_input_files(".td-file", path)
    text = changed(page, before)
    result = TinyDrop("bundled")(path, compare_full=True)
    assert page.inner_text("#td-credit").startswith("Your picture: bison.jpg")
    assert f"{result.kept} of {result.patches} patches" in text
    assert result.final.name in text
    assert [i for i, bit in enumerate(kept(page)) if bit == "1"] == (
        [] if result.selection is None else result.selection.keep_indices.tolist()
    )
    page.wait_for_function("!document.querySelector('.td-sample[aria-pressed=true]')")


SEEN_TOGETHER = """
window.seenTogether = [];
(function look() {
  const photo = document.querySelector('.td-photo')?.src.slice(-64);
  const card = document.querySelector('#td-card-decision')?.innerText.split('\\n')[0];
  const last = window.seenTogether.at(-1);
  if (photo && card && (!last || last[0] !== photo || last[1] !== card)) {
    window.seenTogether.push([photo, card]);
  }
  requestAnimationFrame(look);
})()
"""


def test_the_old_verdict_is_never_under_a_new_picture(page: Any, tmp_path: Path) -> None:
    """Frame by frame: while the other picture's verdict is on its way, the card says it looks."""
    before = settled(page)
    # A picture that no test has shown before: of a known one the verdict comes with it.
    ImageOps.mirror(Image.open(SAMPLES / "bison.jpg")).save(tmp_path / "mirrored.jpg")
    old = page.get_attribute(".td-photo", "src")
    page.evaluate(SEEN_TOGETHER)
    page.set_input_files(".td-file", tmp_path / "mirrored.jpg")
    changed(page, before)
    seen = page.evaluate("window.seenTogether")
    new = page.get_attribute(".td-photo", "src")
    assert new != old
    with_new = [card for photo, card in seen if photo == new[-64:]]
    assert with_new[0].startswith("Looking"), "it shows at once, before any model has looked"
    assert before not in with_new
    assert all(photo in (old[-64:], new[-64:]) for photo, _ in seen)


@pytest.mark.thorough
def test_a_pasted_picture_is_analysed(page: Any) -> None:
    before = settled(page)
    data = list((SAMPLES / "koala.jpg").read_bytes())
    page.evaluate(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], 'pasted.jpg', { type: 'image/jpeg' }));
          document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }));
        }""",
        data,
    )
    changed(page, before)
    assert page.inner_text("#td-credit").startswith("Your picture: pasted.jpg")


@pytest.mark.thorough
def test_the_camera_takes_a_picture(page: Any) -> None:
    page.click(".td-camera")
    page.wait_for_function("document.querySelector('.td-live video').videoWidth > 0")
    page.click(".td-shoot")
    page.wait_for_function("document.querySelector('#td-credit').innerText.includes('camera.jpg')")
    settled(page)
    assert page.is_hidden(".td-live")


def test_a_slider_moves_mask_decision_cost_and_curve(page: Any) -> None:
    before = settled(page)
    cost, mask = page.inner_text(".td-saved"), kept(page)
    dot = page.get_attribute(".td-line", "d")
    slider = page.locator("#td-gamma input[type=range]")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowLeft")
    text, moved = agreed(page, before)
    assert moved.count("1") == kept_share(text) < kept_share(before)
    assert moved != mask
    assert page.inner_text(".td-saved") != cost
    assert page.get_attribute(".td-line", "d") != dot


def test_a_known_answer_needs_no_run(page: Any) -> None:
    before = settled(page)
    gamma = number(page, "gamma")
    set_number(page, "gamma", 0.4)
    middle = changed(page, before)
    set_number(page, "gamma", gamma)
    assert changed(page, middle) == before
    assert "known from before" in page.inner_text(".td-state")


def test_a_click_forces_a_patch_and_the_target_answers_again(page: Any) -> None:
    before = settled(page)
    mask = kept(page)
    dropped = mask.index("0")
    box = page.locator(".td-mask").bounding_box()
    rows, cols = sides(page)
    row, col = divmod(dropped, cols)
    x = box["x"] + (col + 0.5) * box["width"] / cols
    y = box["y"] + (row + 0.5) * box["height"] / rows
    page.mouse.move(x, y)
    place = f"row {row + 1}, column {col + 1}: "
    assert re.match(place + r"score 0\.\d\d, rank \d+ of \d+, dropped", readout(page))
    page.mouse.click(x, y)
    text = changed(page, before)
    assert kept_share(text) == kept_share(before) + 1
    assert kept(page)[dropped] == "1"
    assert readout(page).endswith("kept, forced in")
    assert page.locator(".td-forced-in").count() == 1
    assert "forced in or out by hand" in page.inner_text(".td-warnings")
    page.click("#td-reset")
    assert changed(page, text) == before
    assert kept(page) == mask
    assert page.locator(".td-forced").count() == 0


def test_the_keyboard_reaches_every_patch(page: Any) -> None:
    before = settled(page)
    page.focus("#td-board")
    assert readout(page).startswith("row 1, column 1:")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    assert readout(page).startswith("row 2, column 2:")
    assert page.is_visible(".td-cursor")
    patch = sides(page)[1] + 1
    was = kept(page)[patch]
    page.keyboard.press("Space")
    changed(page, before)
    assert kept(page)[patch] != was
    assert page.evaluate("document.activeElement.id") == "td-board", "the focus stays"
    page.keyboard.press("Space")
    page.wait_for_function(
        "([p, k]) => document.querySelector('.td-mask').dataset.kept[p] === k", arg=[patch, was]
    )


@pytest.mark.thorough
def test_quick_clicks_are_all_counted(page: Any) -> None:
    settled(page)
    page.focus("#td-board")
    wanted = [int(bit) for bit in kept(page)]
    for patch in range(5):
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
        wanted[patch] = 1 - wanted[patch]
    text = "".join(map(str, wanted))
    page.wait_for_function("k => document.querySelector('.td-mask').dataset.kept === k", arg=text)
    settled(page)


def test_an_exit_keeps_the_map_and_says_what_the_target_would_have_said(page: Any) -> None:
    before = settled(page)
    set_number(page, "tau", 0.05)
    text = changed(page, before)
    assert "above tau (0.05), so its answer" in text
    assert "stands and the target did not run" in text
    assert "The target, with every patch, would have said" in text
    assert page.get_attribute(".td-mask", "data-exited") == "1"
    assert page.locator(".td-edge").count() == 0
    assert page.locator(".td-heat").count() == 1
    page.focus("#td-board")
    assert readout(page).endswith("not needed after the early exit")


@pytest.mark.parametrize(("menu", "scores"), [("evenly spread patches", False), ("EigenCAM", True)])
@pytest.mark.thorough
def test_another_selector_chooses_other_patches(page: Any, menu: str, scores: bool) -> None:
    settled(page)
    mask = kept(page)
    choose(page, "selector", menu)
    page.wait_for_function("k => document.querySelector('.td-mask').dataset.kept !== k", arg=mask)
    settled(page)
    assert kept(page).count("1") == mask.count("1"), "the budget does not depend on the selector"
    assert bool(page.get_attribute(".td-map", "data-scores")) is scores
    assert page.locator(".td-heat").count() == int(scores)


@pytest.mark.thorough
def test_the_board_has_four_views(page: Any) -> None:
    shown = {
        "kept": (".td-photo", ".td-veil", ".td-edge"),
        "heat": (".td-photo", ".td-heat", ".td-edge"),
        "ranks": (".td-photo", ".td-veil", ".td-edge", ".td-ranks"),
        "photo": (".td-photo",),
    }
    parts = {one for several in shown.values() for one in several}
    for view, visible in shown.items():
        page.click(f"#td-stage [data-view={view}]")
        assert page.get_attribute(f"#td-stage button[data-view={view}]", "aria-pressed") == "true"
        assert page.locator("#td-stage [aria-pressed=true]").count() == 1
        for part in parts:
            assert page.is_visible(f"#td-board {part}") is (part in visible), (view, part)
    assert page.locator(".td-ranks text").count() == len(kept(page))


def test_no_heat_lies_over_the_photograph_at_first(page: Any) -> None:
    assert page.is_visible(".td-photo")
    assert page.is_hidden(".td-heat")


def test_every_shipped_pair_answers_offline(page: Any, seen: Seen) -> None:
    for shipped in (*SHIPPED.values(), SHIPPED["bundled"]):
        page.locator("#td-pair input").click()
        page.locator("ul[role=listbox] li", has_text=shipped.title).first.click()
        card = read_pair_card(shipped.folder)
        page.wait_for_function(
            "text => document.querySelector('#td-foot').innerText.includes(text)",
            arg=f"{card['title']}, {len(card['classes'])} classes",
        )
        settled(page)
        assert page.get_by_text(shipped.note).is_visible()
        badge = page.locator("#td-gallery .td-outcome").first
        assert badge.is_visible() is (shipped.name == "bundled"), "they are of the first pair"
    assert seen.outside == []


def test_another_pair_without_the_hub_is_one_sentence(page: Any) -> None:
    before = settled(page)
    page.locator("#td-pair input").click()
    entries = page.locator("ul[role=listbox] li").all_inner_texts()
    downloads = [entry for entry in entries if re.search(r"\d+ MB", entry)]
    assert len(downloads) == len(entries) - len(SHIPPED)
    page.locator("ul[role=listbox] li", has_text="DeiT-S").first.click()
    sentence = alert(page)
    assert sentence.count(".") >= 1
    assert "Traceback" not in sentence
    assert "Hub" in sentence
    page.wait_for_function(
        "title => document.querySelector('#td-pair input').value === title",
        arg=SHIPPED["bundled"].title,
    )
    assert decision(page) == before
    set_number(page, "gamma", 0.5)
    changed(page, before)
    assert page.locator(".td-alert").count() == 0, "the app goes on and the message goes"


@pytest.mark.thorough
def test_the_walk_through_has_six_steps_and_is_skipped_for_good(page: Any, app: App) -> None:
    captions = []
    for step in range(6):
        assert page.inner_text(".td-step").startswith(f"{step + 1} of 6: ")
        captions.append(page.inner_text(".td-caption"))
        page.wait_for_selector(".td-ringed")
        page.click(".td-next")
    assert page.is_hidden(".td-tour")
    assert len(set(captions)) == 6
    for words in ("reconstruction", "not always faster", "often wrong"):
        assert words in captions[-1]
    open_page(page, app.url)
    assert page.is_hidden(".td-tour")
    page.click("#td-tour-open")
    assert page.is_visible(".td-tour")
    page.click(".td-skip")
    assert page.is_hidden(".td-tour")


@pytest.mark.thorough
def test_the_two_ways_of_counting_the_saliency_step(page: Any) -> None:
    cost = page.inner_text(".td-saved")
    page.click("text=How is this counted?")
    page.locator("#td-accounting label", has_text="full backward").click()
    page.wait_for_function("c => document.querySelector('.td-saved').innerText !== c", arg=cost)
    assert "twice the guidance's forward" in page.inner_text("#td-card-cost")


def sides(page: Any) -> tuple[int, int]:
    """Return the grid's rows and columns."""
    return tuple(int(page.get_attribute(".td-map", f"data-{side}")) for side in ("rows", "cols"))


def readout(page: Any) -> str:
    return str(page.inner_text("#td-readout"))
