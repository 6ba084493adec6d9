"""The Tune page in a real browser: what a person sees is what the trace says."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reading import App, Seen, alert, overflow
from tuning import accuracy_is, at, drawn, figure, followed, number, type_in

from tinydrop.core.assets import asset
from tinydrop.core.budget import Setting
from tinydrop.core.numbers import exact_percent
from tinydrop.studies.sweep import evaluate
from tinydrop.studies.trace import Trace, read_trace

pytestmark = pytest.mark.browser

PLOTLY_AT = """() => {
  const box = document.querySelector('#tn-frontier .tc-plot');
  const one = box.data.find((each) => each.meta.line === 'here');
  return [one.x[0] * Number(document.querySelector('[data-unit]').dataset.unit), one.y[0]];
}"""
SHOWN_AT = """() => {
  const box = document.querySelector('#tn-frontier .tc-plot');
  const trace = [...box.querySelectorAll('.scatterlayer .trace')]
    .find((one) => one.__data__[0].trace.meta.line === 'here');
  const moved = trace.querySelector('path.point').getAttribute('transform');
  const [x, y] = moved.match(/-?[\\d.]+/g).map(Number);
  const { xaxis, yaxis } = box._fullLayout;
  return [xaxis.p2d(x) * Number(document.querySelector('[data-unit]').dataset.unit), yaxis.p2d(y)];
}"""

TRACE = asset("traces", "bundled-gradcam.parquet")


@pytest.fixture(scope="module")
def trace() -> Trace:
    return read_trace(TRACE)


class TestOpening:
    def test_it_opens_with_the_figures_of_the_bundled_trace(
        self, tune: Any, seen: Seen, trace: Trace
    ) -> None:
        setting = Setting(**trace.provenance.setting)
        assert at(tune) == setting
        assert figure(tune, "accuracy") == exact_percent(evaluate(trace, setting).accuracy)
        assert f"{len(trace):,}" in tune.inner_text("#tn-trace")
        for panel in ("reliability", "risk", "regret", "certified", "f1"):
            tune.wait_for_function(
                "name => document.querySelector(`#tn-card-${name}`).innerText.length > 120",
                arg=panel,
            )
        assert seen.outside == []
        assert seen.errors == []

    def test_explore_waits_for_nothing_of_it(self, page: Any) -> None:
        scripts = page.evaluate(
            "performance.getEntriesByType('resource').map((one) => one.name)"
            ".filter((name) => name.includes('plotly'))"
        )
        assert scripts == []
        assert page.locator("#tn-frontier .tc-plot").first.count() == 0

    @pytest.mark.thorough
    def test_each_page_keeps_its_state(self, tune: Any) -> None:
        type_in(tune, "tn-tau", 0.43)
        tune.get_by_role("tab", name="Explore").click()
        tune.wait_for_selector("#td-board", state="visible")
        tune.get_by_role("tab", name="Tune").click()
        assert number(tune, "tn-tau") == 0.43


class TestSettings:
    @pytest.mark.parametrize(("tau", "gamma"), [(0.31, 0.25), (0.9, 4.0)])
    def test_the_figures_follow_the_sliders_exactly(
        self, tune: Any, trace: Trace, tau: float, gamma: float
    ) -> None:
        type_in(tune, "tn-tau", tau)
        type_in(tune, "tn-gamma", gamma)
        setting = Setting(tau, gamma, trace.provenance.setting["temperature"])
        outcome = evaluate(trace, setting)
        accuracy_is(tune, exact_percent(outcome.accuracy))
        tune.wait_for_function(
            "words => document.querySelector('[data-measure=exit_rate] b').innerText === words",
            arg=exact_percent(outcome.exit_rate),
        )
        assert figure(tune, "saved") == exact_percent(outcome.saved)
        assert figure(tune, "agreement") == exact_percent(outcome.agreement)
        followed(tune)
        # The marker is on the screen where the outcome lies on the chart's axes, and plotly's own
        # point follows when the slider rests.
        for spot in (SHOWN_AT, PLOTLY_AT):
            tune.wait_for_function(
                f"([macs, percent]) => {{ const at = ({spot})();"
                " return at && Math.abs(at[0] / macs - 1) < 1e-3"
                " && Math.abs(at[1] - percent) < 0.05; }",
                arg=[outcome.macs, 100 * outcome.accuracy],
            )

    def test_a_click_on_the_frontier_takes_its_setting(self, tune: Any, trace: Trace) -> None:
        tune.locator("#tn-frontier .tc-plot").first.scroll_into_view_if_needed()
        # The point farthest from all others, so that the click can mean only this one.
        x, y, tau, gamma = tune.evaluate(
            """() => {
              const box = document.querySelector('#tn-frontier .tc-plot');
              const { xaxis, yaxis } = box._fullLayout;
              const place = (x, y) => [xaxis.l2p(x) + xaxis._offset, yaxis.l2p(y) + yaxis._offset];
              const every = box.data.flatMap((one) => one.x.map((x, i) => ({
                at: place(x, one.y[i]), taken: one.customdata?.[i], series: one.meta.line })));
              const far = (one) => Math.min(...every.filter((other) => other !== one)
                .map((other) => Math.hypot(other.at[0] - one.at[0], other.at[1] - one.at[1])));
              const seen = ([x, y]) => x > xaxis._offset && x < xaxis._offset + xaxis._length
                && y > yaxis._offset && y < yaxis._offset + yaxis._length;
              const own = every.filter((one) => one.taken && one.series === 'settings'
                && seen(one.at)); // the chart is zoomed to where the methods differ
              const best = own.reduce((a, b) => (far(b) > far(a) ? b : a));
              const corner = box.getBoundingClientRect();
              return [corner.x + best.at[0], corner.y + best.at[1], best.taken[0], best.taken[1]];
            }"""
        )
        tune.mouse.move(x, y)
        tune.mouse.click(x, y)
        outcome = evaluate(trace, Setting(tau, gamma, trace.provenance.setting["temperature"]))
        accuracy_is(tune, exact_percent(outcome.accuracy))
        assert (number(tune, "tn-tau"), number(tune, "tn-gamma")) == (tau, gamma)
        assert (at(tune).tau, at(tune).gamma) == (tau, gamma)

    @pytest.mark.thorough
    def test_a_button_of_the_table_takes_its_setting(self, tune: Any) -> None:
        button = tune.locator("#tn-chosen [data-take]").last
        taken = json.loads(button.get_attribute("data-take"))
        button.click()
        tune.wait_for_function(
            "tau => document.querySelector('#tn-tau input[type=number]').value === String(tau)",
            arg=taken["tau"],
        )
        tune.wait_for_function(
            "text => document.querySelector('#tn-actions [data-query]').dataset.query"
            ".includes(text)",
            arg=f"t-gamma={taken['gamma']:g}",
        )

    @pytest.mark.thorough
    def test_the_table_says_on_which_half_it_reports(self, tune: Any) -> None:
        assert "that the search never saw" in tune.inner_text("#tn-chosen")

    @pytest.mark.thorough
    def test_another_rule_draws_another_chart(self, tune: Any) -> None:
        before = tune.evaluate(
            "document.querySelector('#tn-frontier .tc-plot').data.map((one) => one.x.length)"
        )
        tune.locator("#tn-rule input").click()
        tune.locator("ul[role=listbox] li", has_text="linear").first.click()
        tune.wait_for_function(
            "old => JSON.stringify(document.querySelector('#tn-frontier .tc-plot').data"
            ".map((one) => one.x.length)) !== JSON.stringify(old)",
            arg=before,
        )
        assert "t-rule=linear" in tune.get_attribute("#tn-actions [data-query]", "data-query")

    @pytest.mark.thorough
    def test_another_epsilon_is_answered(self, tune: Any) -> None:
        assert "0.2 points" not in tune.inner_text("#tn-certified")
        type_in(tune, "tn-epsilon", 0.2)
        tune.wait_for_function(
            "document.querySelector('#tn-certified').innerText.includes('0.2 points')"
        )

    @pytest.mark.thorough
    def test_the_signs_of_failure_are_named(self, tune: Any) -> None:
        type_in(tune, "tn-tau", 1.0)
        type_in(tune, "tn-gamma", 8.0)
        tune.wait_for_function(
            "document.querySelector('#tn-warnings').innerText"
            ".includes('more than the full target alone')"
        )


class TestTakingItAlong:
    def test_use_in_explore(self, tune: Any, trace: Trace) -> None:
        type_in(tune, "tn-tau", 0.37)
        type_in(tune, "tn-gamma", 2.5)
        outcome = evaluate(trace, Setting(0.37, 2.5, trace.provenance.setting["temperature"]))
        accuracy_is(tune, exact_percent(outcome.accuracy))
        tune.get_by_role("button", name="Use in Explore").click()
        tune.wait_for_selector("#td-board", state="visible")
        tune.wait_for_function(
            "document.querySelector('#td-tau input[type=number]').value === '0.37'"
        )
        assert number(tune, "td-gamma") == 2.5
        # Explore says the same of it, under its own sliders.
        tune.wait_for_function(
            "words => document.querySelector('.tn-measured').innerText.includes(words)",
            arg=exact_percent(outcome.accuracy),
        )

    @pytest.mark.thorough
    def test_explore_follows_its_own_sliders(self, page: Any, trace: Trace) -> None:
        type_in(page, "td-tau", 0.25)
        gamma = number(page, "td-gamma")
        setting = Setting(0.25, gamma, trace.provenance.setting["temperature"])
        page.wait_for_function(
            "words => document.querySelector('.tn-measured').innerText.includes(words)",
            arg=exact_percent(evaluate(trace, setting).accuracy),
        )

    @pytest.mark.thorough
    def test_the_link_brings_the_setting_back(self, app: App, tune: Any, linked: Any) -> None:
        type_in(tune, "tn-tau", 0.52)
        tune.wait_for_function(
            "document.querySelector('#tn-actions [data-query]').dataset.query.includes('0.52')"
        )
        tune.get_by_role("button", name="Copy link").last.click()
        link = tune.inner_text("#tn-actions .td-copied")
        assert link.startswith(app.url)
        linked.goto(link)
        drawn(linked)
        assert number(linked, "tn-tau") == 0.52
        assert at(linked) == at(tune)
        assert figure(linked, "accuracy") == figure(tune, "accuracy")

    @pytest.mark.parametrize("query", ["t-tau=7", "t-gamma=much", "t-temperature=0.123"])
    @pytest.mark.thorough
    def test_a_bad_link_is_a_sentence_and_the_page_opens(
        self, app: App, linked: Any, query: str
    ) -> None:
        linked.goto(f"{app.url}/?view=tune&{query}")
        drawn(linked)
        linked.wait_for_timeout(500)  # whatever could wipe the sentence has had its time
        assert query.partition("=")[0].removeprefix("t-") in alert(linked)

    @pytest.mark.thorough
    def test_csv_and_json(self, tune: Any, trace: Trace) -> None:
        files = {}
        for kind in ("CSV", "JSON"):
            with tune.expect_download() as download:
                tune.locator("#tn-actions").get_by_role("button", name=kind).click()
            files[kind] = Path(download.value.path()).read_text()
        rows = list(csv.DictReader(io.StringIO(files["CSV"])))
        outcome = evaluate(trace, at(tune))
        assert rows[0]["kind"] == "this setting"
        assert float(rows[0]["accuracy"]) == outcome.accuracy
        assert {"frontier", "cascade", "random at this setting"} <= {row["kind"] for row in rows}
        report = json.loads(files["JSON"])
        assert report["held_out"]["accuracy"] == outcome.accuracy
        assert {"guidance", "target", "cascade", "no_exit"} <= set(report["baselines"])

    @pytest.mark.thorough
    def test_png(self, tune: Any) -> None:
        with tune.expect_download() as download:
            tune.locator("#tn-actions").get_by_role("button", name="PNG").click()
        with Image.open(download.value.path()) as image:
            assert image.size == (2400, 1520)


class TestLooks:
    @pytest.mark.parametrize("context_options", [{"viewport": {"width": 390, "height": 844}}])
    def test_a_phone_scrolls_one_way_only(
        self, app: App, linked: Any, context_options: dict[str, Any]
    ) -> None:
        linked.goto(f"{app.url}/?view=tune")
        # A chart is drawn when it comes near the window, and on a phone it lies below it.
        linked.locator("#tn-frontier .tc-host").first.scroll_into_view_if_needed()
        drawn(linked)
        assert overflow(linked) <= 0
        assert linked.locator("#tn-frontier .tc-plot").first.bounding_box()["width"] > 300

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.thorough
    def test_the_chart_wears_the_page_s_colours(self, app: App, linked: Any, scheme: str) -> None:
        linked.goto(f"{app.url}/?__theme={scheme}&view=tune")
        drawn(linked)
        paper, card = linked.evaluate(
            "[document.querySelector('#tn-frontier .tc-plot')._fullLayout.paper_bgcolor,"
            " getComputedStyle(document.body).getPropertyValue('--td-card').trim()]"
        )
        assert paper == card

    @pytest.mark.thorough
    def test_it_can_be_used_from_the_keyboard(self, tune: Any) -> None:
        tune.locator("#tn-tau input[type=range]").focus()
        before = figure(tune, "exit_rate")
        for _ in range(5):
            tune.keyboard.press("ArrowLeft")
        tune.wait_for_function(
            "old => document.querySelector('[data-measure=exit_rate] b').innerText !== old",
            arg=before,
        )
