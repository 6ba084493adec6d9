"""Labelled pictures: folders, zips, Parquet, their classes, and everything that can be wrong."""

from __future__ import annotations

import hashlib
import json
import stat
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trace_zoo import picture_bytes, write_folder

from tinydrop.data import (
    ArchiveLimits,
    ClassLabel,
    Dataset,
    join_tables,
    match_labels,
    open_dataset,
    read_metadata,
    read_table,
    write_table,
)
from tinydrop.errors import SettingError

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tiny-imagenet-200"


def one_sentence(error: pytest.ExceptionInfo[SettingError]) -> bool:
    text = str(error.value)
    return text.endswith(".") and ". " not in text and "\n" not in text


def zip_folder(folder: Path, path: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


def write_shard(
    path: Path, labels: list[object], *, names: list[str] | None = None, row_group: int = 3
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = [picture_bytes(seed) for seed in range(len(labels))]
    table = pa.table(
        {
            "image": [
                {"bytes": content, "path": f"p{number}.png"}
                for number, content in enumerate(contents)
            ],
            "label": labels,
            "bbox": [[1, 2, 30, 31]] * len(labels),
        }
    )
    if names is not None:
        features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": names}}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    pq.write_table(table, path, row_group_size=row_group)
    return path


# --- folders ---------------------------------------------------------------------------------


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
        ({"dog": 2}, r"only the class 'dog'.*at least two classes"),
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


# --- zips ------------------------------------------------------------------------------------


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "s", {"a": 2, "b": 2})
    plain = open_dataset(folder)
    for prefix in ("", "wrapped/"):
        data = open_dataset(zip_folder(folder, tmp_path / "s.zip", prefix))
        assert [p.content for p in data.pictures()] == [p.content for p in plain.pictures()]
        assert [p.label for p in data.pictures()] == [0, 0, 1, 1]
        assert [p.id for p in data.pictures([1, 3])] == [f"{prefix}a/001.png", f"{prefix}b/001.png"]
    (tmp_path / "other").write_bytes((tmp_path / "s.zip").read_bytes())
    assert len(open_dataset(tmp_path / "other", title="upload")) == 4


@pytest.mark.parametrize(
    "name", ["../a.png", "a/../../b.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "\\\\h\\a.png"]
)
def test_a_path_that_leads_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    zip_folder(write_folder(tmp_path / "s", {"a": 1, "b": 1}), tmp_path / "s.zip")
    with zipfile.ZipFile(tmp_path / "s.zip", "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), picture_bytes(0))
    with pytest.raises(SettingError, match="leads out of the zip") as error:
        open_dataset(tmp_path / "s.zip")
    assert one_sentence(error)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    zip_folder(write_folder(tmp_path / "s", {"a": 1, "b": 1}), tmp_path / "s.zip")
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(SettingError, match=r"the link 'a/link\.png'"):
        open_dataset(tmp_path / "s.zip")


def bomb(path: Path, megabytes: int = 30) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", bytes(megabytes * 1_000_000))
        archive.writestr("b/0.png", picture_bytes(0))
    return path


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (ArchiveLimits(), "shrank more than 100 times"),
        (ArchiveLimits(ratio=1e9, entry_bytes=1_000_000), r"'a/0\.png' announces 30 MB"),
        (ArchiveLimits(ratio=1e9, total_bytes=2_000_000), "announces more than 2 MB"),
    ],
)
def test_a_bomb_is_refused_from_its_headers(
    tmp_path: Path, limits: ArchiveLimits, says: str
) -> None:
    path = bomb(tmp_path / "bomb.zip")
    tracemalloc.start()
    with pytest.raises(SettingError, match=f"zip bomb.*{says}") as error:
        open_dataset(path, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one_sentence(error)
    assert peak < 3_000_000


def test_a_bomb_with_false_headers_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.zip")
    true = (30_000_000).to_bytes(4, "little")
    content = path.read_bytes()
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, (5000).to_bytes(4, "little")))
    data = open_dataset(path)
    tracemalloc.start()
    with pytest.raises(SettingError, match="larger than it announces"):
        list(data.pictures())
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_files_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    noise = np.random.default_rng(0).bytes(100_000)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(4):
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", noise)
        first = archive.infolist()[0].header_offset
        for info in archive.infolist():
            info.header_offset = first
    content = path.read_bytes()
    directory = content.index(b"PK\x01\x02")
    end = bytearray(content[directory:])
    at = end.rindex(b"PK\x05\x06")
    end[at + 16 : at + 20] = (100_037).to_bytes(4, "little")
    path.write_bytes(content[:100_037] + bytes(end))
    with pytest.raises(SettingError, match=r"zip bomb.*overlap"):
        open_dataset(path)


