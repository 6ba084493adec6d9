"""Where a visitor drops a zip; only uploads are taken, as with pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tinydrop.ui.kit.components import Dropzone, read_asset
from tinydrop.ui.tune.zip import MAX_MEGABYTES, MAX_PICTURES


class ZipZone(Dropzone):
    """Drop or choose one zip; ``upload`` fires when it is on the server."""

    def __init__(self, **kwargs: Any) -> None:
        gr.HTML.__init__(
            self,
            value=None,
            html_template=read_asset("tune/zip.html")
            .replace("%PICTURES%", f"{MAX_PICTURES:,}")
            .replace("%MEGABYTES%", str(MAX_MEGABYTES)),
            js_on_load=read_asset("tune/zip.js"),
            apply_default_css=False,
            **kwargs,
        )
