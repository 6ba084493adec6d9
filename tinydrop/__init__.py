"""TinyDrop: training-free token dropping for vision transformers, with every step visible.

A small guidance model looks first; when it is sure, its answer stands. When it is not, its Grad-CAM
map says which patches the big frozen target sees. ``TinyDrop("bundled")("photo.jpg")`` does it all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinydrop.core.budget import Setting
    from tinydrop.core.errors import TinyDropError
    from tinydrop.core.results import DropResult
    from tinydrop.core.selection import SELECTORS
    from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
    from tinydrop.pipeline import TinyDrop

__all__ = [
    "SELECTORS",
    "DropResult",
    "PatchGrid",
    "Saliency",
    "Setting",
    "TinyDrop",
    "TinyDropError",
    "TokenSelection",
]

__version__ = "0.1.0"

_HOMES = {
    "SELECTORS": "core.selection",
    "DropResult": "core.results",
    "PatchGrid": "core.tokens",
    "Saliency": "core.tokens",
    "Setting": "core.budget",
    "TinyDrop": "pipeline",
    "TinyDropError": "core.errors",
    "TokenSelection": "core.tokens",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that ``--help`` need not load torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tinydrop' has no attribute {name!r}")
    return getattr(import_module(f"tinydrop.{_HOMES[name]}"), name)