def test_too_many_files_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    zip_folder(write_folder(tmp_path / "s", {"a": 5, "b": 5}), tmp_path / "s.zip")
    with pytest.raises(SettingError, match=r"holds 12 files, more than the 11"):
        open_dataset(tmp_path / "s.zip", limits=ArchiveLimits(entries=11))
    assert len(open_dataset(tmp_path / "s.zip", limits=ArchiveLimits(entries=12))) == 10


def test_a_password_is_refused(tmp_path: Path) -> None:
    path = zip_folder(write_folder(tmp_path / "s", {"a": 1, "b": 1}), tmp_path / "s.zip")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(SettingError, match="password"):
        open_dataset(path)


def test_a_damaged_file_in_a_zip_is_handed_on_empty(tmp_path: Path) -> None:
    path = zip_folder(write_folder(tmp_path / "s", {"a": 2, "b": 1}), tmp_path / "s.zip")
    with zipfile.ZipFile(path) as archive:
        offset = next(i for i in archive.infolist() if i.filename == "a/001.png").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 200 : offset + 260] = bytes(60)
    path.write_bytes(bytes(content))
    assert [bool(p.content) for p in open_dataset(path).pictures()] == [True, False, True]


# --- Parquet ---------------------------------------------------------------------------------


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


# --- classes ---------------------------------------------------------------------------------


def labelled(*labels: ClassLabel, counts: list[int] | None = None) -> Dataset:
    label = np.repeat(np.arange(len(labels)), counts or [2] * len(labels))
    return Dataset("set", tuple(labels), label, lambda positions: iter(()))


def test_names_match_without_case_underscores_and_by_synonym() -> None:
    data = labelled(
        ClassLabel("Red_Fox"), ClassLabel("goldfish, Carassius auratus"), ClassLabel("SPIDER-web")
    )
    match = match_labels(data, ("Carassius Auratus", "red fox", "spider web, cobweb"))
    assert match.class_index.tolist() == [1, 0, 2]
    assert (match.how, match.pictures, match.left_out) == ("name", 6, 0)


def test_wordnet_ids_match_through_the_pair_or_through_their_names() -> None:
    data = labelled(ClassLabel(None, "n01443537"), ClassLabel("frilled_lizard", "n01688243"))
    match = match_labels(data, ("lizard", "fish"), wnids=("n01688243", "n01443537"))
    assert match.class_index.tolist() == [1, 0]
    match = match_labels(
        data,
        ("x", "y"),
        {"x": ["n01688243"], "y": ["goldfish"]},
        synonyms={"n01443537": "goldfish, Carassius auratus"},
    )
    assert match.class_index.tolist() == [1, 0]
    assert match.how == "wnid"


def test_fine_names_match_through_the_groups_and_own_names_go_first() -> None:
    data = labelled(
        ClassLabel("tabby"),
        ClassLabel("orange"),
        ClassLabel("unknown thing"),
        ClassLabel("cat"),
        counts=[1, 2, 3, 4],
    )
    match = match_labels(data, ("cat", "fruit", "orange"), {"cat": ["tabby"], "fruit": ["orange"]})
    assert match.class_index.tolist() == [0, 2, -1, 0]
    assert match.unmatched == ("unknown thing",)
    assert (match.pictures, match.left_out, match.classes) == (7, 3, 2)
    assert "3 pictures of 1 other classes are left out ('unknown thing')" in match.report


def test_a_name_that_fits_two_classes_is_left_out_and_named() -> None:
    data = labelled(ClassLabel("crane"), ClassLabel("dog"), ClassLabel("cat"))
    match = match_labels(data, ("crane, bird", "crane, machine", "dog", "cat"))
    assert match.class_index.tolist() == [-1, 2, 3]
    assert match.ambiguous == ("crane",)
    assert "'crane' because several fit" in match.report


