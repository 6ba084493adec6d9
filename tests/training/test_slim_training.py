"""Training a slimmed student: it starts near, learns, goes on exactly, and is read as written."""

from __future__ import annotations

import json

import pytest
import safetensors
import safetensors.torch
import torch
from slim_zoo import small_teacher
from trace_zoo import one_thread
from training_zoo import write_shards

from tinydrop.cli import main
from tinydrop.core.errors import SettingError, TinyDropError, WeightsUnavailableError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data.view import InputSpec
from tinydrop.models.backbones import wrap_guidance, wrap_target
from tinydrop.models.pairs import load_pair_folder, load_slimmed, pair_from_models, save_pair
from tinydrop.models.slimming import Slimmed, SlimmedTransformer, SlimmingPlan
from tinydrop.studies.check import redraw_weights
from tinydrop.training.pictures import PictureSet
from tinydrop.training.slim import train_slimmed
from tinydrop.training.slim_data import known_pictures, load_slim_data, normalised, report_set
from tinydrop.training.slim_recipe import SlimRecipe
from tinydrop.training.slim_start import fit_local, local_groups
from tinydrop.training.slim_trainer import SlimTrainer, top1
from tinydrop.training.state import BEST, CHECKPOINT, CURVE, WEIGHTS, Progress

PLAN = SlimmingPlan((1, 1), (0.5,))
KWARGS = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
GUIDE = {"channels": [8, 8, 16, 16], "stem_width": 8, "output_stride": 8}
SPEC = InputSpec((32, 32), (0.5, 0.4, 0.3), (0.25, 0.25, 0.2), crop_pct=1.0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), train=(40, 40), validation=24, broken=1)


@pytest.fixture(scope="module")
def pair_folder(tmp_path_factory):
    """A pair on four colours whose target knows nothing yet."""
    import timm

    guidance = timm.create_model("resnet10t", num_classes=4, **GUIDE).eval()
    target = timm.create_model("vit_tiny_patch16_224", num_classes=4, **KWARGS).eval()
    redraw_weights(target, 1)
    pair = pair_from_models(
        wrap_guidance(guidance, "guide", SPEC),
        wrap_target(target, "target", SPEC),
        ("red", "green", "blue", "grey"),
        name="colours",
    )
    folder = tmp_path_factory.mktemp("pair")
    models = {"guidance": ("resnet10t", GUIDE), "target": ("vit_tiny_patch16_224", KWARGS)}
    save_pair(pair, folder, models=models)
    return folder


@pytest.fixture(scope="module")
def pair(pair_folder):
    return load_pair_folder(pair_folder)


@pytest.fixture(scope="module")
def data(shards, pair):
    return load_slim_data(shards, pair)


def recipe(**changes) -> SlimRecipe:
    values = {"plan": PLAN, "epochs": 1.0, "batch": 10, "start_steps": 3, "warmup": 2}
    return SlimRecipe(**(values | changes))


def run(pair, data, out, what=None, **kwargs):
    return train_slimmed(
        pair.target,
        what or recipe(),
        data.train,
        data.held_out,
        out,
        data_fingerprint="colours",
        look_every=2,
        **kwargs,
    )


def test_pictures_are_the_targets_own_view_and_every_one_is_in_one_part(shards, pair, data) -> None:
    assert (len(data.train), len(data.held_out)) == (70, 9)  # 79 can be read, an eighth aside
    assert data.skipped == {"unreadable": 1}
    rows = torch.cat((data.train.pixels, data.held_out.pixels)).flatten(1)
    assert len(torch.unique(rows, dim=0)) == 79
    from tinydrop.data.view import View, open_picture

    report = report_set(shards)
    pictures, _ = known_pictures(report, pair)
    for number, stored in enumerate(report.pictures([0, 1, 2])):
        picture = open_picture(stored.content)
        expected = View(picture.image.size, SPEC).pixels(picture, SPEC)
        found = normalised(pictures.pixels[number : number + 1], SPEC)[0]
        assert float((found - torch.from_numpy(expected)).abs().max()) < 1e-6
    with pytest.raises(SettingError, match=r"no train\*\.parquet"):
        load_slim_data(shards / "nowhere", pair)


def test_local_groups_are_neighbours_and_cover_everything_once() -> None:
    first, second = local_groups(PatchGrid(4, 4), (16, 4, 2))
    squares = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert [torch.nonzero(row)[:, 0].tolist() for row in first] == squares
    assert second.tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    for grid, tokens in ((PatchGrid(3, 5), (15, 7, 3)), (PatchGrid(14, 14), (196, 98, 49, 24))):
        for wanted in local_groups(grid, tokens):
            torch.testing.assert_close(wanted.sum(dim=1), torch.ones(len(wanted)))
            assert ((wanted > 0).sum(dim=0) == 1).all()
            counts = (wanted > 0).sum(dim=1)
            assert int(counts.max() - counts.min()) <= 1


