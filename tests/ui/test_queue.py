"""Who waits, who may join, what a session keeps, and which addresses are closed; real requests."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.middleware import Middleware

from tinydrop.ui.kit.blocks import (
    API_WAITING_ALLOWED,
    CLOSED_HELD,
    SESSIONS_HELD,
    WAITING_ALLOWED,
    AppBlocks,
)
from tinydrop.ui.kit.doors import EVENT_BYTES, RUNNING_ALLOWED, Doors
from tinydrop.ui.kit.lanes import (
    HEAVY,
    HEAVY_QUEUE,
    MODEL_QUEUE,
    QUICK_LANE,
    line_part,
    place_words,
)

# Gradio leaves the loops and sockets of its threads to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PRIVATE = {"api_visibility": "private"}


class Served:
    """A small app with a quick and a heavy event, whose handlers run until they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.ran: list[str] = []
        with AppBlocks(analytics_enabled=False) as self.demo:
            box, out = gr.Textbox(), gr.Textbox()
            buttons = [gr.Button() for _ in range(8)]
            for button in buttons[:6]:
                button.click(self._run, [box], [out], **PRIVATE, **MODEL_QUEUE)
            buttons[6].click(self._run, [box], [out], api_name="analyze", **HEAVY_QUEUE)
            buttons[7].click(self._run, [box], [out], queue=False, **PRIVATE)
            self.demo.unload(self.demo.page_closed)
        self.demo.queue(max_size=64)
        _, self.url, _ = self.demo.launch(
            prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", ssr_mode=False,
            app_kwargs={"middleware": [Middleware(Doors)]}, enable_monitoring=False,
            state_session_capacity=SESSIONS_HELD, footer_links=[],
        )  # fmt: skip
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    def _run(self, value: str) -> str:
        self.ran.append(value)
        assert self.go.wait(60)
        return value * 100

    def join(self, fn: int, session: str = "visitor", value: str = "x") -> httpx.Response:
        body = {"data": [value], "fn_index": fn, "session_hash": session}
        return self.http.post("/gradio_api/queue/join", json=body)

    def until(self, holds: Any) -> None:
        """Wait for a condition."""
        for _ in range(6000):
            if holds():
                return
            threading.Event().wait(0.01)
        raise AssertionError("it never holds")


@pytest.fixture
def served() -> Iterator[Served]:
    found = Served()
    yield found
    found.go.set()
    found.until(lambda: not found.demo.busy(QUICK_LANE) and not found.demo.busy(HEAVY))
    found.http.close()
    found.demo.close(verbose=False)
    gc.collect()


def test_a_session_may_wait_a_few_times_and_is_then_told_so(served: Served) -> None:
    assert served.join(0, "other").status_code == 200
    served.until(lambda: len(served.ran) == 1)
    for fn in range(1, 1 + WAITING_ALLOWED):
        assert served.join(fn).status_code == 200
    refused = served.join(5)
    assert refused.status_code == 429
    assert refused.json()["detail"].startswith(f"You already have {WAITING_ALLOWED} requests")
    assert served.join(5, "third").status_code == 200, "nobody else is refused"
    assert served.demo.waiting(QUICK_LANE) == WAITING_ALLOWED + 1
    assert served.demo.ahead("visitor", QUICK_LANE) == 1, "the one that runs"
    assert served.demo.ahead("third", QUICK_LANE) == 1 + WAITING_ALLOWED
    assert served.demo.ahead("other", QUICK_LANE) is None, "it runs"
    assert served.demo.behind(QUICK_LANE) == 2 + WAITING_ALLOWED
    assert served.demo.behind(HEAVY) == 0


def test_the_newest_wish_of_a_page_counts(served: Served) -> None:
    served.join(0, "other")
    served.until(lambda: len(served.ran) == 1)
    for value in range(50):
        assert served.join(1, value=str(value)).status_code == 200
    assert served.demo.waiting(QUICK_LANE) == 1
    served.go.set()
    served.until(lambda: len(served.ran) == 2)
    assert served.ran[1] == "49"


