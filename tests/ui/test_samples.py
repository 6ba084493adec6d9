"""The bundled photographs: small, without metadata, each credited under an allowed licence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from trace_zoo import small_drop

from tinydrop.data.view import open_picture
from tinydrop.ui.kit.samples import Sample, truth_line

FOLDER = Path(__file__).parents[2] / "assets" / "samples"
SAMPLES = json.loads((FOLDER / "samples.json").read_text())
LICENCES = {"CC0 1.0", "Public domain", "CC BY 2.0", "CC BY 3.0", "CC BY 4.0"}


def test_there_are_enough_and_each_file_is_listed_once() -> None:
    names = [sample["file"] for sample in SAMPLES]
    assert len(names) >= 10
    assert sorted(names) == sorted(path.name for path in FOLDER.glob("*.jpg"))
    assert {path.suffix for path in FOLDER.iterdir()} == {".jpg", ".json", ".md"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["file"])
def test_each_sample_is_described_and_credited(sample: dict[str, Any]) -> None:
    assert set(sample) == {"file", "title", "alt", "credit", "licence", "truth"}
    assert all(value for key, value in sample.items() if key != "truth")
    assert sample["alt"].endswith(".")
    assert sample["licence"] in LICENCES
    rows = (FOLDER / "CREDITS.md").read_text().splitlines()
    (row,) = [row for row in rows if row.startswith(f"| `{sample['file']}` |")]
    _, _, title, author, licence, source, changes, _ = (cell.strip() for cell in row.split("|"))
    assert (title, author) == (sample["title"], sample["credit"])
    assert sample["licence"] in licence
    assert source
    assert "saved as JPEG without metadata" in changes


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["file"])
def test_each_sample_is_a_small_clean_jpeg(sample: dict[str, Any]) -> None:
    path = FOLDER / sample["file"]
    assert path.stat().st_size <= 120_000
    with Image.open(path) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= 640
        assert not dict(image.getexif())
        assert not {"exif", "icc_profile", "comment", "xmp", "photoshop"} & set(image.info)
    picture = open_picture(path)
    assert picture.notes == ()


@pytest.mark.parametrize(
    ("truth", "says"),
    [
        (("goldfish",), "right would be “goldfish”"),
        (("wolf", "tarantula"), "right would be “spider”"),
        (("jaguar",), "the pair has no class for it, so no answer is right"),
        ((), "the pair has no class for it, so no answer is right"),
    ],
)
def test_what_would_be_right_is_said_in_the_pairs_own_words(
    truth: tuple[str, ...], says: str
) -> None:
    pair = replace(small_drop().pair, info={"members": {"spider": ["tarantula", "black widow"]}})
    sample = Sample("x", Path("x.jpg"), "X", "An x.", "me, CC0 1.0", truth)
    assert truth_line(sample, pair) == says
    synonyms = replace(pair, classes=("jaguar, panther", "goldfish", "spider"))
    if truth == ("jaguar",):
        assert truth_line(sample, synonyms) == "right would be “jaguar, panther”"
