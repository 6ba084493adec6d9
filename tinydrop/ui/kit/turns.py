"""Whose heavy job is the newest: a second wish of a visitor replaces the first one."""

from __future__ import annotations

import secrets
import threading

from tinydrop.ui.kit.cache import BoundedCache


class Turns:
    """Jobs by names that nobody can guess; of each session and kind only the newest goes on."""

    def __init__(self) -> None:
        self._stops: BoundedCache[str, threading.Event] = BoundedCache(256)
        self._newest: BoundedCache[tuple[str, str], str] = BoundedCache(256)

    def claim(self, session: str | None, kind: str) -> str:
        """Return a new job's name; the session's older job of the kind is stopped."""
        job, key = secrets.token_hex(16), (session or "", kind)
        older = self._newest.get(key)
        if older is not None and session:
            self.stop(older)
        self._stops.put(job, threading.Event())
        self._newest.put(key, job)
        return job

    def stop(self, job: str) -> None:
        """Ask a job to stop; one that is over or unknown is left alone."""
        wish = self._stops.get(job)
        if wish is not None:
            wish.set()

    def stopped(self, job: str) -> bool:
        """Return whether a job shall stop; one that nobody knows shall."""
        wish = self._stops.get(job)
        return wish is None or wish.is_set()

    def replaced(self, session: str | None, kind: str, job: str) -> bool:
        """Return whether a newer job of the session has taken a job's place."""
        return bool(session) and self._newest.get((session or "", kind)) != job
