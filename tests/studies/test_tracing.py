"""Tracing: resumed after kills, stopped, damaged pictures, parts and traces of other runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from real_pictures import tiny_imagenet
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop import TinyDrop
from tinydrop.core.errors import SettingError
from tinydrop.data import Dataset, open_dataset, read_table, write_table
from tinydrop.models.pairs import load_pair
from tinydrop.studies.trace import Trace, TraceStoppedError, make, make_trace, read_trace

COUNTS = {"goldfish": 9, "red_fox": 12, "spider": 8, "unknown": 2}
DAMAGED = (("red_fox", 4), ("red_fox", 5))


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "set", COUNTS, DAMAGED)


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    return open_dataset(folder)


@pytest.fixture(autouse=True, scope="module")
def _small_chunks() -> Iterator[None]:
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(make, "CHUNK", 4)
        yield


@pytest.fixture(scope="module")
def whole(
    drop: TinyDrop, data: Dataset, tmp_path_factory: pytest.TempPathFactory, _small_chunks: None
) -> bytes:
    """An undisturbed trace's file."""
    out = tmp_path_factory.mktemp("whole") / "whole.parquet"
    make_trace(drop, data, out)
    return out.read_bytes()


def one_sentence(error: pytest.ExceptionInfo[Exception]) -> bool:
    text = str(error.value)
    return text.endswith(".") and ". " not in text and "\n" not in text


def same(a: Trace, b: Trace) -> bool:
    names = ("picture_id", "label", "confidence", "target_class", "target_rank", "order")
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names)


def test_a_trace_says_what_it_traced_and_what_it_left_out(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    told: list[tuple[int, int, float | None]] = []
    trace = make_trace(
        drop, data, tmp_path / "t.parquet", progress=lambda *given: told.append(given)
    )
    known = trace.provenance
    assert dict(known.skipped) == {"class unknown to the pair": 2, "unreadable": 2}
    assert len(trace) == known.pictures == 27
    assert known.pair_digest == drop.pair.digest
    assert known.map_layer == drop.pair.guidance.spec.layer
    assert known.data_fingerprint == data.fingerprint(np.flatnonzero(data.label < 3))
    names = [drop.pair.classes[label] for label in trace.label]
    assert names == ["goldfish"] * 9 + ["red fox"] * 10 + ["spider"] * 8
    assert [entry[:2] for entry in told] == [(n, 29) for n in (0, 4, 8, 12, 16, 20, 24, 28, 29)]
    assert told[0][2] is None
    assert told[-1][2] == 0.0
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]
    assert same(read_trace(tmp_path / "t.parquet", drop.pair), trace)
    assert trace.target_macs[0].tolist() == [drop.cost(k).target for k in range(1, 17)]
    assert trace.saliency_macs == drop.cost(3).saliency > 0
    assert not trace.unranked.any()


