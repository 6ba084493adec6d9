"""The README is the Space's card and the newcomer's first page; what it promises must be there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from draw_house import drawing
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def front_matter() -> dict[str, str]:
    block = re.match(r"---\n(.*?)\n---\n", README, re.DOTALL)
    assert block is not None
    pairs = (line.split(":", 1) for line in block.group(1).splitlines() if re.match(r"\w", line))
    return {key.strip(): value.strip().strip('"') for key, value in pairs}


def requirement(name: str) -> Requirement:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return next(r for r in found if r.name == name)


@pytest.mark.parametrize(
    "key",
    "title emoji colorFrom colorTo sdk sdk_version python_version app_file license "
    "short_description tags models".split(),
)
def test_the_card_names_everything_a_space_needs(key: str) -> None:
    assert key in front_matter()


def test_the_card_pins_a_full_gradio_version_inside_the_requirements() -> None:
    version = front_matter()["sdk_version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert requirement("gradio").specifier.contains(version)


def test_a_version_outside_the_requirements_would_be_caught() -> None:
    assert not requirement("gradio").specifier.contains("5.49.1")


def test_the_card_fits_the_hub() -> None:
    card = front_matter()
    assert len(card["short_description"]) <= 60
    assert card["license"] == "apache-2.0"
    assert (ROOT / card["app_file"]).is_file()


def test_every_file_the_page_shows_is_there() -> None:
    shown = re.findall(r"\]\((assets/[^)]+)\)", README) + re.findall(r"`(assets/[^`]+)`", README)
    assert shown
    assert [name for name in shown if not (ROOT / name).exists()] == []


def test_the_card_links_the_presets_it_lists() -> None:
    from tinydrop.models.pairs import PRESETS

    for preset in PRESETS.values():
        assert f"| `{preset.name}` | {preset.guidance} | {preset.target} |" in README
        assert f"{preset.megabytes:,} MB" in README


def test_the_drawing_of_the_house_is_todays() -> None:
    drawn = re.search(r"<!-- house -->\n```\n(.*?)\n```", README, re.DOTALL)
    assert drawn is not None
    assert drawn.group(1) == drawing()


def test_the_files_of_the_walks_are_there() -> None:
    section = README.split("## Architecture")[1].split("\n## ")[0]
    named = set(re.findall(r"`((?:core|data|models|pipeline|studies|ui|cli)/[\w/]+)`", section))
    assert len(named) > 15
    package = ROOT / "tinydrop"
    for name in named:
        assert (package / name).is_dir() or (package / f"{name}.py").is_file(), name
