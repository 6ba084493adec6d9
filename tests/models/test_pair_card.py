"""``pair.json`` as a schema: what is in it gives a pair or one sentence with the field's path."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from trace_zoo import one_thread

from tinydrop import TinyDrop
from tinydrop.core.errors import SettingError, TinyDropError, UnsupportedModelError
from tinydrop.models.backbones import wrap_guidance
from tinydrop.models.pairs import (
    bundled_students,
    load_pair_folder,
    load_slimmed,
    pair_from_models,
    read_student_card,
    save_pair,
)
from tinydrop.models.pairs.folder import read_pair_card
from tinydrop.studies.calibration import fit_temperature

SMALL = {"channels": [8, 8, 16, 16], "stem_width": 8, "output_stride": 8}
BIG = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
NAMES = ("cat", "dog", "fox")


def models() -> tuple[torch.nn.Module, torch.nn.Module]:
    return (
        timm.create_model("resnet10t", num_classes=3, **SMALL).eval(),
        timm.create_model("vit_tiny_patch16_224", num_classes=3, **BIG).eval(),
    )


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> object:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    pair = pair_from_models(*models(), NAMES, name="mine")
    kinds = {"guidance": ("resnet10t", SMALL), "target": ("vit_tiny_patch16_224", BIG)}
    save_pair(pair, folder, models=kinds, dtype=torch.float32)
    card = json.loads((folder / "pair.json").read_text())
    card["members"] = {"cat": ["n01", "tabby"], "dog": ["beagle"]}
    card["info"] = {"measured": {"pictures": 3}, "groups": {"pets": ["cat", "dog"]}, "note": "x"}
    (folder / "pair.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "pair"))


def put(card: dict[str, Any], path: str, value: object) -> None:
    *way, last = path.split(".")
    for key in way:
        card = card[key]
    card[last] = value


def one_sentence(error: BaseException) -> str:
    text = str(error)
    assert isinstance(error, TinyDropError), repr(error)
    assert text.endswith((".", "?")), text  # a close name is offered as a question
    assert "\n" not in text
    assert len(text) < 1500
    return text


BROKEN: list[tuple[str, object, str]] = [
    ("setting.evil", 1, "wrong at setting.evil: it is not known here"),
    ("target.input.mean", 1, "wrong at target.input.mean: the input mean has three finite numbers"),
    ("info", [1], "wrong at info: it is an object"),
    ("info", "x", "wrong at info: it is an object"),
    ("info.groups", [1], "wrong at info.groups: it is an object"),
    ("info.groups.pets", "cat", "wrong at info.groups.pets: it is a list of names"),
    ("members", ["cat"], "wrong at members: it is an object"),
    ("members.cat", "tabby", "wrong at members.cat: it is a list of names"),
    ("members.cat", [1], "wrong at members.cat: it is a list of names"),
    ("classes", "abc", "wrong at classes: it is a list of names"),
    ("classes", {"0": "cat"}, "wrong at classes: it is a list of names"),
    ("classes", ["cat", 2, "fox"], "wrong at classes: it is a list of names"),
    ("classes", ["cat", "", "fox"], "wrong at classes: it is a list of names"),
    ("classes", ["cat", "\ud800", "fox"], "wrong at classes: it is a list of names"),
    ("name", 3, "wrong at name: it is text"),
    ("title", ["x"], "wrong at title: it is text"),
    ("title", "", "lacks title"),
    ("format", True, "is not in pair format 1"),
    ("format", "1", "is not in pair format 1"),
    ("guidance", "resnet10t", "wrong at guidance: it is an object"),
    ("guidance", None, "lacks guidance"),
    ("guidance.model", 3, "wrong at guidance.model: it is text"),
    ("guidance.model", "resnet10x", "timm has no model called 'resnet10x'"),
    ("guidance.kwargs", [1], "wrong at guidance.kwargs: it is an object"),
    ("guidance.kwargs.channels", "many", "timm cannot build resnet10t as asked"),
    ("guidance.kwargs.pretrained_cfg", {"file": "/x"}, "'pretrained_cfg' is not allowed"),
    ("target.kwargs.global_pool", [], "timm cannot build"),
    ("target.kwargs.nonsense", 1, "timm cannot build"),
    ("target.input", [32, 32], "wrong at target.input: it is an object"),
    ("target.input.size", 32, "wrong at target.input.size: an input size is"),
    ("target.input.size", [32, 32, 3], "wrong at target.input.size: an input size is"),
    ("target.input.size", [64, 64], "was built for 32x32 pixels"),
    ("target.input.std", [0, 1, 1], "wrong at target.input.std: the input std has"),
    ("target.input.std", [True, 1, 1], "wrong at target.input.std: the input std has"),
    ("target.input.mean", ["a", "b", "c"], "wrong at target.input.mean: the input mean has"),
    ("target.input.mean", [float("nan"), 0, 0], "wrong at target.input.mean: the input mean"),
    ("target.input.crop_pct", "all", "wrong at target.input.crop_pct: crop_pct lies"),
    ("target.input.crop_mode", ["center"], "wrong at target.input.crop_mode: the crop mode"),
    ("target.input.interpolation", {}, "wrong at target.input.interpolation: the interpolation"),
    ("target.input.evil", 1, "wrong at target.input.evil: it is not known here"),
    ("setting", 0.8, "wrong at setting: it is an object"),
    ("setting.tau", "0.8", "wrong at setting.tau: tau must be"),
    ("setting.tau", float("inf"), "wrong at setting.tau: tau must be"),
    ("setting.gamma", None, "wrong at setting.gamma: gamma must be"),
    ("setting.rule", ["curvature"], "wrong at setting.rule: unknown budget rule"),
    ("target.input.mean", [10**400, 0, 0], "wrong at target.input.mean: the input mean"),
    ("setting.temperature", 10**400, "wrong at setting.temperature: temperature must be"),
]


@pytest.mark.parametrize(("path", "value", "says"), BROKEN)
def test_a_broken_field_is_named_by_its_path(
    folder: Path, path: str, value: object, says: str
) -> None:
    card = json.loads((folder / "pair.json").read_text())
    put(card, path, value)
    (folder / "pair.json").write_text(json.dumps(card))
    with pytest.raises(TinyDropError) as caught:
        load_pair_folder(folder)
    assert says in one_sentence(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[" * 200_000, "cannot be read as JSON"),
        (b'{"format": ' + b"1" * 5000 + b"}", "cannot be read as JSON"),
        (b'{"name": "' + b"x" * 21_000_000 + b'"}', "is larger than 20 MB"),
        (b"\xff\xfe\x00", "cannot be read as JSON"),
        (b"null", "not in pair format"),
        (b"", "cannot be read as JSON"),
    ],
)
def test_what_is_no_json_gets_one_sentence(folder: Path, content: bytes, says: str) -> None:
    (folder / "pair.json").write_bytes(content)
    with pytest.raises(SettingError) as caught:
        load_pair_folder(folder)
    assert says in one_sentence(caught.value)


STRANGE: tuple[object, ...] = (
    None, True, False, 0, 1, -1, 3, 0.5, -2.5, 1e300, float("nan"), float("inf"), "", "x", "0.5",
    "\ud800", "cat", [], [1], ["a"], [[1]], [None, {}], {}, {"a": 1}, {"a": ["b"]}, {"": 1},
)  # fmt: skip


def places(value: object, way: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place of a card, objects and lists included."""
    inner: list[tuple[str | int, ...]] = [way] if way else []
    if isinstance(value, dict):
        for key, one in value.items():
            inner += places(one, (*way, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            inner += places(one, (*way, index))
    return inner


def mutated(card: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """The card with one to three places replaced, removed, or given a field too many."""
    card = copy.deepcopy(card)
    for _ in range(rng.integers(1, 4)):
        every = places(card)
        *way, last = every[rng.integers(len(every))]
        parent: Any = card
        for key in way:
            parent = parent[key]
        strange = copy.deepcopy(STRANGE[rng.integers(len(STRANGE))])
        act = rng.integers(4)
        if act == 0:
            del parent[last]
        elif act == 1 and isinstance(parent, dict):
            parent["evil"] = strange
        else:
            parent[last] = strange
        if not places(card):
            break
    return card


def test_random_cards_give_a_card_or_one_sentence(folder: Path) -> None:
    rng = np.random.default_rng(5)
    whole = json.loads((folder / "pair.json").read_text())
    fine, said = 0, set()
    for _ in range(4000):
        (folder / "pair.json").write_text(json.dumps(mutated(whole, rng)))
        try:
            card = read_pair_card(folder)
        except TinyDropError as error:
            said.add(one_sentence(error).partition(" is ")[2][:30])
        else:
            fine += 1
            assert set(card) >= {"name", "title", "classes", "setting", "guidance", "target"}
            assert all(isinstance(one, str) and one for one in card["classes"])
    assert fine > 200
    assert len(said) > 25


def test_random_cards_give_a_pair_or_one_sentence(folder: Path) -> None:
    """The cards that the schema lets through, most of them with odd constructor arguments."""
    rng = np.random.default_rng(6)
    whole = json.loads((folder / "pair.json").read_text())
    loaded = refused = 0
    while loaded + refused < 120:
        card = mutated(whole, rng)
        (folder / "pair.json").write_text(json.dumps(card))
        try:
            read_pair_card(folder)
        except TinyDropError:
            continue
        try:
            pair = load_pair_folder(folder)
        except TinyDropError as error:
            one_sentence(error)
            refused += 1
        else:
            assert pair.target.spec.num_classes == len(pair.classes) == 3
            loaded += 1
    assert min(loaded, refused) > 10


@pytest.mark.parametrize("kind", [torch.int8, torch.complex64, torch.bool])
def test_weights_that_are_no_floats_are_refused(folder: Path, kind: torch.dtype) -> None:
    path = folder / "target.safetensors"
    state = load_file(path)
    state["head.weight"] = state["head.weight"].to(kind)
    save_file(state, path)
    with pytest.raises(TinyDropError) as caught:
        load_pair_folder(folder)
    name = str(kind).removeprefix("torch.")
    assert f"holds head.weight as {name}, but float32 is expected" in one_sentence(caught.value)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_point_weights_of_any_width_are_read(folder: Path, kind: torch.dtype) -> None:
    path = folder / "target.safetensors"
    save_file({k: v.to(kind) for k, v in load_file(path).items()}, path)
    assert next(load_pair_folder(folder).target.module.parameters()).dtype == torch.float32


def test_random_student_cards_give_a_card_or_one_sentence(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    whole = json.loads((bundled_students()[0] / "student.json").read_text())
    whole["classes"], whole["info"] = whole["classes"][:3], {"recipe": {"distil": True}}
    fine = 0
    for _ in range(1500):
        (tmp_path / "student.json").write_text(json.dumps(mutated(whole, rng)))
        try:
            card = read_student_card(tmp_path)
        except TinyDropError as error:
            one_sentence(error)
        else:
            assert card.words
            fine += 1
    assert fine > 50
    (tmp_path / "student.json").write_text(json.dumps(whole))
    with pytest.raises(TinyDropError, match="are not there; a student's folder holds"):
        load_slimmed(tmp_path)


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (["cat", "dog", "fox"], NAMES),
        (("cat", "dog", "fox"), NAMES),
        (np.array(["cat", "dog", "fox"]), NAMES),
        ({0: "cat", 1: "dog", 2: "fox"}, NAMES),
        ({2: "fox", 0: "cat", 1: "dog"}, NAMES),
        ((name for name in NAMES), NAMES),
    ],
)
def test_classes_are_read_as_they_are_meant(classes: Any, names: tuple[str, ...]) -> None:
    small, big = models()
    assert TinyDrop(guidance=small, target=big, classes=classes).pair.classes == names


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ("ab", "are a list of names, not one text, got 'ab'"),
        (b"abc", "are a list of names, not one text"),
        ({0: "cat"}, "the numbers differ"),
        ({1: "cat", 2: "dog", 3: "fox"}, r"every index from 0 to 2, got \[1, 2, 3\]"),
        ({"cat": 0, "dog": 1, "fox": 2}, "every index from 0 to 2"),
        ({True: "dog", 0: "cat", 2: "fox"}, "every index from 0 to 2"),
        (["cat", "dog", 3], "Class 2 is no name but 3"),
        (["cat", "", "fox"], "Class 1 is no name but ''"),
        (3, "are a list of names, got 3"),
        ([], "the numbers differ"),
    ],
)
def test_classes_that_are_none_are_refused(classes: Any, says: str) -> None:
    small, big = models()
    with pytest.raises(SettingError, match=says) as caught:
        TinyDrop(guidance=small, target=big, classes=classes)
    one_sentence(caught.value)


