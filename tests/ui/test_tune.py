"""The Tune page behind the screen: events, signs of failure, links, files and own traces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up import synthetic_trace

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.studies.calibration import (
    exit_regret,
)
from tinydrop.studies.errands import ErrandError, Message
from tinydrop.studies.sweep import evaluate
from tinydrop.studies.trace import Trace
from tinydrop.ui.kit.traces import HELD, KnownTrace, TraceMaker
from tinydrop.ui.tune import fragments
from tinydrop.ui.tune.files import setting_json, settings_csv
from tinydrop.ui.tune.handlers import Tune
from tinydrop.ui.tune.links import named_in, query_of_setting, setting_from_query
from tinydrop.ui.tune.signs import signs_of_failure
from tinydrop.ui.tune.zip import Jobs, Progress, progress_part

SETTING = Setting(0.6, 1.3)


@pytest.fixture(scope="module")
def trace() -> Trace:
    return synthetic_trace(600, 3)


@pytest.fixture(scope="module")
def traced(trace: Trace) -> KnownTrace:
    return KnownTrace(
        "bundled",
        "Made up",
        trace,
        random=synthetic_trace(600, 3, selector="random"),
        uniform=synthetic_trace(600, 3, selector="uniform"),
    )


@pytest.fixture
def tune(traced: KnownTrace) -> Tune:
    return Tune(TraceMaker(lambda: traced))


class TestSigns:
    def test_none_where_all_is_well(self, trace: Trace) -> None:
        assert signs_of_failure(KnownTrace("k", "", _ideal(trace)), Setting(0.9, 1.0)) == ()

    def test_each_is_named_where_it_occurs(self, traced: KnownTrace) -> None:
        said = " ".join(signs_of_failure(traced, Setting(0.8, 0.3)))
        assert "Accuracy collapses at low budgets" in said
        assert "pure cascade beats dropping" in said
        assert "more than the full target alone" not in said
        dear = KnownTrace("k", "", replace(traced.trace, saliency_macs=10**10))
        assert "more than the full target alone" in signs_of_failure(dear, SETTING)[0]


class TestLinks:
    @pytest.mark.parametrize("setting", [SETTING, Setting(0.995, 7.34, 0.66, "linear")])
    def test_there_and_back(self, setting: Setting) -> None:
        query = dict(pair.split("=") for pair in query_of_setting(setting).split("&"))
        assert named_in(query)
        assert setting_from_query(query, Setting()) == setting

    @pytest.mark.parametrize(
        ("key", "value"), [("t-tau", "much"), ("t-gamma", "nan"), ("t-rule", "no")]
    )
    def test_nonsense_is_refused(self, key: str, value: str) -> None:
        with pytest.raises(SettingError):
            setting_from_query({key: value}, Setting())


class TestFiles:
    def test_csv(self, traced: KnownTrace) -> None:
        lines = settings_csv(traced, SETTING).splitlines()
        assert lines[0].startswith("kind,tau,gamma,rule,temperature,accuracy")
        own = lines[1].split(",")
        assert own[:5] == ["this setting", "0.6", "1.3", "curvature", "1.0"]
        assert float(own[5]) == evaluate(traced.trace, SETTING).accuracy

    def test_json(self, traced: KnownTrace) -> None:
        report = json.loads(setting_json(traced, SETTING))
        assert report["held_out"]["macs"] == evaluate(traced.trace, SETTING).macs
        assert len(report["chosen"]) == 3
        assert len(report["harmful_exits"]) == exit_regret(traced.trace, SETTING).wrong_right


class TestEvents:
    def test_it_opens_at_the_pair_s_setting(self, tune: Tune) -> None:
        assert tune.open({})["tau"] == 0.8
        assert tune.open({"t-tau": "0.31"})["tau"] == 0.8  # a link to another page

    def test_a_link_s_setting_is_taken(self, tune: Tune) -> None:
        query = {"view": "tune", "t-tau": "0.31"}
        assert tune.open(query)["tau"] == 0.31
        wrong = tune.open(query | {"t-temperature": "0.1234"})
        assert "temperature" in wrong["notice"]
        assert wrong["tau"] == 0.8

    def test_out_of_range_is_a_sentence(self, tune: Tune) -> None:
        assert "tau must be" in tune.slide("", 7, 1, 1.0, "curvature")["message"]
        assert "does not state" in tune.slide("", 0.7, 1, 1.01, "curvature")["message"]
        assert (
            "epsilon must be" in tune.promise("", 0.7, 1, 1.0, "curvature", None, "harm")["message"]
        )
        assert "Unknown bound" in tune.promise("", 0.7, 1, 1.0, "curvature", 1, "x")["message"]
        assert "message" in tune.take("", {"tau": "x"})

    def test_a_surprise_is_a_sentence_too(self, caplog: pytest.LogCaptureFixture) -> None:
        def broken() -> KnownTrace:
            raise RuntimeError("secret path /home")

        said = Tune(TraceMaker(broken)).open({})
        assert set(said) == {"message", "numbers"}
        assert "secret" not in said["message"]
        assert "secret" in caplog.text

    def test_nothing_is_drawn_before_the_page_was_opened(self, tune: Tune) -> None:
        assert tune.redraw("", 0.7, 1, 1.0, "curvature") == {}

    def test_what_follows_an_event_leaves_its_sentence(
        self, tune: Tune, traced: KnownTrace
    ) -> None:
        assert "message" not in tune.settle("", 0.7, 1, 1.0, "curvature")
        assert "message" not in tune.redraw(traced.key, 0.7, 1, 1.0, "curvature")
        assert "message" in tune.settle("", 7, 1, 1.0, "curvature")

    def test_what_follows_carries_the_same_key(self, traced: KnownTrace) -> None:
        now, later = (
            fragments.setting_parts(traced, SETTING),
            fragments.settled_parts(traced, SETTING),
        )
        key = now["numbers"].partition('data-follow="')[2].partition('"')[0]
        assert f'data-key="{key}"' in later["intervals"]
        other = fragments.settled_parts(traced, replace(SETTING, tau=0.61))
        assert key not in other["intervals"]


class TestOwn:
    def test_a_visitor_s_trace_needs_its_key(self, tune: Tune, trace: Trace) -> None:
        shown = tune.own("mine.zip", trace.take(np.arange(50)))
        assert len(shown["trace_key"]) == 32
        assert tune.traces.get(shown["trace_key"]).own
        with pytest.raises(TinyDropError, match="no longer held"):
            tune.traces.get("0" * 32)

    def test_only_so_many_are_held(self, tune: Tune, trace: Trace) -> None:
        keys = [tune.own("a.zip", trace.take([0, 1]))["trace_key"] for _ in range(HELD + 1)]
        with pytest.raises(TinyDropError, match="upload the zip again"):
            tune.traces.get(keys[0])
        assert "upload the zip again" in tune.slide(keys[0], 0.7, 1, 1.0, "curvature")["message"]

    def test_one_picture_is_enough_for_a_page(self, trace: Trace) -> None:
        lonely = KnownTrace("k", "", trace.take([0]))
        setting = lonely.setting
        for part in (fragments.setting_parts, fragments.settled_parts, fragments.rule_parts):
            assert part(lonely, setting)

    def test_progress(self) -> None:
        assert "Reading" in progress_part(Progress())
        part = progress_part(Progress(64, 500, 12.4))
        assert "Picture 64 of 500, about 12 s left" in part

    def test_a_job_tells_how_far_it_is_and_what_went_wrong(self) -> None:
        def runner(kind: str, wish: Any, should_stop: Any) -> Iterator[Message]:
            assert (kind, wish["name"], wish["pair"]) == ("trace", "x.zip", "bundled")
            yield {"done": 1, "total": 2, "left": 1.0}
            raise ErrandError("This zip is odd; give another one.")

        jobs, given = Jobs(runner=runner), ("/nowhere/x.zip", "x.zip")
        asked = jobs.ask("visitor", given, 2)
        assert "waiting, 2 ahead" in asked["progress"]
        told = list(jobs.trace("visitor", asked["job"], given, "bundled", lambda _n, _t: {}))
        assert "Picture 1 of 2" in told[0]["progress"]
        assert "This zip is odd" in told[-1]["message"]

    def test_a_job_of_a_visitor_who_left_is_stopped(self) -> None:
        ended = []

        def runner(kind: str, wish: Any, should_stop: Any) -> Iterator[Message]:
            try:
                while True:
                    yield {}
            finally:
                ended.append("stopped")

        jobs, given = Jobs(runner=runner), ("/nowhere/x.zip", "x.zip")
        job = jobs.ask("visitor", given, 0)["job"]
        running = jobs.trace("visitor", job, given, "bundled", lambda _n, _t: {})
        next(running)
        running.close()
        assert ended == ["stopped"]

    def test_a_second_zip_of_a_visitor_replaces_the_first(self) -> None:
        def runner(kind: str, wish: Any, should_stop: Any) -> Iterator[Message]:
            while not should_stop():
                yield {}
            raise ErrandError("Stopped.", stopped=True)

        jobs, given = Jobs(runner=runner), ("/nowhere/x.zip", "x.zip")
        first = jobs.ask("visitor", given, 0)["job"]
        running = jobs.trace("visitor", first, given, "bundled", lambda _n, _t: {})
        next(running)
        other = jobs.ask("another", given, 0)["job"]
        assert next(running), "another visitor's does not"
        second = jobs.ask("visitor", given, 0)["job"]
        assert list(running) == [], "what was replaced says nothing more"
        assert not any(map(jobs._turns.stopped, (second, other)))
        alone = jobs.trace("visitor", second, given, "bundled", lambda _n, _t: {})
        next(alone)
        jobs.stop(second)
        assert "Stopped" in list(alone)[-1]["progress"]


def _ideal(trace: Trace) -> Trace:
    """Return the trace of a target that is always right, beside a guidance that never is sure."""
    shape = trace.target_class.shape
    return replace(
        trace,
        target_class=np.broadcast_to(trace.label[:, None], shape),
        target_rank=np.zeros(shape, np.int64),
        guidance_class=(trace.label + 1) % 24,
        guidance_rank=np.ones(len(trace), np.int64),
        confidence=np.full_like(trace.confidence, 0.5),
    )


class TestFew:
    """15.12: under 300 pictures nothing is recommended and the interval leads."""

    FEW, ENOUGH = 299, 300

    def test_no_setting_is_recommended(self, trace: Trace) -> None:
        few = KnownTrace("k", "", trace.take(np.arange(self.FEW)))
        setting = few.setting
        frame = fragments.rule_parts(few, setting) | fragments.thresholds(few, setting, 1.0, "harm")
        for part in ("chosen", "f1"):
            assert "299 pictures are too few to recommend a setting" in frame[part]
            assert "data-take" not in frame[part]
        names = {name.strip() for name in re.findall("</svg>([^<]*)</button>", frame["frontier"])}
        assert "pure cascade, no dropping" in names
        assert not names & {"knee of the frontier", "chosen for 0.3, 0.5, 1 points"}
        assert json.loads(setting_json(few, setting))["chosen"] == []

    def test_enough_pictures_are_recommended_by(self, trace: Trace) -> None:
        enough = KnownTrace("k", "", trace.take(np.arange(self.ENOUGH)))
        setting = enough.setting
        frame = fragments.rule_parts(enough, setting) | fragments.thresholds(
            enough, setting, 1.0, "harm"
        )
        assert "too few" not in frame["chosen"] + frame["f1"]
        assert "data-take" in frame["f1"]
        assert "With 95 %" not in fragments.setting_parts(enough, setting)["numbers"]

    def test_the_interval_leads(self, trace: Trace) -> None:
        few = KnownTrace("k", "", trace.take(np.arange(19)))
        outcome, spans = few.outcome(SETTING), few.intervals(SETTING)
        card = fragments.setting_parts(few, SETTING)["numbers"]
        sentence = card.partition('aria-live="polite">')[2].partition("</p>")[0]
        low, high = spans["accuracy"].low, spans["accuracy"].high
        worse, better = spans["accuracy_drop"].high, -spans["accuracy_drop"].low
        assert low < outcome.accuracy < high
        assert sentence.startswith("From only <b>19 pictures</b>, with 95 % confidence")
        assert f"<b>{worse:.1f} points below to {better:.1f} points above the full" in sentence
        ends = int(np.floor(100 * low)), int(np.ceil(100 * high))
        assert f"<b>{ends[0]} to {ends[1]} <span>%</span></b>" in card
        assert f"measured {100 * outcome.accuracy:.1f} %" in card

    def test_few_pictures_and_one_class_are_signs(self, trace: Trace) -> None:
        alike = np.flatnonzero(trace.label == trace.label[0])[:5]
        said = " ".join(signs_of_failure(KnownTrace("k", "", trace.take(alike)), SETTING))
        assert "Only 5 pictures are measured" in said
        assert "Every picture is of the class" in said
        assert "cascade" not in said

    def test_the_page_lists_the_classes(self, traced: KnownTrace) -> None:
        listed = fragments.trace_parts(traced)["classes"]
        assert all(name in listed for name in traced.trace.provenance.classes)