def test_the_file_uses_small_types_and_holds_no_derived_column(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    make_trace(drop, data, tmp_path / "t.parquet", limit=4)
    columns, metadata = read_table(tmp_path / "t.parquet")
    assert set(metadata) == {"tinydrop_trace"}
    assert {columns[n].dtype.str for n in ("label", "target_class", "order", "target_rank")} == {
        "|u1"
    }
    assert {columns[n].dtype.str for n in ("guidance_logits", "saliency_map")} == {"<f2"}
    assert "num_keep" not in columns
    assert "target_macs" not in columns


@pytest.mark.parametrize("selector", ["random", "scattered", "uniform", "hirescam", "coherent"])
def test_other_selectors_store_maps_only_if_they_have_one(
    drop: TinyDrop, data: Dataset, tmp_path: Path, selector: str
) -> None:
    trace = make_trace(drop, data, tmp_path / "t.parquet", selector, seed=5, limit=6)
    looks = selector in ("hirescam", "coherent")
    assert (trace.saliency_map is not None) == looks == (trace.saliency_macs > 0)
    assert trace.provenance.seed == (5 if selector in ("random", "scattered") else 0)
    pictures = {picture.id: picture for picture in data.pictures()}  # a limit draws among them
    for row in range(6):
        order, _ = drop.rank(drop.guide(pictures[trace.picture_id[row]].content), selector, 5)
        assert order is not None
        assert trace.order[row].tolist() == order.tolist()


@pytest.mark.parametrize("selector", ["gradcam", "coverage"])
def test_a_flat_map_keeps_every_patch_at_every_level(
    data: Dataset, tmp_path: Path, selector: str
) -> None:
    flat = small_drop(flat=True)
    trace = make_trace(flat, data, tmp_path / "t.parquet", selector, limit=6)
    assert trace.unranked.all()
    assert (trace.num_keep == 16).all()
    assert (trace.target_macs == flat.cost(16).target).all()
    for row, picture in zip(range(6), data.pictures(), strict=False):
        full = flat.classify(flat.guide(picture.content))
        assert (trace.target_class[row] == full.class_index).all()
    assert np.isnan(trace.coherence["morans_i"]).all()


def test_stopped_and_resumed_gives_the_same_bytes(
    drop: TinyDrop, data: Dataset, whole: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "t.parquet"
    done: list[int] = []

    def stop_after_three_chunks() -> bool:
        return bool(done) and done[-1] >= 12

    with pytest.raises(TraceStoppedError, match="after 12 of 29 pictures") as error:
        make_trace(
            drop,
            data,
            out,
            progress=lambda n, *_: done.append(n),
            should_stop=stop_after_three_chunks,
        )
    assert one_sentence(error)
    assert not out.exists()
    parts = tmp_path / "t.parquet.parts"
    assert len(list(parts.glob("part-*.parquet"))) == 3
    with pytest.raises(SettingError, match="holds 3 parts of a trace that was not finished") as no:
        make_trace(drop, data, out)
    assert "--resume" in str(no.value)
    done.clear()
    make_trace(drop, data, out, resume=True, progress=lambda n, *_: done.append(n))
    assert done == [12, 16, 20, 24, 28, 29]
    assert out.read_bytes() == whole
    assert not parts.exists()
    done.clear()
    make_trace(drop, data, out, resume=True, progress=lambda n, *_: done.append(n))
    assert done == []  # it was there


def test_a_stop_while_the_fingerprint_is_taken(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(TraceStoppedError) as error:
        make_trace(drop, data, tmp_path / "t.parquet", should_stop=lambda: True)
    assert one_sentence(error)
    assert [p.name for p in tmp_path.iterdir()] == []


def interrupted(drop: TinyDrop, data: Dataset, out: Path, **given: object) -> None:
    done: list[int] = []
    with pytest.raises(TraceStoppedError):
        make_trace(
            drop,
            data,
            out,
            progress=lambda n, *_: done.append(n),
            should_stop=lambda: bool(done) and done[-1] > 0,
            **given,  # type: ignore[arg-type]
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"selector": "random"}, "its selector is gradcam, now it is random"),
        ({"limit": 8}, "its fingerprint of the pictures is [0-9a-f]{12}, now it is [0-9a-f]{12}"),
        ({"weights": 7}, "its digest of the pair's weights is [0-9a-f]{12}, now"),
    ],
)
def test_parts_of_another_run_are_refused_with_the_difference(
    drop: TinyDrop, data: Dataset, tmp_path: Path, change: dict[str, object], says: str
) -> None:
    out = tmp_path / "t.parquet"
    interrupted(drop, data, out)
    given = dict(change)
    other = small_drop(weights=given.pop("weights")) if "weights" in given else drop  # type: ignore[arg-type]
    with pytest.raises(SettingError, match=f"belong to another trace: {says}") as error:
        make_trace(other, data, out, resume=True, **given)  # type: ignore[arg-type]
    assert one_sentence(error)
    assert (tmp_path / "t.parquet.parts" / "part-00000.parquet").is_file()


