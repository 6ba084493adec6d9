"""What a visitor of the Compare page asks for."""

from __future__ import annotations

from dataclasses import dataclass

from tinydrop.studies.comparison import REFERENCE
from tinydrop.ui.kit.look import Look


@dataclass(frozen=True)
class Wish:
    """One visitor's wish.

    Attributes:
        look: picture and pair; of its setting only the temperature plays a part, in how sure the
            guidance is, and its selector none.
        opened: what is shown large: a method, a student, ``target`` or ``guidance``.
    """

    look: Look
    opened: str = REFERENCE

    @property
    def temperature(self) -> float:
        """T of the guidance's probabilities, the same as on the Explore page."""
        return self.look.setting.temperature
