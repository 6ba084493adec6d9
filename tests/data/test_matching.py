"""How a data set's classes are matched to a pair's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from data_zoo import one_sentence
from real_pictures import tiny_imagenet

from tinydrop.core.errors import SettingError
from tinydrop.data import (
    ClassLabel,
    Dataset,
    match_labels,
    open_dataset,
)
from tinydrop.models.pairs import load_pair


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


@pytest.mark.pictures
@pytest.mark.parametrize(
    ("name", "pictures", "classes"), [("bundled", 5000, 200), ("bundled-24", 3250, 24)]
)
def test_a_shipped_pair_knows_the_pictures_that_it_was_measured_on(
    name: str, pictures: int, classes: int
) -> None:
    data = open_dataset(tiny_imagenet())
    assert len(data) == 5000
    pair = load_pair(name)
    members = pair.info["members"]
    match = match_labels(data, pair.classes, members)
    assert match.pictures == pair.info["measured"]["pictures"] == pictures
    assert match.classes == len(pair.classes) == classes
    # Counted another way: by the names in the file's own class list.
    fine = {one for names in members.values() for one in names}
    listed = json.loads((tiny_imagenet() / "classes.json").read_text())
    wanted = [e["label"] for e in listed if fine & {e["name"].split(",")[0], e["wnid"]}]
    assert match.pictures == int(np.isin(data.label, wanted).sum())
