"""The web app: ``python app.py`` serves it on this machine, Spaces runs the same file."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Gradio keeps ten thousand events for a page that is closed here, and works them out after each.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "64")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")

from tinydrop.ui import build_app, launch_options

demo = build_app()

if __name__ == "__main__":
    demo.launch(**launch_options())