def test_fitting_goes_to_the_neighbours_and_leaves_the_body_alone(pair, data) -> None:
    student = SlimmedTransformer(pair.target, PLAN)
    before = {k: v.clone() for k, v in student.body.state_dict().items()}
    pixels = normalised(data.train.pixels[:16], SPEC)
    grid = pair.target.spec.grid
    gaps = [fit_local(student, grid, lambda _s: pixels, n, lr=2e-2) for n in (1, 100)]
    assert 0 <= gaps[1] < 0.5 * gaps[0]
    assert all(torch.equal(student.body.state_dict()[k], v) for k, v in before.items())
    assert all(weight.grad is None for weight in student.parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"hard": True},
        {"distil": False},
        {"reverse": False, "start": "random"},
    ],
)
def test_every_ablation_learns(pair, data, changes) -> None:
    what = recipe(bf16=False, lr=2e-3, **changes)
    trainer = SlimTrainer(pair.target, what, data.train, data.held_out)
    assert (trainer.reverse is None) == bool({"distil", "reverse"} & changes.keys())
    pixels, label = trainer.shown(0)
    first = float(trainer.recalibration(pixels, label).total.detach())
    for step in range(6):
        trainer.step(step)
    assert float(trainer.recalibration(pixels, label).total.detach()) < first
    for name, value in pair.target.module.named_parameters():
        assert value.grad is None, name


def test_without_distillation_the_loss_is_the_label_alone(pair, data) -> None:
    what = recipe(bf16=False, distil=False, smoothing=0.0)
    trainer = SlimTrainer(pair.target, what, data.train, data.held_out)
    pixels, label = trainer.shown(0)
    with torch.no_grad():
        rows = trainer.student(pixels).double().log_softmax(dim=1)
        expected = -float(rows[torch.arange(10), label].mean())
        found = float(trainer.recalibration(pixels, label).total)
        assert found == pytest.approx(expected, rel=1e-5)


class KilledError(Exception):
    """The process is gone."""


def killer(looks: int):
    def tell(progress: Progress) -> None:
        nonlocal looks
        looks -= progress.row is not None
        if looks < 0:
            raise KilledError

    return tell