def test_a_smuggled_part_is_refused_and_a_damaged_one_made_again(
    drop: TinyDrop, data: Dataset, whole: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "t.parquet"
    interrupted(drop, data, out)
    interrupted(drop, data, tmp_path / "o.parquet", selector="random")
    part = tmp_path / "t.parquet.parts" / "part-00000.parquet"
    good = part.read_bytes()
    part.write_bytes((tmp_path / "o.parquet.parts" / "part-00000.parquet").read_bytes())
    with pytest.raises(SettingError, match="belongs to another trace"):
        make_trace(drop, data, out, resume=True)
    part.write_bytes(good[: len(good) // 2])
    (part.parent / ".part-00001.parquet.7.writing").write_bytes(b"rest of a kill")
    make_trace(drop, data, out, resume=True)
    assert out.read_bytes() == whole
    assert not part.parent.exists()


def test_a_trace_of_another_pair_is_refused_with_the_difference(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "t.parquet"
    make_trace(drop, data, out, limit=4)
    with pytest.raises(SettingError, match=r"made with the weights [0-9a-f]{12} of 'small'") as one:
        read_trace(out, small_drop(weights=9).pair)
    with pytest.raises(
        SettingError, match=r"has 3 classes \('red fox', ...\), the pair 200"
    ) as two:
        read_trace(out, load_pair("bundled"))
    assert one_sentence(one)
    assert "does not belong to the pair 'bundled'" in str(two.value)
    write_table(tmp_path / "x.parquet", {"a": np.arange(3)}, {})
    with pytest.raises(SettingError, match="no trace"):
        read_trace(tmp_path / "x.parquet")
    with pytest.raises(SettingError, match="There is no file"):
        read_trace(tmp_path / "nothing.parquet")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"selector": "best"}, "Unknown selector 'best'"),
        ({"seed": -1}, "seed is a whole number"),
        ({"limit": 0}, "limit is a whole number"),
    ],
)
def test_bad_arguments_are_refused_before_any_work(
    drop: TinyDrop, data: Dataset, tmp_path: Path, given: dict[str, object], says: str
) -> None:
    with pytest.raises(SettingError, match=says) as error:
        make_trace(drop, data, tmp_path / "t.parquet", **given)  # type: ignore[arg-type]
    assert one_sentence(error)
    assert [p.name for p in tmp_path.iterdir()] == []


def test_nothing_readable_is_one_sentence(drop: TinyDrop, tmp_path: Path) -> None:
    damaged = tuple((name, n) for name in ("spider", "goldfish") for n in range(3))
    folder = write_folder(tmp_path / "s", {"goldfish": 3, "spider": 3}, damaged)
    with pytest.raises(SettingError, match="None of the 6 pictures of s can be read") as error:
        make_trace(drop, open_dataset(folder), tmp_path / "t.parquet")
    assert one_sentence(error)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s"]


def test_a_chunk_of_damaged_pictures_alone_is_passed_over(drop: TinyDrop, tmp_path: Path) -> None:
    damaged = tuple(("goldfish", n) for n in range(4))
    folder = write_folder(tmp_path / "s", {"goldfish": 5, "spider": 3}, damaged)
    trace = make_trace(drop, open_dataset(folder), tmp_path / "t.parquet")
    assert (len(trace), dict(trace.provenance.skipped)) == (4, {"unreadable": 4})


def test_an_unwritable_place_is_one_sentence(drop: TinyDrop, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingError, match="cannot be written") as error:
        make_trace(drop, data, tmp_path / "file" / "t.parquet", limit=4)
    assert one_sentence(error)


@pytest.mark.parametrize("selector", ["gradcam", "random", "uniform"])
def test_the_committed_traces_belong_to_the_bundled_pair(selector: str) -> None:
    path = Path(__file__).resolve().parents[2] / f"assets/traces/bundled-{selector}.parquet"
    assert path.stat().st_size <= 6_000_000
    # Made by: python -m tinydrop trace tiny-imagenet-200 --selector ... --out ...
    pair = load_pair("bundled")
    trace = read_trace(path, pair)
    assert trace.provenance.selector == selector
    assert len(trace) == pair.info["measured"]["pictures"] == 5000
    assert (trace.saliency_map is not None) == (selector == "gradcam")


