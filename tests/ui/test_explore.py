"""What stands behind the Explore page: looks, links, caches; no browser and no server."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tinydrop import SELECTORS, TinyDrop
from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError, WeightsUnavailableError
from tinydrop.core.results import DropResult, Truth
from tinydrop.core.selection import SELECTOR_TITLES
from tinydrop.pipeline.render.words import decision_parts, plain_text
from tinydrop.studies.errands import ErrandError, Message
from tinydrop.ui.explore.handlers import Explore, stage_key
from tinydrop.ui.explore.links import look_from_query, query_of
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.fragments import gallery
from tinydrop.ui.kit.lanes import Idle
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker, Progress
from tinydrop.ui.kit.samples import Sample, find_sample, find_samples, sample_outcome, truth_of
from tinydrop.ui.kit.texts import GENERIC_ERROR

SAMPLES = find_samples()


class Loader:
    """Loads the bundled pair for real and refuses every other, noting what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, pair: str, progress: Progress | None) -> TinyDrop:
        self.asked.append(pair)
        if pair != BUNDLED:
            raise WeightsUnavailableError("The Hub cannot be reached; choose the bundled pair.")
        return TinyDrop(BUNDLED)


@pytest.fixture(scope="module")
def looks() -> LookMaker:
    return LookMaker(Loader())


def look_at(sample_name: str, **changes: object) -> Look:
    """Return a look at a sample; with tau at 1 nothing exits, whatever pair is bundled."""
    sample = find_sample(SAMPLES, sample_name)
    setting = Setting(tau=1.0, gamma=1.0, temperature=0.66)
    look = Look(str(sample.path), sample.path.name, sample_name, BUNDLED, setting)
    return replace(look, **changes)  # type: ignore[arg-type]


