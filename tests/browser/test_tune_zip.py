"""A visitor's own zip on the Tune page: traced, stopped, refused, and seen by nobody else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from reading import App, alert
from tuning import drawn, figure, followed

from tinydrop.models.pairs import load_pair

pytestmark = pytest.mark.browser

TWO_CLASSES = 2


def make_zip(path: Path, per_class: int, classes: tuple[str, ...]) -> Path:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for name in classes:
            for index in range(per_class):
                stream = io.BytesIO()
                pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).resize((64, 64)).save(stream, "JPEG")
                archive.writestr(f"{name}/{index:04d}.jpg", stream.getvalue())
    return path


def give_zip(page: Any, path: Path) -> None:
    if not page.is_visible("#tn-zip input"):
        page.get_by_role("button", name="Trace my own zip").click()
    page.set_input_files("#tn-zip input[type=file]", str(path))


class TestOwnZip:
    def test_it_is_traced_shown_and_left_again(self, tune: Any, tmp_path: Path) -> None:
        classes = load_pair("bundled").classes[:TWO_CLASSES]
        give_zip(tune, make_zip(tmp_path / "mine.zip", 40, (*classes, "no such class")))
        tune.wait_for_function(
            "document.querySelector('#tn-trace').innerText.includes('Your own: mine.zip')"
        )
        words = tune.inner_text("#tn-trace")
        assert "80 of mine.zip" in words
        assert "40 class unknown to the pair" in words
        tune.wait_for_function(
            "document.querySelector('#tn-chosen').innerText"
            ".includes('80 pictures are too few to recommend a setting')"
        )
        followed(tune)
        assert "From only 80 pictures" in tune.inner_text("#tn-numbers")
        tune.get_by_role("button", name="Back to the bundled trace").click()
        tune.wait_for_function(
            "document.querySelector('#tn-trace').innerText.includes('Comes with the app')"
        )

    @pytest.mark.thorough
    def test_it_shows_progress_and_stops(self, tune: Any, tmp_path: Path) -> None:
        classes = load_pair("bundled").classes[:TWO_CLASSES]
        before = figure(tune, "accuracy")
        give_zip(tune, make_zip(tmp_path / "long.zip", 450, classes))
        tune.wait_for_selector("#tn-progress [data-action=stop]")
        tune.wait_for_function(
            "/Picture \\d+ of 900/.test(document.querySelector('#tn-progress').innerText)"
        )
        tune.click("#tn-progress [data-action=stop]")
        tune.wait_for_function(
            "document.querySelector('#tn-progress').innerText.includes('Stopped')"
        )
        assert figure(tune, "accuracy") == before

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("text", "not a readable zip"),
            ("outside", "leads out of the zip"),
            ("one", "Only the class"),
        ],
    )
    @pytest.mark.thorough
    def test_a_bad_zip_is_a_sentence(
        self, tune: Any, tmp_path: Path, name: str, sentence: str
    ) -> None:
        path = tmp_path / f"{name}.zip"
        if name == "text":
            path.write_text("no zip at all")
        elif name == "one":
            make_zip(path, 3, load_pair("bundled").classes[:1])
        else:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("../../etc/cat.jpg", b"x")
        before = figure(tune, "accuracy")
        give_zip(tune, path)
        assert sentence in alert(tune)
        assert str(tmp_path) not in alert(tune)
        assert figure(tune, "accuracy") == before

    @pytest.mark.thorough
    def test_it_is_seen_by_this_visitor_alone(
        self, app: App, tune: Any, linked: Any, tmp_path: Path
    ) -> None:
        classes = load_pair("bundled").classes[:TWO_CLASSES]
        give_zip(tune, make_zip(tmp_path / "private.zip", 8, classes))
        tune.wait_for_function(
            "document.querySelector('#tn-trace').innerText.includes('private.zip')"
        )
        linked.goto(f"{app.url}/?view=tune")
        drawn(linked)
        assert "private.zip" not in linked.content()
