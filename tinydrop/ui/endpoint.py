"""The public endpoint ``/analyze``: an uploaded picture in, the result as JSON out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import gradio as gr

from tinydrop.core.errors import TinyDropError
from tinydrop.ui.kit.analysis import EXAMPLES, PARAMETERS, Analysis
from tinydrop.ui.kit.components import Given, GivenPicture, given
from tinydrop.ui.kit.lanes import MODEL_QUEUE
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.texts import GENERIC_ERROR

log = logging.getLogger(__name__)

KINDS = {"tau": "number", "gamma": "number", "temperature": "number"}
"""JSON's names of what parameters are; texts without one."""


def add_endpoint(looks: LookMaker) -> None:
    """Add ``/analyze`` to the page that is being built; its parts are not shown."""
    analysis = Analysis(looks)

    def analyze(
        picture: Path | str,
        tau: float | None = None,
        gamma: float | None = None,
        selector: str | None = None,
        pair: str | None = None,
        temperature: float | None = None,
    ) -> dict[str, Any]:
        """Classify one picture with a guidance and a frozen target, dropping patches where it can.

        The answer has the form of ``tinydrop run --json``.
        """
        try:
            return analysis.run(picture, tau, gamma, selector, pair, temperature)
        except TinyDropError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except Exception:
            log.exception("/analyze failed")
            raise gr.Error(GENERIC_ERROR, print_exception=False) from None

    # Each part hidden on its own: of one in a hidden column the page still loads the script.
    inputs = [
        given(
            GivenPicture if name == "picture" else Given,
            name,
            about,
            EXAMPLES[name],
            KINDS.get(name, "string"),
        )
        for name, about in PARAMETERS.items()
    ]
    output = gr.JSON(label="result", visible=False)
    gr.Button(visible=False).click(
        analyze, inputs, output, api_name="analyze", api_visibility="public", **MODEL_QUEUE
    )
