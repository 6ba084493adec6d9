"""How an event's handler answers: updates by name, errors as one sentence. No gradio in here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from tinydrop.core.budget import num_keep
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.ui.kit.frames import alert
from tinydrop.ui.kit.texts import GENERIC_ERROR

Updates = dict[str, Any]
"""Component name -> new value; what is not named stays as it is."""

log = logging.getLogger(__name__)


def level_of(value: Any) -> int:
    """Return a level as a slider sends it; a browser may send anything.

    Raises:
        SettingError: if it is no level.
    """
    try:
        level = int(value)
    except (TypeError, ValueError, OverflowError):
        raise SettingError(f"A level is a whole number from 1 to 16, got {value!r}.") from None
    num_keep(level, 1)
    return level


def told(
    work: Callable[[], Updates],
    page: str,
    otherwise: Callable[[], Updates] = dict,
    message: str = "message",
) -> Updates:
    """Return the updates, or one sentence on what went wrong: a page never breaks.

    Args:
        work: the event.
        page: whose event it is, for the log.
        otherwise: what else to show after an error.
        message: the component that says the sentence.
    """
    try:
        return work()
    except TinyDropError as error:
        sentence = str(error)
    except Exception:  # the visitor gets a sentence, the log gets the traceback
        log.exception("An event of %s failed", page)
        sentence = GENERIC_ERROR
    return {message: alert(sentence)} | otherwise()
