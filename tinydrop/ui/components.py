"""Two inputs that take an uploaded file and nothing else: no address, no path of this machine."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

__all__ = ["Dropzone", "UploadedFile", "read_asset"]

NOT_A_FILE = "Upload the picture as a file; addresses of other machines are not opened."


def read_asset(name: str) -> str:
    """Return the text of a css, js or html file of this package."""
    return files("tinydrop.ui").joinpath("static").joinpath(name).read_text(encoding="utf-8")


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

    def get_block_name(self) -> str:
        """Use gradio's own file component in the browser."""
        return "file"

    def preprocess(self, payload: Any) -> str | None:
        """Return the path of the upload; nothing is decoded here."""
        return None if payload is None else str(payload.path)


class Dropzone(_OnlyUploads, gr.HTML):  # type: ignore[misc]
    """Drop, choose, paste or photograph one picture; ``upload`` fires when it is on the server.

    ``gr.Image`` would open the picture on its own and hide our sentence on what is wrong with it.
    """

    data_model = FileData

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            value=None,
            html_template=read_asset("dropzone.html"),
            js_on_load=read_asset("dropzone.js"),
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
