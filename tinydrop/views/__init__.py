"""Values -> pictures, SVG and HTML: what a person sees. No gradio, no models."""

from __future__ import annotations

from tinydrop.views.pictures import chart_image, mask_image, overlay_image

__all__ = ["chart_image", "mask_image", "overlay_image"]
