"""Two inputs that take an uploaded file and nothing else: no address, no path of this machine."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData
from gradio_client.utils import is_file_obj_with_meta

NOT_A_FILE = (
    "Upload the picture as a file; neither addresses of other machines nor paths of this one are "
    "opened."
)


def read_asset(name: str) -> str:
    """Return the text of a page's css, js or html file, such as ``kit/board.js``."""
    return files("tinydrop.ui").joinpath(name).read_text(encoding="utf-8")


class _OnlyUploads:
    """Gradio would fetch an address that is given as a file's path; these inputs refuse it."""

    async def async_move_resource_to_block_cache(self, url_or_file_path: Any) -> str | None:
        path = str(url_or_file_path)
        if "://" in path or path.startswith("data:"):
            raise gr.Error(NOT_A_FILE)
        moved: str | None = await super().async_move_resource_to_block_cache(path)  # type: ignore[misc]
        return moved


class Given(gr.Textbox):  # type: ignore[misc]
    """A value of the public endpoint, handed on as it was sent; the handler says what is wrong.

    Without an ``__init__`` of its own: gradio reads from its arguments what the page is told, and
    would forget that it is hidden.

    Attributes:
        kind: JSON's name of its type.
        example: a value that works, for the API panel's ready-made calls.
    """

    kind: str = "string"
    example: Any = ""

    def get_block_name(self) -> str:
        """Use gradio's own field in the browser."""
        return "textbox"

    def preprocess(self, payload: Any) -> Any:
        """Return what was sent."""
        return payload

    def api_info(self) -> dict[str, Any]:
        """Return the JSON type and the description that the API panel shows."""
        return {"type": self.kind, "additional_description": str(self.info)}

    def example_payload(self) -> Any:
        """Return a value that works."""
        return self.example

    def example_value(self) -> Any:
        """Return the same."""
        return self.example


class GivenPicture(_OnlyUploads, Given):
    """The endpoint's picture: an uploaded file as a path, or a bundled photograph's name."""

    def preprocess(self, payload: Any) -> Any:
        """Return the path of an upload as a ``Path``, anything else as it was sent.

        Gradio has checked by now that a file's path is an upload's. What does not say that it is a
        file was not checked, and is no file.
        """
        if not isinstance(payload, dict):
            return payload
        uploads = Path(self.GRADIO_CACHE).resolve()
        if is_file_obj_with_meta(payload):
            path = Path(payload["path"]).resolve()
            if path.is_relative_to(uploads):
                return path
        raise gr.Error(NOT_A_FILE, print_exception=False)


def given(component: type[Given], name: str, info: str, example: Any, kind: str) -> Given:
    """Return a hidden input of the endpoint, described for those who call it.

    Args:
        component: of which kind it is.
        name: of the parameter.
        info: what it is.
        example: a value that works.
        kind: JSON's name of its type.
    """
    part = component(label=name, info=info, visible=False)
    part.kind, part.example = kind, example
    return part


class Dropzone(_OnlyUploads, gr.HTML):  # type: ignore[misc]
    """Drop, choose, paste or photograph one picture; ``upload`` fires when it is on the server.

    ``gr.Image`` would open the picture on its own and hide our sentence on what is wrong with it.
    """

    data_model = FileData

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            value=None,
            html_template=read_asset("kit/dropzone.html"),
            js_on_load=read_asset("kit/dropzone.js"),
            apply_default_css=False,
            **kwargs,
        )

    def get_block_name(self) -> str:
        """Use gradio's own HTML component in the browser."""
        return "html"

    def preprocess(self, payload: Any) -> tuple[str, str] | None:
        """Return (path of the upload, name the visitor gave it)."""
        if payload is None:
            return None
        return str(payload.path), str(payload.orig_name or "picture")

    def postprocess(self, value: Any) -> None:  # noqa: ARG002 - the page never sets a picture
        """Show nothing: the stage shows the picture."""
        return

    def api_info(self) -> dict[str, Any]:
        """Describe the value as gradio's file does."""
        schema: dict[str, Any] = FileData.model_json_schema()
        return schema
