"""The command line's contract: what goes to stdout, what to stderr, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinydrop.cli import main

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "assets" / "samples").glob("*.jpg"))

RUN_KEYS = set(
    "file pair selector tau gamma confidence exited exit_class level kept patches keep_ratio "
    "keep_indices guidance_top5 target_top5 macs saved latency_ms coherence warnings".split()
)
MACS_KEYS = set("guidance saliency target total full_target saliency_literal total_literal".split())


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse leaves this way
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    path = tmp_path / "noise.png"
    Image.fromarray(rng.integers(0, 255, (80, 100, 3), dtype=np.uint8)).save(path)
    return path


def test_run_json_follows_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "run", SAMPLES[0], SAMPLES[1], "--tau", 1.0, "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["file"] for row in rows] == [str(SAMPLES[0]), str(SAMPLES[1])]
    for row in rows:
        assert row.keys() >= RUN_KEYS
        assert row["macs"].keys() == MACS_KEYS
        assert row["latency_ms"].keys() == {"guidance", "saliency", "target", "total"}
        assert row["exited"] is False
        assert len(row["keep_indices"]) == row["kept"]
        macs = row["macs"]
        assert macs["total"] == macs["guidance"] + macs["saliency"] + macs["target"]
        assert row["saved"] == pytest.approx(1 - macs["total"] / macs["full_target"])
        assert "full_top5" not in row
        for entry in row["coherence"].values():
            assert entry.keys() == {"value", "percentile"}


def test_an_exit_has_nulls_where_the_target_did_not_run(
    capsys: pytest.CaptureFixture[str], photo: Path
) -> None:
    code, out, _ = run(capsys, "run", photo, "--tau", 1e-6, "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert row["exited"] is True
    assert row["exit_class"] == row["guidance_top5"][0]["name"]
    assert (row["kept"], row["keep_indices"]) == (0, [])
    assert [row[k] for k in ("level", "keep_ratio", "target_top5", "coherence")] == [None] * 4
    assert row["macs"]["total"] == row["macs"]["guidance"]


def test_compare_full_adds_the_third_answer(
    capsys: pytest.CaptureFixture[str], photo: Path
) -> None:
    _, out, _ = run(capsys, "run", photo, "--json", "--compare-full")
    (row,) = json.loads(out)
    assert len(row["full_top5"]) == 5
    assert row["full_top5"][0].keys() == {"class_index", "name", "probability"}


def test_a_bad_file_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str], photo: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    code, out, err = run(capsys, "run", bad, photo, tmp_path / "gone.png", "--json")
    rows = json.loads(out)
    assert code == 2
    assert [set(row) == {"file", "error"} for row in rows] == [True, False, True]
    for row in (rows[0], rows[2]):
        assert row["error"] in err
    assert "Traceback" not in err


def test_save_writes_pictures_and_json_and_keeps_names_apart(
    capsys: pytest.CaptureFixture[str], photo: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "other" / "noise.png"
    twin.parent.mkdir()
    twin.write_bytes(photo.read_bytes())
    out = tmp_path / "out"
    code, _, _ = run(capsys, "run", photo, twin, "--save", out)
    assert code == 0
    kinds = ["-chart.png", "-mask.png", "-overlay.png", ".json"]
    assert {p.name for p in out.iterdir()} == {
        f"{stem}{kind}" for stem in ("noise", "noise-2") for kind in kinds
    }
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            assert min(image.size) >= 100
    assert json.loads((out / "noise-2.json").read_text())["file"] == str(twin)


def test_a_folder_is_taken_in_order_of_names(
    capsys: pytest.CaptureFixture[str], photo: Path
) -> None:
    (photo.parent / "a.png").write_bytes(photo.read_bytes())
    (photo.parent / "notes.txt").write_text("not a picture, and not named as one")
    _, out, _ = run(capsys, "run", photo.parent, "--json")
    assert [Path(row["file"]).name for row in json.loads(out)] == ["a.png", "noise.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tau", "nan"], "tau must be a number above 0 and at most 1, got nan"),
        (["--tau", "1.5"], "tau must be a number above 0 and at most 1, got 1.5"),
        (["--gamma", "0"], "gamma must be a number above 0 and at most 8, got 0.0"),
        (["--gamma", "-1"], "gamma must be a number above 0"),
        (["--temperature", "inf"], "temperature must be a number above 0"),
        (["--selector", "magic"], "Unknown selector 'magic'; choose one of gradcam"),
        (["--pair", "nowhere"], "There is no pair 'nowhere'"),
        (["--pair", "bundled", "--guidance", "resnet18", "--target", "x"], "not both"),
        (["--guidance", "resnet18"], "together"),
        (["--rule", "magic"], "invalid choice"),
        (["--tau", "abc"], "invalid float value"),
    ],
)
def test_bad_arguments_give_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], photo: Path, arguments: list[str], says: str
) -> None:
    code, out, err = run(capsys, "run", photo, "--json", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_an_empty_folder_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "run", tmp_path, "--json")
    assert (code, out) == (2, "")
    assert "holds no pictures" in err


def test_an_unwritable_output_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str], photo: Path
) -> None:
    code, _, err = run(capsys, "run", photo, "--save", photo / "inside-a-file")
    assert code == 2
    assert "cannot be written" in err


def test_check_reports_a_fit_and_a_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "vit_tiny_patch16_224", "resnet18", "no_such", "--json")
    fits, refused, unknown = json.loads(out)
    keys = set(
        "model supported as_guidance classifier reason family positions prefix_tokens grid_size "
        "pooling keep_all_difference drop_mask_difference macs time_ratio layer note".split()
    )
    assert code == 2
    assert fits.keys() == refused.keys() == unknown.keys() == keys
    assert (fits["supported"], fits["grid_size"], fits["reason"]) == (True, [14, 14], None)
    assert fits["macs"].keys() == {"25", "50", "75", "100"}
    assert fits["drop_mask_difference"] <= 1e-5
    assert (refused["supported"], refused["as_guidance"]) == (False, True)
    assert refused["reason"]
    assert "no_such" in unknown["reason"]
