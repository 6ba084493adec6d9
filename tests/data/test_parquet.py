"""Labelled pictures in the Hub's Parquet layout."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_zoo import one_sentence, write_shard
from trace_zoo import picture_bytes

from tinydrop.core.errors import SettingError
from tinydrop.data import (
    ClassLabel,
    open_dataset,
)


def test_parquet_with_names_in_its_metadata(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "x.parquet", [0, 1, None, 1, 0, 1, 0], names=["cat", "n01443537"])
    data = open_dataset(path)
    assert data.labels == (
        ClassLabel("cat", None, 0),
        ClassLabel(None, "n01443537", 1),
    )
    assert len(data) == 6
    assert dict(data.skipped) == {"without a label": 1}
    pictures = list(data.pictures())
    assert [p.label for p in pictures] == [0, 1, 1, 0, 1, 0]
    assert [p.content for p in pictures] == [picture_bytes(s) for s in (0, 1, 3, 4, 5, 6)]
    assert pictures[0].box == (1.0, 2.0, 30.0, 31.0)
    assert len({p.id for p in pictures}) == 6
    assert [p.id for p in data.pictures([1, 4])] == [pictures[1].id, pictures[4].id]


def test_a_folder_of_shards_takes_validation_and_says_so(tmp_path: Path) -> None:
    for number in range(2):
        write_shard(
            tmp_path / "d" / "data" / f"validation-0000{number}-of-00002.parquet", [0, 1, 1]
        )
    write_shard(tmp_path / "d" / "data" / "train-00000-of-00001.parquet", [0] * 9)
    (tmp_path / "d" / "classes.json").write_text(
        json.dumps(
            [
                {"label": 0, "wnid": "n01443537", "name": "goldfish, Carassius auratus"},
                {"label": 1, "wnid": "n02119022", "name": "red fox"},
            ]
        )
    )
    data = open_dataset(tmp_path / "d")
    assert (data.title, len(data)) == ("d (validation)", 6)
    assert data.labels[1] == ClassLabel("red fox", "n02119022", 1)
    assert "only validation is used" in data.notes[0]
    assert [p.id.split(":")[1] for p in data.pictures()] == [str(n) for n in range(6)]
    assert [p.label for p in data.pictures([2, 3, 5])] == [1, 0, 1]


def test_parquet_with_class_names_as_labels(tmp_path: Path) -> None:
    data = open_dataset(write_shard(tmp_path / "x.parquet", ["cat", "dog", "cat"]))
    assert [label.name for label in data.labels] == ["cat", "dog"]
    assert data.label.tolist() == [0, 1, 0]


def test_parquet_of_another_layout_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "n": [1]}), tmp_path / "x.parquet")
    with pytest.raises(SettingError, match=r"columns text, n, but .* expected") as error:
        open_dataset(tmp_path / "x.parquet")
    assert one_sentence(error)
    pq.write_table(pa.table({"image": ["a.png"], "label": [1]}), tmp_path / "y.parquet")
    with pytest.raises(SettingError, match="holds string, but the bytes"):
        open_dataset(tmp_path / "y.parquet")


def test_a_path_in_parquet_is_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture_bytes(0))
    table = pa.table(
        {
            "image": pa.array(
                [{"bytes": None, "path": str(secret)}, {"bytes": b"x", "path": None}],
                pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            ),
            "label": [0, 1],
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    assert [p.content for p in open_dataset(tmp_path / "x.parquet").pictures()] == [b"", b"x"]
