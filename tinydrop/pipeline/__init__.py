"""TinyDrop itself: ``guide -> decide -> select -> classify``, each stage callable alone."""

from __future__ import annotations

from tinydrop.pipeline.method import TinyDrop
from tinydrop.pipeline.selectors import SELECTORS, check_selector
from tinydrop.pipeline.stages import Guide, Selected

__all__ = ["SELECTORS", "Guide", "Selected", "TinyDrop", "check_selector"]
