"""The gallery's events over a made-up trace: what is listed, opened and refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up import synthetic_trace
from quality_tables import drift_table, interventions, provenance, report, tenths

from tinydrop.studies.quality import find_failures, write_tables
from tinydrop.studies.trace import Trace
from tinydrop.ui.coherence.gallery import PAGE, Gallery, GalleryWish
from tinydrop.ui.coherence.gallery_maker import GalleryMaker
from tinydrop.ui.kit.traces import KnownTrace, TraceMaker

TRACE = synthetic_trace(200, 4, num_patches=64, with_maps=True)
POINTS = {
    ("selector", "gradcam"): 40,
    ("selector", "uniform"): 42,
    ("positions", "right"): 40,
    ("positions", "first"): 30,
}
SMALL_POINTS = {
    ("selector", "gradcam"): 45,
    ("selector", "random"): 42,
    ("selector", "uniform"): 46,
    ("selector", "centre"): 45,
    ("reference", "object box"): 48,
}


def gallery(folder: Path, trace: Trace = TRACE) -> Gallery:
    return Gallery(
        GalleryMaker(TraceMaker(lambda: KnownTrace("bundled", "made up", trace)), folder)
    )


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    first = np.repeat(TRACE.label[:, None], 16, axis=1)
    first[:50] = (first[:50] + 1) % 24
    known = provenance(TRACE)
    write_tables(
        folder,
        interventions(POINTS, known),
        interventions(SMALL_POINTS, replace(known, objects="small")),
        report({"gradcam": {"pointing": 0.5}, "random": {"pointing": 0.4}}),
        tenths(np.arange(30, 50, 2)),
        drift_table(TRACE, first),
    )
    return folder


def listed(html: str) -> list[int]:
    return [int(key) for key in re.findall(r'data-do="open" data-key="(\d+)"', html)]


def counts(html: str) -> dict[str, int]:
    found = re.findall(r'data-key="([\w -]+)" aria-pressed="\w+"[^>]*>[^<]*<b>([\d,]+)</b>', html)
    return {kind: int(number.replace(",", "")) for kind, number in found}


def test_it_opens_filled(tables: Path) -> None:
    shown = gallery(tables).open(None, 8)
    assert len(listed(shown["cg_cards"])) == PAGE
    found = find_failures(TRACE, 8)
    numbers = counts(shown["cg_filter"])
    assert numbers["all"] == 200
    assert numbers["dropped and wrong"] == found.kinds["dropped and wrong"].sum()
    assert numbers["drifted"] == (~found.wrong[:50]).sum() > 0
    assert "32</b> of 64 patches" in shown["cg_kept"]
    for name in ("cg_chart", "cg_modes", "cg_tenths"):
        assert "tc-chart" in shown[name]
    assert "Evenly spread patches beat Grad-CAM" in shown["cg_lesson"]
    assert 'data-method="gradcam"' in shown["cg_quality"]
    assert "15 times those of random, 0 times those of uniform" in shown["cg_small_lesson"]
    assert 'data-line="reference-object box"' in shown["cg_small"]
    assert '<th scope="row">object’s box (oracle)</th>' in shown["cg_small"]
    assert gallery(tables).open(GalleryWish(), 8) == {}  # a second visit keeps what is there


def test_a_kind_an_order_and_more(tables: Path) -> None:
    page = gallery(tables)
    shown = page.ask(GalleryWish(), {"what": "kind", "key": "dropped and wrong"}, 4)
    found = find_failures(TRACE, 4)
    wanted = found.listed("dropped and wrong", "scattered", TRACE.target_confidence[:, 3])
    assert listed(shown["cg_cards"]) == wanted[:PAGE].tolist()
    shown = page.ask(shown["cg_wish"], {"what": "sort", "key": "surest"}, 4)
    wanted = found.listed("dropped and wrong", "surest", TRACE.target_confidence[:, 3])
    assert listed(shown["cg_cards"]) == wanted[:PAGE].tolist()
    everything = page.ask(GalleryWish(), {"what": "kind", "key": "all"}, 4)
    more = page.ask(everything["cg_wish"], {"what": "more"}, 4)
    assert listed(more["cg_cards"])[:PAGE] == listed(everything["cg_cards"])
    assert len(listed(more["cg_cards"])) == 2 * PAGE


def test_a_card_is_opened_and_closed(tables: Path) -> None:
    page = gallery(tables)
    shown = page.ask(GalleryWish(), {"what": "open", "key": "7"}, 5)
    assert set(shown) == {"cg_message", "cg_wish", "cg_open"}  # the cards stay as they are
    html = shown["cg_open"]
    ranks = [int(n) for n in re.findall(r'dy=".35em">(\d+)</text>', html)]
    assert [ranks[patch] for patch in TRACE.order[7]] == list(range(1, 65))
    cells = re.findall(r'class="cg-name" title="([^"]+)"', html)
    names = [TRACE.provenance.classes[int(c)] for c in TRACE.target_class[7]]
    assert cells == names
    rights = int((TRACE.target_rank[7] == 0).sum())
    assert f"right at {rights} of 16" in html or "at all of them" in html
    assert "positions: first K" in html
    assert html.count("ch-measure") > 11
    moved = page.slide(shown["cg_wish"], 9)
    assert "36 kept" in moved["cg_open"]
    closed = page.ask(moved["cg_wish"], {"what": "close"}, 9)
    assert closed["cg_open"] == ""


def test_the_level_moves_cards_and_tenths_alone(tables: Path) -> None:
    moved = gallery(tables).slide(GalleryWish(kind="all", sort="order"), 16)
    assert "cg_chart" not in moved
    shown = [gallery(tables).slide(GalleryWish(), level)["cg_filter"] for level in (1, 16)]
    lost = [counts(html)["dropped and wrong"] for html in shown]
    assert lost[0] == find_failures(TRACE, 1).kinds["dropped and wrong"].sum() > lost[1] == 0
    assert "every patch is kept" in moved["cg_tenths"]
    assert listed(moved["cg_cards"]) == list(range(PAGE))


@pytest.mark.parametrize(
    "asked",
    [{}, {"what": "kind", "key": "<b>"}, {"what": "sort"}, {"what": "open", "key": "200"},
     {"what": "open", "key": None}, {"what": "open", "key": "-1"}, {"what": 3}],
)  # fmt: skip
def test_what_a_browser_may_send_is_answered_with_a_sentence(tables: Path, asked: dict) -> None:
    shown = gallery(tables).ask(GalleryWish(), asked, 8)
    assert set(shown) == {"cg_message"}
    assert "td-alert" in shown["cg_message"]
    assert "<b>" not in shown["cg_message"]
    for level in (0, 17, None, "x", float("inf")):
        assert "td-alert" in gallery(tables).slide(GalleryWish(), level)["cg_message"]


def test_without_tables_every_section_names_the_command(tmp_path: Path) -> None:
    shown = gallery(tmp_path).open(None, 8)
    for name in ("cg_chart", "cg_modes", "cg_lesson", "cg_quality", "cg_tenths", "cg_small"):
        assert "python -m tinydrop quality" in shown[name], name
    assert "drifted" not in counts(shown["cg_filter"])
    assert len(listed(shown["cg_cards"])) == PAGE


def test_tables_of_other_weights_are_not_shown(tmp_path: Path) -> None:
    write_tables(tmp_path, interventions(POINTS, provenance(TRACE, pair_digest="1" * 64)))
    assert "belongs to other weights" in gallery(tmp_path).open(None, 8)["cg_chart"]


def test_a_damaged_table_is_not_the_end(tmp_path: Path) -> None:
    (tmp_path / "synthetic-interventions.parquet").write_bytes(b"nothing")
    shown = gallery(tmp_path).open(None, 8)
    assert "not measured here" in shown["cg_chart"]
    assert str(tmp_path) not in shown["cg_chart"]


def test_a_trace_without_maps_draws_the_kept_patches_alone(tmp_path: Path) -> None:
    plain = synthetic_trace(40, 1, num_patches=64, selector="random", unranked_share=0.2)
    page = gallery(tmp_path, plain)
    shown = page.open(None, 8)
    assert "<image" not in shown["cg_cards"]
    assert counts(shown["cg_filter"])["flat map"] == plain.unranked.sum() > 0
    flat = int(np.flatnonzero(plain.unranked)[0])
    opened = page.ask(GalleryWish(), {"what": "open", "key": flat}, 8)["cg_open"]
    assert "64 of 64 patches" in opened
    assert "Flat map" in opened


def test_no_photograph_and_no_script_is_shown(tables: Path) -> None:
    shown = gallery(tables).open(None, 8)
    html = "".join(value for value in shown.values() if isinstance(value, str))
    assert "image/jpeg" not in html
    assert set(re.findall("<script[^>]*>", html)) == {'<script type="application/json">'}  # figures
