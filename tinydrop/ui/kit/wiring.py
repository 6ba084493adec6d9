"""What the pages' wirings share: handlers under gradio's components, and what a browser sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from tinydrop.ui.kit.lanes import HEAVY_QUEUE, MODEL_QUEUE
from tinydrop.ui.kit.page import Choices, Updates

PRIVATE: dict[str, Any] = {"api_visibility": "private"}

QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden"} | PRIVATE

EACH: dict[str, Any] = {"trigger_mode": "multiple"} | QUICK
"""Not always_last: gradio would repeat the first event's data instead of the last one's."""

LATEST: dict[str, Any] = {"trigger_mode": "always_last"} | QUICK

MODEL: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | MODEL_QUEUE

HEAVY: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | HEAVY_QUEUE


Parts = dict[str, Any]
"""Component name -> gradio's component."""


def components(parts: Parts, names: Iterable[str]) -> list[Any]:
    """Return the components of these names, in order."""
    return [parts[name] for name in names]


def keyed(parts: Parts, updates: Updates) -> Any:
    """Return a handler's updates under gradio's components; gradio takes no empty answer."""
    return {parts[name]: _shown(value) for name, value in updates.items()} or gr.skip()


def _shown(value: Any) -> Any:
    if isinstance(value, Choices):
        return gr.Dropdown(choices=value.offered, value=value.chosen)
    return value


def named(parts: Parts, handler: Callable[..., Updates]) -> Callable[..., Any]:
    """Return the handler as gradio calls it: its updates come under gradio's components."""

    def called(*values: Any) -> Any:
        return keyed(parts, handler(*values))

    return called


def sent(parts: Parts, handler: Callable[..., Updates], name: str = "key") -> Callable[..., Any]:
    """Return what calls a handler with one word that the browser sent, which may be anything.

    The word comes after the wish and before the controls.
    """

    def called(event: gr.EventData, wish: Any, *controls: Any) -> Any:
        return keyed(parts, handler(wish, str(payload(event).get(name)), *controls))

    return called


def saved(parts: Parts, handler: Callable[..., Updates], kind: str) -> Callable[..., Any]:
    """Return what calls a handler that makes a file of a kind, with what makes its link new."""

    def called(event: gr.EventData, *values: Any) -> Any:
        at = int(payload(event).get("at") or 0)
        return keyed(parts, handler(kind, at, *values))

    return called


def payload(event: gr.EventData) -> dict[str, Any]:
    """Return what the browser sent with an event, which may be anything."""
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}
