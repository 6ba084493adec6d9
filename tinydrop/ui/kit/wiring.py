"""What the pages' wirings share: handlers under gradio's components, and what a browser sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from tinydrop.ui.kit.answering import Updates
from tinydrop.ui.kit.lanes import HEAVY_QUEUE, MODEL_QUEUE

PRIVATE: dict[str, Any] = {"api_visibility": "private"}

QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden"} | PRIVATE

MODEL: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | MODEL_QUEUE

HEAVY: dict[str, Any] = {"show_progress": "hidden"} | PRIVATE | HEAVY_QUEUE


Parts = dict[str, Any]
"""Component name -> gradio's component."""


def some(parts: Parts, names: Iterable[str]) -> list[Any]:
    """Return the components of these names, in order."""
    return [parts[name] for name in names]


def keyed(parts: Parts, updates: Updates) -> Any:
    """Return a handler's updates under gradio's components; gradio takes no empty answer."""
    return {parts[name]: value for name, value in updates.items()} or gr.skip()


def named(parts: Parts, handler: Callable[..., Updates]) -> Callable[..., Any]:
    """Return the handler as gradio calls it: its updates come under gradio's components."""

    def called(*values: Any) -> Any:
        return keyed(parts, handler(*values))

    return called


def payload(event: gr.EventData) -> dict[str, Any]:
    """Return what the browser sent with an event, which may be anything."""
    data = getattr(event, "_data", None)
    return data if isinstance(data, dict) else {}
