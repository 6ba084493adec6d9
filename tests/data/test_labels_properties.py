"""Labels find their class however they are spelled, ordered or grouped, and never a wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinydrop.core.errors import SettingError
from tinydrop.data import ClassLabel, Dataset, LabelledPicture, LabelMatch, match_labels

WORDS = st.lists(st.text("abcdefghijklmnop", min_size=2, max_size=6), min_size=1, max_size=3).map(
    " ".join
)
CLASSES = st.lists(WORDS, min_size=3, max_size=8, unique=True)
SPELLINGS = (
    str,
    str.upper,
    str.title,
    lambda name: name.replace(" ", "_"),
    lambda name: name.replace(" ", "-"),
    lambda name: f"  {name} ",
    lambda name: f"{name}, 9 {name} 9",
)


def dataset(names: Sequence[str]) -> Dataset:
    def read(positions: npt.NDArray[np.int64]) -> Iterator[LabelledPicture]:
        return (LabelledPicture(str(at), int(at), b"") for at in positions)

    labels = tuple(ClassLabel.parse(name) for name in names)
    return Dataset("drawn", labels, np.arange(len(names)), read)


def accounts_for_every_picture(match: LabelMatch, count: int) -> bool:
    known = int((match.class_index >= 0).sum())
    return match.pictures == known and match.pictures + match.left_out == count


@given(CLASSES, st.data())
def test_spelling_and_order_do_not_matter(classes: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(classes))))
    spell = [data.draw(st.sampled_from(SPELLINGS)) for _ in order]
    names = [how(classes[at]) for how, at in zip(spell, order, strict=True)]
    match = match_labels(dataset(names), classes)
    assert match.class_index.tolist() == list(order)
    assert (match.how, match.unmatched) == ("name", ())
    assert accounts_for_every_picture(match, len(names))


@given(CLASSES, st.data())
def test_a_fine_name_finds_its_group(classes: list[str], data: st.DataObject) -> None:
    owner = data.draw(st.lists(st.integers(0, 2), min_size=len(classes), max_size=len(classes)))
    owner[:2] = [0, 1]  # two groups at least
    groups = ["group 0", "group 1", "group 2"]
    members = {
        group: [name for name, at in zip(classes, owner, strict=True) if at == number]
        for number, group in enumerate(groups)
    }
    match = match_labels(dataset(classes), groups, members)
    assert match.class_index.tolist() == owner
    assert match.classes == len(set(owner))


@given(CLASSES, st.integers(1, 5))
def test_strangers_are_left_out_and_named(classes: list[str], strangers: int) -> None:
    others = [f"stranger {number}" for number in range(strangers)]
    match = match_labels(dataset([*classes, *others]), classes)
    assert match.class_index.tolist() == [*range(len(classes)), *[-1] * strangers]
    assert match.unmatched == tuple(others)
    assert accounts_for_every_picture(match, len(classes) + strangers)
    assert "stranger 0" in match.report


@given(CLASSES)
def test_a_name_of_two_classes_is_given_to_neither(classes: list[str]) -> None:
    twins = [f"{name}, common" for name in classes]
    match = match_labels(dataset([*classes, "common"]), twins)
    assert match.class_index.tolist() == [*range(len(classes)), -1]
    assert match.ambiguous == ("common",)


@given(st.permutations(range(5)))
def test_ids_find_their_class_whatever_the_names_say(order: list[int]) -> None:
    wnids = [f"n{number:08d}" for number in range(5)]
    # The names are those of other classes: a match by name would be off by one.
    names = [f"{wnids[at]}_class_{(at + 1) % 5}" for at in order]
    match = match_labels(dataset(names), [f"class {at}" for at in range(5)], wnids=wnids)
    assert match.class_index.tolist() == list(order)
    assert match.how == "wnid"


@given(st.integers(2, 9), st.integers(2, 9))
def test_numbers_count_only_where_there_are_as_many_classes(have: int, want: int) -> None:
    data = dataset([str(number) for number in range(have)])
    classes = [f"class {'abcdefghi'[number]}" for number in range(want)]
    if have == want:
        assert match_labels(data, classes).class_index.tolist() == list(range(have))
        return
    with pytest.raises(SettingError, match="have no names"):
        match_labels(data, classes)


@given(CLASSES)
def test_nothing_in_common_is_refused_with_both_vocabularies(classes: list[str]) -> None:
    with pytest.raises(SettingError) as error:
        match_labels(dataset([f"stranger {name}" for name in classes]), classes)
    assert f"'stranger {classes[0]}'" in str(error.value)
    assert f"'{classes[0]}'" in str(error.value)
