"""Which split and configuration is measured where there are several, and how it is said (15.9)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from data_zoo import one_sentence, write_shard
from trace_zoo import write_folder

from tinydrop.core.errors import SettingError
from tinydrop.data import find_shards, open_dataset, split_of
from tinydrop.data.splits import choose_files, family_of, place_of

# (files, those to measure, configuration, split), as a person would say on reading the names.
LAYOUTS = [
    (["cifar_train", "cifar_test"], ["cifar_test"], None, "test"),
    (["train-00000", "test-00000"], ["test-00000"], None, "test"),
    (["imagenet-train", "imagenet-validation"], ["imagenet-validation"], None, "validation"),
    (["split=train/0", "split=val/0"], ["split=val/0"], None, "val"),
    (["train.snappy", "val.snappy"], ["val.snappy"], None, "val"),
    (
        ["train-1-of-2", "train-2-of-2", "val-1-of-2", "val-2-of-2"],
        ["val-1-of-2", "val-2-of-2"],
        None,
        "val",
    ),
    (["train(1)", "train(2)", "test(1)"], ["test(1)"], None, "test"),
    (["trainset", "ValSet"], ["ValSet"], None, "Val"),
    (["train2017", "val2017"], ["val2017"], None, "val"),
    (["data/Train/a", "data/Test/a"], ["data/Test/a"], None, "Test"),
    (["dev", "test", "train"], ["dev"], None, "dev"),
    (["cifar10/test-0", "cifar100/test-0"], ["cifar10/test-0"], "cifar10", "test"),
    (["cifar10_test", "cifar100_test"], ["cifar10_test"], "cifar10", "test"),
    (["b/default/test/0", "a/x/test/0"], ["b/default/test/0"], "b/default", "test"),
    (["a/train-0", "b/train-0", "b/test-0"], ["b/test-0"], "b", "test"),
    (["val2014", "val2017"], ["val2014"], "2014", "val"),
    (["latest", "contest", "values"], ["latest", "contest", "values"], None, None),
    (["part-0", "part-1"], ["part-0", "part-1"], None, None),
]


@pytest.mark.parametrize(("files", "measured", "config", "split"), LAYOUTS)
def test_words_name_a_split_wherever_they_stand(
    files: list[str], measured: list[str], config: str | None, split: str | None
) -> None:
    names = [f"{name}.parquet" for name in files]
    choice = choose_files(names, "set")
    assert list(choice.files) == [f"{name}.parquet" for name in measured]
    assert (choice.config, choice.split) == (config, split)
    if split is not None and len(measured) < len(files):
        assert choice.notes
        assert all("only" in note for note in choice.notes)
    assert choice.title("set") == (
        "set" + (f" ({', '.join(filter(None, (config, split)))})" if split else "")
    )


def test_no_training_file_is_ever_among_those_to_measure() -> None:
    rng = np.random.default_rng(0)
    signs = np.array(["_", "-", ".", "(", " "])
    for _ in range(300):
        before, after = rng.choice(signs, 2)
        name = "".join(rng.choice(list("kqwxz"), 4))
        train, held = (f"{name}{before}{word}{after}7.parquet" for word in ("train", "val"))
        choice = choose_files([train, held], "set")
        assert choice.files == (held,)
        assert family_of(split_of(train)) == "train"


def test_a_name_of_both_counts_as_training() -> None:
    assert family_of(split_of("train_test/0.parquet")) == "train"
    assert family_of(split_of("trainval.parquet")) == "train"
    assert place_of("test/train.parquet").family == "train"  # the file's own name goes first


def test_the_split_and_the_configuration_can_be_chosen() -> None:
    files = [f"{c}/{s}-0.parquet" for c in ("cifar10", "cifar100") for s in ("train", "test")]
    choice = choose_files(files, "set", split="train", config="CIFAR100")
    assert choice.files == ("cifar100/train-0.parquet",)
    assert choice.title("set") == "set (cifar100, train)"
    assert choice.notes == ()
    assert choose_files(["val-0.parquet"], "set", split="validation").split == "val"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"split": "dev"}, r"no split 'dev'; it has test, train, so give one of them by --split"),
        ({"config": "x"}, r"no configuration 'x'; it has coarse, fine, so .* --config"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(wanted: dict[str, str], says: str) -> None:
    files = [f"{c}/{s}-0.parquet" for c in ("coarse", "fine") for s in ("train", "test")]
    with pytest.raises(SettingError, match=says) as error:
        choose_files(files, "set", **wanted)
    assert one_sentence(error)
    with pytest.raises(SettingError, match="leave --split out"):
        choose_files(["0.parquet"], "set", split="test")


def test_pictures_to_learn_from_are_not_measured(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "cifar_train.parquet", [0, 1] * 5)
    write_shard(tmp_path / "s" / "cifar_test.parquet", [0, 1])
    data = open_dataset(tmp_path / "s")
    assert (data.title, len(data), data.split, data.config) == ("s (test)", 2, "test", None)
    assert data.notes == (
        "Of the splits test, train of s only test is used; choose another by --split.",
    )
    train = open_dataset(tmp_path / "s", split="train")
    assert (train.title, len(train)) == ("s (train)", 10)
    assert "training pictures" in train.notes[-1]
    lone = open_dataset(tmp_path / "s" / "cifar_train.parquet")
    assert "training pictures" in lone.notes[-1]


def test_two_configurations_are_not_added_together(tmp_path: Path) -> None:
    write_shard(tmp_path / "s" / "coarse" / "test-0.parquet", [0, 1])
    write_shard(tmp_path / "s" / "fine" / "test-0.parquet", [0, 1, 2])
    data = open_dataset(tmp_path / "s")
    assert (data.title, len(data), data.config) == ("s (coarse, test)", 2, "coarse")
    assert "Of the configurations coarse, fine of s only coarse is used" in data.notes[0]
    assert len(open_dataset(tmp_path / "s", config="fine")) == 3


def test_files_of_other_names_that_are_read_as_one_are_named() -> None:
    choice = choose_files(["test/birds.parquet", "test/cats.parquet"], "set")
    assert len(choice.files) == 2
    assert "birds, cats of set are read as one set" in choice.notes[0]


@pytest.mark.parametrize(
    ("folders", "chosen", "options"),
    [
        (["imagenet-train", "imagenet-val"], "imagenet-val", {}),
        (["train", "val", "docs"], "val", {}),
        (["train", "val"], "train", {"split": "training"}),
    ],
)
def test_class_folders_know_the_same_splits(
    tmp_path: Path, folders: list[str], chosen: str, options: dict[str, str]
) -> None:
    for count, name in enumerate(folders, 1):
        write_folder(tmp_path / "s" / name, {"a": count, "b": count})
    data = open_dataset(tmp_path / "s", **options)
    assert (data.title, data.split) == (f"s ({chosen})", chosen)
    assert len(data) == 2 * (folders.index(chosen) + 1)
    assert [label.name for label in data.labels] == ["a", "b"]


def test_configurations_of_class_folders_are_told_apart(tmp_path: Path) -> None:
    for name, count in (("cifar10", 1), ("cifar100", 2)):
        write_folder(tmp_path / "s" / name / "train", {"a": 5, "b": 5})
        write_folder(tmp_path / "s" / name / "test", {"a": count, "b": count})
    data = open_dataset(tmp_path / "s")
    assert (data.title, len(data)) == ("s (cifar10, test)", 2)
    assert "configurations cifar10, cifar100" in data.notes[0]
    assert len(open_dataset(tmp_path / "s", config="cifar100", split="test")) == 4


def test_a_split_that_is_wanted_of_none_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "s", {"a": 1, "b": 1})
    for option in ("split", "config"):
        with pytest.raises(SettingError, match=f"leave --{option} out") as error:
            open_dataset(tmp_path / "s", **{option: "test"})
        assert one_sentence(error)


def test_the_hub_s_cifar10_takes_nothing_of_cifar100(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{c}/{s}-00000-of-00001.parquet" for c in ("cifar10", "cifar100")
             for s in ("test", "train")]  # fmt: skip
    for count, name in enumerate(names, 2):
        write_shard(tmp_path / name, [0, 1] * count)
    hub = SimpleNamespace(list_repo_files=lambda *a, **k: names)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda _r, f, **k: str(tmp_path / f))
    reached = SimpleNamespace(head=lambda *a, **k: None)
    monkeypatch.setattr("huggingface_hub.get_session", lambda: reached)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    data = open_dataset("owner/cifar", hub=True)
    assert (data.title, len(data)) == ("owner/cifar (cifar10, test)", 4)
    assert (data.split, data.config) == ("test", "cifar10")
    other = open_dataset("owner/cifar", hub=True, config="cifar100", split="train")
    assert (other.title, len(other)) == ("owner/cifar (cifar100, train)", 10)


def test_a_training_learns_from_one_configuration_and_measures_on_another_split(
    tmp_path: Path,
) -> None:
    for config in ("coarse", "fine"):
        for split in ("train", "validation", "test"):
            write_shard(tmp_path / config / f"{split}-0.parquet", [0, 1])
    found = find_shards(tmp_path)
    assert [p.relative_to(tmp_path).as_posix() for p in (*found.train, *found.held_out)] == [
        "coarse/train-0.parquet",
        "coarse/validation-0.parquet",
    ]
    assert "configurations coarse, fine" in found.notes[0]
    assert "splits test, train, validation" in found.notes[1]
    other = find_shards(tmp_path, "test", "fine")
    assert [p.relative_to(tmp_path).as_posix() for p in (*other.train, *other.held_out)] == [
        "fine/train-0.parquet",
        "fine/test-0.parquet",
    ]


def test_a_training_takes_what_only_together_is_whole(tmp_path: Path) -> None:
    write_shard(tmp_path / "imagenet-train.parquet", [0, 1])
    write_shard(tmp_path / "validation.parquet", [0, 1])
    found = find_shards(tmp_path)
    assert [p.name for p in found.train] == ["imagenet-train.parquet"]
    assert [p.name for p in found.held_out] == ["validation.parquet"]
