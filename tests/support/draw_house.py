"""The rooms of the package and the arrows between them, read off the imports; printed as text.

``python tests/support/draw_house.py`` prints the drawing that stands in the README.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "tinydrop"
ROOMS = "core data models pipeline studies training ui cli".split()


def arrows() -> Counter[tuple[str, str]]:
    """Return (room, room that it imports) -> how many imports there are."""
    found: Counter[tuple[str, str]] = Counter()
    for room in ROOMS:
        for path in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinydrop."):
                    other = (node.module or "").split(".")[1]
                    if other in ROOMS and other != room:
                        found[room, other] += 1
    return found


def drawing() -> str:
    """Return one line per room from the top of the house to its ground."""
    counted = arrows()
    lines = []
    for room in reversed(ROOMS):
        below = [other for other in reversed(ROOMS) if counted[room, other]]
        lines.append(f"{room:<9}-> {', '.join(below)}" if below else f"{room:<9}   (the ground)")
    return "\n".join(lines)


if __name__ == "__main__":
    print(drawing())
