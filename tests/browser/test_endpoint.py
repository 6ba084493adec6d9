"""The public endpoint: what ``run --json`` says, from an uploaded file and nothing else."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from reading import (
    SAMPLES,
    App,
)

from tinydrop import TinyDrop
from tinydrop.core.assets import sample_path

gradio_client = pytest.importorskip("gradio_client")


@pytest.fixture(scope="module")
def client(app: App) -> Any:
    return gradio_client.Client(app.url, verbose=False, analytics_enabled=False)


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "latency_ms"}


def test_it_answers_as_the_library_does(client: Any) -> None:
    path = SAMPLES / "cat.jpg"
    said = client.predict(gradio_client.handle_file(path), 0.9, 0.5, "gradcam", api_name="/analyze")
    result = TinyDrop("bundled")(path, tau=0.9, gamma=0.5).to_dict()
    assert said["keep_indices"] == result["keep_indices"]
    assert said["macs"] == result["macs"]
    assert said["target_top5"][0]["name"] == result["target_top5"][0]["name"]
    assert set(said) == set(result)


def test_left_out_settings_are_the_pairs_own(client: Any) -> None:
    said = client.predict(gradio_client.handle_file(SAMPLES / "cat.jpg"), api_name="/analyze")
    setting = TinyDrop("bundled").pair.setting
    assert (said["tau"], said["gamma"]) == (setting.tau, setting.gamma)


def test_it_is_the_only_public_one(client: Any) -> None:
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == ["/analyze"]


@pytest.mark.parametrize(
    ("tau", "selector", "words"),
    [(7.0, "gradcam", "tau must be a number"), (0.5, "magic", "magic")],
)
def test_a_bad_setting_is_one_sentence(client: Any, tau: float, selector: str, words: str) -> None:
    with pytest.raises(Exception, match=words):
        client.predict(
            gradio_client.handle_file(SAMPLES / "cat.jpg"), tau, 1.0, selector, api_name="/analyze"
        )


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine that notes what is asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/picture.jpg", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_never_fetched(client: Any, listener: tuple[str, list[str]]) -> None:
    url, asked = listener
    picture = {"path": url, "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(Exception, match="Upload the picture as a file"):
        client.predict(picture, 0.5, 1.0, "gradcam", api_name="/analyze")
    assert asked == []


@pytest.mark.parametrize("meta", [{"meta": {"_type": "gradio.FileData"}}, {}])
def test_a_path_of_this_machine_is_never_read(client: Any, meta: dict[str, Any]) -> None:
    own = str(SAMPLES / "cat.jpg")
    session = {"data": [{"path": own, **meta}, 0.5, 1.0, "gradcam"]}
    import httpx

    started = httpx.post(f"{client.src}gradio_api/call/analyze", json=session, timeout=30)
    event = started.json().get("event_id")
    if event is None:
        return
    said = httpx.get(f"{client.src}gradio_api/call/analyze/{event}", timeout=60).text
    assert "event: error" in said
    assert "keep_indices" not in said


FIELDS = ("picture", "tau", "gamma", "selector", "pair", "temperature")


def call(client: Any, data: Any) -> str:
    """What the endpoint streams back for a body that no client of ours would send."""
    import httpx

    started = httpx.post(f"{client.src}gradio_api/call/analyze", json={"data": data}, timeout=30)
    event = started.json()["event_id"]
    return httpx.get(f"{client.src}gradio_api/call/analyze/{event}", timeout=60).text


@pytest.fixture(scope="module")
def uploaded(client: Any) -> dict[str, Any]:
    import httpx

    file = {"files": ("cat.jpg", (SAMPLES / "cat.jpg").read_bytes())}
    (path,) = httpx.post(f"{client.src}gradio_api/upload", files=file, timeout=30).json()
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"picture": None}, "No picture was given"),
        ({"picture": "x"}, "no bundled photograph"),
        ({"picture": 7}, "uploaded file or a bundled photograph"),
        ({"picture": {"path": "/etc/passwd"}}, "Upload the picture as a file"),
        ({"picture": {"path": "x", "meta": "y"}}, "must be an uploaded file"),
        ({"picture": {"a": 1}}, "Upload the picture as a file"),
        ({"picture": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}}, "uploaded"),
        ({"tau": "abc"}, "tau must be a number"),
        ({"tau": {"a": 1}}, "tau must be a number"),
        ({"gamma": 0}, "gamma must be a number"),
        ({"temperature": -1}, "temperature must be a number"),
        ({"selector": "magic"}, "magic"),
        ({"selector": [1]}, "selector"),
        ({"pair": "/etc"}, "has no pair"),
        ({"pair": {"a": 1}}, "has no pair"),
    ],
)
def test_every_bad_input_says_what_is_wrong(
    client: Any, uploaded: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    values = {**dict.fromkeys(FIELDS), "picture": uploaded, **change}
    said = call(client, [values[name] for name in FIELDS])
    assert "event: error" in said
    assert words in said
    assert "null" not in said


@pytest.mark.parametrize("count", range(6))
def test_too_few_values_say_how_many(client: Any, uploaded: dict[str, Any], count: int) -> None:
    said = call(client, [uploaded, *[None] * 5][:count])
    assert f"takes 6 values and got {count}" in said


def test_an_upload_that_was_cleaned_is_to_be_sent_again(
    client: Any, uploaded: dict[str, Any]
) -> None:
    gone = {**uploaded, "path": uploaded["path"].replace("cat.jpg", "gone.jpg")}
    assert "upload it again" in call(client, [gone, *[None] * 5])


def test_null_is_the_pairs_own(client: Any, uploaded: dict[str, Any]) -> None:
    said = client.predict(
        gradio_client.handle_file(SAMPLES / "cat.jpg"),
        pair="bundled-24",
        temperature=2.0,
        api_name="/analyze",
    )
    setting = TinyDrop("bundled-24").pair.setting
    assert said["pair"] == "bundled-24"
    assert (said["tau"], said["gamma"], said["temperature"]) == (setting.tau, setting.gamma, 2.0)


def test_each_parameter_says_what_it_is_and_has_an_example(client: Any) -> None:
    told = client.view_api(return_format="dict")["named_endpoints"]["/analyze"]["parameters"]
    assert tuple(one["parameter_name"] for one in told) == FIELDS
    assert all(one["python_type"]["description"] for one in told)
    assert all(one["label"] == one["parameter_name"] for one in told)
    examples = {one["parameter_name"]: one["example_input"] for one in told}
    said = client.predict(**examples, api_name="/analyze")  # as it stands in the API panel
    result = TinyDrop(examples.pop("pair"))(sample_path(examples.pop("picture")), **examples)
    assert said["keep_indices"] == result.to_dict()["keep_indices"]


def test_its_values_do_not_stand_on_the_page(client: Any) -> None:
    names = [label for label in FIELDS if label != "picture"]
    shown = [
        one["props"]
        for one in client.config["components"]
        if one["props"].get("label") in FIELDS and one["props"].get("name") == "given"
    ]
    assert sorted(props["label"] for props in shown) == sorted(names)
    assert not any(props["visible"] for props in shown)
