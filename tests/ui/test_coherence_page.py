"""What stands behind the Coherence page: comparisons, runs and films; no browser, no server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coherence_zoo import Counting, compared, finish, look_at, make_page, make_pictures, opened
from quality_zoo import frames_of
from trace_zoo import one_thread, small_drop

from tinydrop.core.budget import Setting
from tinydrop.studies.quality import Film, picture_curves
from tinydrop.ui.coherence.handlers import START_LEVEL, Coherence
from tinydrop.ui.coherence.known import film_of
from tinydrop.ui.coherence.maker import Maker
from tinydrop.ui.coherence.wish import ARRANGEMENTS, Wish
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.texts import FAILED

N = 16


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def plain() -> Counting:
    return Counting(small_drop().pair)


@pytest.fixture(scope="module")
def bundled() -> Counting:
    return Counting("bundled")  # 64 patches, so that the levels leave gaps


@pytest.fixture
def drop(plain: Counting) -> Counting:
    plain.runs, plain.broken = 0, False
    return plain


@pytest.fixture
def page(drop: Counting, folder: Path) -> Coherence:
    return make_page(drop, folder)


@pytest.fixture
def look(folder: Path) -> Look:
    return look_at(folder)


class TestComparison:
    @pytest.mark.parametrize("level", [1, 8, 13, 16])
    def test_each_arrangement_keeps_what_the_pipeline_keeps(
        self, page: Coherence, look: Look, drop: Counting, level: int
    ) -> None:
        found = compared(page, opened(page, look), level)
        guide = drop.guide(look.source)
        assert [tile.name for tile in found.arrangements] == list(ARRANGEMENTS)
        for tile in found.arrangements:
            own = drop.select(guide, -(-N * level // 16), tile.name).selection
            assert tile.selection == own, tile.name

    def test_nothing_is_known_before_the_guidance_has_looked(
        self, page: Coherence, look: Look
    ) -> None:
        assert Maker(page.looks).known(Wish(replace(look, selector="gradcam")), 8) is None

    def test_answers_belong_to_a_set_and_its_positions(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        wish = opened(page, look)
        finish(page, wish)
        found = compared(page, wish)
        guide = drop.guide(look.source)
        logits = {}
        for tile in found.modes:
            assert tile.answer is not None
            own = drop.classify(guide, tile.selection, positions=tile.positions)
            np.testing.assert_allclose(tile.answer.logits, own.logits, rtol=1e-5)
            logits[tile.positions] = tile.answer.logits
        assert list(logits) == ["right", "first", "shuffled", "none"]
        for wrong in ("first", "shuffled", "none"):
            assert np.abs(logits[wrong] - logits["right"]).max() > 1e-2, wrong

    @pytest.mark.parametrize("name", ["gradcam", "uniform"])
    def test_areas_are_those_of_the_curves(
        self, page: Coherence, look: Look, drop: Counting, name: str
    ) -> None:
        wish = replace(opened(page, look), look=replace(look, selector=name))
        assert compared(page, wish).areas is None
        finish(page, wish)
        guide = drop.guide(look.source)
        order, _ = drop.rank(guide, name)
        assert order is not None
        own = picture_curves(drop, guide, order)
        expected = (own.insertion_area, own.deletion_area)
        assert compared(page, wish).areas == pytest.approx(expected, rel=1e-4)

    def test_what_ran_here_is_known_on_explore(self, page: Coherence, look: Look) -> None:
        looks = page.looks
        sure = replace(look, selector="gradcam", setting=Setting(tau=1.0))
        looks.guide(sure)
        looks.classify(sure, None)
        assert looks.known_answer(sure, None) is not None
        known = looks.known(sure)
        assert known is not None
        assert known.result.full is looks.known_answer(sure, None), (
            "no page measures a time of its own"
        )


class TestRuns:
    def test_a_scrub_over_the_levels_costs_sixteen_runs(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        wish = opened(page, look)
        drop.runs = 0
        for level in range(1, 17):
            if 'data-urgent="1"' in page.slide(wish, level)["ask"]:
                page.run(wish, level)  # the rest waits until the slider rests
        assert drop.runs <= 16
        for level in range(16, 0, -1):
            page.slide(wish, level)
            assert "Target running" not in page.settle(wish, level, 0)["say"]
        assert drop.runs <= 16, "the way back is known"

    def test_a_slide_runs_nothing(self, page: Coherence, look: Look, drop: Counting) -> None:
        wish = opened(page, look)
        drop.runs = 0
        shown = page.slide(wish, 3)
        assert drop.runs == 0
        assert 'aria-label="3 of 16 patches kept"' in shown["mask"]
        assert "data-pending" in shown["ask"]
        assert 'data-urgent="1"' in shown["ask"]

    def test_the_stage_comes_first_and_the_rest_in_slices(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        wish = opened(page, look)
        drop.runs = 0
        page.maker.run(wish, 5, seconds=0.0)
        found = compared(page, wish, 5)
        assert drop.runs == 1
        assert found.stage.answer is not None
        assert not found.urgent
        missing = len(found.rest)
        page.maker.run(wish, 5, seconds=0.0)
        assert drop.runs == 2
        assert len(compared(page, wish, 5).rest) < missing

    def test_it_ends(self, page: Coherence, look: Look, drop: Counting) -> None:
        wish = opened(page, look)
        finish(page, wish)
        shown = page.settle(wish, START_LEVEL, 0)
        assert "running" not in shown["tiles"] + shown["modes"] + shown["say"]
        drop.runs = 0
        page.run(wish, START_LEVEL)
        assert drop.runs == 0

    def test_a_target_that_fails_is_not_asked_again_and_again(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        wish = opened(page, look)
        drop.broken = True
        went = page.run(wish, 3)
        assert "The target cannot run" in went["message"]
        shown = page.settle(wish, 3, went["failed"])
        assert FAILED in shown["say"]
        assert "data-pending" not in shown["ask"]
        assert "data-pending" in page.slide(wish, 4)["ask"], "another wish is asked for"
        drop.broken = False
        well = page.run(wish, 3)
        assert FAILED not in page.settle(wish, 3, well["failed"])["say"]


class TestFilm:
    @pytest.fixture
    def drop(self, bundled: Counting) -> Counting:
        bundled.runs = 0
        return bundled

    @pytest.mark.parametrize("arrangement", ["gradcam", "random"])
    def test_every_k_is_the_film_of_the_quality_room(
        self, page: Coherence, look: Look, drop: Counting, arrangement: str
    ) -> None:
        wish = page.arrange(opened(page, look), arrangement, 8)["wish"]
        assert film_of(compared(page, wish), page.maker.every(compared(page, wish))) is None
        wish = page.film(wish, 8, filming=True)["wish"]
        finish(page, wish)
        found = compared(page, wish)
        film = film_of(found, page.maker.every(found))
        guide = drop.guide(look.source)
        order, _ = drop.rank(guide, arrangement)
        assert film is not None
        assert order is not None
        frames = tuple(frames_of(drop, guide, order, arrangement, exact=True))
        truth = Film(found.grid, arrangement, frames)
        assert film.exact
        assert film.flips == truth.flips
        assert film.sufficient == truth.sufficient

    def test_it_stops_and_goes_on_where_it_was(
        self, page: Coherence, look: Look, drop: Counting
    ) -> None:
        wish = opened(page, look)
        finish(page, wish)
        drop.runs = 0
        filming = page.film(wish, 8, filming=True)["wish"]
        for _ in range(3):
            page.maker.run(filming, 8, seconds=0.0, films=True)
        assert drop.runs == 3
        shown = page.settle(filming, 8, 0)
        assert "19 of 64 K known" in shown["exact"]
        assert "data-pending" in shown["ask"]
        stopped = page.film(filming, 8, filming=False)
        assert "data-pending" not in stopped["ask"]
        assert "45 more runs" in stopped["exact"]
        finish(page, filming)
        assert drop.runs == 64 - 16

    def test_a_flat_map_has_no_film(self, look: Look) -> None:
        flat = small_drop(flat=True)
        page = Coherence(LookMaker(lambda _pair, _progress: flat), [])
        wish = page.open(None, replace(look, sample=None), 8)["wish"]
        assert isinstance(wish, Wish)
        shown = page.settle(wish, 8, 0)
        assert 'data-kind="flat map"' in shown["verdict"]
        assert "No film" in shown["film"]
        assert "16 of 16" in shown["say"]
        geometric = page.arrange(wish, "random", 8)
        assert "8 of 16" in geometric["say"]
        assert 'data-kind="flat map"' not in geometric["verdict"]