class TestCache:
    def test_the_least_recently_used_goes_first(self) -> None:
        cache: BoundedCache[str, int] = BoundedCache(2)
        cache.put("a", 1)
        cache.put("b", 2)
        assert cache.get("a") == 1
        cache.put("c", 3)
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)

    def test_weight_bounds_it_but_the_newest_stays(self) -> None:
        cache: BoundedCache[str, int] = BoundedCache(10, max_weight=5, weigh=float)
        for name, weight in (("a", 2), ("b", 2), ("c", 2)):
            cache.put(name, weight)
        assert cache.get("a") is None
        assert len(cache) == 2
        cache.put("d", 9)
        assert len(cache) == 1
        assert cache.get("d") == 9

    def test_many_threads_never_pass_the_bound(self) -> None:
        cache: BoundedCache[int, int] = BoundedCache(8)

        def fill(start: int) -> None:
            for i in range(200):
                cache.put(start + i, i)
                cache.get(start + i // 2)

        threads = [threading.Thread(target=fill, args=(1000 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cache) == 8


class TestStudio:
    def test_nothing_is_shown_before_it_is_known(self, looks: LookMaker) -> None:
        assert looks.known(look_at("tower")) is None
        looks.guide(look_at("tower"))
        known = looks.known(look_at("tower"))
        assert known is not None
        assert known.running
        looks.answer(look_at("tower"))
        known = looks.known(look_at("tower"))
        assert known is not None
        assert not known.running

    @pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
    @pytest.mark.parametrize("selector", ["gradcam", "coverage", "random", "scattered"])
    def test_a_scene_is_what_the_pipeline_says(
        self, looks: LookMaker, gamma: float, selector: str
    ) -> None:
        look = look_at("koala", selector=selector)
        look = replace(look, setting=replace(look.setting, gamma=gamma))
        looks.answer(look)
        known = looks.known(look)
        assert known is not None
        said = known.result.to_dict()
        pipeline = TinyDrop(BUNDLED)
        truth = pipeline(
            Path(look.source), tau=1.0, gamma=gamma, temperature=0.66, selector=selector,
            compare_full=True,
        ).to_dict()  # fmt: skip
        for changing in ("latency_ms", "guidance_top5", "target_top5", "full_top5"):
            ours, theirs = said.pop(changing), truth.pop(changing)
            if changing != "latency_ms":
                names = [[p["name"] for p in top] for top in (ours, theirs)]  # type: ignore[attr-defined]
                assert names[0] == names[1]
        assert said == truth

    def test_a_slider_runs_no_model(
        self, looks: LookMaker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look = look_at("bison")
        looks.answer(look)
        for stage in ("guide", "rank", "select", "classify"):
            monkeypatch.setattr(TinyDrop, stage, None)
        for gamma in (0.1, 0.5, 2.0, 8.0):
            known = looks.known(replace(look, setting=replace(look.setting, gamma=gamma)))
            assert known is not None

    def test_forced_patches_are_forced_whatever_the_budget(self, looks: LookMaker) -> None:
        look = look_at("bison")
        looks.guide(look)
        start = looks.known(look)
        assert start is not None
        assert start.order is not None
        first, last = int(start.order[0]), int(start.order[-1])
        forced = replace(look, forced_in=frozenset({last}), forced_out=frozenset({first}))
        for gamma in (0.2, 1.0, 8.0):
            known = looks.known(replace(forced, setting=replace(look.setting, gamma=gamma)))
            assert known is not None
            assert known.result.selection is not None
            mask = known.result.selection.token_mask
            assert mask[last]
            assert not mask[first]

    def test_what_is_forced_anyway_is_no_change(self, looks: LookMaker) -> None:
        look = look_at("bison")
        looks.guide(look)
        start = looks.known(look)
        assert start is not None
        assert start.order is not None
        same = looks.known(replace(look, forced_in=frozenset({int(start.order[0])})))
        assert same is not None
        assert same.toggled == ()
        assert same.key == start.key

    def test_a_patch_outside_the_grid_is_refused(self, looks: LookMaker) -> None:
        look = look_at("bison", forced_in=frozenset({64}))
        looks.guide(look)
        with pytest.raises(SettingError, match="outside the 8x8 grid"):
            looks.known(look)

    def test_a_pair_that_cannot_be_loaded_leaves_the_held_one(self) -> None:
        loader = Loader()
        looks = LookMaker(loader)
        with pytest.raises(WeightsUnavailableError):
            looks.pipeline("l1-deit-s")
        assert looks.pipeline(BUNDLED).pair.name == BUNDLED
        assert loader.asked == [BUNDLED, "l1-deit-s"]
        assert looks.known(look_at("cat", pair="l1-deit-s")) is None
        assert loader.asked == [BUNDLED, "l1-deit-s"], "looking loads nothing"


def explore_over(looks: LookMaker) -> Explore:
    return Explore(looks, SAMPLES, look_at("bison"))


def values_of(look: Look, **changes: object) -> tuple[object, ...]:
    """Return the page's controls, in their order, as they would show this look."""
    fields = {
        "tau": look.setting.tau,
        "gamma": look.setting.gamma,
        "temperature": look.setting.temperature,
        "rule": look.setting.rule,
        "selector": look.selector,
        "accounting": "head only",
    }
    return tuple((fields | changes).values())


class TestHandlers:
    def test_a_failed_run_is_said_once_and_forgotten_after_a_success(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks = LookMaker(Loader())
        explore, look = explore_over(looks), look_at("bison")
        looks.guide(look)
        assert "data-pending" in explore.settle(look, *values_of(look))["decision"]
        with monkeypatch.context() as broken:
            broken.setattr(TinyDrop, "classify", None)
            said = explore.run(look, *values_of(look))
        assert GENERIC_ERROR in html.unescape(said["message"])
        shown = explore.settle(look, *values_of(look))["decision"]
        assert "could not answer" in shown
        assert "data-pending" not in shown, "the page does not ask again by itself"
        other = values_of(look, gamma=0.5)
        assert explore.run(look, *other) == {}
        assert "data-pending" in explore.slide(look, *values_of(look))["decision"]

    @pytest.mark.parametrize(
        "changes", [{"tau": None}, {"temperature": float("nan")}, {"gamma": 99}, {"rule": "x"}]
    )
    def test_a_bad_control_is_one_sentence(
        self, looks: LookMaker, changes: dict[str, object]
    ) -> None:
        look = look_at("bison")
        updates = explore_over(looks).slide(look, *values_of(look, **changes))
        assert list(updates) == ["message"]
        assert 'role="alert"' in updates["message"]

    @pytest.mark.parametrize(
        "wish", [None, "", "[]", "{}", '{"keep": 1, "drop": []}', '{"keep": ["x"], "drop": []}', 7]
    )
    def test_a_strange_wish_changes_nothing(self, looks: LookMaker, wish: object) -> None:
        look = look_at("bison")
        looks.answer(look)
        updates = explore_over(looks).force(look, wish, *values_of(look))
        assert "lists of whole numbers" in updates["message"]
        assert updates["stage"] == ""
        assert "look" not in updates

    def test_an_own_picture_that_went_away_is_one_sentence(self, looks: LookMaker) -> None:
        gone = ("/nowhere/own.jpg", "own.jpg")
        updates = explore_over(looks).upload(look_at("bison"), gone, *values_of(look_at("bison")))
        assert list(updates) == ["message"]
        assert "no longer here" in updates["message"]
        assert "upload it again" in updates["message"]


class Crowd(Idle):
    """Three others are ahead."""

    def behind(self, _lane: str) -> int:
        return 3


class TestArriving:
    def test_a_new_picture_shows_at_once_and_nothing_of_the_last_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks, look = LookMaker(Loader()), look_at("bison")
        explore = Explore(looks, SAMPLES, look, crowd=Crowd())
        looks.answer(look)
        old = explore.settle(look, *values_of(look))
        with monkeypatch.context() as broken:
            for stage in ("guide", "rank", "select", "classify"):
                broken.setattr(TinyDrop, stage, None)
            shown = explore.pick(look, "koala", *values_of(look))
        new = shown["look"]
        assert (new.sample, shown["staged"]) == ("koala", "")
        assert "td-photo" in shown["picture"]
        assert "waiting, 3 ahead" in shown["decision"]
        assert "data-waiting" in shown["decision"]
        assert "Kurt Kaiser" not in shown["credit"]
        verdicts = {
            "mask",
            "decision",
            "cost",
            "answers",
            "curve",
            "actions",
            *("map", "cost_formula"),
        }
        assert verdicts <= set(shown), "whatever tells of the old picture is replaced"
        for name in verdicts & set(old):
            assert shown[name] != old[name]
        assert (shown["map"], shown["mask"]) == ("", "")

    def test_the_guidance_is_shown_before_the_target_has_run(self) -> None:
        looks, look = LookMaker(Loader()), look_at("bison")
        explore = Explore(looks, SAMPLES, look)
        shown = explore.pick(look, "koala", *values_of(look))
        new, values = shown["look"], values_of(look)
        assert explore.run(new, *values) == {}
        first = explore.settle(new, *values, staged=shown["staged"])
        assert first["staged"] == stage_key(new)
        assert "td-map" in first["map"]
        assert "data-pending" in first["decision"]
        assert "data-waiting" not in first["decision"]
        assert explore.run(new, *values) == {}
        last = explore.settle(new, *values, staged=first["staged"])
        assert "data-pending" not in last["decision"]
        assert "map" not in last, "what has not changed is not sent again"

    def test_a_picture_that_is_known_is_shown_complete(self, looks: LookMaker) -> None:
        look = look_at("koala", setting=look_at("koala").setting)
        looks.answer(look)
        shown = explore_over(looks).pick(look_at("bison"), "koala", *values_of(look))
        assert "data-pending" not in shown["decision"]
        assert shown["staged"] == stage_key(look)


class TestFetching:
    @staticmethod
    def telling(*messages: Message, error: ErrandError | None = None) -> Iterator[Message]:
        yield from messages
        if error is not None:
            raise error

    def test_a_pair_that_is_not_here_is_asked_for_and_loads_nothing(self) -> None:
        loader = Loader()
        explore, look = Explore(LookMaker(loader), SAMPLES, look_at("bison")), look_at("bison")
        shown = explore.switch(look, "l1-deit-s", 2, *values_of(look))
        assert 'data-load="l1-deit-s"' in shown["pair_note"]
        assert "waiting, 2 ahead" in shown["pair_note"]
        assert "look" not in shown
        link = explore.restore({"pair": "l1-deit-s", "tau": "0.4"}, "head only")
        assert link["query"] == {"pair": "l1-deit-s", "tau": "0.4"}
        assert 'data-load="l1-deit-s"' in link["pair_note"]
        refused = explore.switch(look, "timm/resnet50", 0, *values_of(look))
        assert "no pair" in refused["message"]
        assert loader.asked == [BUNDLED]

    def test_progress_a_refusal_and_a_stop(self, looks: LookMaker) -> None:
        explore, look = explore_over(looks), look_at("bison")

        def fetched(error: ErrandError) -> list[dict[str, object]]:
            told = self.telling({}, {"said": "Fetching <it>", "share": 0.5}, error=error)
            return list(explore.fetch(look, "l1-deit-s", {}, told, *values_of(look)))

        first, last = fetched(ErrandError("The Hub cannot be reached."))
        assert "Fetching &lt;it&gt;" in str(first["pair_note"])
        assert 'value="0.500"' in str(first["pair_note"])
        assert "The Hub cannot be reached" in str(last["message"])
        assert last["pair"] == BUNDLED
        stopped = fetched(ErrandError("Stopped.", stopped=True))[-1]
        assert "message" not in stopped
        assert stopped["pair"] == BUNDLED

    def test_a_pair_that_has_come_is_taken_with_the_link_that_asked(self) -> None:
        def load(pair: str, _progress: object) -> TinyDrop:
            drop = TinyDrop(BUNDLED)
            return TinyDrop(replace(drop.pair, name=pair))

        explore, look = Explore(LookMaker(load), SAMPLES, look_at("bison")), look_at("bison")
        told = self.telling({"result": None})
        query = {"pair": "l1-deit-s", "tau": "0.41", "sample": "koala"}
        *_, last = explore.fetch(look, "l1-deit-s", query, told, *values_of(look))
        assert (last["look"].pair, last["look"].sample, last["tau"]) == ("l1-deit-s", "koala", 0.41)
        assert explore.looks.ready("l1-deit-s")

    def test_a_pair_that_another_visitor_replaced_is_one_sentence(self) -> None:
        explore = Explore(LookMaker(Loader()), SAMPLES, look_at("bison"))
        shown = explore.pick(
            look_at("bison", pair="l1-deit-s"), "koala", *values_of(look_at("cat"))
        )
        assert "choose it again in the menu" in shown["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"forced_in": frozenset({3, 40}), "forced_out": frozenset({0})},
        {"setting": Setting(tau=0.123, gamma=4.5, temperature=1.37, rule="linear")},
        {"selector": "gradcam++"},
        {"setting": Setting(tau=0.1 + 0.2)},
    ],
)
def test_a_link_brings_back_the_look(changes: dict[str, object]) -> None:
    from urllib.parse import parse_qsl

    look = look_at("koala", **changes)
    query = dict(parse_qsl(query_of(look)))
    back = look_from_query(query, look_at("cat"), SAMPLES, lambda _pair: Setting())
    assert replace(back, setting=look.setting) == look
    for name in ("tau", "gamma", "temperature"):
        assert getattr(back.setting, name) == pytest.approx(getattr(look.setting, name), rel=1e-11)
    assert back.setting.rule == look.setting.rule


def test_every_selector_has_a_title_and_one_sentence_which_the_page_shows(looks: LookMaker) -> None:
    notes = {name: one.note for name, one in SELECTOR_TITLES.items()}
    titles = {one.title for one in SELECTOR_TITLES.values()}
    assert set(SELECTOR_TITLES) == set(SELECTORS)
    assert len(titles) == len(set(notes.values())) == len(SELECTORS)
    for name, note in notes.items():
        assert note.endswith(".")
        assert note.count(". ") == 0
        look = look_at("bison")
        updates = explore_over(looks).choose(look, *values_of(look, selector=name))
        assert note in html.unescape(updates["selector_note"])


def test_an_uploaded_picture_is_not_in_the_link() -> None:
    look = look_at("koala", sample=None, source="/tmp/gradio/secret/own.jpg", name="own.jpg")  # noqa: S108
    assert "own" not in query_of(look)
    assert "sample" not in query_of(look)


@pytest.mark.parametrize(
    "query",
    [
        {"sample": "../../etc/passwd"},
        {"pair": "/some/folder"},
        {"pair": "timm/resnet50"},
        {"tau": "nan"},
        {"tau": "0"},
        {"gamma": "inf"},
        {"temperature": "x"},
        {"rule": "none"},
        {"selector": "best"},
        {"keep": "-1"},
        {"drop": "1,2"},
        {"keep": "9999999"},
    ],
)
def test_a_link_names_nothing_unknown(query: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        look_from_query(query, look_at("cat"), SAMPLES, lambda _pair: Setting())


def test_outcomes_say_right_and_agreeing_apart(looks: LookMaker) -> None:
    seen = set()
    for sample in SAMPLES:
        look = look_at(sample.name, setting=looks.pipeline(BUNDLED).pair.setting)
        looks.answer(look)
        known = looks.known(look)
        assert known is not None
        result, pair = known.result, known.pair
        assert result.full is not None
        truth = truth_of(sample, pair)
        found = sample_outcome(result, truth)
        assert found.exited is result.exited
        assert found.agrees is (result.final.class_index == result.full.class_index)
        assert truth is not None
        if truth.name is None:
            assert (found.right, found.truth_word) == (None, "no such class")
        else:
            assert found.right is (pair.classes[result.final.class_index] == truth.name)
            assert found.truth_word == ("right" if found.right else "wrong")
        assert sample_outcome(result).truth_word == ""
        seen.add((found.truth_word, found.agreement_word))
    assert {word for word, _ in seen} == {"right", "wrong", "no such class"}
    assert {word for _, word in seen} == {"agrees", "differs"}


def test_no_badge_praises_a_wrong_answer(looks: LookMaker) -> None:
    result = studio_result(looks, "cat")
    for right in (True, False):
        badge = gallery(((SAMPLES[0], replace(sample_outcome(result), right=right)),))
        assert (">right<" in badge) is right
        assert (">wrong<" in badge) is not right
        assert "good" not in badge


def test_a_truth_that_the_pair_cannot_say_makes_no_answer_right(looks: LookMaker) -> None:
    result = studio_result(looks, "cat")
    said = plain_text(decision_parts(result, Truth(None)))
    assert said.endswith("No answer can be right: the pair has no class for what is shown.")
    assert plain_text(decision_parts(result, Truth(result.final.name))).endswith("That is right.")
    wrong = plain_text(decision_parts(result, Truth("unicorn")))
    assert wrong.endswith("That is wrong: the photograph shows unicorn.")
    assert "That is" not in plain_text(decision_parts(result))


def studio_result(looks: LookMaker, name: str) -> DropResult:
    look = look_at(name, setting=looks.pipeline(BUNDLED).pair.setting)
    looks.answer(look)
    known = looks.known(look)
    assert known is not None
    return known.result


def test_samples_without_a_list_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"restore its samples\.json"):
        find_samples(tmp_path)
    (tmp_path / "samples.json").write_text("[]")
    with pytest.raises(SettingError, match="lists no photograph"):
        find_samples(tmp_path)
    with pytest.raises(SettingError, match="no sample"):
        find_sample((Sample("a", tmp_path, "", "", ""),), "b")
