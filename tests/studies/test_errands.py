"""Errands: heavy work in a process of its own, told, refused, stopped, and never left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tinydrop.data.archives import ArchiveLimits
from tinydrop.studies.check import PHASES, ModelReport, check_model
from tinydrop.studies.errands import ErrandError, Message, run_errand
from tinydrop.ui.kit.turns import Turns
from tinydrop.ui.models.page import Check

ROOT = Path(__file__).resolve().parents[2]


def children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [one for one in found if "tinydrop.studies.errands" in " ".join(one.cmdline())]


def test_a_check_tells_its_phases_and_gives_the_same_report() -> None:
    told = [one for one in run_errand("check", {"model": "test_vit3"}, lambda: False) if one]
    assert [one["phase"] for one in told[:-1]] == list(PHASES)
    report = ModelReport.from_dict(told[-1]["result"])
    here = check_model("test_vit3", shrunk=True, timed=True)
    for name in ("supported", "as_guidance", "positions", "grid_size", "macs", "layer", "note"):
        assert getattr(report, name) == getattr(here, name)
    assert children() == []


def test_it_has_a_low_priority_and_ends_when_it_is_stopped() -> None:
    seen: list[int] = []

    def should_stop() -> bool:
        seen.extend(one.nice() for one in children())
        return bool(seen)

    with pytest.raises(ErrandError) as caught:
        list(run_errand("check", {"model": "eva02_enormous_patch14_clip_224"}, should_stop))
    assert caught.value.stopped
    assert seen == [min(19, psutil.Process().nice() + 10)]
    assert children() == []


def test_one_that_nobody_reads_any_more_ends() -> None:
    running = run_errand("check", {"model": "vit_base_patch16_224"}, lambda: False)
    next(running)
    (child,) = children()
    running.close()  # type: ignore[attr-defined]
    assert not child.is_running()


def test_a_refusal_is_its_own_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("no zip at all")
    wish = {
        "pair": "bundled-small", "path": str(tmp_path / "x.zip"), "name": "mine.zip",
        "out": str(tmp_path / "out.parquet"), "pictures": 5,
        "limits": {name: getattr(ArchiveLimits(), name) for name in
                   ("entries", "entry_bytes", "total_bytes", "ratio")},
    }  # fmt: skip
    with pytest.raises(ErrandError, match=r"mine\.zip is not a readable zip") as caught:
        list(run_errand("trace", wish, lambda: False))
    assert not caught.value.stopped


def test_one_that_breaks_is_no_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="ended with code 1"):
        list(run_errand("juggle", {}, lambda: False))
    assert "KeyError: 'juggle'" in capfd.readouterr().err


PARENT = """
import psutil
from tinydrop.studies.errands import run_errand
for told in run_errand("check", {"model": "eva02_enormous_patch14_clip_224"}, lambda: False):
    if told:
        print(psutil.Process().children()[0].pid, flush=True)
        break
import time
time.sleep(3600)
"""


def test_the_child_leaves_with_a_parent_that_is_killed() -> None:
    """Such a parent has no time to end its errands: the pipe that closes with it does."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    child.wait(timeout=60)
    parent.stdout.close()


class TestCheckPage:
    @staticmethod
    def forever(kind: str, wish: Mapping[str, Any], should_stop: Any) -> Iterator[Message]:
        yield {"phase": "parity"}
        while not should_stop():
            yield {}
        raise ErrandError("Stopped.", stopped=True)

    def test_it_says_where_it_is(self) -> None:
        check = Check(runner=self.forever)
        asked = check.ask("visitor", "test_vit", 3)
        assert "waiting, 3 ahead" in asked["report"]
        running = check.run("visitor", asked["job"], "test_vit")
        assert "<b>parity</b>" in next(running)["report"]
        assert f"step 3 of {len(PHASES)}" in next(running)["report"]
        check.stop(asked["job"])
        assert "Stopped while parity" in list(running)[-1]["report"]

    def test_a_second_click_replaces_the_first_whether_it_waits_or_runs(self) -> None:
        check = Check(runner=self.forever)
        first = check.ask("visitor", "test_vit", 0)["job"]
        running = check.run("visitor", first, "test_vit")
        next(running)
        second = check.ask("visitor", "test_vit2", 0)["job"]
        assert list(running) == []
        third = check.ask("visitor", "test_vit3", 0)["job"]
        assert list(check.run("visitor", second, "test_vit2")) == [], "it never begins"
        assert "test_vit3" in next(check.run("visitor", third, "test_vit3"))["report"]

    def test_visitors_do_not_replace_each_other(self) -> None:
        turns = Turns()
        jobs = [turns.claim(name, "check") for name in ("one", "two")]
        jobs += [turns.claim(None, "check") for _ in range(2)]
        jobs += [turns.claim("one", "trace")]
        assert not any(map(turns.stopped, jobs))
        assert turns.stopped("a name that nobody gave")
        assert len(set(jobs)) == len(jobs)
