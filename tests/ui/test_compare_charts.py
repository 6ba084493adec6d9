"""The charts and the table of the Compare page draw what the figures say."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydrop.models.reduction import DropStep, MergeStep, PruneStep
from tinydrop.studies.comparison import METHODS, CompareTable, read_compare
from tinydrop.ui.compare.charts import cost_panels, cost_share
from tinydrop.ui.compare.places import PlaceLine, places_chart
from tinydrop.ui.compare.tables import compare_foot, compare_missing, compare_table
from tinydrop.ui.compare.words import (
    GROUPS,
    TRAINED,
    group_of,
    method_note,
    method_title,
    step_words,
    tile_title,
)
from tinydrop.ui.kit.labels import spread_out

TABLE = Path(__file__).resolve().parents[2] / "assets" / "tables" / "bundled-compare.parquet"


@pytest.fixture(scope="module")
def table() -> CompareTable:
    return read_compare(TABLE)


def panels(html: str) -> dict[str, str]:
    found = re.findall(
        r'<section class="cp-panel" data-group="(\w+)".*?>(.*?)</section>', html, re.S
    )
    return dict(found)


def figure(panel: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', panel, re.S)
    assert found is not None
    return dict(json.loads(found[1]))


def traces(panel: str, part: str = "line") -> dict[str, dict[str, Any]]:
    return {t["meta"]["line"]: t for t in figure(panel)["data"] if t["meta"]["part"] == part}


def drawn(panel: str) -> list[str]:
    return list(traces(panel))


class TestLabels:
    @given(
        st.lists(st.floats(0, 300), min_size=1, max_size=9).map(sorted),
        st.floats(1, 25),
    )
    @settings(max_examples=60, deadline=None)
    def test_they_are_the_nearest_that_keep_their_distance(
        self, wanted: list[float], gap: float
    ) -> None:
        found = spread_out(wanted, gap, -1e6, 1e6)
        assert all(b - a >= gap - 1e-6 for a, b in pairwise(found))
        # Isotonic regression in its max-min form, of the places less what the gaps take.
        less = [at - place * gap for place, at in enumerate(wanted)]
        for i in range(len(less)):
            best = max(
                min(float(np.mean(less[a : b + 1])) for b in range(i, len(less)))
                for a in range(i + 1)
            )
            assert found[i] == pytest.approx(best + i * gap, abs=1e-6)

    def test_they_stay_inside(self) -> None:
        assert spread_out([0.0, 1.0], 10.0, 5.0, 100.0) == [5.0, 15.0]
        assert spread_out([98.0, 99.0], 10.0, 5.0, 100.0) == [90.0, 100.0]
        assert spread_out([], 10.0, 0.0, 1.0) == []


class TestWords:
    def test_every_method_has_a_place_a_name_and_a_sentence(self) -> None:
        placed = [name for group in GROUPS for name in group.methods]
        assert sorted(placed) == sorted(METHODS), "each of them once"
        for name in METHODS:
            assert method_title(name) != ""
            assert len(tile_title(name)) <= 14
            assert method_note(name).endswith(".")
        assert len({method_title(name) for name in METHODS}) == len(METHODS)
        assert group_of("bundled-sit") == TRAINED.key
        assert group_of("gradcam+exit") == "input"

    def test_steps_name_their_place(self) -> None:
        assert step_words(DropStep(0, 4), 6) == "dropped at the input"
        by = DropStep(3, 4, "attention")
        assert step_words(by, 6) == "dropped after 3 of 6 blocks, by class attention"
        assert step_words(MergeStep(0, 5), 6) == "5 merged in block 1 of 6"
        assert (
            step_words(PruneStep(5, 4, fused=True), 6) == "pruned in block 6 of 6, the rest fused"
        )


class TestPanels:
    def test_each_method_is_drawn_in_its_own_panel_beside_the_reference(
        self, table: CompareTable
    ) -> None:
        found = panels(cost_panels(table, "macs", guided=True))
        assert list(found) == ["input", "inside", "steps", "trained"]
        for group in GROUPS:
            own = {name for name in group.methods if name in table.methods}
            assert set(drawn(found[group.key])) == own | {"gradcam"}
        rest = {"gradcam", "gradcam+exit", "tinydrop", "target", "guidance", *table.students}
        assert set(drawn(found["trained"])) == rest

    @pytest.mark.parametrize(
        ("axis", "guided"), [("macs", True), ("macs", False), ("time", True), ("time", False)]
    )
    def test_points_lie_where_the_axes_say(
        self, table: CompareTable, axis: str, guided: bool
    ) -> None:
        panel = panels(cost_panels(table, axis, guided=guided))["input"]
        trace = traces(panel)["coverage"]
        rows = sorted((r for r in table.rows if r.method == "coverage"), key=lambda r: r.level)
        assert len(trace["x"]) == len(rows) == 5
        assert panel.count('<th scope="row">coverage</th>') == 5, "a row of the table for each"
        for x, y, row in zip(trace["x"], trace["y"], rows, strict=True):
            share = cost_share(row, table, axis, guided=guided)
            assert share is not None
            assert x == pytest.approx(100 * share, abs=1e-4)
            assert y == pytest.approx(100 * row.accuracy.value, abs=1e-4)

    def test_gains_are_the_paired_ones(self, table: CompareTable) -> None:
        panel = panels(cost_panels(table, "macs", guided=True, differing=True))["input"]
        rows = sorted((r for r in table.rows if r.method == "random"), key=lambda r: r.level)
        for y, row in zip(traces(panel)["random"]["y"], rows, strict=True):
            assert row.gain is not None
            assert y == pytest.approx(100 * row.gain.value, abs=1e-4)

    def test_the_guide_is_on_top_only_where_it_is_paid(self, table: CompareTable) -> None:
        known = table.provenance
        for method in ("gradcam", "random"):
            row = table.find(method, 8)
            assert row is not None
            own, with_guide = (cost_share(row, table, "macs", guided=g) for g in (False, True))
            assert own is not None
            assert with_guide is not None
            extra = known.guidance_macs + known.saliency_macs if method == "gradcam" else 0
            assert (with_guide - own) * known.full_macs == pytest.approx(extra, abs=1)
        target = table.find("target", 16)
        assert target is not None
        assert cost_share(target, table, "time", guided=True) == 1.0

    def test_no_two_lines_of_a_panel_look_alike(self, table: CompareTable) -> None:
        for panel in panels(cost_panels(table, "macs", guided=True)).values():
            looks = [
                (t["line"]["dash"], t["marker"]["symbol"], t["marker"]["color"])
                for t in traces(panel).values()
            ]
            assert len(set(looks)) == len(looks)


class TestTable:
    def test_every_row_stands_with_its_figures(self, table: CompareTable) -> None:
        html = compare_table(table)
        rows = re.findall(r"<tr.*?</tr>", html)[1:]
        assert len(rows) == len(table.rows)
        shown = [row for row in rows if " hidden" not in row.split(">")[0]]
        own = [row for row in table.rows if row.level not in (4, 6, 8, 10, 12)]
        at_8 = [row for row in table.rows if row.level == 8]
        assert len(shown) == len(own) + len(at_8)
        values = [float(re.search(r'data-accuracy="([\d.]+)"', row)[1]) for row in rows]
        assert values == sorted(values, reverse=True)
        row = table.find("hybrid", 8)
        assert row is not None
        assert row.gain is not None
        gain = "".join(
            f"{100 * v:+.1f}{more}"
            for v, more in (
                (row.gain.value, " <small>"), (row.gain.low, " to "), (row.gain.high, "</small>")
            )
        ).replace("-", "−")  # fmt: skip
        (found,) = [one for one in shown if ">hybrid<" in one]
        assert gain in found
        assert f"<td>{100 * row.accuracy.value:.1f} <small>" in found

    def test_it_says_where_the_figures_come_from(self, table: CompareTable) -> None:
        foot, known = compare_foot(table), table.provenance
        for fact in (
            f"{known.pictures:,} pictures of {known.data}", known.device, f"{known.threads} thread",
            f"medians of {known.repeats} turns", f"{known.full_ms:.1f} ms",
        ):  # fmt: skip
            assert fact in foot
        assert foot.count("<li>") == len(known.notes)
        assert ("The machine was busy" in foot) == table.noisy
        assert "python -m tinydrop compare" in compare_missing("There is <none>.")
        assert "<none>" not in compare_missing("There is <none>.")


class TestPlaces:
    LINES = (
        PlaceLine("gradcam", "Grad-CAM", (0.2, 0.4, None)),
        PlaceLine("attention", "own attention", (None, 0.1, None)),
    )

    def test_lines_marks_and_what_is_too_dear(self) -> None:
        svg = places_chart(self.LINES, (8, 5, None), 0.5, 1, "Chances")
        assert re.findall(r'class="(cp-col[^"]*)" data-block="(\d)"', svg) == [
            ("cp-col", "0"), ("cp-col cp-now", "1"), ("cp-col cp-dear", "2"),
        ]  # fmt: skip
        assert svg.count("cg-mark") == 3
        ticks = np.array(re.findall(r'cp-tick" x="[\d.]+" y="([\d.]+)">(\d+) %', svg), dtype=float)
        up = np.polyfit(ticks[:, 1], ticks[:, 0] - 4, 1)
        marks = re.findall(r"translate\([\d.]+ ([\d.]+)\)", svg)
        for y, chance in zip(marks, (20, 40, 10), strict=True):
            assert float(y) == pytest.approx(np.polyval(up, chance), abs=0.2)
        assert ticks[:, 1].max() >= 50, "the full target's own line is on the chart"
        assert "Grad-CAM: at the input 20 %, after 1 of 3 blocks 40 %" in svg

    def test_a_ranker_that_runs_nowhere_has_no_line(self) -> None:
        svg = places_chart((PlaceLine("random", "random", (None,)),), (None,), 0.0, 0, "Chances")
        assert "cg-path" not in svg
        assert "random: nowhere" in svg