def test_killed_and_resumed_is_the_same_run(pair, data, tmp_path) -> None:
    whole = run(pair, data, tmp_path / "whole")
    with pytest.raises(KilledError):
        run(pair, data, tmp_path / "cut", tell=killer(1))
    paused = run(pair, data, tmp_path / "cut", resume=True, minutes=1e-9)
    assert not paused.finished
    assert paused.step == 4
    again = run(pair, data, tmp_path / "cut", resume=True)
    assert (whole.finished, whole.step, again.step) == (True, 7, 7)
    one, two = (safetensors.torch.load_file(tmp_path / d / WEIGHTS) for d in ("whole", "cut"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not [n for n in (CHECKPOINT, BEST) if (tmp_path / "cut" / n).exists()]
    lines = [json.loads(x) for x in (tmp_path / "cut" / CURVE).read_text().splitlines()]
    drop = lambda entries: [{k: v for k, v in e.items() if k != "seconds"} for e in entries]  # noqa: E731
    assert drop(lines) == drop(whole.curve)
    assert [entry["step"] for entry in lines] == [2, 4, 6, 7]
    # Paused before anything was measured: the student is where it began, and goes on as well.
    early = run(pair, data, tmp_path / "early", minutes=1e-9)
    assert (early.finished, early.step, early.best_step, early.curve) == (False, 0, 0, ())
    assert early.best == pytest.approx(whole.start["local"])
    assert drop(run(pair, data, tmp_path / "early", resume=True).curve) == drop(whole.curve)
    # Twin: another seed is another run.
    other = run(pair, data, tmp_path / "other", recipe(seed=1))
    assert other.curve[-1]["loss"] != whole.curve[-1]["loss"]
    with pytest.raises(SettingError, match="--resume"):
        run(pair, data, tmp_path / "whole")
    with pytest.raises(SettingError, match="another recipe"):
        run(pair, data, tmp_path / "whole", recipe(lr=1e-3), resume=True)


def test_the_command_trains_exports_and_measures(pair_folder, shards, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    common = ["train", "sit", "--teacher", str(pair_folder), "--data", str(shards), "--json"]
    settings = ["--ratios", "0.5", "--epochs", "1", "--batch", "10"]
    assert main([*common, "--out", str(out), *settings, "--look-every", "4"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["pictures"] == 24
    folder = out / "student"
    assert sorted(p.name for p in folder.iterdir()) == ["student.json", "student.safetensors"]
    with safetensors.safe_open(folder / "student.safetensors", "pt") as file:
        names = set(file.keys())
        kinds = {file.get_tensor(name).dtype for name in names}
    assert kinds == {torch.float16}
    assert {name.split(".")[0] for name in names} == {"body", "slimmers"}  # no reverse module
    card = json.loads((folder / "student.json").read_text())
    assert card["info"]["measured"] == report
    assert card["info"]["compute"]["steps"] == 7
    assert set(card["info"]["before_training"]) >= {"held_out_random", "held_out_teacher"}
    assert "research use" in card["info"]["data_licence"]
    assert main([*common, "--evaluate", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out) == report
    slimmed, pair = load_slimmed(folder), load_pair_folder(pair_folder)
    assert isinstance(slimmed, Slimmed)
    assert slimmed.spec.tokens == (16, 8)
    assert slimmed.macs == report["student"]["macs"] < report["teacher"]["macs"]
    pictures, _ = known_pictures(report_set(shards), pair)
    right = 0
    for pixels, label in zip(pictures.pixels, pictures.label, strict=True):
        right += int(slimmed.logits(normalised(pixels[None], SPEC)).argmax()) == int(label)
    assert report["student"]["top1"] == right / 24
    assert top1(pair.target.logits, pair.target, pictures) == report["teacher"]["top1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--stages", "1,1,1"], "add up to 2"),
        (["--stages", "1,x"], "whole numbers"),
        (["--stages", ""], "no placement ''"),
        (["--stages", "sit-s"], "16 blocks"),
        (["--minutes", "0"], "above 0"),
        (["--limit", "0"], "from 1 on"),
        (["--teacher", "nothing"], "no pair 'nothing'"),
    ],
)
def test_wrong_usage_is_one_sentence(
    pair_folder, shards, tmp_path, capsys, arguments, words
) -> None:
    common = ["train", "sit", "--teacher", str(pair_folder), "--data", str(shards)]
    assert main([*common, "--out", str(tmp_path), "--stages", "1,1", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert words in lines[-1]


def test_a_damaged_student_is_refused(tmp_path) -> None:
    from tinydrop.models.pairs import StudentCard, save_slimmed

    teacher = small_teacher(depth=2)
    student = SlimmedTransformer(teacher, PLAN)
    kwargs = KWARGS | {"depth": 2}
    spec = teacher.spec.input
    card = StudentCard("s", "S", "vit_tiny_patch16_224", kwargs, spec, tuple("abcde"), PLAN,
                       False, {"pair": "p", "digest": "d"}, {})  # fmt: skip
    save_slimmed(student, card, tmp_path, dtype=torch.float32)
    found = load_slimmed(tmp_path)
    pixels = torch.randn(2, 3, 32, 32)
    assert torch.equal(found.logits(pixels), student(pixels).detach())
    weights = tmp_path / "student.safetensors"
    state = safetensors.torch.load_file(weights)
    for broken in (
        {k: v for k, v in state.items() if k != "slimmers.0.scale"},
        state | {"slimmers.0.scale": torch.tensor(float("nan"))},
        state | {"body.norm.weight": torch.zeros(3)},
    ):
        safetensors.torch.save_file(broken, weights)
        with pytest.raises(WeightsUnavailableError):
            load_slimmed(tmp_path)
    weights.write_bytes(b"no tensors")
    with pytest.raises(WeightsUnavailableError, match="not a readable"):
        load_slimmed(tmp_path)
    weights.unlink()
    with pytest.raises(WeightsUnavailableError, match="not there"):
        load_slimmed(tmp_path)
    card_file = tmp_path / "student.json"
    for text in ("{", "[]", json.dumps({"format": 1}), json.dumps({"format": 2})):
        card_file.write_text(text)
        with pytest.raises(SettingError):
            load_slimmed(tmp_path)
    with pytest.raises(SettingError, match="no slimmed student"):
        load_slimmed(tmp_path / "nowhere")
    big = SlimmedTransformer(teacher, PLAN)
    with torch.no_grad():
        big.body.norm.weight[0] = 1e9
    with pytest.raises(TinyDropError, match="not finite"):
        save_slimmed(big, card, tmp_path / "big")


def test_labels_come_from_the_pairs_classes(data) -> None:
    assert isinstance(data.train, PictureSet)
    assert set(data.train.label.tolist()) == {0, 1, 2, 3}
    means = torch.stack([data.train.pixels[data.train.label == c].float().mean(dim=(0, 2, 3))
                         for c in range(3)])  # fmt: skip
    assert means.argmax(dim=1).tolist() == [0, 1, 2]
