"""Labelled pictures in folders and on the Hub, and everything that can be wrong with them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from data_zoo import one_sentence, write_shard
from trace_zoo import picture_bytes, write_folder

from tinydrop.core.errors import SettingError
from tinydrop.data import (
    open_dataset,
)


def test_a_folder_of_class_folders_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", {"goldfish": 2, "red_fox": 3})
    (tmp_path / "set" / "goldfish" / "notes.txt").write_text("no picture")
    (tmp_path / "set" / "goldfish" / ".hidden.png").write_bytes(b"x")
    data = open_dataset(tmp_path / "set")
    assert (data.title, len(data)) == ("set", 5)
    assert [label.name for label in data.labels] == ["goldfish", "red_fox"]
    pictures = list(data.pictures())
    assert [p.id for p in pictures][:2] == ["goldfish/000.png", "goldfish/001.png"]
    assert [p.label for p in pictures] == [0, 0, 1, 1, 1] == data.label.tolist()
    assert pictures[4].content == picture_bytes(4)
    assert [p.id for p in data.pictures([1, 3])] == ["goldfish/001.png", "red_fox/001.png"]


def test_a_wrapping_folder_is_looked_through_and_a_split_chosen(tmp_path: Path) -> None:
    write_folder(tmp_path / "s" / "inner" / "train", {"a": 2, "b": 2})
    write_folder(tmp_path / "s" / "inner" / "val", {"a": 1, "b": 1})
    data = open_dataset(tmp_path / "s")
    assert len(data) == 2
    assert [label.name for label in data.labels] == ["a", "b"]
    assert any("only val is used" in note for note in data.notes)


def test_pictures_beside_the_class_folders_are_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "s", {"a": 1, "b": 1})
    (tmp_path / "s" / "loose.png").write_bytes(picture_bytes(9))
    data = open_dataset(tmp_path / "s")
    assert len(data) == 2
    assert "1 pictures" in data.notes[0]
    assert "loose.png" in data.notes[0]


def test_linked_folders_are_entered_once(tmp_path: Path) -> None:
    write_folder(tmp_path / "s", {"a": 1, "b": 1})
    (tmp_path / "s" / "a" / "round").symlink_to(tmp_path / "s", target_is_directory=True)
    assert len(open_dataset(tmp_path / "s")) == 2


def test_the_fingerprint_depends_on_ids_labels_and_bytes_alone(tmp_path: Path) -> None:
    first = open_dataset(write_folder(tmp_path / "one", {"a": 2, "b": 2})).fingerprint()
    expected = hashlib.sha256()
    for number, name in enumerate(["a/000.png", "a/001.png", "b/000.png", "b/001.png"]):
        content = picture_bytes(number)
        expected.update(f"{name}\0{name[0]}\0{len(content)}\0".encode() + content)
    assert first == expected.hexdigest()
    again = open_dataset(write_folder(tmp_path / "two", {"a": 2, "b": 2}))
    assert again.fingerprint() == first
    (tmp_path / "two" / "a" / "000.png").write_bytes(picture_bytes(0)[:-1])
    assert again.fingerprint() != first
    (tmp_path / "one" / "a").rename(tmp_path / "one" / "c")
    assert open_dataset(tmp_path / "one").fingerprint() != first


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({}, "holds no pictures"),
        ({"empty": 0}, "holds no pictures"),
    ],
)
def test_folders_to_measure_nothing_with(tmp_path: Path, counts: dict[str, int], says: str) -> None:
    (tmp_path / "s").mkdir()
    write_folder(tmp_path / "s", counts)
    with pytest.raises(SettingError, match=says) as error:
        open_dataset(tmp_path / "s")
    assert one_sentence(error)


def test_pictures_without_class_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.png").write_bytes(picture_bytes(0))
    with pytest.raises(SettingError, match="in no class folders") as error:
        open_dataset(tmp_path / "s")
    assert one_sentence(error)


@pytest.mark.parametrize("name", ["nothing", "nothing/there"])
def test_what_is_not_there_is_refused_without_a_network(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="no file or folder") as error:
        open_dataset(name)
    assert one_sentence(error)


def test_a_dead_network_is_said_after_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def head(url: str, timeout: float) -> None:
        asked.append(url)
        raise ConnectionError("nobody there")

    monkeypatch.setattr("huggingface_hub.get_session", lambda: SimpleNamespace(head=head))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(SettingError, match="could not be reached"):
        open_dataset("owner/pets", hub=True)
    assert len(asked) == 1


def test_the_hub_is_asked_only_when_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SettingError, match="Hub could not be reached") as error:
        open_dataset("owner/name-of-a-set", hub=True)
    assert one_sentence(error)


@pytest.mark.parametrize("converted", [False, True])
def test_a_data_set_of_the_hub_is_fetched_one_split_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, converted: bool
) -> None:
    name = "default/test/0000.parquet" if converted else "data/test-00000-of-00001.parquet"
    other = "default/train/0000.parquet" if converted else "data/train-00000-of-00001.parquet"
    write_shard(tmp_path / name, [0, 1, 1], names=["cat", "dog"])
    fetched = []

    class Hub:
        def list_repo_files(
            self, repo: str, repo_type: str, revision: str | None = None
        ) -> list[str]:
            assert (repo, repo_type) == ("owner/pets", "dataset")
            there = (revision == "refs/convert/parquet") == converted
            return [".gitattributes", other, name] if there else ["README.md"]

    def fetch(repo: str, file: str, *, repo_type: str, revision: str | None) -> str:
        fetched.append(file)
        return str(tmp_path / file)

    def reached(url: str, timeout: float) -> None:
        assert (url, timeout <= 10) == (huggingface_hub.constants.ENDPOINT, True)

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", fetch)
    monkeypatch.setattr("huggingface_hub.get_session", lambda: SimpleNamespace(head=reached))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    data = open_dataset("owner/pets", hub=True)
    assert (data.title, len(data), fetched) == ("owner/pets (test)", 3, [name])
    assert [label.name for label in data.labels] == ["cat", "dog"]
    assert len({p.id for p in data.pictures()}) == 3


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(SettingError, match=r"x\.txt holds no labelled pictures"):
        open_dataset(tmp_path / "x.txt")
    (tmp_path / "x.parquet").write_text("hello")
    with pytest.raises(SettingError, match="no readable Parquet file"):
        open_dataset(tmp_path / "x.parquet")
    (tmp_path / "x.zip").write_text("hello")
    with pytest.raises(SettingError, match="not a readable zip"):
        open_dataset(tmp_path / "x.zip")
