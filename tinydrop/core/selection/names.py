"""The names of every way to choose patches; no model is needed to know them."""

from __future__ import annotations

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.selection.geometric import GEOMETRIC_ORDERS
from tinydrop.core.selection.maps import MAP_ORDERS

SALIENCY_METHODS: tuple[str, ...] = ("gradcam", "gradcam++", "hirescam", "layercam", "eigencam")
"""The saliency methods; what each ranks on stands beside the code that computes them."""

SELECTORS: tuple[str, ...] = (*SALIENCY_METHODS, *MAP_ORDERS, *GEOMETRIC_ORDERS)
"""Every name that ``selector=`` takes: saliency methods first, then other ways to read Grad-CAM's
map, then the plain baselines."""


def check_selector(selector: str) -> None:
    """Refuse a selector that is not in ``SELECTORS``, with a SettingError that lists them."""
    if selector not in SELECTORS:
        raise SettingError(
            f"Unknown selector {quoted(selector)}; choose one of {', '.join(SELECTORS)}."
        )
