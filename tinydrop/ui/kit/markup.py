"""Small helpers for safe HTML and pictures inside it."""

from __future__ import annotations

import base64
import html
import io

from PIL import Image


def escape(text: str) -> str:
    """Return text that is safe in HTML, attributes included.

    Braces, backticks and dollars are escaped too: the page's templates give them a meaning.
    """
    safe = html.escape(text, quote=True)
    for sign in "{}`$":
        safe = safe.replace(sign, f"&#{ord(sign)};")
    return safe


def data_uri(image: Image.Image, kind: str = "PNG") -> str:
    """Return a picture as a ``data:`` address; ``kind`` is PNG (exact) or JPEG (small)."""
    stream = io.BytesIO()
    options = {"quality": 88, "optimize": True} if kind == "JPEG" else {"optimize": True}
    image.save(stream, kind, **options)
    text = base64.b64encode(stream.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{text}"


def number_list(values: object) -> str:
    """Return numbers separated by spaces, for a ``data-`` attribute."""
    return " ".join(str(value) for value in values)  # type: ignore[attr-defined]
