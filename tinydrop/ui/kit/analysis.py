"""What the public endpoint does with what it was given; anybody may send anything. No gradio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinydrop.core.assets import sample_path
from tinydrop.core.errors import PictureError, SettingError, quoted
from tinydrop.core.selection import SELECTORS
from tinydrop.data import Picture, open_picture
from tinydrop.models.pairs import SHIPPED, load_pair
from tinydrop.pipeline import TinyDrop
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.look import BUNDLED
from tinydrop.ui.kit.maker import UPLOAD_GONE, LookMaker

PARAMETERS = {
    "picture": "The picture: an uploaded file (JPEG, PNG, WebP, GIF, BMP or TIFF, at most 50 MB; "
    "Python's handle_file('photo.jpg') uploads it), or the name of a bundled photograph. Addresses "
    "and paths of the server are refused.",
    "tau": "Exit threshold, above 0 and at most 1: surer than this, the guidance's answer stands. "
    "The pair's own when left out.",
    "gamma": "Curvature of the budget, above 0 and at most 8; low drops more. The pair's own when "
    "left out.",
    "selector": f"Who chooses the patches: {', '.join(SELECTORS)}.",
    "pair": f"Which models look: {', '.join(SHIPPED)}.",
    "temperature": "T of the guidance's confidence, softmax(logits / T), above 0 and at most 100; "
    "the target's probabilities are raw. The pair's own when left out.",
}
"""What each parameter is, in the order of the endpoint."""

EXAMPLES: dict[str, Any] = {
    "picture": "dog", "tau": 0.8, "gamma": 1.0, "selector": "gradcam", "pair": BUNDLED,
    "temperature": 1.0,
}  # fmt: skip
"""Values that work as they are, anywhere."""


class Analysis:
    """One picture at a time, with the pairs that come with the app."""

    def __init__(self, looks: LookMaker) -> None:
        """Take the maker of looks whose bundled pair is used.

        The other shipped ones are read on demand and held here, so that a call never takes
        away the pair of somebody's page.
        """
        self._looks = looks
        self._others: BoundedCache[str, TinyDrop] = BoundedCache(len(SHIPPED))

    def run(
        self,
        picture: Any,
        tau: Any = None,
        gamma: Any = None,
        selector: Any = None,
        pair: Any = None,
        temperature: Any = None,
    ) -> dict[str, Any]:
        """Return one result as ``tinydrop run --json`` has it; see ``PARAMETERS``.

        Args:
            picture: the path of an uploaded file, or a bundled photograph's name.
            tau: None for the pair's own, like the next one and the temperature.
            gamma: curvature of the budget.
            selector: None for Grad-CAM.
            pair: None for the bundled one.
            temperature: of the guidance.

        Raises:
            TinyDropError: if a value cannot be used; one sentence that says which and why.
        """
        drop = self._pipeline(BUNDLED if pair is None else pair)
        named = "gradcam" if selector is None else selector
        if not isinstance(named, str) or named not in SELECTORS:
            raise SettingError(
                f"There is no selector {quoted(named)}; choose one of {', '.join(SELECTORS)}."
            )
        given = {"tau": tau, "gamma": gamma, "temperature": temperature}
        drop.setting(**{name: value for name, value in given.items() if value is not None})
        return drop(_opened(picture), **given, selector=named).to_dict()

    def _pipeline(self, pair: Any) -> TinyDrop:
        if not isinstance(pair, str) or pair not in SHIPPED:
            raise SettingError(
                f"The endpoint has no pair {quoted(pair)}; use one of {', '.join(SHIPPED)}."
            )
        if pair == BUNDLED:
            return self._looks.pipeline(BUNDLED)
        known = self._others.get(pair)
        if known is None:
            known = TinyDrop(load_pair(pair))
            self._others.put(pair, known)
        return known


def _opened(picture: Any) -> Picture:
    if picture is None:
        raise PictureError(
            "No picture was given; upload one as a file, or name a bundled photograph such as dog."
        )
    if isinstance(picture, Path):
        if not picture.is_file():
            raise PictureError(UPLOAD_GONE)
        return open_picture(picture)
    if not isinstance(picture, str):
        raise PictureError(
            f"A picture is an uploaded file or a bundled photograph's name, got {quoted(picture)}; "
            "upload the file first."
        )
    return open_picture(sample_path(picture))
