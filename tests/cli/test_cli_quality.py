"""``quality`` from the command line: its JSON, its text, its tables and its refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from quality_zoo import write_boxed
from real_pictures import tiny_imagenet
from trace_zoo import one_thread, small_drop

from tinydrop.cli import main
from tinydrop.core.writing import claimed
from tinydrop.data import open_dataset
from tinydrop.studies.comparison import compare_path
from tinydrop.studies.quality import read_coherence, read_interventions, read_report, table_path
from tinydrop.studies.trace import make_trace, offered_pictures


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import tinydrop.cli.labelled as labelled

    monkeypatch.setattr(labelled, "pair_of", lambda _arguments: small_drop().pair)
    with one_thread():
        yield


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main(["quality", *map(str, arguments)])
    except SystemExit as stop:  # argparse leaves this way
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_and_tables_say_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = write_boxed(tmp_path / "x.parquet")
    trace = tmp_path / "t.parquet"
    make_trace(small_drop(), open_dataset(data), trace)
    folder = tmp_path / "tables"
    code, out, err = run(
        capsys, data, "--selector", "gradcam", "coverage", "--limit", 6, "--json",
        "--trace", trace, "--save-tables", folder,
    )  # fmt: skip
    assert code == 0
    found = json.loads(out)
    assert found["provenance"]["pictures"] == 6
    assert {one["name"] for one in found["methods"]} == {
        "gradcam", "coverage", "random", "uniform", "centre", "centre cell", "target",
    }  # fmt: skip
    report = read_report(folder / "small-quality.parquet")
    table = read_interventions(folder / "small-interventions.parquet")
    coherence = read_coherence(folder / "small-coherence.parquet")
    assert report.to_dict()["methods"] == found["methods"]
    assert table.to_dict()["interventions"] == found["interventions"]
    assert coherence.to_dict() == found["coherence"]
    small = read_interventions(folder / "small-interventions-small.parquet")
    assert small.to_dict()["interventions"] == found["small_objects"]["interventions"]
    assert small.provenance.pictures == found["small_objects"]["pictures"] == 5
    assert coherence.pictures[0].sum() == 8
    assert "6/6" in err
    assert "8 pictures belong to 3 of the pair's classes" in err


def test_the_text_names_every_method_and_intervention(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = write_boxed(tmp_path / "x.parquet")
    code, out, _ = run(capsys, data, "--selector", "gradcam")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("small, x: 8 pictures, 6 with a box that the crop shows")
    for start in ("gradcam ", "centre cell ", "target ", "selector uniform", "positions shuffled",
                  "reference object box", "Small objects alone: 5 pictures"):  # fmt: skip
        assert any(line.startswith(start) for line in lines), start
    assert "nan" not in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--selector", "best"], "Unknown selector 'best'"),
        (["--limit", "0"], "A limit is"),
        (["--trace", "none.parquet"], "There is no file none.parquet"),
    ],
)
def test_refusals_are_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    code, out, err = run(capsys, write_boxed(tmp_path / "x.parquet"), *arguments)
    assert (code, out) == (2, "")
    assert sentence in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_file_is_no_folder_for_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = write_boxed(tmp_path / "x.parquet")
    code, _, err = run(capsys, data, "--save-tables", data)
    assert code == 2
    assert "is a file; give a folder" in err


def test_tables_that_are_being_made_are_not_made_twice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data, folder = write_boxed(tmp_path / "x.parquet"), tmp_path / "tables"
    with claimed(table_path(folder, "small", "quality"), "measuring"):
        code, out, err = run(capsys, data, "--save-tables", folder)
        assert (code, out) == (2, "")
        assert "small-quality.parquet is in use by process" in err.splitlines()[-1]
        arguments = ["compare", str(data), "--save-tables", str(folder), "--limit", "0"]
        with claimed(compare_path(folder, "small"), "measuring"):
            assert main(arguments) == 2
        assert "small-compare.parquet is in use by process" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.pictures
def test_the_bundled_pair_on_pictures_with_boxes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tinydrop.cli.labelled as labelled
    from tinydrop.models.pairs import load_pair

    monkeypatch.setattr(labelled, "pair_of", lambda _arguments: load_pair("bundled"))
    code, out, _ = run(capsys, tiny_imagenet(), "--selector", "gradcam", "--limit", 8, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["provenance"]["grid"] == [8, 8]
    assert found["provenance"]["boxes"] == 8
    assert found["kept"] == list(range(4, 65, 4))
    methods = {one["name"]: one for one in found["methods"]}
    data, pair = open_dataset(tiny_imagenet()), load_pair("bundled")
    boxes = [p.box for p in data.pictures(offered_pictures(data, pair, 8).positions)]
    # The crop is the whole picture of 64 x 64 pixels, so a box's share is its area.
    area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) / 8 / 64**2
    assert methods["random"]["energy"]["value"] == pytest.approx(area)
    assert methods["gradcam"]["insertion"]["pictures"] == 8
