"""Which queue an event stands in, and what a visitor is told while it waits there."""

from __future__ import annotations

from typing import Any, Protocol

from markupsafe import Markup

from tinydrop.ui.kit.pieces import FILE
from tinydrop.ui.kit.templates import draw

QUICK_LANE, HEAVY = "model", "heavy"
MODEL_QUEUE: dict[str, Any] = {"concurrency_id": QUICK_LANE, "concurrency_limit": 1}
"""Quick events that run a model, one at a time on a small machine: none takes a second."""

HEAVY_QUEUE: dict[str, Any] = {"concurrency_id": HEAVY, "concurrency_limit": 1}
"""Checks, traces, downloads and exact films: one at a time, and never before a quick event."""


class Crowd(Protocol):
    """Who else is there; the app's own blocks are one."""

    def waiting(self, lane: str) -> int:
        """Return how many events wait in a lane."""
        ...

    def busy(self, lane: str) -> bool:
        """Return whether an event of a lane is running or waiting."""
        ...

    def behind(self, lane: str) -> int:
        """Return how many events a newcomer to a lane would find before it."""
        ...


class Idle:
    """A crowd of nobody."""

    def waiting(self, _lane: str) -> int:
        """Return 0."""
        return 0

    def busy(self, _lane: str) -> bool:
        """Return False."""
        return False

    def behind(self, _lane: str) -> int:
        """Return 0."""
        return 0


def place_words(ahead: int | None) -> str:
    """Return a place in line as words; nothing for who does not wait."""
    if ahead is None:
        return ""
    return f"waiting, {ahead} ahead" if ahead else "waiting, next in line"


def line_part(lane: str, ahead: int | None, otherwise: str = "") -> Markup:
    """Return the words on a place in line; ``line.js`` keeps them true while they are shown.

    Args:
        lane: where the visitor waits.
        ahead: how many come first; None or 0 where nobody does.
        otherwise: what is said where nobody is ahead.
    """
    said = place_words(ahead) if ahead else otherwise
    return draw(FILE, "line", lane=lane, otherwise=otherwise, said=said)
