"""What stands behind the Compare page: levels, places and events; no browser, no server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from coherence_zoo import OTHER, Counting, look_at, make_pictures
from trace_zoo import one_thread, small_drop

from tinydrop import TinyDrop
from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import WeightsUnavailableError
from tinydrop.core.numbers import percent
from tinydrop.models.pairs import StudentCard, load_student, save_slimmed
from tinydrop.models.reduction import drop_plan, plan_macs
from tinydrop.models.slimming import SlimmedTransformer, SlimmingPlan
from tinydrop.studies.comparison import METHODS, budget_of, costed_plans, duel, place_within, slim
from tinydrop.ui.compare.data_set import DataSetPanel
from tinydrop.ui.compare.handlers import START_LEVEL, Compare
from tinydrop.ui.compare.known import student_run
from tinydrop.ui.compare.maker import Maker
from tinydrop.ui.compare.wiring import BY_LEVEL, BY_PICTURE, BY_PLACE
from tinydrop.ui.compare.wish import Wish
from tinydrop.ui.compare.words import scales
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.page import Updates
from tinydrop.ui.kit.samples import Sample
from tinydrop.ui.kit.texts import FAILED, GENERIC_ERROR

N, D = 16, 2
PLAN = SlimmingPlan((1, 1), (0.5,))
KWARGS = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": D, "num_heads": 3}
CONTROLS = (0, "gradcam")


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pictures(tmp_path_factory.mktemp("pictures"))


def write_student(drop: TinyDrop, folder: Path, *, hard: bool = False, digest: str = "") -> Path:
    target, name = drop.pair.target, "hard" if hard else "soft"
    teacher = {"pair": drop.pair.name, "digest": digest or drop.pair.digest}
    card = StudentCard(
        name, "A student", "vit_tiny_patch16_224", KWARGS, target.spec.input, drop.pair.classes,
        PLAN, hard, teacher, {},
    )  # fmt: skip
    module = SlimmedTransformer(target, PLAN, hard=hard, seed=2)
    save_slimmed(module, card, folder, dtype=torch.float32)
    return folder


@pytest.fixture(scope="module")
def students(drop: TinyDrop, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    root = tmp_path_factory.mktemp("students")
    return (write_student(drop, root / "a"), write_student(drop, root / "b", hard=True))


def make(drop: TinyDrop, folder: Path, students: tuple[Path, ...] = ()) -> Compare:
    samples = [
        Sample(name, folder / f"{name}.png", name.title(), f"A {name} picture", "Nobody, CC0")
        for name in ("first", "second")
    ]
    looks = LookMaker(lambda _pair, _progress: drop)
    return Compare(looks, samples, Maker(looks, students, seconds=3600))


@pytest.fixture(scope="module")
def page(drop: TinyDrop, folder: Path, students: tuple[Path, ...]) -> Compare:
    """One page for all: it holds nothing of a visitor, and what ran once is known."""
    return make(drop, folder, students)


@pytest.fixture
def look(folder: Path) -> Look:
    return look_at(folder)


def opened(page: Compare, look: Look, level: int = START_LEVEL) -> tuple[Wish, Updates]:
    shown = page.open(None, look, level, *CONTROLS)
    return shown["wish"], finished(page, shown, level)


def finished(page: Compare, shown: Updates, level: int = START_LEVEL) -> Updates:
    """Do as the browser does: ask for the duel where it is missing."""
    wish = shown["wish"]
    assert isinstance(wish, Wish)
    if 'data-urgent="1"' in shown["ask"]:
        failed = page.run(wish, level, *CONTROLS).get("failed", 0)
        shown = shown | page.settle(wish, failed, level, *CONTROLS, staged=shown["staged"])
    return shown


def keys(tiles: str) -> list[str]:
    return re.findall(r'data-key="([^"]+)"', tiles)


def tile(tiles: str, key: str) -> str:
    found = re.search(rf'<button[^>]*data-key="{re.escape(key)}".*?</button>', tiles, re.DOTALL)
    assert found is not None
    return found[0]


class TestDuel:
    @pytest.mark.parametrize("level", [1, 8, 16])
    def test_every_tile_says_what_the_duel_says(
        self, page: Compare, look: Look, drop: TinyDrop, level: int
    ) -> None:
        _, shown = opened(page, look, level)
        guide, spec = drop.guide(look.source), drop.pair.target.spec
        budget, full_macs = budget_of(spec, level), budget_of(spec, 16)
        full = drop.classify(guide)
        contenders = {one.method: one for one in duel(drop, guide, budget)}
        assert set(keys(shown["tiles"])) == {*contenders, "target", "guidance", "soft", "hard"}
        for name, one in contenders.items():
            html = tile(shown["tiles"], name)
            same = one.answer.class_index == full.class_index
            assert one.answer.name in html
            assert percent(one.answer.confidence).replace("<", "&lt;") in html
            assert ("= same" in html, "≠ differs" in html) == (same, not same)
            assert f"{100 * one.target_macs / full_macs:.0f} %" in html
            assert (" % + " in html) == (one.macs > one.target_macs) == METHODS[name].reads_map
        same = sum(one.answer.class_index == full.class_index for one in contenders.values())
        assert f"{same} of {len(contenders)}" in shown["say"]

    def test_methods_that_are_too_dear_say_what_they_cost_at_least(
        self, page: Compare, look: Look, drop: TinyDrop
    ) -> None:
        _, shown = opened(page, look, 2)
        spec = drop.pair.target.spec
        absent = set(METHODS) - set(keys(shown["tiles"]))
        assert {"gradcam@1/2", "merge"} <= absent
        assert shown["tiles"].count("cp-gone") == len(absent)
        for name in absent:
            plans = costed_plans(spec, name)
            least = 100 * plans[0][0] / budget_of(spec, BUDGET_LEVELS) if plans else None
            wanted = "does not fit this target" if least is None else f"costs {least:.0f} % or more"
            assert f"{wanted}</small>" in shown["tiles"]
        assert f"{len(absent)} cannot run so cheaply" in shown["say"]

    def test_a_level_that_never_ran_is_asked_for_and_then_shown(
        self, page: Compare, look: Look
    ) -> None:
        wish, _ = opened(page, look)
        moved = page.slide(wish, 3, *CONTROLS)
        assert page.maker.known(wish.look, 3) is None, "a slide runs nothing"
        assert 'data-urgent="1"' in moved["ask"]
        assert "tiles" not in moved, "the last duel stays until the next is there"
        page.run(wish, 3, *CONTROLS)
        shown = page.settle(wish, 0, 3, *CONTROLS)
        assert 'data-urgent="0"' in shown["ask"], "the tiles are there, the places are not"
        assert "running" in shown["place"]
        page.run(wish, 3, *CONTROLS)
        done = page.settle(wish, 0, 3, *CONTROLS)
        assert "data-pending" not in done["ask"]
        known = page.maker.known(wish.look, 3)
        again = page.slide(wish, 3, *CONTROLS)
        assert again["tiles"] == shown["tiles"]
        assert page.maker.known(wish.look, 3) is known
        page.run(wish, 3, *CONTROLS)
        assert page.maker.known(wish.look, 3) is known, "nothing runs twice"

    def test_the_page_opens_once_and_on_the_bundled_pair(self, page: Compare, look: Look) -> None:
        wish, shown = opened(page, replace(look, pair=OTHER, selector="eigencam"))
        assert wish.look.pair == BUNDLED
        assert wish.look.source == look.source
        assert page.open(wish, look, 8, *CONTROLS) == {}
        assert set(shown) <= {*BY_PICTURE, "gallery"}
        assert set(page.slide(wish, 8, *CONTROLS)) <= set(BY_LEVEL)
        assert set(page.place(wish, 8, *CONTROLS)) <= set(BY_PLACE)

    @pytest.mark.parametrize("temperature", [1.0, 0.4, 2.5])
    def test_the_guidance_is_as_sure_as_on_explore(
        self, page: Compare, look: Look, temperature: float
    ) -> None:
        warm = look.at_temperature(temperature)
        page.looks.answer(warm)
        known = page.looks.known(warm)
        assert known is not None
        wish, shown = opened(page, warm)
        sure = percent(known.result.confidence).replace("<", "&lt;").replace(">", "&gt;")
        assert f"</i> {sure}</span>" in tile(shown["tiles"], "guidance")
        assert scales(temperature) in shown["tiles"]
        large = page.choose(wish, "guidance", START_LEVEL, *CONTROLS)["open"]
        assert f"<b>{sure}</b>" in large
        assert scales(temperature) in large

    def test_another_temperature_on_explore_is_followed_without_a_model(
        self, page: Compare, look: Look, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wish, shown = opened(page, look)
        for stage in ("guide", "rank", "select", "classify"):
            monkeypatch.setattr(TinyDrop, stage, None)
        moved = page.open(wish, look.at_temperature(3.0), START_LEVEL, *CONTROLS)
        new = moved["wish"]
        assert isinstance(new, Wish)
        assert new.temperature == 3.0
        assert tile(moved["tiles"], "guidance") != tile(shown["tiles"], "guidance")
        assert tile(moved["tiles"], "target") == tile(shown["tiles"], "target")
        assert look.at_temperature(float("nan")) is look

    def test_a_target_that_fails_is_not_asked_again_and_again(
        self, folder: Path, look: Look, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        page = make(Counting(small_drop().pair), folder)
        wish, _ = opened(page, look)

        def broken(*_args: object, **_kwargs: object) -> None:
            raise WeightsUnavailableError("The target cannot run; choose another pair.")

        monkeypatch.setattr("tinydrop.ui.compare.maker.duel", broken)
        went = page.run(wish, 5, *CONTROLS)
        assert "The target cannot run" in went["message"]
        shown = page.settle(wish, went["failed"], 5, *CONTROLS)
        assert FAILED in shown["say"]
        assert "data-pending" not in shown["ask"]
        assert "data-pending" in page.slide(wish, 6, *CONTROLS)["ask"]

    def test_another_picture_replaces_it_and_a_bad_one_does_not(
        self, page: Compare, look: Look, tmp_path: Path
    ) -> None:
        wish, first = opened(page, look)
        arriving_parts = page.pick(wish, "second", 8, *CONTROLS)
        assert "data-waiting" in arriving_parts["open"]
        assert "data-key" not in arriving_parts["tiles"], (
            "nothing of the last picture stands beside it"
        )
        second = finished(page, arriving_parts)
        assert second["wish"].look.sample == "second"
        assert second["tiles"] != first["tiles"]
        assert "Second" in second["credit"]
        bad = tmp_path / "bad.jpg"
        bad.write_bytes(b"no picture")
        refused = page.upload(second["wish"], (str(bad), "bad.jpg"), 8, *CONTROLS)
        assert set(refused) == {"message"}
        assert "bad.jpg" in refused["message"]
        mine = page.upload(second["wish"], (look.source, "mine.png"), 8, *CONTROLS)
        assert mine["tiles"] == first["tiles"]
        assert "Your picture: mine.png" in mine["credit"]


class TestOpened:
    def test_a_method_shows_its_sentence_and_its_steps(self, page: Compare, look: Look) -> None:
        wish, shown = opened(page, look)
        assert "TinyDrop’s own choice" in shown["open"]
        went = page.choose(wish, "merge", 11, *CONTROLS)
        assert went == {"message": ""}, "nothing is known at that level"
        page.run(wish, 11, *CONTROLS)
        went = page.choose(wish, "merge", 11, *CONTROLS)
        known = page.maker.known(wish.look, 11)
        assert known is not None
        merge = known.methods["merge"]
        assert went["wish"].opened == "merge"
        for words, left in merge.steps:
            assert f'<th scope="row">{words}</th><td>{left}</td>' in went["open"]
        assert merge.steps[-1][1] == merge.left == len(set(merge.groups.tolist()))
        assert merge.blocks[0] == N

    def test_one_that_is_absent_at_a_lower_level_says_so(self, page: Compare, look: Look) -> None:
        wish, _ = opened(page, look, 16)
        chosen = page.choose(wish, "gradcam@1/2", 16, *CONTROLS)["wish"]
        page.run(chosen, 1, *CONTROLS)
        page.maker.run(chosen.look, 1)
        assert "Absent at this level" in page.slide(chosen, 1, *CONTROLS)["open"]

    def test_a_key_that_is_no_tile_is_refused(self, page: Compare, look: Look) -> None:
        wish, _ = opened(page, look)
        went = page.choose(wish, "<b>", 8, *CONTROLS)
        assert "There is no method" in went["message"]
        assert "<b>" not in went["message"]


class TestPlaces:
    @pytest.mark.parametrize("ranker", ["gradcam", "random", "attention"])
    def test_each_place_keeps_what_is_paid_for(
        self, page: Compare, look: Look, drop: TinyDrop, ranker: str
    ) -> None:
        wish, _ = opened(page, look, 12)
        page.run(wish, 12, *CONTROLS)
        spec = drop.pair.target.spec
        for block in range(D):
            by = "attention" if ranker == "attention" else "order"
            plan = place_within(spec, block, budget_of(spec, 12), by)
            shown = page.place(wish, 12, block, ranker)
            if plan is None:
                assert "At the input no block has attended" in shown["place"]
            else:
                assert f"<b>{plan.steps[0].keep} of {N}</b> patches go on" in shown["place"]

    def test_a_place_that_is_too_dear_says_what_it_costs(
        self, page: Compare, look: Look, drop: TinyDrop
    ) -> None:
        wish, _ = opened(page, look, 2)
        page.run(wish, 2, *CONTROLS)
        spec = drop.pair.target.spec
        least = plan_macs(spec, drop_plan(N, D, 1, 1)).total / budget_of(spec, 16)
        shown = page.place(wish, 2, 1, "random")
        assert f"costs {100 * least:.0f} % of the full target" in shown["place"]
        assert "the last place is at the input" in shown["place"]
        assert "too dear" in shown["places"]

    @pytest.mark.parametrize(
        ("values", "sentence"),
        [
            (("x", 0, "gradcam"), "A level is a whole number"),
            ((17, 0, "gradcam"), "level"),
            ((8, D, "gradcam"), f"A drop comes after 0 to {D - 1} blocks"),
            ((8, None, "gradcam"), "A drop comes after"),
            ((8, 0, "nobody"), "Patches are ranked by"),
        ],
    )
    def test_what_no_control_sends_is_one_sentence(
        self, page: Compare, look: Look, values: tuple[object, ...], sentence: str
    ) -> None:
        wish, _ = opened(page, look)
        message = page.place(wish, *values)["message"]
        assert sentence in message
        assert GENERIC_ERROR not in message


class TestStudents:
    def test_a_patch_belongs_to_the_token_that_takes_most_of_it(
        self, drop: TinyDrop, folder: Path, students: tuple[Path, ...]
    ) -> None:
        guide = drop.guide(folder / "first.png")
        for place, path in enumerate(students):
            student = load_student(path, drop.pair)
            found = slim(student.model, drop, guide)
            one = student_run(student, found)
            assert one.blocks == (N, N // 2)
            assert one.left == N // 2
            weights = found.composed[0]
            for patch in range(N):
                column = weights[:, patch].tolist()
                if max(column) == 0:
                    assert (one.groups[patch], one.blocks_run[patch]) == (-1, 1)
                else:
                    assert one.groups[patch] == column.index(max(column))
                    assert one.blocks_run[patch] == D
            assert (one.groups < 0).sum() == (N // 2 if place else 0)

    def test_both_are_shown_and_can_be_opened(self, page: Compare, look: Look) -> None:
        wish, shown = opened(page, look)
        assert re.findall(r'data-student="(\w+)"', shown["slim"]) == ["soft", "hard"]
        went = page.choose(wish, "soft", 8, *CONTROLS)
        assert "Trained: mixing tokens into few" in went["open"]
        assert "mixed after 1 of 2 blocks" in went["open"]

    def test_one_of_other_weights_is_left_out(
        self, drop: TinyDrop, folder: Path, look: Look, students: tuple[Path, ...], tmp_path: Path
    ) -> None:
        other = write_student(drop, tmp_path / "other", digest="0" * 64)
        page = make(drop, folder, (other, tmp_path / "nowhere", students[0]))
        assert [one.card.name for one in page.maker.students] == ["soft"]
        alone = make(drop, folder)
        assert "No trained student" in opened(alone, look)[1]["slim"]


class TestFlat:
    def test_a_map_that_cannot_be_ranked_drops_nothing(self, folder: Path, look: Look) -> None:
        page = make(small_drop(flat=True), folder)
        wish, shown = opened(page, look)
        known = page.maker.known(wish.look, START_LEVEL)
        assert known is not None
        np.testing.assert_array_equal(known.methods["gradcam"].groups, np.arange(N))
        assert known.methods["gradcam"].left == N
        assert "100 %" in tile(shown["tiles"], "gradcam")


class TestStudy:
    def test_a_table_that_is_not_there_or_of_others_is_one_sentence(
        self, drop: TinyDrop, tmp_path: Path
    ) -> None:
        shown = DataSetPanel(drop.pair, tmp_path).shown()
        assert "There is no table small-compare.parquet" in shown["chart"]
        assert shown["table"] == ""
        bundled = Path(__file__).resolve().parents[2] / "assets" / "tables"
        stranger = replace(drop.pair, name=BUNDLED)
        assert "other weights" in DataSetPanel(stranger, bundled).shown()["chart"]
        (tmp_path / "small-compare.parquet").write_bytes(b"nothing")
        assert str(tmp_path) not in DataSetPanel(drop.pair, tmp_path).shown()["chart"]
