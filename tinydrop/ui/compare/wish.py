"""What a visitor of the Compare page asks for."""

from __future__ import annotations

from dataclasses import dataclass

from tinydrop.studies.comparison import REFERENCE
from tinydrop.ui.kit.look import Look


@dataclass(frozen=True)
class Wish:
    """One visitor's wish.

    Attributes:
        look: picture and pair; its selector and setting play no part.
        opened: what is shown large: a method, a student, ``target`` or ``guidance``.
    """

    look: Look
    opened: str = REFERENCE
