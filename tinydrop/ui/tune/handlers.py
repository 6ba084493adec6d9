"""What happens on each event of the Tune page; no gradio in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.errors import SettingError
from tinydrop.studies.trace import Trace
from tinydrop.ui.kit.fragments import alert
from tinydrop.ui.kit.page import Choices, PageEvents, Updates
from tinydrop.ui.kit.pieces import note
from tinydrop.ui.kit.traces import KnownTrace, TraceMaker
from tinydrop.ui.tune import fragments
from tinydrop.ui.tune.links import named_in, setting_from_query

MAX_EPSILON = 50.0

NOTHING = "There are no figures to show."
WENT_WRONG = (
    "Something went wrong here, and it is our fault; the numbers on the page still stand, so try "
    "another setting or open the page again."
)


class Tune(PageEvents):
    """The Tune page's events over the traces that are held; keeps nothing of a visitor."""

    page = "the Tune page"
    broken = WENT_WRONG

    def __init__(self, traces: TraceMaker) -> None:
        """Take the traces: the bundled one, and a bounded number of visitors' own."""
        self.traces = traces

    def open(self, query: Mapping[str, str]) -> Updates:
        """Show the figures when the page is first shown, at the setting a link names, if any.

        The chart (``redraw``) and what follows a slider (``settle``) are asked for after it.
        """

        def work() -> Updates:
            traced = self.traces.bundled()
            sentence, setting = "", traced.setting
            if named_in(query):
                try:
                    setting = traced.checked(setting_from_query(query, setting))
                except SettingError as error:  # the page opens all the same, with the sentence
                    sentence = str(error)
            return self._shown(traced, setting) | {"notice": alert(sentence)}

        return {"numbers": note(NOTHING, "td-waiting")} | self.answered(work)

    def _shown(self, traced: KnownTrace, setting: Setting) -> Updates:
        """Return a trace's figures, its description and the controls."""
        return {
            **fragments.setting_parts(traced, setting),
            **fragments.trace_parts(traced),
            "trace_key": traced.key,
            **setting.as_dict(CONTROLS),
            "temperature": Choices(traced.temperatures, setting.temperature),
        }

    def slide(self, key: str, *values: Any) -> Updates:
        """Follow a slider: figures, curve and links; nothing that takes longer than a blink."""

        def work() -> Updates:
            traced = self.traces.get(key)
            return dict(fragments.setting_parts(traced, self._setting(traced, values)))

        return self.answered(work)

    def settle(self, key: str, *values: Any) -> Updates:
        """Bring what follows a slider: intervals, risk, regret and harmful exits."""

        def work() -> Updates:
            traced = self.traces.get(key)
            return dict(fragments.settled_parts(traced, self._setting(traced, values)))

        return self.answered(work, quiet=True)

    def redraw(self, key: str, *values: Any) -> Updates:
        """Draw the chart and the chosen settings for another trace, rule or temperature."""

        def work() -> Updates:
            if not key:  # the page was not opened yet
                return {}
            traced = self.traces.get(key)
            return dict(fragments.rule_parts(traced, self._setting(traced, values)))

        return self.answered(work, quiet=True)

    def promise(self, key: str, *values: Any) -> Updates:
        """Bring the thresholds found by rule: the slowest, and the last to follow a slider."""

        def work() -> Updates:
            traced = self.traces.get(key)
            *controls, epsilon, bound = values
            setting = self._setting(traced, controls)
            return dict(fragments.thresholds(traced, setting, *_promised(epsilon, bound)))

        return self.answered(work, quiet=True)

    def take(self, key: str, data: Mapping[str, Any]) -> Updates:
        """Put a clicked setting on the sliders."""

        def work() -> Updates:
            traced = self.traces.get(key)
            setting = self._setting(traced, [data.get(name) for name in CONTROLS])
            return setting.as_dict(CONTROLS)

        return self.answered(work)

    def save(self, kind: str, at: int, key: str, *values: Any) -> Updates:
        """Make a file of the numbers: ``csv`` or ``json``."""

        def work() -> Updates:
            traced = self.traces.get(key)
            setting = self._setting(traced, values)
            return {"actions": fragments.actions(traced, setting, kind, at)}

        return self.answered(work)

    def use(self, key: str, *values: Any) -> Updates:
        """Return the setting for Explore's controls."""

        def work() -> Updates:
            setting = self._setting(self.traces.get(key), values)
            return setting.as_dict(CONTROLS)

        return self.answered(work)

    def own(self, name: str, trace: Trace) -> Updates:
        """Show a visitor's own trace, to this visitor alone."""

        def work() -> Updates:
            traced = self.traces.keep(f"Your own: {name}", trace)
            return self._shown(traced, traced.setting)

        return self.answered(work)

    def back(self) -> Updates:
        """Show the bundled trace again."""

        def work() -> Updates:
            traced = self.traces.bundled()
            return self._shown(traced, traced.setting) | {"progress": ""}

        return self.answered(work)

    def _setting(self, traced: KnownTrace, values: Sequence[Any]) -> Setting:
        """Return the setting of the controls: tau, gamma, temperature and rule, in this order."""
        return traced.checked(traced.setting.changed(**dict(zip(CONTROLS, values, strict=True))))


def _promised(epsilon: Any, bound: Any) -> tuple[float, str]:
    """Return epsilon in percentage points and the bound; SettingError if they are none."""
    if (
        isinstance(epsilon, bool)
        or not isinstance(epsilon, (int, float))
        or not 0 < epsilon <= MAX_EPSILON
    ):
        raise SettingError(
            f"epsilon must be a number of percentage points above 0 and at most {MAX_EPSILON:g}, "
            f"got {epsilon!r}; use for example 1."
        )
    return float(epsilon), str(bound)
