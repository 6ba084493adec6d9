"""The table of families and the walk over timm's names."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm

from tinydrop.core.assets import asset
from tinydrop.core.errors import SettingError
from tinydrop.studies.check import (
    REPRESENTATIVE,
    FamiliesTable,
    ModelReport,
    check_model,
    classify_model,
    known_models,
    read_families,
    write_families,
)
from tinydrop.ui.models.page import Check

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table() -> FamiliesTable:
    refused = check_model("resnet10t")
    fits = check_model("test_vit3", timed=True)
    return FamiliesTable("made with care", (fits, refused, ModelReport("no_such", reason="Gone.")))


def test_a_table_comes_back_from_json_as_it_was(table: FamiliesTable, tmp_path: Path) -> None:
    write_families(table, tmp_path / "families.json")
    assert read_families(tmp_path / "families.json") == table


def test_markdown_goes_between_its_markers_and_nothing_else_moves(
    table: FamiliesTable, tmp_path: Path
) -> None:
    page = tmp_path / "README.md"
    page.write_text("above\n<!-- families -->\nold\n<!-- /families -->\nbelow\n")
    for _ in range(2):  # writing again changes nothing
        write_families(table, page)
        lines = page.read_text().splitlines()
        assert (lines[0], lines[-1]) == ("above", "below")
        assert "old" not in lines
    rows = [line for line in lines if line.startswith("|")]
    assert len({row.count("|") for row in rows}) == 1
    assert len(rows) == 2 + len(table.reports)


def test_a_page_without_a_place_is_left_alone(table: FamiliesTable, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("mine\n")
    with pytest.raises(SettingError, match="no place for the table"):
        write_families(table, page)
    assert page.read_text() == "mine\n"
    with pytest.raises(SettingError, match="cannot be written"):
        write_families(table, tmp_path / "missing" / "x.md")
    with pytest.raises(SettingError, match="no table of families"):
        read_families(page)


def test_the_list_stands_for_all_of_timm() -> None:
    assert len(set(REPRESENTATIVE)) == len(REPRESENTATIVE) >= 60
    assert set(REPRESENTATIVE) <= set(timm.list_models())


def test_the_bundled_table_is_the_one_in_the_readme() -> None:
    bundled = read_families(asset("tables", "families.json"))
    assert tuple(one.model for one in bundled.reports) == REPRESENTATIVE
    assert bundled.to_markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_row_of_the_bundled_table_is_proved_or_refused() -> None:
    for report in read_families(asset("tables", "families.json")).reports:
        if report.supported:
            assert report.keep_all_difference <= 1e-5
            assert report.drop_mask_difference <= 1e-5
            assert list(report.macs.values()) == sorted(report.macs.values())
            assert report.macs["50"] < 0.75 * report.macs["100"]
        else:
            assert report.reason


@pytest.mark.parametrize(
    ("name", "family"), [("vit_base_patch16_224", "plain"), ("resnet18", None)]
)
def test_a_name_is_classified_without_weights(name: str, family: str | None) -> None:
    found = classify_model(name)
    assert found.family == family
    assert (found.reason is None) == (family is not None)


def test_a_walk_leaves_nothing_unsaid() -> None:
    """Every hundredth name; the whole walk is `python -m tinydrop check --all`."""
    for name in known_models()[::100]:
        found = classify_model(name)
        assert found.model == name
        assert (found.family is None) == bool(found.reason)
        assert "\n" not in (found.reason or "")


@pytest.mark.parametrize("name", ["hf-hub:timm/x", "local-dir:/etc", "../x", "", None, 7])
def test_the_page_takes_only_names_that_timm_lists(name: object) -> None:
    with pytest.raises(SettingError, match="timm lists no model"):
        Check().ask("visitor", name, 0)
