"""Pictures are known by their content and nothing vanishes without a word (15.10, 15.11)."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_zoo import one_sentence, write_shard, zip_folder
from PIL import Image
from trace_zoo import picture_bytes, write_folder

from tinydrop.cli import main
from tinydrop.core.errors import SettingError
from tinydrop.data import open_dataset, picture_files, write_table

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"
NAMES = ("a.jfif", "b.pjpeg", "c.mpo", "d.jpg?w=640", "e", "f.JPG.download", "g.txt")
"""Names under which pictures come; none is a picture's usual one."""


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "s" / name).mkdir(parents=True)
        for file in NAMES:
            (tmp_path / "s" / name / file).write_bytes(jpeg())
    beside = tmp_path / "s" / "cat"
    (beside / "phone.heic").write_bytes(HEIC)
    (beside / "notes.jpg").write_text("words")
    (beside / "empty.png").write_bytes(b"")
    (beside / "._a.jpg").write_bytes(b"\x00\x05\x16\x07")
    (beside / "Thumbs.db").write_bytes(b"\xd0\xcf")
    return tmp_path / "s"


LEFT_OUT = {"HEIC picture": 1, "no picture": 1, "empty": 1}


@pytest.mark.parametrize("packed", [False, True])
def test_folders_and_zips_go_by_content_and_count_the_rest(
    folder: Path, tmp_path: Path, *, packed: bool
) -> None:
    data = open_dataset(zip_folder(folder, tmp_path / "s.zip") if packed else folder)
    assert [p.id.split("/")[1] for p in data.pictures()] == sorted(NAMES) * 2
    assert all(p.content == jpeg() for p in data.pictures())
    assert dict(data.skipped) == LEFT_OUT
    (said,) = data.notes
    assert said.startswith("3 files are left out")
    for reason, example in (("HEIC picture", "phone.heic"), ("no picture", "notes.jpg")):
        assert f"{reason} (1, such as cat/{example})" in said


def test_the_command_line_goes_by_the_same_list(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, left_out = picture_files(folder / "cat")
    # A picture of a kind that is refused is tried, so that it gets a sentence of its own.
    assert [path.name for path in found] == sorted([*NAMES, "phone.heic"])
    assert left_out.counts == {"no picture": 1, "empty": 1}
    assert main(["coherence", str(folder / "cat"), "--json"]) == 2
    said = capsys.readouterr().err
    assert "2 files are left out of" in said
    assert "'phone.heic' is a HEIC picture" in said


def test_a_link_to_nothing_and_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "s", {"a": 1, "b": 1})
    os.mkfifo(folder / "a" / "pipe")
    (folder / "a" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert sum(bool(p.content) for p in open_dataset(folder).pictures()) == 2


def test_nothing_but_other_files_says_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "s" / "a").mkdir(parents=True)
    (tmp_path / "s" / "a" / "x.heic").write_bytes(HEIC)
    with pytest.raises(SettingError, match=r"no pictures \(HEIC picture \(1\)\)") as error:
        open_dataset(tmp_path / "s")
    assert one_sentence(error)


def test_tables_without_pictures_leave_class_folders_alone(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "s", {"a": 2, "b": 2})
    write_table(folder / "trace.parquet", {"label": np.arange(3)}, {"tinydrop_trace": "{}"})
    pq.write_table(pa.table({"file": ["a/000.png"], "size": [1]}), folder / "metadata.parquet")
    (folder / ".cache").mkdir()
    write_shard(folder / ".cache" / "train-0.parquet", [0, 1])
    (folder / "a" / "damaged.parquet").write_bytes(b"PAR1 cut short")
    data = open_dataset(folder)
    assert [p.id for p in data.pictures()] == ["a/000.png", "a/001.png", "b/000.png", "b/001.png"]
    assert dict(data.skipped) == {"no picture": 1}  # the one inside a class folder


def test_a_trace_may_be_written_into_its_own_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "s", {"goldfish": 2, "tarantula": 2})
    command = ["trace", str(folder), "--out", str(folder / "t.parquet"), "--selector", "uniform"]
    assert main(command) == 0
    before = (folder / "t.parquet").read_bytes()
    assert main([*command, "--resume"]) == 0
    assert (folder / "t.parquet").read_bytes() == before


def test_tables_beside_shards_are_named_and_passed_over(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "test-0.parquet", [0, 1])
    pq.write_table(pa.table({"n": [1]}), tmp_path / "s" / "metadata.parquet")
    (tmp_path / "s" / "extra").mkdir()
    (tmp_path / "s" / "extra" / "x.png").write_bytes(picture_bytes(0))
    data = open_dataset(tmp_path / "s")
    assert len(data) == 2
    assert any("metadata.parquet" in note for note in data.notes)
    assert any("1 pictures lie beside the Parquet files" in note for note in data.notes)
    (tmp_path / "s" / "test-1.parquet").write_bytes(b"PAR1 cut short")
    with pytest.raises(SettingError, match=r"test-1\.parquet is no readable Parquet file"):
        open_dataset(tmp_path / "s")


def test_tables_alone_say_which_columns_are_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tmp_path / "metadata.parquet")
    with pytest.raises(SettingError, match="has the columns n, but"):
        open_dataset(tmp_path)
