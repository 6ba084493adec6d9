"""Weights in shards: written within the limit, read back the same, headers held to the index."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tinydrop.core.errors import TinyDropError
from tinydrop.models.pairs import load_pair_folder, pair_from_models, save_pair
from tinydrop.models.pairs.shards import index_of, split
from tinydrop.models.pairs.weights import read_weights, write_weights

SMALL = {"channels": [16, 16, 32, 48], "stem_width": 8}
BIG = {"img_size": 32, "patch_size": 8, "embed_dim": 384, "depth": 6, "num_heads": 6}
NAMES = ("cat", "dog", "fox")
LIMIT = 9 * 2**20


def save(folder: Path, big: dict[str, int] = BIG) -> None:
    generator = torch.Generator().manual_seed(5)
    target = timm.create_model("vit_tiny_patch16_224", num_classes=3, **big).eval()
    with torch.no_grad():
        for weight in target.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) / 20)
    pair = pair_from_models(
        timm.create_model("resnet10t", num_classes=3, **SMALL).eval(), target, NAMES, name="mine"
    )
    kinds = {"guidance": ("resnet10t", SMALL), "target": ("vit_tiny_patch16_224", big)}
    save_pair(pair, folder, models=kinds)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    save(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "pair"))


def test_a_large_target_is_written_in_shards_of_hugging_faces_layout(written: Path) -> None:
    shards = sorted(written.glob("target-*.safetensors"))
    count = len(shards)
    assert count == 3  # 10.7 M weights of two bytes
    assert [s.name for s in shards] == [
        f"target-{n:05d}-of-{count:05d}.safetensors" for n in range(1, count + 1)
    ]
    assert max(shard.stat().st_size for shard in shards) <= LIMIT
    # One more tensor would not have fitted: no file is needlessly small.
    assert all(shard.stat().st_size > LIMIT - 2 * 384 * 1536 - 8192 for shard in shards[:-1])
    index = json.loads((written / "target.safetensors.index.json").read_text())
    assert set(index) == {"metadata", "weight_map"}
    tensors = {name: value for shard in shards for name, value in load_file(shard).items()}
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert index["metadata"]["total_size"] == sum(2 * v.numel() for v in tensors.values())
    for shard in shards:
        with safe_open(shard, "pt") as held:
            assert set(held.keys()) == {
                k for k, v in index["weight_map"].items() if v == shard.name
            }
    # The small model stays one file, and who may read one file may read all.
    assert (written / "guidance.safetensors").is_file()
    assert not (written / "target.safetensors").exists()
    assert len({file.stat().st_mode for file in written.iterdir()}) == 1


def test_shards_load_as_the_single_file_does(folder: Path) -> None:
    sharded = load_pair_folder(folder)
    tensors = read_weights(folder / "target.safetensors", "absent")
    for shard in folder.glob("target-*"):
        shard.unlink()
    index_of(folder / "target.safetensors").unlink()
    save_file(tensors, folder / "target.safetensors")
    single = load_pair_folder(folder)
    assert single.digest == sharded.digest
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(single.target.logits(pixels, None), sharded.target.logits(pixels, None))


def test_shards_are_written_over_and_by_the_other_layout(folder: Path) -> None:
    before = load_pair_folder(folder).target.logits(torch.ones(1, 3, 32, 32), None)
    save(folder, BIG | {"depth": 1})
    assert sorted(p.name for p in folder.iterdir()) == [
        "guidance.safetensors", "pair.json", "target.safetensors",
    ]  # fmt: skip
    assert len(load_pair_folder(folder).target.module.blocks) == 1
    save(folder)
    assert not (folder / "target.safetensors").exists()
    after = load_pair_folder(folder).target.logits(torch.ones(1, 3, 32, 32), None)
    assert torch.equal(after, before)


@pytest.mark.parametrize(
    ("sizes", "limit", "groups"),
    [
        ((10, 10, 10), 10_000, [3]),
        ((1000, 1000, 1000), 5000, [1, 1, 1]),
        ((1000, 1000, 1000), 9000, [2, 1]),
        ((10, 5000, 10), 5000, [1, 1, 1]),  # one that is too large stands alone
        ((), 5000, [0]),
    ],
)
def test_groups_keep_their_order_and_their_limit(
    sizes: tuple[int, ...], limit: int, groups: list[int], tmp_path: Path
) -> None:
    tensors = {f"t{n}": torch.zeros(size) for n, size in enumerate(sizes)}
    found = split(tensors, limit)
    assert [len(names) for names in found] == groups
    assert [name for names in found for name in names] == list(tensors)
    for names in found:
        save_file({name: tensors[name] for name in names}, tmp_path / "file")
        assert (tmp_path / "file").stat().st_size <= max(limit, 4 * max(sizes, default=0) + 500)


def test_long_names_of_many_small_tensors_fit_the_limit_as_well(tmp_path: Path) -> None:
    tensors = {f"{'ä' * 150}.{n}": torch.zeros(1) for n in range(200)}
    for names in split(tensors, 20_000):
        save_file({name: tensors[name] for name in names}, tmp_path / "file")
        assert (tmp_path / "file").stat().st_size <= 20_000


def edit_index(folder: Path, change: Callable[[dict[str, str]], object]) -> None:
    path = folder / "target.safetensors.index.json"
    index = json.loads(path.read_text())
    change(index["weight_map"])
    path.write_text(json.dumps(index))


def edit_shard(folder: Path, number: int, change: Callable[[dict[str, torch.Tensor]], object]):
    path = next(folder.glob(f"target-{number:05d}-of-*.safetensors"))
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


FIRST, LAST = "target-00001-of-00003.safetensors", "target-00003-of-00003.safetensors"


def named(shard: str) -> Callable[[Path], object]:
    return lambda f: edit_index(f, lambda m: m.update({"cls_token": shard}))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "above": (named(f"../{FIRST}"), "lie in its own folder"),
    "absolute": (named(f"/var/{FIRST}"), "lie in its own folder"),
    "below": (named(f"sub/{FIRST}"), "lie in its own folder"),
    "backslash": (named(f"..\\{FIRST}"), "lie in its own folder"),
    "other file": (named("guidance.safetensors"), "are called like target-00001-of-00002"),
    "pickle": (named("pytorch_model.bin"), "lie in its own folder"),
    "not text": (named(3), "wrong at weight_map.cls_token: it is text"),  # type: ignore[arg-type]
    "other count": (named("target-00001-of-00009.safetensors"), "is not one of so many"),
    "missing shard": (lambda f: (f / LAST).unlink(), f"names {LAST}, which is not beside it"),
    "damaged shard": (
        lambda f: (f / LAST).write_bytes(b"junk"), "is not a readable safetensors file",
    ),
    "cut shard": (
        lambda f: (f / LAST).write_bytes((f / LAST).read_bytes()[:-2]), "not a readable",
    ),
    "missing tensor": (
        lambda f: edit_shard(f, 1, lambda t: t.pop("cls_token")), "lacks the tensor 'cls_token'",
    ),
    "extra tensor": (
        lambda f: edit_shard(f, 1, lambda t: t.update(odd=torch.zeros(2))),
        "holds the tensor 'odd' which the index does not name",
    ),
    "twice": (
        lambda f: edit_shard(f, 3, lambda t: t.update(cls_token=torch.ones(1, 1, 384))),
        f"holds the tensor 'cls_token' twice, also in {FIRST}",
    ),
    "not in the index": (
        lambda f: edit_index(f, lambda m: m.pop("cls_token")),
        "holds the tensor 'cls_token' which the index does not name",
    ),
    "another model's": (
        lambda f: (
            edit_shard(f, 1, lambda t: t.update(odd=torch.zeros(2))),
            edit_index(f, lambda m: m.update(odd=FIRST)),
        ),
        "does not belong to the model in pair.json: odd does not match",
    ),
    "no map": (
        lambda f: index_of(f / "target.safetensors").write_text("{}"), "lacks weight_map",
    ),
    "no json": (
        lambda f: index_of(f / "target.safetensors").write_text("{"), "cannot be read as JSON",
    ),
    "both": (
        lambda f: shutil.copy(f / "guidance.safetensors", f / "target.safetensors"),
        "both hold the weights; remove the older",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_shards_get_one_sentence(folder: Path, damage: str) -> None:
    change, says = DAMAGES[damage]
    change(folder)
    with pytest.raises(TinyDropError) as caught:
        load_pair_folder(folder)
    text = str(caught.value)
    assert says in text
    assert text.endswith(".")
    assert "\n" not in text


def test_an_interrupted_writing_leaves_no_index(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old and new shards are never read together: the index goes first and comes last."""
    path, calls = folder / "target.safetensors", []

    def full(self: Path, data: bytes) -> int:
        calls.append(self.name)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        with self.open("wb") as file:
            return file.write(data)

    tensors = read_weights(path, "absent")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        write_weights(path, tensors)
    assert not index_of(path).exists()
    with pytest.raises(TinyDropError, match="are not there"):
        load_pair_folder(folder)
