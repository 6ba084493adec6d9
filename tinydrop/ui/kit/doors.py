"""What stands before gradio's routes: closed addresses, and limits for one session's events."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tinydrop.ui.kit.blocks import AppBlocks

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOSED = re.compile(r"/(?:gradio_api/deep_link|monitoring(?:/.*)?)/?$")
"""Gradio's own links, which write a file per call for ever, and its statistics of every visitor."""
JOIN = re.compile(r"/gradio_api/queue/join/?$")
CALL = re.compile(r"/gradio_api/call(?:/v2)?/[^/]+/?$")
EVENT = re.compile(r"/gradio_api/(?:queue/join|(?:run|api|call(?:/v2)?)/[^/]+)/?$")
EVENT_BYTES = 1_000_000
"""Of one event's values: files are uploaded beside them, so a page never sends so much."""
RUNNING_ALLOWED = 8
"""Quick events of one session that may run at once."""
TOO_LARGE = "An event's values have up to {limit:,} bytes, got {size:,}; upload files as files."
NO_EVENT = "An event is a JSON object with its values; see the API page."
TOO_MANY = "{count} of your requests are running here already; wait for them and try again."


class Doors:
    """ASGI middleware in front of the app's own blocks."""

    def __init__(self, app: Any) -> None:
        """Take what comes next; the blocks whose queue is watched come with each request."""
        self._app = app
        self._running: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif CLOSED.search(path):
            await _refuse(send, 404, "This address is closed in this app.")
        elif scope["method"] == "POST" and EVENT.search(path):
            await self._event(scope, receive, send, path)
        else:
            await self._app(scope, receive, send)

    async def _event(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        blocks = scope["app"].get_blocks()
        body, size = await _read(receive)
        if body is None:
            sentence = TOO_LARGE.format(limit=EVENT_BYTES, size=size)
            await _refuse(send, 413, sentence)
            return
        named = _named(body)
        if named is None:
            await _refuse(send, 400, NO_EVENT)
            return
        session, fn_index = named
        watched = isinstance(blocks, AppBlocks)
        if session and watched:
            blocks.slim(session)
        if JOIN.search(path) or CALL.search(path):
            public = bool(CALL.search(path))
            sentence = blocks.admit(session, fn_index, public=public) if watched else ""
            if sentence:
                await _refuse(send, 429, sentence)
            else:
                await self._app(scope, _again(body, receive), send)
            return
        if session and self._running[session] >= RUNNING_ALLOWED:
            await _refuse(send, 429, TOO_MANY.format(count=self._running[session]))
            return
        self._running[session] += 1
        try:
            await self._app(scope, _again(body, receive), send)
        finally:
            self._running[session] -= 1
            if not self._running[session]:
                del self._running[session]


async def _read(receive: Receive) -> tuple[bytes | None, int]:
    """Return the whole body and its size; None for one that is too large, read to its limit."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = bool(message.get("more_body"))
        if size > EVENT_BYTES:
            return None, size
    return b"".join(parts), size


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives the body once, and then what else comes."""
    given = False

    async def channel() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return channel


def _named(body: bytes) -> tuple[str, object] | None:
    """Return the session and the event that a body names; None for one that is no event."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    session = data.get("session_hash")
    return session if isinstance(session, str) else "", data.get("fn_index")


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence, "error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