# --- kill -9 ---------------------------------------------------------------------------------

# Importing torch takes longer than tracing; one process imports and forks a fresh one per line it
# reads, each of which traces and is killed with SIGKILL like any other process.
TRACER = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from trace_zoo import small_drop
from tinydrop import TinyDrop
from tinydrop.data import open_dataset
from tinydrop.studies.trace import make, make_trace
if sys.argv[2] == "small":
    make.CHUNK, drop = 2, small_drop()
else:
    drop = TinyDrop("bundled")
limit = int(sys.argv[4]) or None
print("ready", flush=True)
for line in sys.stdin:
    seconds, out = line.strip().split(maxsplit=1)
    child = os.fork()
    if child == 0:
        try:
            make_trace(drop, open_dataset(sys.argv[3]), out, limit=limit, resume=True)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if float(seconds) >= 0:
        time.sleep(float(seconds))
        os.kill(child, signal.SIGKILL)  # not yet waited for, so the number is still its own
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Tracer:
    """Starts tracing processes, one at a time."""

    def __init__(self, kind: str, data: Path, limit: int) -> None:
        here = Path(__file__).resolve().parents[1]
        self.process = subprocess.Popen(
            [sys.executable, "-c", TRACER, str(here / "support"), kind, str(data), str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=here.parent,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def trace(self, out: Path, kill_after: float | None = None) -> int:
        """Return how the process ended: 0, or minus the signal."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{-1 if kill_after is None else kill_after} {out}\n")
        self.process.stdin.flush()
        return os.waitstatus_to_exitcode(int(self.line()))


@pytest.fixture
def tracer(request: pytest.FixtureRequest, folder: Path) -> Iterator[Tracer]:
    kind, limit = request.param
    started = Tracer(kind, folder if kind == "small" else tiny_imagenet(), limit)
    with started.process:
        assert started.line() == "ready"
        yield started


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 needs a POSIX system")
@pytest.mark.parametrize(
    ("tracer", "kills"),
    [
        pytest.param(("small", 0), 5, id="5-kills"),
        pytest.param(
            ("bundled", 256),
            20,
            id="20-kills",
            marks=[
                pytest.mark.pictures,
                pytest.mark.skipif(
                    "TINYDROP_LONG" not in os.environ, reason="minutes: set TINYDROP_LONG=1 for it"
                ),
            ],
        ),
    ],
    indirect=["tracer"],
)
def test_killed_at_random_moments_and_resumed_the_table_is_the_same(
    tracer: Tracer, kills: int, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.parquet", tmp_path / "t.parquet"
    start = time.monotonic()
    assert tracer.trace(whole) == 0
    length = time.monotonic() - start
    rng = np.random.default_rng(20)
    killed = 0
    for _ in range(10 * kills):
        status = tracer.trace(out, kill_after=float(rng.uniform(0, length)) * 0.6)
        killed += status == -signal.SIGKILL
        if status == 0:  # it was done first; the next round begins anew
            assert out.read_bytes() == whole.read_bytes()
            out.unlink()
        else:
            assert status == -signal.SIGKILL
        if killed >= kills:
            break
    assert killed >= kills
    assert tracer.trace(out) == 0
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.parquet", "whole.parquet"]


def test_a_second_trace_into_the_same_file_is_refused_naming_the_first(
    drop: TinyDrop, data: Dataset, whole: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "t.parquet"
    said: list[str] = []

    def also(done: int, *_: object) -> None:
        if done == 4:  # in the middle of the first one
            for resume in (False, True):
                with pytest.raises(SettingError) as error:
                    make_trace(drop, data, out, resume=resume)
                assert one_sentence(error)
                said.append(str(error.value))

    make_trace(drop, data, out, progress=also)
    assert len(said) == 2
    assert said[0].startswith(f"{out} is in use by process {os.getpid()} on ")
    assert "tracing since" in said[0]
    assert out.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]