def test_numbers_match_only_without_names_and_with_equal_counts() -> None:
    bare = [ClassLabel(index=index) for index in (0, 1, 2)]
    match = match_labels(labelled(*bare), ("a", "b", "c"))
    assert (match.class_index.tolist(), match.how) == ([0, 1, 2], "index")
    with pytest.raises(SettingError, match=r"have no names and are 3, but the pair has 2"):
        match_labels(labelled(*bare), ("a", "b"))
    named = [ClassLabel(name, index=index) for index, name in enumerate("xyz")]
    with pytest.raises(SettingError, match="No class of set"):
        match_labels(labelled(*named), ("a", "b", "c"))


def test_no_match_shows_both_vocabularies() -> None:
    data = labelled(*(ClassLabel(f"thing {n}") for n in range(6)))
    with pytest.raises(SettingError) as error:
        match_labels(data, ("cat", "dog"))
    assert one_sentence(error)
    for part in ("'thing 0'", "'thing 3' and 2 more", "'cat', 'dog'"):
        assert part in str(error.value)


def test_one_class_of_the_pair_alone_measures_nothing() -> None:
    data = labelled(ClassLabel("tabby"), ClassLabel("lion"))
    with pytest.raises(SettingError, match="Only the class 'cat' of the pair") as error:
        match_labels(data, ("cat", "dog"), {"cat": ["tabby", "lion"]})
    assert one_sentence(error)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data/tiny-imagenet-200 is not here")
def test_the_bundled_pair_knows_3250_of_the_5000_validation_pictures() -> None:
    card = json.loads(
        (Path(__file__).resolve().parents[2] / "assets/pairs/bundled/pair.json").read_text()
    )
    data = open_dataset(SHARED)
    assert len(data) == 5000
    match = match_labels(data, card["classes"], card["members"])
    # Counted another way: by the names that the groups list, in the file's own class list.
    fine = {name for names in card["members"].values() for name in names}
    listed = json.loads((SHARED / "classes.json").read_text())
    wanted = {entry["label"] for entry in listed if entry["name"].split(",")[0] in fine}
    assert match.pictures == int(np.isin(data.label, sorted(wanted)).sum()) == 3250
    assert match.classes == 24


# --- tables ----------------------------------------------------------------------------------


def columns(rows: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "id": np.array([f"é{n}" for n in range(rows)], dtype=np.str_),
        "small": rng.integers(0, 256, (rows, 4)).astype(np.uint8),
        "half": rng.normal(size=(rows, 3)).astype(np.float16),
        "single": np.where(rng.random((rows, 2)) < 0.2, np.nan, 1.5).astype(np.float32),
        "flag": rng.random(rows) < 0.5,
        "whole": rng.integers(0, 60_000, rows).astype(np.uint16),
    }


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(
        a[n].dtype.kind == b[n].dtype.kind
        and np.array_equal(a[n], b[n], equal_nan=a[n].dtype.kind != "U")
        for n in a
    )


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_tables_come_back_unchanged(tmp_path: Path, rows: int) -> None:
    given = columns(rows)
    write_table(tmp_path / "t.parquet", given, {"key": "värde"})
    found, metadata = read_table(tmp_path / "t.parquet")
    assert same(found, given)
    assert all(found[n].dtype == given[n].dtype for n in given if n != "id")
    assert metadata["key"] == "värde"
    assert read_metadata(tmp_path / "t.parquet")[0] == rows
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_joined_tables_hold_all_rows_in_order(tmp_path: Path) -> None:
    sizes, paths, given = [3000, 3000, 1, 4500], [], []
    for number, rows in enumerate(sizes):
        given.append(columns(rows, number))
        paths.append(tmp_path / f"{number}.parquet")
        write_table(paths[-1], given[-1], {"part": str(number)})
    join_tables(paths, tmp_path / "all.parquet", {"whole": "yes"})
    found, metadata = read_table(tmp_path / "all.parquet")
    assert same(found, {n: np.concatenate([g[n] for g in given]) for n in given[0]})
    assert metadata == {"whole": "yes"}


def test_an_unwritable_table_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be written") as error:
        write_table(tmp_path / "no" / "t.parquet", columns(1), {})
    assert one_sentence(error)
