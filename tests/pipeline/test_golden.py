"""What the bundled pair says of the bundled photographs, held still.

The expected values are what this code once said, so they prove nothing but that nothing changed by
accident; parity tests say whether it is right. After another pair or another set of photographs,
``python tests/pipeline/test_golden.py`` writes them anew; look at the difference before keeping it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinydrop import DropResult, TinyDrop

ASSETS = Path(__file__).parents[2] / "assets"
FILE = Path(__file__).with_name("golden.json")
NAMES = [one["file"] for one in json.loads((ASSETS / "samples" / "samples.json").read_text())]


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return TinyDrop("bundled")


def said(drop: TinyDrop, name: str) -> DropResult:
    return drop(ASSETS / "samples" / name, compare_full=True)


def described(result: DropResult) -> dict[str, Any]:
    answers = {"guidance": result.guidance, "target": result.target, "full": result.full}
    return {
        "level": result.level,
        "kept": result.selection.keep_indices.tolist() if result.selection else None,
        "macs": [result.macs.guidance, result.macs.saliency, result.macs.target],
        **{
            role: None if answer is None else [answer.name, round(answer.confidence, 4)]
            for role, answer in answers.items()
        },
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_photograph_gets_the_same_answer_as_before(drop: TinyDrop, name: str) -> None:
    wanted = json.loads(FILE.read_text())
    assert wanted["pair"] == drop.pair.digest, "another pair is bundled; write the values anew"
    expected, found = wanted["samples"][name], described(said(drop, name))
    assert (found["level"], found["macs"]) == (expected["level"], expected["macs"])
    for role in ("guidance", "target", "full"):
        if expected[role] is None:
            assert found[role] is None
            continue
        # Decoders and kernels differ a little from one version to the next.
        assert found[role][0] == expected[role][0]
        assert found[role][1] == pytest.approx(expected[role][1], abs=5e-3)
    if expected["kept"] is None:
        assert found["kept"] is None
    else:
        both = set(found["kept"]) & set(expected["kept"])
        assert len(both) >= len(expected["kept"]) - 1
        assert len(found["kept"]) == len(expected["kept"])


def test_every_photograph_has_its_values() -> None:
    assert sorted(json.loads(FILE.read_text())["samples"]) == sorted(NAMES)


def write() -> None:
    drop = TinyDrop("bundled")
    samples = {name: described(said(drop, name)) for name in NAMES}
    rows = ",\n".join(f'  "{name}": {json.dumps(row)}' for name, row in samples.items())
    FILE.write_text(f'{{\n "pair": "{drop.pair.digest}",\n "samples": {{\n{rows}\n }}\n}}\n')


if __name__ == "__main__":
    write()
