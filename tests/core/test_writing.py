"""Files written whole or not at all, leftovers of the dead, and one writer at a time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tinydrop.core.errors import SettingError
from tinydrop.core.writing import claimed, clear_leftovers, written
from tinydrop.data import read_table, write_table

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="these need a POSIX system")

HOLDER = """
import sys, time
from pathlib import Path
from tinydrop.core.writing import claimed, written
path = Path(sys.argv[2])
with claimed(path, "tracing") if sys.argv[1] == "claim" else written(path) as file:
    if file is not None:
        file.write(b"half of it")
        file.flush()
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(kind: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a claim, or is in the middle of writing."""
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, kind, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def dead_process() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.parquet"
    with holder("write", path) as process:
        clear_leftovers(path)
        (left,) = names(tmp_path)
        assert left.startswith(f".t.parquet.{socket.gethostname()}.{process.pid}.")
        write_table(path, {"a": np.arange(3)}, {})  # another writer finishes meanwhile
        assert names(tmp_path) == [left, "t.parquet"]
        process.send_signal(signal.SIGKILL)
        process.wait()
        write_table(path, {"a": np.arange(4)}, {})
        assert names(tmp_path) == ["t.parquet"]
    assert read_table(path)[0]["a"].tolist() == [0, 1, 2, 3]


def test_leftovers_are_removed_only_where_their_writer_is_surely_dead(tmp_path: Path) -> None:
    host, gone, alive = socket.gethostname(), dead_process(), os.getpid()
    path = tmp_path / "t.parquet"
    old = 1_000_000.0  # seconds since 1970
    stays = [
        f".t.parquet.elsewhere.{gone}.abcd.writing",  # another machine's
        f".t.parquet.{host}.{alive}.abcd.writing",  # may be about to lock it
        f".t.parquet.{gone}.writing",  # an earlier version's, of any machine, a moment ago
        f".t.parquet.{host}.x.abcd.writing",
        f".u.parquet.{host}.{gone}.abcd.writing",  # another file's
        ".t.parquet.writing",
        "t.parquet.parts",
    ]
    goes = {
        f".t.parquet.{host}.{gone}.abcd.writing": None,
        f".t.parquet.{host}.{alive}.0000.writing": old,  # the number belongs to another by now
        f".t.parquet.{dead_process()}.writing": old,
    }
    for name in stays:
        (tmp_path / name).write_bytes(b"x")
    for name, age in goes.items():
        (tmp_path / name).write_bytes(b"x")
        if age is not None:
            os.utime(tmp_path / name, (age, age))
    clear_leftovers(path)
    assert names(tmp_path) == sorted(stays)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"old")

    def fail() -> None:
        with written(path) as file:
            file.write(b"new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == ["t.bin"]
    assert path.read_bytes() == b"old"
    with written(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"


def test_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    contents = [bytes([n]) * 200_000 for n in range(8)]

    def write(content: bytes) -> None:
        for _ in range(5):
            with written(path) as file:
                file.write(content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert names(tmp_path) == ["t.bin"]


def refusal(path: Path) -> str:
    with pytest.raises(SettingError) as caught, claimed(path, "measuring"):
        raise AssertionError("two hold it")
    text = str(caught.value)
    assert text.endswith(".")
    assert ". " not in text
    return text


def test_the_second_claim_is_refused_naming_the_first(tmp_path: Path) -> None:
    path = tmp_path / "new" / "t.parquet"
    with holder("claim", path) as process:
        text = refusal(path)
        assert text.startswith(
            f"{path} is in use by process {process.pid} on {socket.gethostname()}, tracing since 2"
        )
        assert text.endswith("; wait until that is done, stop it, or give another place.")
        with claimed(tmp_path / "new" / "u.parquet", "tracing"):
            pass  # another file is another matter
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
        process.wait()
    assert names(tmp_path) == []  # the folder was made for it


def test_a_claim_within_one_process_holds_too(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with claimed(path, "tracing"):
        assert f"process {os.getpid()} on" in refusal(path)
    with claimed(path, "tracing"):
        pass
    assert names(tmp_path) == []


def test_the_claim_of_a_killed_process_is_void(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with holder("claim", path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert names(tmp_path) == [".t.parquet.lock"]
        with claimed(path, "tracing"):
            assert f"process {os.getpid()} on" in refusal(path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("who", ["gone", "alive", "reused", "elsewhere", "unknown"])
def test_without_locks_the_record_decides(
    who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import json

    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("tinydrop.core.writing.fcntl.flock", unsupported)
    path = tmp_path / "t.parquet"
    about = {"doing": "tracing", "process": os.getpid(), "host": socket.gethostname(), "since": "2"}
    about |= {
        "gone": {"process": dead_process()},
        "alive": {},
        "reused": {"started": "1"},
        "elsewhere": {"host": "elsewhere", "process": dead_process()},
        "unknown": {"process": "?"},
    }[who]
    (tmp_path / ".t.parquet.lock").write_text(json.dumps(about))
    if who in ("alive", "elsewhere"):
        assert f"in use by process {about['process']} on {about['host']}" in refusal(path)
    else:
        with claimed(path, "tracing"):
            pass
        assert names(tmp_path) == []


def test_an_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    claim = claimed(tmp_path / "file" / "t.parquet", "tracing")
    with pytest.raises(SettingError, match=r"cannot be written \(.+\); give another place"), claim:
        pass
