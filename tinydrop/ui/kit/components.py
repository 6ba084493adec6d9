"""Two inputs that take an uploaded file and nothing else: no address, no path of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

NOT_A_FILE = "Upload the picture as a file; addresses of other machines are not opened."


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


class UploadedFile(_OnlyUploads, gr.File):  # type: ignore[misc]
    """A file input of the public endpoint; the handler gets the path of the uploaded copy."""

    def __init__(self, about: str, **kwargs: Any) -> None:
        self._about = about
        super().__init__(**kwargs)

    def api_info(self) -> dict[str, Any]:
        """Describe the value as gradio's file does, in our words."""
        return {**super().api_info(), "additional_description": self._about}

    def example_payload(self) -> Any:
        """Return a photograph, where gradio's own example is a PDF."""
        return gr.Image().example_payload()

    def example_value(self) -> Any:
        """Return a photograph, where gradio's own example is a PDF."""
        return gr.Image().example_value()

    def get_block_name(self) -> str:
        """Use gradio's own file component in the browser."""
        return "file"

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the upload; nothing is decoded here."""
        return None if payload is None else str(payload.path)


class ApiNumber(gr.Number):  # type: ignore[misc]
    """A number of the public endpoint, left out for the pair's own; refused by the core alone."""

    def __init__(self, about: str, example: float, **kwargs: Any) -> None:
        self._about, self._example = about, example
        super().__init__(None, visible=False, **kwargs)

    def get_block_name(self) -> str:
        """Use gradio's own number in the browser."""
        return "number"

    def api_info(self) -> dict[str, Any]:
        """Describe the value."""
        return {**super().api_info(), "additional_description": self._about}

    def example_payload(self) -> float:
        """Return a value that works."""
        return self._example

    def preprocess(self, payload: Any) -> Any:
        """Return what came: one sentence on a wrong value is the core's work."""
        return payload


class ApiChoice(gr.Dropdown):  # type: ignore[misc]
    """One of several names for the public endpoint; refused by the core alone."""

    def __init__(self, about: str, names: Sequence[str], **kwargs: Any) -> None:
        self._about = about
        super().__init__(list(names), value=None, visible=False, **kwargs)

    def get_block_name(self) -> str:
        """Use gradio's own dropdown in the browser."""
        return "dropdown"

    def api_info(self) -> dict[str, Any]:
        """Describe the value."""
        return {**super().api_info(), "additional_description": self._about}

    def preprocess(self, payload: Any) -> Any:
        """Return what came: one sentence on a wrong value is the core's work."""
        return payload


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
