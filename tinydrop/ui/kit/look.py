"""The part of a wish that all pages share: picture, pair and setting; Explore's whole wish."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import check_selector
from tinydrop.models.pairs import PRESETS, SHIPPED

BUNDLED = "bundled"


@dataclass(frozen=True)
class Look:
    """One visitor's wish: a picture, a pair, a setting, a selector and the forced patches.

    Attributes:
        source: path of the picture on this machine; never chosen by a visitor.
        name: what the page calls the picture.
        sample: the bundled sample's name, or None for an uploaded picture.
        pair: a shipped pair's or a preset's name.
        setting: tau, gamma, temperature and rule.
        selector: who ranks the patches.
        forced_in: patches kept whatever the ranking says.
        forced_out: patches dropped whatever the ranking says.
    """

    source: str
    name: str
    sample: str | None
    pair: str
    setting: Setting
    selector: str = "gradcam"
    forced_in: frozenset[int] = frozenset()
    forced_out: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        check_selector(self.selector)
        if self.pair not in SHIPPED and self.pair not in PRESETS:
            raise SettingError(f"There is no pair {self.pair!r}; choose one from the list.")

    def at_temperature(self, temperature: Any) -> Look:
        """Return the look at the temperature that a control shows; the same where it is none."""
        try:
            return replace(self, setting=self.setting.changed(temperature=temperature))
        except SettingError:
            return self
