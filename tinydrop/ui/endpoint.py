"""The public endpoint ``/analyze``: an uploaded picture in, the result as JSON out."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from tinydrop.errors import TinyDropError
from tinydrop.pipeline import SELECTORS
from tinydrop.ui.components import UploadedFile
from tinydrop.ui.lanes import MODEL_QUEUE
from tinydrop.ui.studio import BUNDLED, Studio
from tinydrop.ui.texts import GENERIC_ERROR

__all__ = ["add_endpoint"]

log = logging.getLogger(__name__)


def add_endpoint(studio: Studio) -> None:
    """Add ``/analyze`` to the page that is being built; its parts are not shown."""

    def analyze(
        picture: str | None, tau: float | None, gamma: float | None, selector: str
    ) -> dict[str, Any]:
        """Classify one uploaded picture with the bundled pair, dropping patches where it can.

        Args:
            picture: the uploaded file.
            tau: exit threshold, above 0 and at most 1; the pair's default when left out.
            gamma: curvature of the budget, above 0 and at most 8; the pair's default likewise.
            selector: who chooses the patches.

        Returns:
            The result in the form of ``tinydrop run --json``.
        """
        try:
            if picture is None:
                raise TinyDropError("No picture was given; upload one as a file.")  # noqa: TRY301
            pipeline = studio.pipeline(BUNDLED)
            return pipeline(picture, tau=tau, gamma=gamma, selector=selector).to_dict()
        except TinyDropError as error:
            raise gr.Error(str(error)) from None
        except Exception:
            log.exception("/analyze failed")
            raise gr.Error(GENERIC_ERROR) from None

    setting = studio.pipeline(BUNDLED).pair.setting
    # Each part hidden on its own: of one in a hidden column the page still loads the script.
    inputs = [
        UploadedFile(label="picture", visible=False),
        gr.Number(setting.tau, label="tau", visible=False),
        gr.Number(setting.gamma, label="gamma", visible=False),
        gr.Dropdown(list(SELECTORS), value="gradcam", label="selector", visible=False),
    ]
    output = gr.JSON(label="result", visible=False)
    gr.Button(visible=False).click(
        analyze, inputs, output, api_name="analyze", api_visibility="public", **MODEL_QUEUE
    )