def test_calls_of_the_endpoint_are_no_wishes_and_cannot_fill_the_queue(served: Served) -> None:
    served.join(6, "first")
    served.until(lambda: len(served.ran) == 1)
    for caller in range(API_WAITING_ALLOWED):
        assert served.join(6, f"caller {caller // 2}").status_code == 200
    assert served.demo.waiting(HEAVY) == API_WAITING_ALLOWED, "none replaced another"
    refused = served.join(6, "one more")
    assert refused.status_code == 429
    call = served.http.post("/gradio_api/call/analyze", json={"data": ["x"]})
    assert call.status_code == 429
    assert "waiting already" in call.json()["detail"]
    assert served.join(0).status_code == 200


def test_quick_events_of_a_session_are_bounded_too(served: Served) -> None:
    answers: list[int] = []

    async def many() -> None:
        async with httpx.AsyncClient(base_url=served.url, trust_env=False, timeout=60) as http:
            body = {"data": ["x"], "fn_index": 7, "session_hash": "visitor"}
            calls = [
                asyncio.ensure_future(http.post("/gradio_api/run/predict", json=body))
                for _ in range(RUNNING_ALLOWED + 5)
            ]
            for done in asyncio.as_completed(calls):
                answers.append((await done).status_code)
                if answers.count(429) == 5:
                    served.go.set()

    # In a thread of its own: where browser tests ran before, this one has a loop already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, many()).result()
    assert sorted(answers) == [200] * RUNNING_ALLOWED + [429] * 5


@pytest.mark.parametrize(
    "address",
    [
        "/gradio_api/deep_link?session_hash=visitor", "/gradio_api/deep_link/?session_hash=visitor",
        "/monitoring", "/monitoring/", "/monitoring/summary", "/monitoring/key/dashboard/",
    ],
)  # fmt: skip
def test_these_addresses_are_closed(served: Served, address: str) -> None:
    served.join(0)
    assert served.http.get(address).status_code == 404


def test_an_event_that_is_too_large_is_refused_unread(served: Served) -> None:
    refused = served.join(0, value="x" * EVENT_BYTES)
    assert refused.status_code == 413
    assert f"up to {EVENT_BYTES:,} bytes" in refused.json()["detail"]
    assert len(refused.text) < 400
    assert served.ran == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"session_hash": 7}', b"\xff", b"[" * 99_999])
def test_nonsense_is_no_error_of_ours(served: Served, body: bytes) -> None:
    answer = served.http.post("/gradio_api/queue/join", content=body)
    assert 400 <= answer.status_code < 500


def test_a_session_keeps_nothing_of_what_it_was_shown(served: Served) -> None:
    served.go.set()
    served.join(0, value="picture" * 1000)
    served.until(lambda: served.ran and not served.demo.busy(QUICK_LANE))
    state = served.demo.state_holder["visitor"]
    assert not list(state.components)
    sizes = [sys.getsizeof(one) for one in gc.get_referents(state) if isinstance(one, (dict, str))]
    assert sum(sizes) < 10_000


def test_a_page_that_closed_is_dropped(served: Served) -> None:
    served.go.set()
    for visitor in range(CLOSED_HELD + 5):
        served.join(0, f"visitor {visitor}")
        with served.http.stream("GET", f"/gradio_api/heartbeat/visitor {visitor}") as beat:
            next(beat.iter_lines())
    served.until(lambda: len(served.demo.state_holder.session_data) <= CLOSED_HELD)
    assert "visitor 0" not in served.demo.state_holder


def test_places_in_words() -> None:
    assert [place_words(n) for n in (None, 0, 1, 12)] == [
        "", "waiting, next in line", "waiting, 1 ahead", "waiting, 12 ahead",
    ]  # fmt: skip
    assert ">starting</span>" in line_part(HEAVY, 0, "starting")
    assert ">waiting, 2 ahead</span>" in line_part(HEAVY, 2, "starting")
