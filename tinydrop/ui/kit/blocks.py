"""The app's blocks: gradio's, with an eye on who waits and on what a session leaves behind."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import gradio as gr
from gradio.server_messages import ProcessCompletedMessage

from tinydrop.core.errors import quoted

SESSIONS_HELD = 500
"""Sessions whose state is kept; one holds about 70 kB, identifiers and no pictures."""
CLOSED_HELD = 32
"""Closed pages whose state is kept for a moment: a connection may come back."""
WAITING_ALLOWED = 4
"""Events of one session that may wait; what is newer replaces what is older before that."""
API_WAITING_ALLOWED = 16
"""Events of the public endpoint that may wait, whoever sent them."""
FULL = (
    "You already have {count} requests waiting here; let one of them finish, or stop it, and try "
    "again."
)
API_FULL = "{count} requests of the endpoint are waiting already; try again in a few seconds."


class _Forgetful(dict[Any, Any]):
    """Takes everything and keeps nothing.

    Gradio keeps a copy of every component and its value in every session, pictures included, for
    links that the server stores ("deep links"); this app's links need no server.
    """

    def __contains__(self, _key: object) -> bool:
        return True

    def __getitem__(self, _key: Any) -> dict[str, Any]:
        return {}

    def __setitem__(self, _key: Any, _value: Any) -> None:
        return


class AppBlocks(gr.Blocks):  # type: ignore[misc]
    """Gradio's blocks, whose queue can be looked at and whose sessions stay small."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._closed: OrderedDict[str, None] = OrderedDict()

    async def preprocess_data(self, block_fn: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
        """Read an event's inputs; of a public one, what cannot be read is one sentence."""
        try:
            return await super().preprocess_data(block_fn, inputs, *rest, **more)
        except gr.Error:
            raise
        except Exception as error:
            if block_fn.api_visibility != "public":
                raise
            raise gr.Error(_unreadable(len(block_fn.inputs), inputs)) from error

    def waiting(self, lane: str) -> int:
        """Return how many events wait in a lane."""
        return len(self._waiting(lane))

    def busy(self, lane: str) -> bool:
        """Return whether an event of a lane is running or waiting."""
        found = self._queue.event_queue_per_concurrency_id.get(lane)
        return found is not None and bool(found.queue or found.current_concurrency)

    def ahead(self, session: str | None, lane: str) -> int | None:
        """Return how many come before a session's first event in a lane; None if none waits."""
        found = self._queue.event_queue_per_concurrency_id.get(lane)
        for place, event in enumerate(self._waiting(lane)):
            if event.session_hash == session:
                return place + int(found.current_concurrency)
        return None

    def behind(self, lane: str) -> int:
        """Return how many events a newcomer to a lane would find before it."""
        found = self._queue.event_queue_per_concurrency_id.get(lane)
        return 0 if found is None else len(found.queue) + int(found.current_concurrency)

    def admit(self, session: str, fn_index: object, *, public: bool = False) -> str:
        """Let an event join the queue, or return one sentence on why it may not.

        An event of a page replaces an older one of the same kind that still waits: the newest wish
        is the one that counts.

        Args:
            session: who asks; empty for a call that names none.
            fn_index: the event.
            public: whether it is of the public endpoint, where the address says so.
        """
        fn = self.fns.get(fn_index) if isinstance(fn_index, int) else None
        every = [event for lane in self._lanes() for event in self._waiting(lane)]
        if public or (fn is not None and fn.api_visibility == "public"):
            count = sum(event.fn.api_visibility == "public" for event in every)
            if count >= API_WAITING_ALLOWED:
                return API_FULL.format(count=count)
        own = [event for event in every if session and event.session_hash == session]
        if fn is not None and fn.api_visibility == "private":
            for event in [one for one in own if one.fn is fn]:
                self._drop(event)
                own.remove(event)
        return FULL.format(count=len(own)) if len(own) >= WAITING_ALLOWED else ""

    def slim(self, session: str) -> None:
        """Let a session keep its identifiers alone, no copy of what it was shown."""
        holder = getattr(self, "state_holder", None)
        if holder is not None:
            self._closed.pop(session, None)
            state = holder[session]
            if not isinstance(state.config_values, _Forgetful):
                state.config_values = _Forgetful()

    async def page_closed(self, request: gr.Request) -> None:
        """Drop the state of pages that closed; of the last few a little later."""
        session = request.session_hash
        if session is None:
            return
        self._closed[session] = None
        self._closed.move_to_end(session)
        while len(self._closed) > CLOSED_HELD:
            gone, _ = self._closed.popitem(last=False)
            self.state_holder.session_data.pop(gone, None)
            self.state_holder.time_last_used.pop(gone, None)
            if not self._queue.pending_event_ids_session.get(gone):
                self._queue.pending_event_ids_session.pop(gone, None)
                self._queue.pending_messages_per_session.pop(gone, None)

    def _lanes(self) -> list[str]:
        return list(self._queue.event_queue_per_concurrency_id)

    def _waiting(self, lane: str) -> list[Any]:
        found = self._queue.event_queue_per_concurrency_id.get(lane)
        return [] if found is None else list(found.queue)

    def _drop(self, event: Any) -> None:
        """Take an event out of the queue; its page is told that it is over and changes nothing."""
        self._queue.event_queue_per_concurrency_id[event.concurrency_id].queue.remove(event)
        self._queue.event_ids_to_events.pop(event._id, None)
        nothing = {"data": [{"__type__": "update"} for _ in event.fn.outputs]}
        self._queue.send_message(event, ProcessCompletedMessage(output=nothing, success=True))


def _unreadable(wanted: int, inputs: Any) -> str:
    """Return one sentence on inputs of the public endpoint that gradio itself cannot read."""
    if isinstance(inputs, list) and len(inputs) < wanted:
        return (
            f"The endpoint takes {wanted} values and got {len(inputs)}; send null for each setting "
            "that shall be the pair's own."
        )
    return (
        f"The picture must be an uploaded file, got {quoted(inputs)}; send it to "
        "/gradio_api/upload first, or let gradio_client's handle_file do so."
    )
