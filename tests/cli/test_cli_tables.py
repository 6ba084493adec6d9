"""``trace`` and ``sweep`` from the command line, on a small folder of made-up pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinydrop.cli import main

BUNDLED = Path(__file__).resolve().parents[2] / "assets" / "traces"
MEASURES = set("accuracy accuracy_drop macs saved exit_rate keep_ratio pictures intervals".split())


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse leaves this way
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("tabby", "golden retriever", "unicorn"):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for i in range(3):
            noise = rng.integers(0, 255, (70, 70, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / f"{i}.png")
    return tmp_path / "pictures"


def test_a_trace_is_made_resumed_and_swept(
    capsys: pytest.CaptureFixture[str], pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trace.parquet"
    code, stdout, err = run(capsys, "trace", pictures, "--out", out)
    assert (code, stdout) == (0, "")
    assert "unicorn" in err
    assert "6 pictures traced" in err
    before = out.read_bytes()
    assert run(capsys, "trace", pictures, "--out", out, "--resume")[0] == 0
    assert out.read_bytes() == before
    code, stdout, _ = run(capsys, "sweep", out, "--tau", 0.6, "--gamma", 2, "--json")
    report = json.loads(stdout)
    assert code == 0
    assert (report["setting"]["tau"], report["setting"]["gamma"]) == (0.6, 2.0)
    assert report["held_out"].keys() == MEASURES
    assert report["held_out"]["pictures"] == 6
    assert report["tuned_on"] is None
    assert set(report["baselines"]) == {"guidance", "target", "cascade", "no_exit"}


def test_a_setting_is_tuned_on_one_half_and_reported_on_the_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    others = [
        part for name in ("random", "uniform")
        for part in (f"--{name}", BUNDLED / f"bundled-{name}.parquet")
    ]  # fmt: skip
    trace = BUNDLED / "bundled-gradcam.parquet"
    code, out, _ = run(capsys, "sweep", trace, "--max-drop", 1, *others, "--json")
    report = json.loads(out)
    assert code == 0
    assert report["tuned_on"]["accuracy_drop"] <= 1.0
    assert report["tuned_on"]["pictures"] + report["held_out"]["pictures"] == 5000
    assert {"guidance", "target", "cascade", "no_exit", "random", "uniform"} <= set(
        report["baselines"]
    )
    for row in report["baselines"].values():
        assert row.keys() == MEASURES
        assert row["pictures"] == report["held_out"]["pictures"]
    assert report["notes"]
    assert run(capsys, "sweep", trace, "--max-drop", 1)[1].count("\n") > 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-drop", "1", "--tau", "0.5"], "not both"),
        (["--tau", "nan"], "tau must be a number"),
        (["--temperature", "0.123"], "temperature"),
    ],
)
def test_bad_sweep_arguments_give_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code, out, err = run(capsys, "sweep", BUNDLED / "bundled-gradcam.parquet", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["nowhere.parquet", "README.md"])
def test_a_file_that_is_no_trace_is_refused(
    capsys: pytest.CaptureFixture[str], name: str, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("# no trace\n")
    code, out, err = run(capsys, "sweep", tmp_path / name, "--json")
    assert (code, out) == (2, "")
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
