"""What is said and drawn of the tables: words follow the figures, and figures are on the page."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from quality_tables import interventions, provenance, report, tenths

from tinydrop.ui.coherence.charts import Curve, accuracy_chart
from tinydrop.ui.coherence.charts import tenths_chart as drawn_tenths
from tinydrop.ui.coherence.lessons import lessons, lessons_html, small_lesson
from tinydrop.ui.coherence.tables import foot_html, missing_html, quality_table

FLAT = {("selector", "gradcam"): 40}


def said(points: dict, **more: object) -> str:
    table = interventions(FLAT | points, more.pop("known", None))
    return " ".join(lessons(table, more.get("report"), more.get("tenths")))


def test_a_choice_that_wins_at_eleven_levels_is_said_to() -> None:
    wins = np.array([41.0] * 4 + [43.0] * 6 + [45.0] + [39.0] * 4 + [40.0])
    assert said({("selector", "uniform"): wins}) == (
        "Evenly spread patches beat Grad-CAM at 11 of 15 levels and lose at 4 (7 and 0 of them "
        "beyond chance), by up to 5.0 points with 44 of 64 kept."
    )


def test_a_choice_that_loses_is_said_to_lose() -> None:
    loses = np.array([30.0] + [39.0] * 14 + [40.0])
    assert said({("selector", "random"): loses}) == (
        "Random patches lose to Grad-CAM at 15 of 15 levels and win at 0 (1 and 0 of them beyond "
        "chance), by up to 10.0 points with 4 of 64 kept."
    )
    assert "(0 and 0 of them beyond chance)" in said({("selector", "random"): 41})


def test_equal_choices_are_not_ranked() -> None:
    assert "win at as many levels as they lose" in said({("selector", "coverage"): 40})


def test_lost_positions_are_stated_at_their_worst_level() -> None:
    right = np.full(16, 50.0)
    first = right.copy()
    first[3] = 31.5
    points = {("positions", "right"): right, ("positions", "first"): first}
    assert said(points) == (
        "The same patches cost accuracy when they lose their positions: taken for the first K of "
        "the grid up to 18.5 points (K = 16)."
    )
    points["positions", "first"] = right + 1
    assert "which is unexpected" in said(points)


@pytest.mark.parametrize(
    ("own", "full", "words"),
    [
        (
            np.linspace(20, 50, 10), 60,
            "coherence helps: dropping costs the most coherent tenth 10.0 points and the least "
            "coherent 40.0 (right with every patch: 60.0 and 60.0 %).",
        ),
        (np.linspace(50, 20, 10), 60, "coherence hurts, against expectation: dropping costs"),
        (np.linspace(50, 52, 10), 60, "makes no difference beyond chance: dropping costs"),
        # Coherent maps on easy pictures: every patch gains as much.
        (np.linspace(20, 80, 10), np.linspace(25, 85, 10).round(), "no difference beyond chance"),
    ],
)  # fmt: skip
def test_whether_coherence_helps_depends_on_the_figures(
    own: np.ndarray, full: object, words: str
) -> None:
    assert words in said({}, tenths=tenths(own.round(), full))


def test_a_map_is_held_against_what_sees_nothing() -> None:
    blind = {"centre cell": {"pointing": 0.7}, "random": {"pointing": 0.4, "insertion": 0.3}}
    low = report({"gradcam": {"pointing": 0.5, "insertion": 0.2}, **blind})
    words = said({}, report=low)
    assert (
        "on 50 % of the pictures, no more often than a fixed point in the middle (70 %), " in words
    )
    assert "convinced later in the order of Grad-CAM" in words
    assert words.count("against expectation") == 2
    high = report({"gradcam": {"pointing": 0.9, "insertion": 0.6}, **blind})
    words = said({}, report=high)
    assert "more often than a fixed point in the middle (70 %)." in words
    assert "convinced sooner" in words
    assert "against expectation" not in words


def test_small_objects_are_held_against_blind_choices_and_the_box() -> None:
    rising = np.linspace(10.0, 50.0, 16)
    points = {("selector", "gradcam"): rising, ("selector", "random"): rising - 2.0}
    points |= {("selector", "uniform"): rising + 2.0, ("selector", "centre"): rising}
    points |= {("reference", "object box"): rising + 5.0}
    table = interventions(points, provenance(pictures=1000, objects="small"))
    said = small_lesson(table, None)
    assert "1,000 pictures whose object covers less than 35 % of the crop" in said
    assert "beat, at 15 levels, 15 times those of random, 0 times those of uniform, 0 times" in said
    kept = 10.0 + 40.0 * 7 / 15
    assert f"right on {kept:.1f} %, those nearest the object’s box on {kept + 5:.1f} %" in said
    assert "all patches on 50.0 %" in said
    assert "may be chance" not in said
    blind = {"centre cell": {"pointing": 0.4}, "random": {"pointing": 0.2}}
    found = report({"gradcam": {"pointing": 0.6}, **blind})
    few = interventions(points, provenance(pictures=300, objects="small"))
    said = small_lesson(few, found)
    assert "on 60 % of the pictures, more often than a fixed point in the middle (40 %). " in said
    assert said.endswith("Only 300 pictures were measured, so most differences may be chance.")


def test_few_pictures_are_owned_up_to() -> None:
    table = interventions(FLAT, provenance(pictures=300))
    assert "Only 300 pictures were measured" in lessons_html(table, None, None)
    assert "Only" not in lessons_html(interventions(FLAT), None, None)


def curve(name: str, value: float, *, shown: bool = True) -> Curve:
    values = np.linspace(value, 0.5, 16)
    return Curve(name, name.upper(), name, values, values - 0.03, values + 0.03, shown)


def traces(html: str, part: str = "line") -> dict[str, dict[str, Any]]:
    found = re.search(r'<script type="application/json">(.*?)</script>', html, re.S)
    assert found is not None
    data = json.loads(found[1])["data"]
    return {one["meta"]["line"]: one for one in data if one["meta"]["part"].endswith(part)}


KEPT = tuple(range(4, 65, 4))


def test_the_chart_holds_every_figure_and_never_two_looks_alike() -> None:
    curves = [curve("a", 0.1), curve("b", 0.2), curve("c", 0.3, shown=False)]
    levels = {"full target": 0.5, "guidance alone": 0.3}
    html = accuracy_chart("k", curves, KEPT, levels, "a chart")
    drawn = traces(html)
    assert [(name, one["visible"]) for name, one in drawn.items()] == [
        ("a", True), ("b", True), ("c", False),
    ]  # fmt: skip
    for one, start in zip(drawn.values(), (10.0, 20.0, 30.0), strict=True):
        assert one["x"] == list(KEPT)
        assert one["y"] == pytest.approx(np.linspace(start, 50.0, 16).tolist())
    assert drawn["a"]["hovertext"][0] == "A, 4 patches: 10.0 % right (7.0 to 13.0)"
    band = traces(html, "band")["b"]
    assert band["y"][:16] == pytest.approx(np.linspace(23.0, 53.0, 16).tolist())
    assert "full target 50.0 %" in html
    assert "guidance alone 30.0 %" in html
    assert re.findall(r'data-line="(\w)".*?aria-pressed="(\w+)"', html) == [
        ("a", "true"), ("b", "true"), ("c", "false"),
    ]  # fmt: skip
    assert len({(one["line"]["dash"], one["marker"]["symbol"]) for one in drawn.values()}) == 3


def test_the_table_has_a_row_for_each_point() -> None:
    html = accuracy_chart("k", [curve("a", 0.1)], KEPT, {}, "x")
    assert html.count('<th scope="row">A</th>') == 16
    assert '<th scope="row">A</th><td>4</td><td>10</td><td>7</td><td>13</td>' in html


def test_tenths_show_both_accuracies_or_say_why_not() -> None:
    table = tenths(np.arange(30, 50, 2), 70)
    html = drawn_tenths(table, 8)
    assert len(traces(html)["kept"]["x"]) == 10
    assert "tenth 1: 200 pictures, mean percentile 0, kept patches 30.0 % right" in html
    assert traces(html)["every"]["y"] == [70.0] * 10
    assert "every patch is kept" in drawn_tenths(table, 16)


def test_the_quality_table_has_units_and_dashes() -> None:
    html = quality_table(report({"gradcam": {"pointing": 0.5, "sanity": -0.07}, "random": {}}))
    assert "<td>50.0<small>± 1.0</small></td>" in html
    assert "<td>−0.07<small>± 0.01</small></td>" in html
    assert html.index("sees nothing") < html.index('data-method="random"')
    assert html.index('data-method="gradcam"') < html.index("sees nothing")
    assert "% of pictures" in html


def test_what_is_missing_names_its_command_and_escapes_its_reason() -> None:
    html = missing_html("Accuracy", "There is no table <x>.")
    assert "python -m tinydrop quality" in html
    assert "&lt;x&gt;" in html


def test_the_foot_says_where_figures_come_from() -> None:
    html = foot_html(provenance(), "Cards: a trace.")
    for words in ("2,000 pictures of made up", "layer9", "torch 9.9", "2 unreadable", "A note"):
        assert words in html
    assert foot_html(None, "Cards: a trace.") == '<p class="td-foot">Cards: a trace.</p>'
