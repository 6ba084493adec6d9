"""Links that bring a setting of the Tune page back; plain query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError

VIEW = "tune"
# Other names than Explore's: a link to one page leaves the other one as it is.
NAMES = {"tau": "t-tau", "gamma": "t-gamma", "temperature": "t-temperature", "rule": "t-rule"}


def query_of_setting(setting: Setting) -> str:
    """Return the setting as a query string that opens the Tune page."""
    values = {
        NAMES["tau"]: f"{setting.tau:.12g}",
        NAMES["gamma"]: f"{setting.gamma:.12g}",
        NAMES["temperature"]: f"{setting.temperature:.12g}",
        NAMES["rule"]: setting.rule,
    }
    return urlencode({"view": VIEW} | values)


def named_in(query: Mapping[str, str]) -> bool:
    """Return whether a link opens the Tune page."""
    return query.get("view") == VIEW


def setting_from_query(query: Mapping[str, str], start: Setting) -> Setting:
    """Return the setting that a link names; what it does not name stays as at the start.

    Raises:
        SettingError: if a value is unknown or out of range.
    """
    numbers = {
        name: _number(name, query[key])
        for name, key in NAMES.items()
        if name != "rule" and key in query
    }
    return replace(start, **numbers, rule=query.get(NAMES["rule"], start.rule))


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingError(
            f"The link's {name} must be a number, got {text[:20]!r}; open the page without it."
        ) from None
