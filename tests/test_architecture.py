"""Imports only go down the house, each outside library has its door, and the public face is fixed.

Read with ``ast``, so that nothing is imported and a lazy import inside a function counts too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinydrop"

# The eight rooms from the bottom of the house to its top, and what lies in each, in the same order:
# a file may import what stands before it, never what stands after it.
HOUSE: Mapping[str, str] = {
    "core": "errors numbers writing assets tokens budget results statistics selection coherence",
    "data": "decoding view values contents annotations splits descent layout "
    "vocabulary labels folders archives shape classes parquet training hub "
    "tables",
    "models": "backbones saliency library_gradcam macs reduction slimming pairs truth",
    "pipeline": "selectors batch stages answers method render",
    "studies": "bench check trace sweep calibration quality comparison errands",
    "training": "onnx_weights recipe recipes_pretrained recipes_scratch recipes sources "
    "card checkpoint state pictures augment objective models trainer loop "
    "pair_trainer measure stage export pretrained run slim_recipe slim_data "
    "slim_start slim_trainer slim slim_run",
    "ui": "kit explore tune coherence compare models endpoint pages app",
    "cli": "common pictures labelled run models tables coherence quality compare progress "
    "train_sit train",
}
# The same inside the two folders that hold a second storey.
INNER: Mapping[str, str] = {
    "models.backbones": "costs hub build synsets features heads structure splits cut parity "
    "guidance target dense family families refusals registry own_map",
    "ui.kit": "cache turns markup templates pieces table lanes blocks doors texts glossary "
    "agreement stage curve look known maker analysis samples traces fragments components layout "
    "labels styles chart page wiring board line",
}
ENTRANCES = {"__init__", "__main__"}
PAGES = "explore tune coherence compare models".split()
# Tune and Explore hand the two thresholds to each other; no other page knows another.
BETWEEN_PAGES = {("tune", "explore")}

# Outside library -> the places that may import it. Numerical ones (numpy, scipy) go anywhere.
DOORS: Mapping[str, tuple[str, ...]] = {
    "timm": ("models", "training"),
    "pytorch_grad_cam": ("models",),
    "safetensors": ("models", "training"),
    "huggingface_hub": ("models", "data"),
    "pyarrow": ("data",),
    "cv2": ("pipeline.render",),
    "ray": ("studies",),
    "gradio": ("ui",),
    "plotly": ("ui.kit.chart",),
    "jinja2": ("ui",),
    "argparse": ("cli",),
}
DECODING = "data.decoding"

# HTML is written in templates. These files still hold some in strings; the list only shrinks.
TAG = re.compile(r"</?[a-z][a-z0-9]*[ >/]")
STILL_TAGGED = {
    "ui.coherence.film",
    "ui.coherence.fragments",
    "ui.coherence.gallery",
    "ui.coherence.gallery_cards",
    "ui.coherence.lessons",
    "ui.coherence.measures",
    "ui.coherence.multiples",
    "ui.coherence.page",
    "ui.coherence.panels",
    "ui.coherence.tables",
    "ui.coherence.words",
    "ui.compare.details",
    "ui.compare.fragments",
    "ui.compare.method_cards",
    "ui.compare.page",
    "ui.compare.places",
    "ui.compare.slim",
    "ui.compare.tables",
    "ui.tune.curve",
}

Imports = Mapping[str, frozenset[str]]
"""Place of a file -> the places inside the house that it imports."""


def place_of(path: Path) -> str:
    """Return a file's dotted place in the house; a package's own file has the package's place."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


