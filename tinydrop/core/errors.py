"""Errors a user can act on: each message says what was given, what is expected and what to do.

Whatever somebody gave is quoted by ``quoted``, so that ten megabytes of it never become ten
megabytes of an answer or a log.
"""

from __future__ import annotations

import re
import reprlib

MAX_QUOTED = 200
"""Characters of a value that a message shows."""
MAX_MESSAGE = 4000
"""Characters of a message; lists of choices may be long."""
_UNBROKEN = re.compile(rf"\S{{{MAX_QUOTED + 1},}}")


def quoted(value: object) -> str:
    """Return a value as Python writes it, at most ``MAX_QUOTED`` characters of it.

    Long strings and collections are cut before they are written out, and a value that cannot be
    written is named by its type.
    """
    if isinstance(value, str):
        text = repr(value[: MAX_QUOTED + 1])
    else:
        short = reprlib.Repr()
        short.maxlist = short.maxtuple = short.maxdict = short.maxset = short.maxfrozenset = 40
        short.maxstring = short.maxother = short.maxlong = 10 * MAX_QUOTED
        try:
            text = short.repr(value)
        except Exception:  # noqa: BLE001 - somebody else's __repr__ may do anything
            text = f"<{type(value).__name__}>"
    return text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 1]}…"


class TinyDropError(ValueError):
    """Base of every error raised on purpose; its text is one sentence for a person.

    The middle of anything in it that is long and unbroken, such as a path, is left out, and so is
    the middle of a text over ``MAX_MESSAGE`` characters; its end, what to do, stays.
    """

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > MAX_QUOTED:
            text = _UNBROKEN.sub(lambda run: _middle_out(run[0], MAX_QUOTED), text)
        super().__init__(_middle_out(text, MAX_MESSAGE))


def _middle_out(text: str, most: int) -> str:
    """Return the text without its middle where it is too long."""
    if len(text) <= most:
        return text
    end = most // 2 - 1
    return f"{text[: most - end - 1]}…{text[-end:]}"


class PictureError(TinyDropError):
    """A picture cannot be used: not an image, damaged, too large or of an unreadable kind."""


class SettingError(TinyDropError):
    """A setting or an argument lies outside what the method allows."""


class UnsupportedModelError(TinyDropError):
    """A model does not fit its role; the text gives the reason."""


class WeightsUnavailableError(TinyDropError):
    """A model's weights are not on this machine and could not be fetched."""
