"""What happens on each event of the Tune page; no gradio in here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError, TinyDropError
from tinydrop.studies.trace import Trace
from tinydrop.ui.kit.answering import Updates
from tinydrop.ui.kit.bench import Bench, Benches
from tinydrop.ui.kit.frames import alert
from tinydrop.ui.tune import frames
from tinydrop.ui.tune.links import named_in, setting_from_query

MAX_EPSILON = 50.0

WENT_WRONG = (
    "Something went wrong here, and it is our fault; the numbers on the page still stand, so try "
    "another setting or open the page again."
)
NOTHING = '<p class="td-waiting">There are no figures to show.</p>'
log = logging.getLogger(__name__)


class Tune:
    """The Tune page's events over the traces that are held; keeps nothing of a visitor."""

    def __init__(self, benches: Benches) -> None:
        """Take the traces: the bundled one, and a bounded number of visitors' own."""
        self.benches = benches

    def open(self, query: Mapping[str, str]) -> Updates:
        """Show the figures when the page is first shown, at the setting a link names, if any.

        The chart (``redraw``) and what follows a slider (``settle``) are asked for after it.
        """

        def work() -> Updates:
            bench = self.benches.bundled()
            sentence, setting = "", bench.setting
            if named_in(query):
                try:
                    setting = bench.checked(setting_from_query(query, setting))
                except SettingError as error:  # the page opens all the same, with the sentence
                    sentence = str(error)
            return self._shown(bench, setting) | {"notice": alert(sentence)}

        return {"numbers": NOTHING} | self._told(work)

    def _shown(self, bench: Bench, setting: Setting) -> Updates:
        """Return a trace's figures, its description and the controls."""
        return {
            **frames.moving(bench, setting),
            **frames.still(bench),
            "bench": bench.key,
            "tau": setting.tau,
            "gamma": setting.gamma,
            "rule": setting.rule,
            "temperature": (bench.temperatures, setting.temperature),
        }

    def slide(self, key: str, *values: Any) -> Updates:
        """Follow a slider: figures, curve and links; nothing that takes longer than a blink."""

        def work() -> Updates:
            bench = self.benches.get(key)
            return dict(frames.moving(bench, self._setting(bench, values)))

        return self._told(work)

    def settle(self, key: str, *values: Any) -> Updates:
        """Bring what follows a slider: intervals, risk, regret and harmful exits."""

        def work() -> Updates:
            bench = self.benches.get(key)
            return dict(frames.following(bench, self._setting(bench, values)))

        return self._later(work)

    def redraw(self, key: str, *values: Any) -> Updates:
        """Draw the chart and the chosen settings for another trace, rule or temperature."""

        def work() -> Updates:
            if not key:  # the page was not opened yet
                return {}
            bench = self.benches.get(key)
            return dict(frames.by_rule(bench, self._setting(bench, values)))

        return self._later(work)

    def promise(self, key: str, *values: Any) -> Updates:
        """Bring the thresholds found by rule: the slowest, and the last to follow a slider."""

        def work() -> Updates:
            bench = self.benches.get(key)
            *controls, epsilon, bound = values
            setting = self._setting(bench, controls)
            return dict(frames.thresholds(bench, setting, *_promised(epsilon, bound)))

        return self._later(work)

    def take(self, key: str, data: Mapping[str, Any]) -> Updates:
        """Put a clicked setting on the sliders."""

        def work() -> Updates:
            bench = self.benches.get(key)
            taken = [data.get(name) for name in ("tau", "gamma", "temperature", "rule")]
            setting = self._setting(bench, taken)
            return {
                "tau": setting.tau,
                "gamma": setting.gamma,
                "temperature": setting.temperature,
                "rule": setting.rule,
            }

        return self._told(work)

    def save(self, kind: str, at: int, key: str, *values: Any) -> Updates:
        """Make a file of the numbers: ``csv`` or ``json``."""

        def work() -> Updates:
            bench = self.benches.get(key)
            setting = self._setting(bench, values)
            return {"actions": frames.actions(bench, setting, kind, at)}

        return self._told(work)

    def use(self, key: str, *values: Any) -> Updates:
        """Return the setting for Explore's controls."""

        def work() -> Updates:
            setting = self._setting(self.benches.get(key), values)
            return {
                "tau": setting.tau,
                "gamma": setting.gamma,
                "temperature": setting.temperature,
                "rule": setting.rule,
            }

        return self._told(work)

    def own(self, name: str, trace: Trace) -> Updates:
        """Show a visitor's own trace, to this visitor alone."""

        def work() -> Updates:
            bench = self.benches.keep(f"Your own: {name}", trace)
            return self._shown(bench, bench.setting)

        return self._told(work)

    def back(self) -> Updates:
        """Show the bundled trace again."""

        def work() -> Updates:
            bench = self.benches.bundled()
            return self._shown(bench, bench.setting) | {"progress": ""}

        return self._told(work)

    def _setting(self, bench: Bench, values: Sequence[Any]) -> Setting:
        """Return the setting of the controls: tau, gamma, temperature and rule, in this order."""
        tau, gamma, temperature, rule = values
        setting = replace(bench.setting, tau=tau, gamma=gamma, temperature=temperature, rule=rule)
        return bench.checked(setting)

    def _told(self, work: Callable[[], Updates]) -> Updates:
        """Return the updates and no message, or one sentence: the page never breaks."""
        return {"message": ""} | self._later(work)

    def _later(self, work: Callable[[], Updates]) -> Updates:
        """Return the same for what follows another event: that event's sentence stays."""
        try:
            return work()
        except TinyDropError as error:
            sentence = str(error)
        except Exception:  # the visitor gets a sentence, the log gets the traceback
            log.exception("An event of the Tune page failed")
            sentence = WENT_WRONG
        return {"message": alert(sentence)}


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