SOURCES = {place_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports_of(place: str) -> frozenset[tuple[str, str]]:
    """Return (module, name) of every import, the name empty where a whole module is meant."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree_of(SOURCES[place])):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            found |= {(node.module or "", alias.name) for alias in node.names}
    return frozenset(found)


@cache
def listed_names(place: str) -> tuple[str, ...]:
    """Return a package's ``__all__``."""
    path = SOURCES.get(place)
    for node in tree_of(path).body if path is not None else ():
        if isinstance(node, ast.Assign) and bound_names([node]) == {"__all__"}:
            return tuple(ast.literal_eval(node.value))
    return ()


def bound_names(body: Iterable[ast.stmt]) -> set[str]:
    """Return the names that these statements define or import."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def place_imported(module: str, name: str) -> str | None:
    """Return the place that an import names, or None outside of the house."""
    if not module.startswith("tinydrop."):
        return name if module == "tinydrop" and name in SOURCES else None
    place = module.removeprefix("tinydrop.")
    file = f"{place}.{name}"  # a package may list a function of the same name as its file
    return file if file in SOURCES and name not in listed_names(place) else place


@cache
def all_imports() -> Imports:
    return {
        place: frozenset(
            target
            for module, name in imports_of(place)
            if (target := place_imported(module, name)) is not None
        )
        for place in SOURCES
    }


def below(place: str, folder: str) -> bool:
    return place == folder or place.startswith(f"{folder}.")


def rank(place: str) -> list[tuple[str, int]]:
    """Return the place storey by storey, each part with its number in that storey's order.

    Raises:
        ValueError: if a part has no number.
    """
    parts = place.split(".")
    numbers, order = [], list(HOUSE)
    for depth, part in enumerate(parts):
        folder = ".".join(parts[:depth])
        if depth:
            listed = HOUSE.get(folder) if depth == 1 else INNER.get(folder)
            if listed is None:
                break
            order = listed.split()
        numbers.append((part, order.index(part)))
    return numbers


def upward(imports: Imports) -> list[str]:
    """Return every import that goes up, as a sentence."""
    found = []
    for place, targets in imports.items():
        if place in ENTRANCES:
            continue
        own = rank(place)
        for target in targets:
            for (mine, here), (theirs, there) in zip(own, rank(target), strict=False):
                if mine != theirs:
                    if there > here:
                        found.append(f"{place} imports {target}")
                    break
    return found


def strangers(uses: Iterable[tuple[str, str]]) -> list[str]:
    """Return every (place, library) that has no door there, as a sentence."""
    return [
        f"{place} imports {library}"
        for place, library in uses
        if library in DOORS and not any(below(place, door) for door in DOORS[library])
    ]


def has_place(place: str) -> bool:
    try:
        return place in ENTRANCES or bool(rank(place))
    except ValueError:
        return False


def test_every_file_has_a_place() -> None:
    assert [place for place in SOURCES if not has_place(place)] == []
    assert not has_place("core.attic")


def test_nothing_is_listed_that_is_not_there() -> None:
    listed = {f"{folder}.{part}" for folder, order in {**HOUSE, **INNER}.items()
              for part in order.split()}  # fmt: skip
    assert sorted(listed - SOURCES.keys()) == []


def test_imports_only_go_down() -> None:
    assert upward(all_imports()) == []


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("core.tokens", "pipeline"),
        ("core.errors", "core.tokens"),
        ("models.saliency", "models.pairs"),
        ("models.backbones.costs", "models.backbones.target"),
        ("ui.kit.cache", "ui.explore.page"),
    ],
)
def test_the_rule_catches_an_upward_import(place: str, target: str) -> None:
    assert upward({place: frozenset({target})}) == [f"{place} imports {target}"]
    assert upward({target: frozenset({place})}) == []


def test_no_file_imports_itself_by_a_detour() -> None:
    try:
        TopologicalSorter(all_imports()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_pages_share_the_kit_and_nothing_else() -> None:
    def page(place: str) -> str | None:
        room, _, rest = place.partition(".")
        name = rest.split(".")[0]
        return name if room == "ui" and name in PAGES else None

    pairs = {(page(a), page(b)) for a, targets in all_imports().items() for b in targets}
    met = {(a, b) for a, b in pairs if a is not None and b is not None and a != b}
    assert met == BETWEEN_PAGES


def test_each_library_has_its_door() -> None:
    uses = {(place, module.split(".")[0]) for place in SOURCES for module, _ in imports_of(place)}
    assert strangers(sorted(uses)) == []


def test_the_rule_catches_a_library_at_another_door() -> None:
    assert strangers([("ui.app", "timm")]) == ["ui.app imports timm"]
    assert strangers([("models.backbones.build", "timm"), ("core.statistics", "scipy")]) == []


def test_pictures_are_decoded_in_one_place() -> None:
    decoders = {
        place for place in SOURCES for module, _ in imports_of(place) if module.startswith("PIL.")
    }
    opening = {
        place
        for place, path in SOURCES.items()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "open"
        and isinstance(node.value, ast.Name)
        and node.value.id == "Image"
    }
    assert decoders
    assert {place for place in decoders | opening if not below(place, DECODING)} == set()


def test_only_packages_list_public_names() -> None:
    listing = [
        str(path.relative_to(PACKAGE))
        for path in SOURCES.values()
        if path.name != "__init__.py" and "__all__" in bound_names(tree_of(path).body)
    ]
    assert listing == []


def test_a_package_lists_what_it_has_and_nothing_else() -> None:
    wrong = []
    for place, path in SOURCES.items():
        if path.name != "__init__.py" or place == "__init__":
            continue
        body, listed = tree_of(path).body, set(listed_names(place))
        own = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
        made = {name for name in bound_names(own) if not name.startswith("_")}
        wrong += [f"{place} has no {name}" for name in listed - bound_names(body)]
        wrong += [f"{place} does not list {name}" for name in made - listed]
    assert wrong == []


def past_a_door(place: str, targets: Iterable[str], listing: set[str]) -> list[str]:
    """Return the files that a file imports from inside a package that lists its public names."""
    found = []
    for target in targets:
        packages = [target.rsplit(".", cut)[0] for cut in range(1, target.count(".") + 1)]
        door = next((package for package in packages if package in listing), None)
        if target not in listing and door is not None and not below(place, door):
            found.append(f"{place} imports {target}, the door is {door}")
    return found


def test_others_come_through_the_door() -> None:
    listing = {place for place in SOURCES if listed_names(place)}
    found = (past_a_door(place, targets, listing) for place, targets in all_imports().items())
    assert [one for several in found for one in several] == []
    assert past_a_door("ui.app", ["data.view"], {"data"}) != []
    assert past_a_door("data.hub", ["data.parquet"], {"data"}) == []


def test_private_names_stay_in_their_folder() -> None:
    taken = [
        f"{place} takes {name} of {module}"
        for place in SOURCES
        for module, name in imports_of(place)
        if name.startswith("_")
        and module.startswith("tinydrop.")
        and not below(place, module.removeprefix("tinydrop.").rpartition(".")[0])
    ]
    assert taken == []


def test_no_module_looks_for_files_from_its_own_place() -> None:
    """Bundled files lie elsewhere once the package is installed; ``assets`` knows where.

    An errand alone needs the place: its child must import this very package.
    """
    asking = [
        place
        for place, path in SOURCES.items()
        if "__file__" in {n.id for n in ast.walk(tree_of(path)) if isinstance(n, ast.Name)}
    ]
    assert [place for place in asking if not below(place, "studies.errands")] == []


def tagged(tree: ast.Module) -> bool:
    """Return whether a string holds an HTML tag, the parts of f-strings too; docstrings may."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return any(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in said
        and TAG.search(node.value) is not None
        for node in ast.walk(tree)
    )


def test_html_is_written_in_templates() -> None:
    found = {
        place for place, path in SOURCES.items() if below(place, "ui") and tagged(tree_of(path))
    }
    assert sorted(found - STILL_TAGGED) == []
    assert sorted(STILL_TAGGED - found) == [], "converted: take it off the list"


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("x = '<p>'", True),
        ("x = f'{y}</td>{z}'", True),
        ("x = '<br/>'", True),
        ("def f():\n    'Return a <p>.'", False),
        ("x = 'a < b and c > d'", False),
    ],
)
def test_the_rule_finds_tags(source: str, holds: bool) -> None:
    assert tagged(ast.parse(source)) is holds


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
