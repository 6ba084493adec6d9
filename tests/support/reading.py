"""How the browser tests read the page and wait for it: for conditions, never for time."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"
PATIENCE_MS = 60_000  # a wait ends when its condition holds; this is for a very busy machine


@dataclass
class App:
    """A running app: where it answers and which process it is."""

    url: str
    pid: int


@dataclass
class Seen:
    """What a page did besides showing itself."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def note_outside(seen: Seen, url: str, own: str) -> None:
    if not url.startswith((own, "data:", "blob:")):
        seen.outside.append(url)


def open_page(page: Any, url: str) -> None:
    """Go to the page and wait until its parts react."""
    page.goto(url)
    page.wait_for_selector("#td-board[tabindex]")
    page.wait_for_function("document.querySelector('#td-readout').textContent.length > 0")


def decision(page: Any) -> str:
    return str(page.inner_text(".td-say"))


def settled(page: Any) -> str:
    """Wait until no answer is missing, and return the decision."""
    page.wait_for_function(
        "document.querySelector('.td-say') && !document.querySelector('[data-pending]')"
    )
    return decision(page)


def changed(page: Any, before: str) -> str:
    """Wait until the decision reads differently and nothing is missing; return it."""
    page.wait_for_function("old => document.querySelector('.td-say').innerText !== old", arg=before)
    return settled(page)


def agreed(page: Any, before: str) -> tuple[str, str]:
    """Wait until decision and mask name one new number of patches; return both as read together.

    While keys are still being answered, two readings one after the other may straddle an update.
    """
    found = page.wait_for_function(
        """old => {
            const say = document.querySelector('.td-say').innerText;
            const kept = document.querySelector('.td-mask').dataset.kept;
            const named = say.match(/(\\d+) of \\d+/);
            const still = !document.querySelector('[data-pending]');
            const same = named && kept.split('1').length - 1 === Number(named[1]);
            return say !== old && still && same ? [say, kept] : false;
        }""",
        arg=before,
    ).json_value()
    return found[0], found[1]


def kept(page: Any) -> str:
    """Return the kept set as zeros and ones."""
    return str(page.get_attribute(".td-mask", "data-kept"))


def set_number(page: Any, name: str, value: float) -> None:
    """Type a value into the number field of a control."""
    field = page.locator(f"#td-{name} input[type=number]").first
    field.fill(str(value))
    field.press("Enter")


def number(page: Any, name: str) -> float:
    return float(page.locator(f"#td-{name} input[type=number]").first.input_value())


def choose(page: Any, name: str, text: str) -> None:
    """Choose the entry of a menu that holds a text."""
    page.locator(f"#td-{name} input").click()
    page.locator("ul[role=listbox] li", has_text=text).first.click()


def alert(page: Any) -> str:
    """Wait for a message and return it."""
    page.wait_for_selector(".td-alert")
    return str(page.inner_text(".td-alert"))


def overflow(page: Any) -> int:
    """Return by how many pixels the page is wider than its window; a phone widens innerWidth."""
    width = int(page.evaluate("document.documentElement.scrollWidth"))
    return width - int(page.viewport_size["width"])


def contrast(page: Any, selector: str, behind: str) -> float:
    """Return the WCAG contrast of an element's text against another one's background."""
    text, ground = (
        page.evaluate(
            "([s, k]) => getComputedStyle(document.querySelector(s))[k]"
            ".match(/[\\d.]+/g).map(Number)",
            [where, kind],
        )
        for where, kind in ((selector, "color"), (behind, "backgroundColor"))
    )
    high, low = sorted((luminance(text[:3]), luminance(ground[:3])), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: list[float]) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def huge_png(side: int) -> bytes:
    """Return a black PNG of side x side pixels, one bit each: a few dozen kB of file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
