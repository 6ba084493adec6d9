"""Where the pictures of Tiny ImageNet are, for the few tests that need real ones."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["VARIABLE", "tiny_imagenet"]

VARIABLE = "TINYDROP_DATA"


def tiny_imagenet() -> Path:
    """Return the folder; tests marked ``pictures`` run only where the variable names one."""
    return Path(os.environ[VARIABLE])
