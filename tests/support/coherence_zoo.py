"""A small pair behind a Coherence page that counts what its target is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trace_zoo import picture_bytes, small_drop

from tinydrop import TinyDrop
from tinydrop.core.budget import Setting
from tinydrop.core.errors import WeightsUnavailableError
from tinydrop.core.results import Answer
from tinydrop.core.tokens import TokenSelection
from tinydrop.models.pairs import PRESETS
from tinydrop.pipeline import Guide
from tinydrop.ui.coherence.handlers import START_LEVEL, Coherence
from tinydrop.ui.coherence.known import Known
from tinydrop.ui.coherence.wish import Wish
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.page import Updates
from tinydrop.ui.kit.samples import Sample

__all__ = [
    "OTHER", "Counting", "compared", "finish", "look_at", "make_page", "make_pictures", "opened",
    "staged", "windowed_drop",
]  # fmt: skip

OTHER = next(iter(PRESETS))


class Counting(TinyDrop):
    """A pair that counts what the target is asked, and fails where it is told to."""

    runs = 0
    broken = False

    def classify(
        self, guide: Guide, selection: TokenSelection | None = None, *, positions: str = "right"
    ) -> Answer:
        if self.broken:
            raise WeightsUnavailableError("The target cannot run; choose another pair.")
        self.runs += 1
        return super().classify(guide, selection, positions=positions)


def windowed_drop() -> TinyDrop:
    """Return a pair with a windowed target, under the name of a preset."""
    return TinyDrop(replace(small_drop(windowed=True).pair, name=OTHER))


def make_pictures(folder: Path) -> Path:
    """Write two made-up pictures, first.png and second.png, and return the folder."""
    for seed, name in enumerate(("first", "second")):
        (folder / f"{name}.png").write_bytes(picture_bytes(seed))
    return folder


def make_page(drop: TinyDrop, folder: Path, other: TinyDrop | None = None) -> Coherence:
    """Return a page over a pair as the bundled one, with two samples."""
    samples = [
        Sample(name, folder / f"{name}.png", name.title(), f"A {name} picture", "Nobody, CC0")
        for name in ("first", "second")
    ]
    looks = LookMaker(lambda pair, _progress: drop if pair == BUNDLED else other or drop)
    if other is not None:
        looks.pipeline(OTHER)  # as Explore has done before any page may show it
    return Coherence(looks, samples)


def look_at(folder: Path) -> Look:
    """Return what is on Explore's stage; all would exit there, which plays no part here."""
    path = folder / "first.png"
    return Look(str(path), path.name, "first", BUNDLED, Setting(tau=0.01), "eigencam")


def opened(page: Coherence, look: Look) -> Wish:
    wish = page.open(None, look, START_LEVEL)["wish"]
    assert isinstance(wish, Wish)
    return wish


def compared(page: Coherence, wish: Wish, level: int = START_LEVEL) -> Known:
    found = page.maker.known(wish, level)
    assert found is not None
    return found


def staged(page: Coherence, shown: Updates, level: int = START_LEVEL) -> Updates:
    """Do as the browser does for another picture: let the models look, then show it all."""
    wish = shown["wish"]
    assert "data-waiting" in shown["say"]
    return shown | page.settle(wish, level, page.run(wish, level)["failed"], shown["staged"])


def finish(page: Coherence, wish: Wish, level: int = START_LEVEL) -> None:
    """Do as the browser does: ask until nothing is missing."""
    for _ in range(200):
        films = 'data-heavy="1"' in page.settle(wish, level, 0)["ask"]
        went = page.run_film(wish, level) if films else page.run(wish, level)
        settled = page.settle(wish, level, went["failed"])
        if "data-pending" not in settled["ask"]:
            return
    raise AssertionError("the page never stops asking")
