"""Files that appear complete or not at all, and files that one process at a time may write.

A file is written beside its place and renamed. The system's lock on what lies beside tells whether
its writer lives: it ends with the process however that ends, so neither a number that another
process got since nor a process of another machine is ever taken for the writer.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tinydrop.core.errors import SettingError

try:
    import fcntl
except ImportError:  # Windows: a file that is open cannot be deleted there, which says the same
    fcntl = None  # type: ignore[assignment]


_SUFFIX = ".writing"
_TRIES = 100
_SOON, _LONG = 60.0, 3600.0
"""Seconds within which a writer has locked its file; and after which an old one is surely done."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class _HeldError(Exception):
    """Somebody who lives holds the lock."""


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write; what was written takes the place of ``path`` when the block ends well.

    Whatever happens, ``path`` is the old file or the whole new one, also after a power cut. What
    earlier processes left beside it when they were killed is removed.

    Raises:
        OSError: if it cannot be written.
    """
    clear_leftovers(path)
    place = f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"
    beside = path.with_name(f".{path.name}.{place}{_SUFFIX}")
    with beside.open("xb") as file:
        try:
            with suppress(OSError):  # without locks the number of the process must do
                if fcntl is not None:
                    fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()
            beside.replace(path)
        except BaseException:
            if fcntl is None:
                file.close()
            beside.unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


def clear_leftovers(path: Path) -> None:
    """Remove what writers of ``path`` left beside it, of those on this machine that are dead."""
    with suppress(OSError):
        for beside in path.parent.iterdir():
            inner = beside.name.removeprefix(f".{path.name}.").removesuffix(_SUFFIX)
            if f".{path.name}.{inner}{_SUFFIX}" == beside.name:
                _remove_if_dead(beside, inner)


def _remove_if_dead(beside: Path, owner: str) -> None:
    """Remove a file whose writer is surely dead; where that cannot be told it stays.

    Args:
        beside: the file.
        owner: host, process and a random word, between points; of an earlier version the process.
    """
    host, _, process = owner.rpartition(".")[0].rpartition(".")
    old = owner.isdecimal()  # of any machine: only what nobody has touched for long
    if not old and (host != socket.gethostname() or not process.isdecimal()):
        return
    with suppress(OSError), beside.open("rb") as file:
        age = time.time() - os.fstat(file.fileno()).st_mtime
        gone = not _runs(int(owner if old else process))
        try:
            locked = _lock(file.fileno())
        except _HeldError:
            return
        # A number may belong to a new process by now; then the lock decides, once its writer must
        # have taken it.
        dead = (age > _LONG or not old) if gone else (locked and age > _SOON and not old)
        if dead and _same(file, beside):
            if fcntl is None:
                file.close()
            beside.unlink()


@contextmanager
def claimed(path: Path, doing: str, lock: Path | None = None) -> Iterator[None]:
    """Hold ``path`` for this block; nobody else on this machine can claim it meanwhile.

    A claim of a process that is dead is void.

    Args:
        path: what will be written, a file or a folder.
        doing: what the holder does, as others are told, such as ``tracing``.
        lock: the file that says so; ``.NAME.lock`` beside ``path`` by default. It and its folder,
            if that is empty then, are gone at the end.

    Raises:
        SettingError: if somebody holds it, naming the process, or the lock cannot be written.
    """
    lock = lock or path.with_name(f".{path.name}.lock")
    try:
        made = not lock.parent.exists()
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = _taken(lock)
    except _HeldError:
        raise SettingError(_in_words(path, lock)) from None
    except OSError as error:
        raise SettingError(
            f"{path} cannot be written ({error.strerror or error}); give another place that can "
            f"be written."
        ) from error
    with file:
        try:
            about = {
                "doing": doing,
                "process": os.getpid(),
                "started": _began(os.getpid()),
                "host": socket.gethostname(),
                "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            }
            with suppress(OSError):  # a full disk: the lock itself holds
                file.write(json.dumps(about).encode())
                file.flush()
            yield
        finally:
            if fcntl is None:
                file.close()
            with suppress(OSError):
                lock.unlink(missing_ok=True)
                if made or lock.parent.name.endswith(".parts"):
                    lock.parent.rmdir()  # fails where something else is in it


def _taken(lock: Path) -> IO[bytes]:
    """Return the lock's file, held and empty.

    Raises:
        _HeldError: if somebody else holds it.
        OSError: if it cannot be made.
    """
    for _ in range(_TRIES):
        if fcntl is None:
            with suppress(FileNotFoundError):
                try:
                    lock.unlink()
                except PermissionError:
                    raise _HeldError from None
        file = lock.open("a+b")
        try:
            locked = _lock(file.fileno())
            if not locked:
                _refuse_if_alive(_recorded(lock))
            if _same(file, lock):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # its last holder removed it between opening and locking
    raise _HeldError


def _lock(handle: int) -> bool:
    """Lock an open file; False where the file system has no locks.

    Raises:
        _HeldError: if somebody else holds it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EAGAIN):
            raise _HeldError from error
        raise
    return True


def _same(file: IO[bytes], path: Path) -> bool:
    try:
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except OSError:
        return False


def _recorded(lock: Path) -> dict[str, Any] | None:
    """Return what the holder wrote about itself; None if it is not there (yet)."""
    try:
        found = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _refuse_if_alive(about: dict[str, Any] | None) -> None:
    """Raise ``_HeldError`` where a holder may live, by its own words; another machine's may."""
    if about is None:
        return
    process, started = about.get("process"), about.get("started")
    if about.get("host") == socket.gethostname() and (
        not isinstance(process, int) or not _runs(process) or started not in (None, _began(process))
    ):
        return
    raise _HeldError


def _runs(process: int) -> bool:
    """Tell whether a process of that number runs on this machine."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _began(process: int) -> str | None:
    """Return when a process began, in the system's own ticks; None where it does not say."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _in_words(path: Path, lock: Path) -> str:
    about = _recorded(lock) or {}
    who = f"process {about['process']} on {about.get('host')}" if "process" in about else "another"
    what = f", {about.get('doing', 'at work')} since {about['since']}" if "since" in about else ""
    return (
        f"{path} is in use by {who}{what}; wait until that is done, stop it, or give another place."
    )


def _sync_folder(folder: Path) -> None:
    """Flush the folder's own entry, where the system can; the rename may be lost otherwise."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
