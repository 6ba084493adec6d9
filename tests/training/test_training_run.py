"""Whole trainings of the tiny recipe: it learns, goes on exactly, and ships a pair that loads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_zoo import write_shards

from tinydrop import TinyDrop
from tinydrop.cli import main
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.core.results import softmax
from tinydrop.core.writing import claimed
from tinydrop.data import open_dataset
from tinydrop.data.view import View, open_picture
from tinydrop.models.pairs import load_pair
from tinydrop.studies.calibration import reliability
from tinydrop.training import RECIPES, PairTraining
from tinydrop.training.checkpoint import read_state
from tinydrop.training.export import read_groups

TINY = RECIPES["tiny"]
on_cpu = partial(PairTraining, device=torch.device("cpu"))  # exact equality is a CPU's promise
ROOT = Path(__file__).resolve().parents[2]


def after(steps: int) -> Callable[[], bool]:
    """Return a ``stop`` that lets so many steps through."""
    asked = iter(range(1_000_000))
    return lambda: next(asked) >= steps


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    report = on_cpu(TINY, data, out).run()
    assert report.complete
    assert report.pair == out / "pair"
    return out


def weights(out: Path, stage: str) -> dict[str, torch.Tensor]:
    return load_file(out / stage / "weights.safetensors")


def copy_stages(trained: Path, out: Path) -> None:
    for stage in ("teacher", "guidance", "target"):
        shutil.copytree(trained / stage, out / stage)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("stage", ["teacher", "guidance", "target"])
def test_a_stage_learns_and_its_curve_says_so(trained: Path, stage: str) -> None:
    lines = (trained / stage / "curves.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["epoch"] for row in rows] == list(range(1, TINY.stage(stage).epochs + 1))
    assert rows[-1]["train_loss"] < 0.85 * rows[0]["train_loss"]
    assert rows[-1]["val_top1"] >= 0.7  # four classes: chance is 0.25
    assert rows[-1]["seconds"] > rows[0]["seconds"] > 0
    assert not (trained / stage / "checkpoint.safetensors").exists()


def test_the_exported_pair_loads_and_is_as_good_as_its_card_says(trained: Path, data: Path) -> None:
    pair = load_pair(trained / "pair")
    assert (pair.name, pair.classes) == ("tiny", ("red", "green", "blue", "grey"))
    info = pair.info
    for file in (trained / "pair").glob("*.safetensors"):
        floats = {v.dtype for v in load_file(file).values() if v.is_floating_point()}
        assert floats == {torch.float16}
    stored = list(open_dataset(data / "validation-00000-of-00001.parquet").pictures())
    label = np.array([picture.label for picture in stored])
    logits = {}
    for role in ("guidance", "target"):
        adapter = getattr(pair, role)
        pixels = []
        for one in stored:
            picture = open_picture(one.content, one.id)
            view = View(picture.image.size, pair.target.spec.input)
            pixels.append(view.pixels(picture, adapter.spec.input))
        batch = torch.from_numpy(np.stack(pixels))
        found = adapter.features(batch).logits if role == "guidance" else adapter.logits(batch)
        logits[role] = found.numpy()
        right = found.numpy().argmax(1) == label
        assert info["measured"][role]["top1"] == pytest.approx(right.mean(), abs=1e-4)
        per_class = [row[role] * row["pictures"] for row in info["per_class"].values()]
        assert sum(per_class) == pytest.approx(right.sum(), abs=0.1)
    assert info["measured"]["target"]["top1"] >= 0.9
    assert info["measured"]["teacher"]["top5"] == 1.0
    calibration = info["calibration"]
    assert calibration["fitted_on"] + calibration["measured_on"] == len(stored)
    assert pair.setting.temperature == calibration["temperature"]
    # The half is drawn from the target's seed; the error of the whole set is another number.
    other = np.random.default_rng(TINY.target.seed).permutation(len(label)) >= len(label) // 2
    for key, heat in (("ece", calibration["temperature"]), ("ece_at_temperature_1", 1.0)):
        sure = softmax(logits["guidance"][other], heat).max(axis=1)
        right = logits["guidance"].argmax(axis=1)[other] == label[other]
        assert calibration[key] == pytest.approx(reliability(sure, right).ece, abs=2e-4)
    assert info["macs"]["guidance_share"] <= TINY.guidance_share
    assert set(info["seeds"]) == set(info["compute"]) == {"teacher", "guidance", "target"}
    for key in ("data", "data_licence", "recipe", "not_good_for", "setting_note", "summary"):
        assert info[key]
    card = (trained / "pair" / "README.md").read_text()
    assert "| red | 6 |" in card
    assert str(trained) not in card + json.dumps(dict(info))
    result = TinyDrop(pair)(open_picture(stored[0].content).image, compare_full=True)
    assert result.full is not None
    assert result.full.class_index == logits["target"][0].argmax()


def test_an_exported_pair_is_named_and_grouped_as_asked(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    copy_stages(trained, tmp_path)
    groups = tmp_path / "groups.json"
    groups.write_text('{"warm": ["red"], "cold": ["green", "blue"]}')
    training = on_cpu(TINY, data, tmp_path, "export", resume=True)
    assert replace(training, name="mine", groups=groups).run().complete
    pair = load_pair(tmp_path / "pair")
    assert pair.name == "mine"
    assert {name: list(members) for name, members in pair.groups.items()} == {
        "warm": ["red"], "cold": ["green", "blue"],
    }  # fmt: skip
    assert dict(load_pair(trained / "pair").groups) == {}


def test_the_bundled_pair_has_the_groups_of_tiny_imagenet() -> None:
    pair = load_pair("bundled")
    path = Path(__file__).parents[2] / "assets" / "pairs" / "tiny-imagenet-groups.json"
    groups = read_groups(path, pair.classes)
    assert len(groups) == 24
    assert {name: tuple(members) for name, members in pair.groups.items()} == {
        name: tuple(members) for name, members in groups.items()
    }


@pytest.mark.parametrize("groups", [3, ["cat"], {"cat": 3, "dog": "terrier", "fish": None}])
def test_groups_in_a_card_that_are_none_are_left_out(trained: Path, groups: object) -> None:
    pair = load_pair(trained / "pair")
    assert dict(replace(pair, info={**pair.info, "groups": groups}).groups) == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"warm": ["red", "pink"]}', "name 'pink' twice, or no class is called so"),
        ('{"warm": ["red"], "all": ["red"]}', "name 'red' twice"),
        ("[1]", "holds no groups"),
        ('{"warm": 3}', "holds no groups"),
        ("{", "holds no groups"),
    ],
)
def test_groups_that_are_none_get_one_sentence(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "groups.json"
    path.write_text(content)
    with pytest.raises(SettingError, match=says):
        read_groups(path, ("red", "green", "blue", "grey"))


@pytest.mark.parametrize(("stage", "steps"), [("guidance", 21), ("target", 15)])
def test_a_stage_stopped_within_an_epoch_ends_with_the_same_weights(
    trained: Path, data: Path, tmp_path: Path, stage: str, steps: int
) -> None:
    assert steps % 6  # 48 pictures in batches of 8
    shutil.copytree(trained / "teacher", tmp_path / "teacher")
    training = on_cpu(TINY, data, tmp_path, stage)
    report = training.run(stop=after(steps))
    assert not report.complete
    reached = report.states[stage]
    assert (reached.epoch, reached.step) == divmod(steps, 6)
    again = replace(training, resume=True)
    assert again.run(stop=after(4)).states[stage].step == (steps + 4) % 6
    assert again.run().complete
    assert same(weights(tmp_path, stage), weights(trained, stage))
    curves = [
        [json.loads(line)["train_loss"] for line in path.read_text().splitlines()]
        for path in (p / stage / "curves.jsonl" for p in (tmp_path, trained))
    ]
    assert curves[0] == curves[1]


def test_another_seed_ends_with_other_weights(trained: Path, data: Path, tmp_path: Path) -> None:
    recipe = TINY.changed(["teacher.seed=9"])
    assert on_cpu(recipe, data, tmp_path, "teacher", resume=True).run().complete
    assert not same(weights(tmp_path, "teacher"), weights(trained, "teacher"))


def test_a_killed_training_goes_on_as_if_nothing_had_happened(data: Path, tmp_path: Path) -> None:
    recipe = TINY.changed(["teacher.epochs=10"])
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [
        *(sys.executable, "-m", "tinydrop", "train", "pair", "--recipe", "tiny"),
        *("--data", str(data), "--out", str(killed), "--stage", "teacher"),
        *("--set", "teacher.epochs=10", "--checkpoint-seconds", "0"),
    ]
    checkpoint = killed / "teacher" / "checkpoint.safetensors"
    threads = str(torch.get_num_threads())
    env = {**os.environ, "OMP_NUM_THREADS": threads, "CUDA_VISIBLE_DEVICES": ""}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and process.poll() is None:
            state = read_state(checkpoint) or {"epoch": 0, "step": 0}
            if state["epoch"] >= 1 and state["step"] > 0:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        _, complaint = process.communicate()
    assert process.returncode == -signal.SIGKILL, complaint.decode()
    state = read_state(checkpoint)
    assert state is not None
    assert 1 <= state["epoch"] < 10
    training = on_cpu(recipe, data, killed, "teacher", resume=True)
    assert training.run().states["teacher"].finished
    assert on_cpu(recipe, data, whole, "teacher").run().complete
    assert same(weights(killed, "teacher"), weights(whole, "teacher"))


def test_a_finished_run_is_not_done_twice_and_its_stages_export_elsewhere(
    trained: Path, data: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    before = (trained / "target" / "weights.safetensors").stat().st_mtime_ns
    report = on_cpu(TINY, data, trained, resume=True).run(said.append)
    assert report.complete
    assert (trained / "target" / "weights.safetensors").stat().st_mtime_ns == before
    copy_stages(trained, tmp_path)
    assert on_cpu(TINY, data, tmp_path, "export").run().complete
    one, other = (load_pair(folder / "pair") for folder in (tmp_path, trained))
    assert one.digest == other.digest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--recipe", "huge"],
            "no recipe 'huge'; choose one of pretrained, pretrained-gpu, gpu, cpu, tiny",
        ),
        (["--stage", "pilot"], "no stage 'pilot'; choose one of teacher"),
        (["--stage", "guidance"], "needs a finished teacher"),
        (["--stage", "export"], "needs a finished guidance"),
        (["--data", "nowhere"], "no train*.parquet in nowhere"),
        (["--out", "{file}"], "cannot be written"),
        (["--minutes", "0"], "more than 0 minutes"),
        (["--set", "target.epochs"], "write STAGE.FIELD=VALUE"),
        (["--measure", "0"], "at least one step"),
        (["--stage", "teacher", "--set", "teacher.lr=1e30"], "lower its lr"),
    ],
)
def test_wrong_input_gets_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    file = tmp_path / "file"
    file.write_text("taken")
    given = [part.replace("{file}", str(file)) for part in arguments]
    basis = ["--recipe", "tiny", "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(["train", "pair", *basis, *given]) == 2
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in complaint


def test_a_run_is_neither_overwritten_nor_mixed_with_another(trained: Path, data: Path) -> None:
    with pytest.raises(SettingError, match="already holds a teacher; go on with it by --resume"):
        on_cpu(TINY, data, trained).run()
    changed = TINY.changed(["teacher.lr=0.004"])
    with pytest.raises(SettingError, match="was begun with another recipe"):
        on_cpu(changed, data, trained, "teacher", resume=True).run()
    with pytest.raises(TinyDropError, match="was trained by another recipe"):
        on_cpu(changed, data, trained, "export").run()


def test_the_command_needs_data_and_measures_without(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "pair", "--recipe", "tiny"]) == 2
    assert "no --data; give both" in capsys.readouterr().err
    assert main(["train", "pair", "--recipe", "tiny", "--measure", "1"]) == 0
    out = capsys.readouterr().out
    assert out.count("pictures/s") == 4  # the target trains at two sizes
    assert "MMACs" in out


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_trains_stops_goes_on_and_exports(data: Path, tmp_path: Path) -> None:
    training = PairTraining(TINY, data, tmp_path)
    assert training.device.type == "cuda"
    assert not training.run(stop=after(16)).complete
    report = replace(training, resume=True).run()
    assert report.complete
    assert "cpu" not in {state.device for state in report.states.values()}
    assert load_pair(tmp_path / "pair").info["measured"]["target"]["top1"] >= 0.7


@pytest.mark.parametrize("held", ["teacher", "guidance", "target", "pair"])
def test_a_second_training_in_the_same_folder_is_refused_at_once(
    data: Path, tmp_path: Path, held: str
) -> None:
    said: list[str] = []
    with claimed(tmp_path / "run" / held, "training"), pytest.raises(SettingError) as caught:
        on_cpu(TINY, data, tmp_path / "run").run(said.append)
    assert "in use by process" in str(caught.value)
    assert said == []  # nothing was decoded
    assert list(tmp_path.iterdir()) == []
