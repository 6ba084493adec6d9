"""Weights from the Hub, with a small local server in the Hub's place: no network is needed."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
from huggingface_hub import constants
from safetensors.torch import save

from tinydrop.core.errors import WeightsUnavailableError
from tinydrop.models.backbones import build_model
from tinydrop.models.backbones.hub import fetch_file


def weights() -> bytes:
    return save(timm.create_model("resnet10t", num_classes=1000).state_dict())


class LocalHub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hub does for one file of one repository, and 404 for all else."""

    data = b""

    def answer(self) -> bool:
        found = self.path.endswith("/resolve/main/model.safetensors")
        self.send_response(200 if found or self.path == "/" else 404)
        if found:
            self.send_header("Content-Length", str(len(self.data)))
            self.send_header("ETag", f'"{hashlib.sha256(self.data).hexdigest()}"')
            self.send_header("X-Repo-Commit", "a" * 40)
        else:
            self.send_header("Content-Length", "0")
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        return found

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        if self.answer():
            self.wfile.write(self.data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[bytes]:
    data = weights()
    handler = type("Handler", (LocalHub,), {"data": data})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2**20)
    yield data
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_tells_its_progress_and_is_cached(hub: bytes) -> None:
    told: list[tuple[int, int]] = []
    path = fetch_file(
        "owner/name",
        "model.safetensors",
        None,
        "x",
        lambda *step: told.append(step),
    )
    assert path.read_bytes() == hub
    come = [done for done, _ in told]
    assert come == sorted(come)
    assert len(come) >= len(hub) // 2**20
    assert told[-1] == (len(hub), len(hub))
    told.clear()
    again = fetch_file(
        "owner/name",
        "model.safetensors",
        None,
        "x",
        lambda *step: told.append(step),
    )
    assert (again, told) == (path, [])


def test_a_missing_file_is_one_sentence(hub: bytes) -> None:
    with pytest.raises(WeightsUnavailableError, match="has no pytorch_model") as caught:
        fetch_file("owner/name", "pytorch_model.bin", None, "x")
    assert "\n" not in str(caught.value)


def test_a_model_is_built_from_downloaded_weights(
    hub: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load

    model = build_model("resnet10t.c3_in1k", pretrained=True)
    expected = load(hub)
    assert all((value == expected[key]).all() for key, value in model.state_dict().items())
