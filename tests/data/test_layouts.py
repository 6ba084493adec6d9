"""Folders, zips and tables as people really have them are read, or told what is missing (15.13)."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_zoo import one_sentence, write_shard, zip_folder
from trace_zoo import picture_bytes, write_folder

from tinydrop.cli import main
from tinydrop.core.errors import SettingError
from tinydrop.data import ClassLabel, match_labels, open_dataset
from tinydrop.models.pairs import load_pair
from tinydrop.studies.trace import match_pair
from tinydrop.training import load_training_data

WNIDS = ("n01443537", "n01629819")


def stanford(folder: Path) -> Path:
    """Write the layout of the file that Stanford hands out, with two classes and few pictures."""
    seed = 0
    for wnid in WNIDS:
        inside = folder / "train" / wnid / "images"
        inside.mkdir(parents=True)
        for number in range(3):
            (inside / f"{wnid}_{number}.JPEG").write_bytes(picture_bytes(seed, "JPEG"))
            seed += 1
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t9\t9\n")
    for split, count in (("val", 4), ("test", 2)):
        (folder / split / "images").mkdir(parents=True)
        for number in range(count):
            name = f"{split}_{number}.JPEG"
            (folder / split / "images" / name).write_bytes(picture_bytes(seed, "JPEG"))
            seed += 1
    lines = [f"val_{n}.JPEG\t{WNIDS[n % 2]}\t{n}\t1\t30\t20" for n in range(3)]
    (folder / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    (folder / "wnids.txt").write_text("\n".join(WNIDS))
    (folder / "words.txt").write_text("n01443537\tgoldfish, Carassius auratus\nn00001740\tentity\n")
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_stanford_s_own_tiny_imagenet(tmp_path: Path, *, packed: bool) -> None:
    folder = stanford(tmp_path / "tiny-imagenet-200")
    source = folder
    if packed:
        source = zip_folder(folder, tmp_path / "t.zip", "tiny-imagenet-200/")
    data = open_dataset(source, title="t")
    assert data.title == "t (val)"
    assert data.labels == (
        ClassLabel("goldfish, Carassius auratus", WNIDS[0]),
        ClassLabel(None, WNIDS[1]),
    )
    assert [(p.id.split("/")[-1], p.label) for p in data.pictures()] == [
        (f"val_{n}.JPEG", n % 2) for n in range(3)
    ]
    assert [p.box for p in data.pictures()] == [(n, 1.0, 30.0, 20.0) for n in range(3)]
    assert dict(data.skipped) == {"not in the list of classes": 1}
    assert any("test in t lie in no class folders" in note for note in data.notes)
    train = open_dataset(source, title="t", split="train")
    assert (train.title, len(train), train.label.tolist()) == ("t (train)", 6, [0, 0, 0, 1, 1, 1])
    with pytest.raises(SettingError, match=r"t \(test\) lie in no class folders"):
        open_dataset(source, title="t", split="test")
    assert match_pair(data, load_pair("bundled")).classes == 2


def test_a_zip_of_windows_with_backslashes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(("s\\cat\\0.jpg", "s\\dog\\0.jpg", "s\\dog\\1.jpg")):
            archive.writestr(zipfile.ZipInfo(name), picture_bytes(number, "JPEG"))
        archive.writestr(zipfile.ZipInfo("s\\dog\\"), b"")
    data = open_dataset(path)
    assert [label.name for label in data.labels] == ["cat", "dog"]
    assert [(p.id, p.content) for p in data.pictures()] == [
        ("s/cat/0.jpg", picture_bytes(0, "JPEG")),
        ("s/dog/0.jpg", picture_bytes(1, "JPEG")),
        ("s/dog/1.jpg", picture_bytes(2, "JPEG")),
    ]
    assert data.notes == ()


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_what_a_mac_adds_is_no_picture(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cat/0.jpg", "dog/0.jpg"):
            archive.writestr(name.replace("/", separator), picture_bytes(0, "JPEG"))
        for name in ("cat/._0.jpg", "__MACOSX/cat/._0.jpg", ".DS_Store"):
            archive.writestr(name.replace("/", separator), b"\x00\x05\x16\x07")
    data = open_dataset(path)
    assert [p.id for p in data.pictures()] == ["cat/0.jpg", "dog/0.jpg"]
    assert (data.notes, dict(data.skipped)) == ((), {})


@pytest.mark.parametrize("bucket", ["", "images"])
def test_a_flat_split_beside_one_of_classes_has_no_labels(tmp_path: Path, bucket: str) -> None:
    write_folder(tmp_path / "s" / "train", {"a": 2, "b": 2})
    flat = tmp_path / "s" / "test" / bucket
    flat.mkdir(parents=True)
    (flat / "0.png").write_bytes(picture_bytes(0))
    data = open_dataset(tmp_path / "s")
    assert (data.title, len(data)) == ("s (train)", 4)
    assert any("The pictures of test in s lie in no class folders" in note for note in data.notes)
    assert "training pictures" in data.notes[-1]


def test_flat_splits_alone_are_no_classes(tmp_path: Path) -> None:
    write_folder(tmp_path / "s", {"train": 2, "test": 2})
    with pytest.raises(SettingError, match=r"s \(test\) lie in no class folders") as error:
        open_dataset(tmp_path / "s")
    assert one_sentence(error)


def test_classes_whose_names_hold_a_split_s_word_stay_classes(tmp_path: Path) -> None:
    data = open_dataset(write_folder(tmp_path / "s", {"test tube": 1, "bullet train": 2}))
    assert [label.name for label in data.labels] == ["bullet train", "test tube"]
    assert (data.split, len(data)) == (None, 3)


def test_folders_of_pictures_inside_class_folders_are_looked_through(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_folder(tmp_path / "s" / name, {"images": 2})
    assert [label.name for label in open_dataset(tmp_path / "s").labels] == ["a", "b"]
    write_folder(tmp_path / "one" / "poodle", {"images": 2})
    assert [label.name for label in open_dataset(tmp_path / "one").labels] == ["poodle"]


def test_folders_that_count_from_one_are_the_pair_s_classes_in_order(tmp_path: Path) -> None:
    count = 12  # as text, 10 stands before 2
    data = open_dataset(write_folder(tmp_path / "s", {str(n): 1 for n in range(1, count + 1)}))
    classes = [f"class {'abcdefghijkl'[n]}" for n in range(count)]
    match = match_labels(data, classes)
    assert {
        str(label.index): int(at) for label, at in zip(data.labels, match.class_index, strict=True)
    } == {str(n): n - 1 for n in range(1, count + 1)}
    assert "counted from 1: 1 is 'class a'" in match.report
    with pytest.raises(SettingError, match="numbered 1 to 12, have no names and are 12, but the"):
        match_labels(data, classes[:-1])


def test_numbers_in_a_table_may_count_from_one_too(tmp_path: Path) -> None:
    data = open_dataset(write_shard(tmp_path / "x.parquet", [1, 2, 3]))
    match = match_labels(data, ["a", "b", "c"])
    assert match.class_index[data.label].tolist() == [0, 1, 2]


def test_an_empty_shard_beside_a_full_one_is_passed_over(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "val-0.parquet", [0, 1], names=["cat", "dog"])
    pq.write_table(pa.table({"image": pa.nulls(0), "label": pa.nulls(0)}),
                   tmp_path / "s" / "val-1.parquet")  # fmt: skip
    data = open_dataset(tmp_path / "s")
    assert [label.name for label in data.labels] == ["cat", "dog"]
    assert len(data) == 2
    assert any("val-1.parquet" in note for note in data.notes)


def test_an_empty_split_is_not_chosen(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "test-0.parquet", [0, 1])
    pq.write_table(pq.read_table(tmp_path / "s" / "test-0.parquet").slice(0, 0),
                   tmp_path / "s" / "validation-0.parquet")  # fmt: skip
    assert open_dataset(tmp_path / "s").title == "s (test)"


def views(values: list[object], kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind)


TEXTS = ["cat", "dog", "cat"]
LABELS = {
    "categories": (pa.array(TEXTS).dictionary_encode(), ["cat", "dog"], [0, 1, 0]),
    "string_view": (views([*TEXTS], pa.string_view()), ["cat", "dog"], [0, 1, 0]),
    "categories of numbers": (pa.array([1, 0, 1]).dictionary_encode(), None, [1, 0, 1]),
    "numbers with gaps": (pa.array([1.0, None, 0.0]), None, [1, 0]),
    "truth values": (pa.array([True, False, True]), None, [1, 0, 1]),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("picture", ["binary_view", "struct of binary_view", "binary"])
def test_columns_of_pandas_and_of_views(tmp_path: Path, kind: str, picture: str) -> None:
    column, names, label = LABELS[kind]
    contents = [picture_bytes(seed) for seed in range(3)]
    if picture == "struct of binary_view":
        cells = pa.StructArray.from_arrays([views([*contents], pa.binary_view())], ["bytes"])
    else:
        cells = views([*contents], pa.binary_view() if picture == "binary_view" else pa.binary())
    pq.write_table(pa.table({"image": cells, "label": column}), tmp_path / "x.parquet")
    schema = pq.read_schema(tmp_path / "x.parquet")
    if "view" in kind:
        assert pa.types.is_string_view(schema.field("label").type)
    data = open_dataset(tmp_path / "x.parquet")
    assert data.label.tolist() == label
    assert names is None or [one.name for one in data.labels] == names
    kept = [at for at in range(3) if column[at].as_py() is not None]
    assert [p.content for p in data.pictures()] == [contents[at] for at in kept]


def test_categories_as_pandas_writes_them(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"image": [picture_bytes(n) for n in range(3)], "label": TEXTS})
    frame["label"] = frame["label"].astype("category")
    frame.to_parquet(tmp_path / "x.parquet")
    assert open_dataset(tmp_path / "x.parquet").label.tolist() == [0, 1, 0]


def test_a_part_of_a_number_is_no_class(tmp_path: Path) -> None:
    write_shard(tmp_path / "x.parquet", [0.0, 1.5, 1.0])
    with pytest.raises(SettingError, match=r"holds 1\.5, but class numbers are whole"):
        open_dataset(tmp_path / "x.parquet")


def test_one_folder_that_is_no_class_of_the_pair_is_told_so(tmp_path: Path) -> None:
    pair = load_pair("bundled")
    data = open_dataset(write_folder(tmp_path / "mydogs", {"poodles": 2}))
    with pytest.raises(SettingError) as error:
        match_pair(data, pair)
    said = str(error.value)
    assert one_sentence(error)
    assert said.startswith("No class of mydogs ('poodles') is one of the pair's 200 (")
    assert "near 'poodles': 'standard poodle'" in said
    assert "python -m tinydrop classes, like the Tune page beside the zip, lists them all" in said


def test_near_names_are_told_where_some_folders_match(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "s", {"goldfsh": 1, "tarantula": 1, "bullfrog": 1, "x9": 1})
    match = match_pair(open_dataset(folder), load_pair("bundled"))
    assert match.unmatched == ("goldfsh", "x9")
    assert dict(match.near) == {"goldfsh": ("goldfish",)}
    assert "near 'goldfsh': 'goldfish'" in match.report


def test_one_class_of_the_pair_names_what_does_not_belong(tmp_path: Path) -> None:
    data = open_dataset(write_folder(tmp_path / "s", {"goldfish": 1, "tarantulla": 1}))
    with pytest.raises(SettingError, match="Only the class 'goldfish' of the pair") as error:
        match_pair(data, load_pair("bundled"))
    assert one_sentence(error)
    assert "'tarantulla' belong to none of them; near 'tarantulla': 'tarantula'" in str(error.value)


def test_the_classes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes"]) == 0
    assert tuple(capsys.readouterr().out.splitlines()) == load_pair("bundled").classes
    assert main(["classes", "--pair", "bundled-24", "--json"]) == 0
    assert capsys.readouterr().out.count("\n") == 26


def test_a_training_needs_two_classes_and_says_which_there_is(tmp_path: Path) -> None:
    for name in ("train-0.parquet", "validation-0.parquet"):
        write_shard(tmp_path / name, [0, 0], names=["cat"])
    with pytest.raises(SettingError, match="only the class 'cat' to learn from") as error:
        load_training_data(tmp_path, 16)
    assert one_sentence(error)
