"""The public endpoint ``/analyze``: an uploaded picture in, the result as JSON out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import gradio as gr

from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.core.selection import SELECTORS
from tinydrop.models.pairs import SHIPPED
from tinydrop.ui.kit.components import ApiChoice, ApiNumber, UploadedFile
from tinydrop.ui.kit.lanes import MODEL_QUEUE
from tinydrop.ui.kit.look import BUNDLED
from tinydrop.ui.kit.maker import UPLOAD_GONE, LookMaker
from tinydrop.ui.kit.texts import GENERIC_ERROR

log = logging.getLogger(__name__)


def add_endpoint(looks: LookMaker) -> None:
    """Add ``/analyze`` to the page that is being built; its parts are not shown."""

    def analyze(
        picture: str | None,
        tau: float | None = None,
        gamma: float | None = None,
        selector: str | None = None,
        pair: str | None = None,
        temperature: float | None = None,
    ) -> dict[str, Any]:
        """Classify one uploaded picture, dropping patches where the guidance is not sure.

        Args:
            picture: the uploaded file, a photograph.
            tau: exit threshold, above 0 and at most 1; the pair's default when left out.
            gamma: curvature of the budget, above 0 and at most 8; the pair's default likewise.
            selector: who chooses the patches.
            pair: which of the pairs that come with the app looks.
            temperature: divides the guidance's logits; the pair's fitted one when left out.

        Returns:
            The result in the form of ``tinydrop run --json``.
        """
        try:
            setting = {"tau": tau, "gamma": gamma, "temperature": temperature}
            return _analyzed(looks, picture, pair, selector, setting)
        except TinyDropError as error:
            raise gr.Error(str(error)) from None
        except Exception:
            log.exception("/analyze failed")
            raise gr.Error(GENERIC_ERROR) from None

    # Each part hidden on its own: of one in a hidden column the page still loads the script.
    inputs = [
        UploadedFile("A photograph, uploaded as a file.", label="picture", visible=False),
        ApiNumber("Exit when surer than this: above 0, at most 1.", 0.8, label="tau"),
        ApiNumber("Low drops more: above 0, at most 8.", 1.0, label="gamma"),
        ApiChoice("Who chooses the patches.", list(SELECTORS), label="selector"),
        ApiChoice("Which models look.", list(SHIPPED), label="pair"),
        ApiNumber("Divides the guidance's logits: above 0.", 1.0, label="temperature"),
    ]
    output = gr.JSON(label="result", visible=False)
    gr.Button(visible=False).click(
        analyze, inputs, output, api_name="analyze", api_visibility="public", **MODEL_QUEUE
    )


def _analyzed(
    looks: LookMaker,
    picture: str | None,
    pair: str | None,
    selector: str | None,
    setting: dict[str, Any],
) -> dict[str, Any]:
    """Return the result for a picture that a stranger sent; what is None is the pair's own."""
    if picture is None:
        raise TinyDropError("No picture was given; upload one as a file.")
    if not Path(picture).is_file():
        raise TinyDropError(UPLOAD_GONE)
    name = BUNDLED if pair is None else pair
    if not isinstance(name, str) or name not in SHIPPED:
        raise SettingError(f"There is no pair {name!r} here; choose one of {', '.join(SHIPPED)}.")
    pipeline = looks.pipeline(name)
    chosen = "gradcam" if selector is None else selector
    return pipeline(picture, selector=chosen, **setting).to_dict()
