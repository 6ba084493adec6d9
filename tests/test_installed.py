"""What a plain installation holds: the wheel, in an empty place, answers one picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tinydrop import TinyDrop
from tinydrop.core.assets import asset, assets_folder, sample_path
from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.ui.explore.snippets import python_snippet

ROOT = Path(__file__).resolve().parents[1]
RUN = """
import json, sys
import tinydrop
from tinydrop import TinyDrop
from tinydrop.core.assets import assets_folder, sample_path
from tinydrop.studies.trace import read_trace
from tinydrop.core.assets import asset
result = TinyDrop("bundled")(sample_path("dog"))
trace = read_trace(asset("traces", "bundled-gradcam.parquet"))
print(json.dumps([tinydrop.__file__, str(assets_folder()), result.final.name, len(trace.label)]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing in it but what `pip install` takes out of the project's wheel.

    The wheel is made of the source distribution, the longest way: what that forgets is missing.
    """
    folder = tmp_path_factory.mktemp("installed")
    source, wheels, place = folder / "source", folder / "wheels", folder / "place"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.split(b"\0")
    if not listed[0]:
        pytest.skip("the tree is no git checkout, so its own files cannot be told from others")
    for name in (os.fsdecode(n) for n in listed if n and not n.startswith(b"tests/")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(ROOT / name, source / name)
    pack = "from setuptools import build_meta; build_meta.build_sdist('packed')"
    subprocess.run([sys.executable, "-c", pack], cwd=source, check=True, capture_output=True)
    (packed,) = (source / "packed").glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, packed],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    (wheel,) = wheels.glob("*.whl")
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", place, wheel],
        check=True, capture_output=True, cwd=folder,
    )  # fmt: skip
    return place


def test_the_wheel_answers_a_picture_from_anywhere(installed: Path, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**environment, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    module, folder, name, pictures = json.loads(done.stdout)
    assert Path(module).is_relative_to(installed)
    assert Path(folder) == installed / "tinydrop" / "bundled"
    assert name
    assert pictures == 5000


def test_the_wheel_holds_what_the_app_needs(installed: Path) -> None:
    held = installed / "tinydrop" / "bundled"
    for part in ("pairs", "samples", "tables", "traces"):
        there = {p.relative_to(ROOT / "assets" / part) for p in _files(ROOT / "assets" / part)}
        assert there == {p.relative_to(held / part) for p in _files(held / part)}
    static = {p.name for p in _files(ROOT / "tinydrop" / "ui") if p.suffix in (".css", ".js")}
    assert static <= {p.name for p in _files(installed / "tinydrop" / "ui")}


@pytest.mark.parametrize("toggled", [(), (0, 27)])
def test_what_is_copied_for_a_sample_runs_anywhere(
    installed: Path, tmp_path: Path, toggled: tuple[int, ...]
) -> None:
    drop = TinyDrop("bundled")
    guide, setting = drop.guide(sample_path("bison")), Setting(tau=1.0, gamma=0.7, temperature=1.3)
    kept = drop.decide(guide, setting).num_keep
    selected = drop.select(guide, kept, "gradcam", toggled=toggled)
    target = drop.classify(guide, selected.selection)
    result = drop.assemble(guide, setting, "gradcam", selected, target=target)
    code = python_snippet(result, "bison", toggled, sample=True)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code + "import tinydrop\nprint(tinydrop.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**environment, "PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, module = done.stdout.splitlines()
    assert said == f"{result.final.name} {result.kept} of {result.patches} patches"
    assert Path(module).is_relative_to(installed)


def test_the_metadata_names_every_requirement(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    text = metadata.read_text(encoding="utf-8").splitlines()
    named = {
        Requirement(n[14:]).name
        for n in text
        if n.startswith("Requires-Dist:") and "extra" not in n
    }
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = {Requirement(line).name for line in listed if line and not line.startswith("#")}
    assert named == wanted


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


def test_a_clone_finds_its_own_folder() -> None:
    assert assets_folder() == ROOT / "assets"
    assert asset("pairs", "bundled") == ROOT / "assets" / "pairs" / "bundled"


def test_a_sample_that_there_is_not_is_one_sentence() -> None:
    with pytest.raises(SettingError, match="There is no bundled photograph 'unicorn'; use one of"):
        sample_path("unicorn")
    assert sample_path("dog").is_file()


def test_a_zipped_package_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "tinydrop.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("tinydrop/__init__.py", "")
    monkeypatch.setattr(
        "tinydrop.core.assets.resources.files", lambda _name: zipfile.Path(archive, "tinydrop/")
    )
    with pytest.raises(SettingError, match=r"install tinydrop again, unpacked"):
        assets_folder()
