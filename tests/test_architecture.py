"""Imports only go down the house, each outside library has one door, and the public face is fixed.

Read with ``ast``, so that nothing is imported and a lazy import inside a function counts too.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinydrop"

# From the top of the house to the bottom: a room may import any room before it, none after it.
ROOMS = [
    "errors",
    "writing",
    "assets",
    "tokens",
    "decoding",
    "images",
    "budget",
    "selection",
    "coherence",
    "backbones",
    "saliency",
    "macs",
    "reduction",
    "slimming",
    "pairs",
    "results",
    "pipeline",
    "bench",
    "check",
    "data",
    "provenance",
    "trace",
    "tracing",
    "sweep",
    "calibration",
    "quality",
    "comparison",
    "training",
    "errands",
    "views",
    "ui",
    "cli",
    "__main__",
]

# Outside library -> the rooms that may import it.
DOORS = {
    "timm": {"backbones", "training"},
    "pytorch_grad_cam": {"saliency", "bench"},
    "gradio": {"ui"},
    "plotly": {"views"},
    "cv2": {"views"},
    "scipy": {"coherence"},
    "safetensors": {"pairs", "training"},
    "huggingface_hub": {"backbones", "data"},
    "pyarrow": {"data"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the direction"
            names.add(node.module or "")
            if node.module == "tinydrop":
                names |= {f"tinydrop.{alias.name}" for alias in node.names}
    return names


def upward_edges(room: str, names: set[str], rooms: list[str]) -> list[str]:
    above = set(rooms[: rooms.index(room) + 1])
    return [
        name
        for name in names
        if name.startswith("tinydrop.")
        and name.split(".")[1] in rooms
        and name.split(".")[1] not in above
    ]


SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    room = room_of(path)
    assert room in ROOMS, f"{room} has no place in the house"
    assert upward_edges(room, imports_of(path), ROOMS) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_each_library_has_one_door(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports_of(path)}
    strangers = {lib for lib in outside & set(DOORS) if room_of(path) not in DOORS[lib]}
    assert strangers == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_pictures_are_decoded_in_one_room(path: Path) -> None:
    opened = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "open"
        and isinstance(node.value, ast.Name)
        and node.value.id == "Image"
    ]
    assert not opened or room_of(path) == "decoding"


def test_the_rule_catches_an_upward_import() -> None:
    assert upward_edges("tokens", {"tinydrop.pipeline"}, ROOMS) == ["tinydrop.pipeline"]


def test_public_names_are_reviewed() -> None:
    import tinydrop

    assert sorted(tinydrop.__all__) == [
        "DropResult",
        "PatchGrid",
        "SELECTORS",
        "Saliency",
        "Setting",
        "TinyDrop",
        "TinyDropError",
        "TokenSelection",
    ]
    assert all(hasattr(tinydrop, name) for name in tinydrop.__all__)


def test_the_root_holds_only_what_it_should() -> None:
    allowed = {
        "app.py", "tinydrop", "assets", "tests", "requirements.txt", "README.md",
        "pyproject.toml", "LICENSE", ".ci", ".gitignore", ".git",
    }  # fmt: skip
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line}
    extra = {
        p.name
        for p in ROOT.iterdir()
        if p.name not in allowed and p.name not in ignored and not p.name.endswith(".egg-info")
    }
    assert extra == set()