def test_models_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    small, big = models()
    asked: list[str] = []

    def build(name: str, **_: object) -> torch.nn.Module:
        asked.append(name)
        return small if name == "resnet10t" else big

    monkeypatch.setattr("tinydrop.models.backbones.guidance.build_model", build)
    monkeypatch.setattr("tinydrop.models.backbones.registry.build_model", build)
    both = TinyDrop(guidance="resnet10t", target="vit_tiny_patch16_224", classes=NAMES)
    assert asked == ["resnet10t", "vit_tiny_patch16_224"]
    assert both.pair.guidance.spec.name == "resnet10t"
    mixed = TinyDrop(guidance="resnet10t", target=big, classes=NAMES)
    assert mixed.pair.digest == both.pair.digest
    monkeypatch.undo()
    with pytest.raises(UnsupportedModelError, match="timm has no model called 'resnet17q'"):
        TinyDrop(guidance="resnet17q", target=big, classes=NAMES)


@pytest.mark.parametrize("given", [3, ["resnet18"], Path("resnet18"), object])
def test_what_is_no_model_is_refused(given: Any) -> None:
    small, big = models()
    for role, pair in (("guidance", (given, big)), ("target", (small, given))):
        with pytest.raises(SettingError, match=f"The {role} is a timm model, its name") as caught:
            TinyDrop(guidance=pair[0], target=pair[1], classes=NAMES)
        one_sentence(caught.value)


def test_adapters_in_the_wrong_role_and_pairs_of_no_kind_are_refused() -> None:
    small, big = models()
    guide = wrap_guidance(small, "small")
    with pytest.raises(SettingError, match="The target is a timm model"):
        TinyDrop(guidance=guide, target=guide, classes=NAMES)
    with pytest.raises(SettingError, match="A pair is a name, a pair folder or a Pair, got int"):
        TinyDrop(3)  # type: ignore[arg-type]
    for name in ("x" * 5000, "nul\0"):
        with pytest.raises(SettingError, match="There is no pair"):
            TinyDrop(name)
    with pytest.raises(UnsupportedModelError, match="Sequential is no classifier of timm"):
        TinyDrop(guidance=torch.nn.Sequential(torch.nn.Linear(2, 2)).eval(), target=big)


@pytest.mark.parametrize("label", [[0, 3], [-1, 0], [0.5, 1.0], [True, False], ["a", "b"]])
def test_labels_that_are_no_class_are_refused(label: list[object]) -> None:
    with pytest.raises(SettingError, match="Labels are whole numbers from 0 to 2") as caught:
        fit_temperature(np.eye(3)[:2], np.array(label))
    one_sentence(caught.value)
