"""The web pages; the only room that knows gradio and that turns errors into messages on screen."""

from __future__ import annotations

from tinydrop.ui.app import build_app, launch_options

__all__ = ["build_app", "launch_options"]
