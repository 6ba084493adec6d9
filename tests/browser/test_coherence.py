"""The Coherence page in a real browser: choose, place, paint, scrub and film."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from reading import SAMPLES, App, Seen, contrast, open_page, overflow
from serving import served

from tinydrop import TinyDrop

pytestmark = pytest.mark.browser

N = 64

SLOW = """
import time
from tinydrop import TinyDrop
from tinydrop.ui import build_app, launch_options
from tinydrop.ui.kit.maker import LookMaker

class Slow(TinyDrop):
    slow = 0.0
    def classify(self, *args, **kwargs):
        time.sleep(self.slow)
        return super().classify(*args, **kwargs)

drop = Slow("bundled")
demo = build_app(LookMaker(lambda pair, progress: drop))
drop.slow = 0.05
demo.launch(**launch_options())
"""
"""The app with a target that takes its time, so that there is time to press Stop."""


def show(page: Any) -> Any:
    page.get_by_role("tab", name="Coherence").click()
    page.wait_for_selector("#ch-board[tabindex]")
    settled(page)
    return page


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    yield from served(tmp_path_factory.mktemp("slow"), ("-c", SLOW))


@pytest.fixture
def coherence(page: Any) -> Any:
    """Explore as it opens, then the Coherence page, with every answer on it."""
    return show(page)


def settled(page: Any) -> str:
    """Wait until nothing is missing, and return what the page says of the stage."""
    page.wait_for_function(
        "document.querySelector('#ch-ask [data-ask]')"
        " && !document.querySelector('#ch-ask [data-pending]')"
    )
    return str(page.inner_text("#ch-say .td-say"))


def kept(page: Any) -> str:
    return str(page.get_attribute("#ch-board .td-mask", "data-kept"))


def moved(page: Any, before: str) -> str:
    """Wait until another set is on the stage, and return it."""
    page.wait_for_function(
        "old => document.querySelector('#ch-board .td-mask').dataset.kept !== old", arg=before
    )
    return kept(page)


def to_level(page: Any, level: int) -> None:
    field = page.locator("#ch-level input[type=number]").first
    field.fill(str(level))
    field.press("Enter")


def spot(page: Any, patch: int) -> tuple[float, float]:
    """Return the middle of a patch on the screen."""
    page.locator("#ch-board").scroll_into_view_if_needed()
    box = page.locator("#ch-board .td-mask").bounding_box()
    row, col = divmod(patch, 8)
    return box["x"] + (col + 0.5) * box["width"] / 8, box["y"] + (row + 0.5) * box["height"] / 8


def pressed(page: Any, part: str) -> list[str]:
    """Return the keys of the tiles that are on the stage."""
    return [
        str(tile.get_attribute("data-key"))
        for tile in page.query_selector_all(f"{part} .ch-tile[aria-pressed=true]")
    ]


def test_it_opens_filled_with_what_explore_shows(coherence: Any, seen: Seen) -> None:
    assert re.match(
        r"The target looked at 32 of 64 patches \(saliency\) and says ", settled(coherence)
    )
    assert kept(coherence).count("1") == 32
    assert coherence.get_attribute("#ch-board .td-photo", "src") == coherence.get_attribute(
        "#td-board .td-photo", "src"
    )
    assert coherence.locator("#ch-tiles .ch-tile").count() == 8
    assert coherence.locator("#ch-modes .ch-tile").count() == 4
    assert coherence.locator("#ch-film .ch-cell").count() == 16
    assert coherence.locator(".ch-measure .ch-pin").count() == 13
    assert coherence.locator("#ch-gallery .td-sample[aria-pressed=true]").count() == 1
    assert "running" not in coherence.inner_text("#ch-main")
    assert seen.outside == []
    assert seen.errors == []


def test_the_level_moves_masks_and_k_at_once(coherence: Any) -> None:
    before = kept(coherence)
    tiles = coherence.inner_html("#ch-tiles")
    to_level(coherence, 3)
    assert moved(coherence, before).count("1") == 12
    assert "12 of 64" in coherence.inner_text("#ch-kept")
    assert coherence.inner_html("#ch-tiles") != tiles
    said = settled(coherence)
    assert "12 of 64 patches" in said
    drop = TinyDrop("bundled")
    name = coherence.get_attribute("#ch-gallery .td-sample[aria-pressed=true]", "data-sample")
    guide = drop.guide(SAMPLES / f"{name}.jpg")
    selection = drop.select(guide, 12).selection
    assert drop.classify(guide, selection).name in said
    coherence.wait_for_selector("#ch-film .ch-cell[data-level='3'][aria-pressed=true]")


@pytest.mark.thorough
def test_a_sample_and_an_own_picture_replace_it(coherence: Any) -> None:
    photo = "document.querySelector('#ch-board .td-photo').src"
    before = coherence.evaluate(photo)
    coherence.click("#ch-gallery [data-sample=koala]")
    coherence.wait_for_function(f"old => {photo} !== old", arg=before)
    coherence.wait_for_selector("#ch-gallery [data-sample=koala][aria-pressed=true]")
    assert "Koala" in coherence.inner_text("#ch-credit")
    coherence.set_input_files("#ch-dropzone .td-file", SAMPLES / "bee.jpg")
    coherence.wait_for_function(
        "document.querySelector('#ch-credit').innerText.startsWith('Your picture: bee.jpg')"
    )
    settled(coherence)
    assert "Your picture" not in coherence.evaluate(
        "document.querySelector('#td-credit').textContent"
    ), "Explore keeps its own"


@pytest.mark.thorough
def test_a_pasted_picture_goes_to_the_page_that_is_shown(coherence: Any) -> None:
    coherence.evaluate(
        """bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], 'pasted.jpg', { type: 'image/jpeg' }));
          document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }));
        }""",
        list((SAMPLES / "koala.jpg").read_bytes()),
    )
    coherence.wait_for_function(
        "document.querySelector('#ch-credit').innerText.startsWith('Your picture: pasted.jpg')"
    )
    settled(coherence)
    assert "pasted" not in coherence.evaluate("document.querySelector('#td-credit').textContent")


def test_an_arrangement_goes_on_the_stage(coherence: Any) -> None:
    before = kept(coherence)
    tile = coherence.locator("#ch-tiles [data-key=uniform]")
    tile.focus()
    coherence.keyboard.press("Enter")
    now = moved(coherence, before)
    assert now.count("1") == 32
    assert all(one != two for one, two in pairwise(now[:8])), "a checkerboard"
    assert "(uniform)" in settled(coherence)
    assert pressed(coherence, "#ch-tiles") == ["uniform"]
    assert coherence.evaluate("document.activeElement.dataset.key") == "uniform", "focus stays"
    assert coherence.get_attribute("#ch-verdict .ch-verdict", "data-kind") == "fragmented"
    words = coherence.locator("#ch-tiles .ch-fate").all_inner_texts()
    fate = re.compile(r"(= same|≠ differs)(, right|, wrong)?\s+<?\d+ %")
    assert all(fate.match(text) for text in words), words


def test_other_positions_keep_the_patches_and_change_the_answer(coherence: Any) -> None:
    before = settled(coherence)
    mask = kept(coherence)
    coherence.click("#ch-modes [data-key=shuffled]")
    coherence.wait_for_function(
        "old => document.querySelector('#ch-say .td-say').innerText !== old", arg=before
    )
    assert "their positions shuffled" in settled(coherence)
    assert kept(coherence) == mask
    assert pressed(coherence, "#ch-modes") == ["shuffled"]
    assert "positions shuffled" in coherence.inner_text("#ch-film")


@pytest.mark.thorough
def test_the_readout_names_patch_rank_and_score(coherence: Any) -> None:
    coherence.focus("#ch-board")
    for key in ("ArrowDown", "ArrowRight"):
        coherence.keyboard.press(key)
    text = coherence.inner_text("#ch-readout")
    assert re.match(r"row 2, column 2: score \d\.\d\d, rank \d+ of 64, (kept|dropped)$", text)


class TestPaint:
    def test_a_drag_puts_patches_in_and_undo_takes_them_back(self, coherence: Any) -> None:
        before = kept(coherence)
        row = next(r for r in range(8) if before[8 * r : 8 * r + 3] == "000")
        start, end = spot(coherence, 8 * row), spot(coherence, 8 * row + 2)
        coherence.mouse.move(*start)
        coherence.mouse.down()
        coherence.mouse.move(*end, steps=8)
        assert coherence.locator(".ch-preview .ch-in").count() == 3, "shown before the server knows"
        coherence.mouse.up()
        painted = before[: 8 * row] + "111" + before[8 * row + 3 :]
        assert moved(coherence, before) == painted
        assert "35 of 64 patches (painted by hand)" in settled(coherence)
        assert coherence.locator(".td-forced-in").count() == 3
        change = coherence.inner_text("#ch-paint .ch-logit")
        assert re.search(
            r"[+−]\d+\.\d\d against saliency, 32 patches, [+−]\d+\.\d\d against all 64", change
        )
        assert pressed(coherence, "#ch-tiles") == ["painted"]
        coherence.mouse.click(*spot(coherence, 8 * row))
        assert moved(coherence, painted).count("1") == 34
        coherence.click("[data-tool=undo]")
        coherence.wait_for_function(
            "k => document.querySelector('#ch-board .td-mask').dataset.kept === k", arg=painted
        )
        coherence.focus("#ch-board")
        coherence.keyboard.press("Control+z")
        assert moved(coherence, painted) == before
        assert coherence.is_disabled("[data-tool=undo]")
        assert pressed(coherence, "#ch-tiles") == ["gradcam"]

    @pytest.mark.thorough
    def test_quick_strokes_are_all_counted(self, coherence: Any) -> None:
        coherence.focus("#ch-board")
        wanted = [int(bit) for bit in kept(coherence)]
        for patch in range(5):
            coherence.keyboard.press("Space")
            coherence.keyboard.press("ArrowRight")
            wanted[patch] = 1 - wanted[patch]
        text = "".join(map(str, wanted))
        coherence.wait_for_function(
            "k => document.querySelector('#ch-board .td-mask').dataset.kept === k", arg=text
        )
        coherence.click("[data-tool=reset]")
        moved(coherence, text)
        assert coherence.is_disabled("[data-tool=reset]")

    @pytest.mark.thorough
    def test_a_kept_shape_stays_on_another_picture(self, coherence: Any) -> None:
        shape = kept(coherence)
        coherence.click("[data-tool=pin]")
        coherence.wait_for_selector("[data-tool=pin][aria-pressed=true]")
        coherence.click("#ch-gallery [data-sample=koala]")
        coherence.wait_for_selector("#ch-gallery [data-sample=koala][aria-pressed=true]")
        assert "(painted by hand)" in settled(coherence)
        assert kept(coherence) == shape
        coherence.click("[data-tool=reset]")
        assert moved(coherence, shape).count("1") == 32
        coherence.wait_for_selector("[data-tool=pin][aria-pressed=false]")


class TestFilm:
    @pytest.mark.thorough
    def test_a_cell_moves_the_level_and_reads_its_class(self, coherence: Any) -> None:
        before = kept(coherence)
        coherence.hover(".ch-cell[data-level='2']")
        text = coherence.inner_text(".ch-film-said")
        assert re.match(r"Level 2, 8 of 64 patches: .+, <?\d+ % sure, ", text)
        coherence.click(".ch-cell[data-level='2']")
        assert moved(coherence, before).count("1") == 8
        assert coherence.input_value("#ch-level input[type=number]") == "2"
        coherence.wait_for_selector(".ch-cell[data-level='2'][aria-pressed=true]")
        coherence.hover(".ch-cell[data-level='4']")
        coherence.mouse.down()
        coherence.hover(".ch-cell[data-level='6']")
        coherence.mouse.up()
        coherence.wait_for_function(
            "document.querySelector('#ch-board .td-mask').getAttribute('aria-label')"
            ".startsWith('24 of 64')"
        )

    def test_every_k_finds_the_patch_at_which_it_flips(self, coherence: Any) -> None:
        coherence.click("#ch-tiles [data-key=random]")
        coherence.wait_for_function(
            "document.querySelector('#ch-film').innerText.includes('random')"
        )
        settled(coherence)
        coherence.click("[data-action=film]")
        coherence.wait_for_selector(".ch-flips")
        settled(coherence)
        assert coherence.locator(".ch-strip path").count() == N
        flip = coherence.locator(".ch-flips [data-patch]").first
        flip.hover()
        words = re.search(r"row \d+, column \d+", flip.inner_text())
        assert words is not None
        coherence.wait_for_function(
            "w => document.querySelector('#ch-readout').textContent.startsWith(w)", arg=words[0]
        )
        coherence.focus(".ch-strip")
        coherence.keyboard.press("End")
        assert re.match(r"K = 64: .+, \d+ % = same", coherence.inner_text(".ch-exact-said"))


class TestStop:
    @pytest.mark.thorough
    def test_the_exact_film_shows_progress_stops_and_goes_on(
        self, slow: App, chromium: Any
    ) -> None:
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(60_000)
        open_page(page, slow.url)
        show(page)
        page.click("[data-action=film]")
        page.wait_for_function("document.querySelector('#ch-exact progress')?.value > 16")
        page.click("[data-action=stop]")
        page.wait_for_selector("[data-action=film]")
        settled(page)
        left = re.search(r"(\d+) more runs", page.inner_text("#ch-exact"))
        assert left is not None
        assert 0 < int(left[1]) < N - 16, "what it knew stays"
        page.click("[data-action=film]")
        page.wait_for_selector(".ch-strip")
        settled(page)
        assert page.locator(".ch-strip path").count() == N
        assert "not known" not in page.get_attribute(".ch-strip", "data-said")
        page.close()


class TestPhone:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

    def test_nothing_has_to_be_scrolled_sideways(self, coherence: Any) -> None:
        assert overflow(coherence) <= 0
        before = kept(coherence)
        coherence.touchscreen.tap(*spot(coherence, before.index("0")))
        assert moved(coherence, before).count("1") == 33
        settled(coherence)
        coherence.tap("[data-action=film]")
        coherence.wait_for_selector(".ch-strip")
        assert overflow(coherence) <= 0


class TestDark:
    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"viewport": {"width": 1400, "height": 900}, "color_scheme": "dark"}

    @pytest.mark.thorough
    def test_text_stands_out(self, coherence: Any) -> None:
        for text, ground in (
            ("#ch-say .td-say b", "#ch-card-say"),
            ("#ch-tiles i.ch-same, #ch-tiles i.ch-other", "#ch-card-tiles"),
            ("#ch-film .ch-cell b", "#ch-card-film"),
            (".ch-measure p", "#ch-card-measures"),
            (".ch-logit", "#ch-card-paint"),
        ):
            assert contrast(coherence, text, ground) >= 4.5, f"{text} on {ground}"
