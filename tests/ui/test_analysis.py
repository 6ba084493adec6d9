"""What the public endpoint does with what it was given, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tinydrop import TinyDrop
from tinydrop.core.assets import sample_path
from tinydrop.core.errors import TinyDropError
from tinydrop.models.pairs import SHIPPED
from tinydrop.ui.kit.analysis import EXAMPLES, PARAMETERS, Analysis
from tinydrop.ui.kit.maker import LookMaker

SAME = ("keep_indices", "macs", "exited", "level", "tau", "gamma", "temperature", "pair")


@pytest.fixture(scope="module")
def looks() -> LookMaker:
    return LookMaker()


def test_the_examples_work_as_they_stand(looks: LookMaker) -> None:
    assert list(EXAMPLES) == list(PARAMETERS)
    said = Analysis(looks).run(**EXAMPLES)
    settings = {name: EXAMPLES[name] for name in ("tau", "gamma", "selector", "temperature")}
    path = sample_path(EXAMPLES["picture"])
    wanted = TinyDrop(EXAMPLES["pair"])(path, **settings).to_dict()
    assert {name: said[name] for name in SAME} == {name: wanted[name] for name in SAME}


@pytest.mark.parametrize("pair", list(SHIPPED))
def test_what_is_left_out_is_the_pairs_own(looks: LookMaker, pair: str) -> None:
    said = Analysis(looks).run(sample_path("dog"), pair=pair)
    own = TinyDrop(pair).pair.setting
    assert (said["tau"], said["gamma"], said["temperature"]) == (
        own.tau, own.gamma, own.temperature,
    )  # fmt: skip
    assert said["selector"] == "gradcam"


def test_a_call_takes_nobodys_pair_away(looks: LookMaker) -> None:
    held = looks.pipeline("bundled-24")
    Analysis(looks).run("dog", pair="bundled-efficientformer")
    assert looks.pipeline("bundled-24") is held


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"picture": None}, "No picture was given"),
        ({"picture": "unicorn"}, "use one of astronaut"),
        ({"picture": "../pairs/bundled/pair"}, "no bundled photograph"),
        ({"picture": [1]}, "upload the file first"),
        ({"picture": Path("/nowhere/cat.jpg")}, "upload it again"),
        ({"tau": "much"}, "tau must be a number"),
        ({"tau": True}, "tau must be a number"),
        ({"gamma": [1]}, "gamma must be a number"),
        ({"temperature": float("nan")}, "temperature must be a number"),
        ({"selector": ["gradcam"]}, "no selector"),
        ({"pair": "l1-vit-b"}, "no pair 'l1-vit-b'"),
        ({"pair": {"a": []}}, "no pair"),
        ({"pair": "x" * 100_000}, "no pair"),
    ],
)
def test_a_bad_value_is_one_short_sentence(
    looks: LookMaker, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(TinyDropError, match=words) as refused:
        Analysis(looks).run(**({"picture": "dog"} | values))
    assert len(str(refused.value)) < 500
