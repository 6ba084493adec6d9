"""Links that bring a setting of the Tune page back; plain query parameters."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from tinydrop.core.budget import Setting

VIEW = "tune"
# Other names than Explore's: a link to one page leaves the other one as it is.
NAMES = {"tau": "t-tau", "gamma": "t-gamma", "temperature": "t-temperature", "rule": "t-rule"}


def query_of_setting(setting: Setting) -> str:
    """Return the setting as a query string that opens the Tune page."""
    return urlencode({"view": VIEW} | setting.to_query(NAMES))


def named_in(query: Mapping[str, str]) -> bool:
    """Return whether a link opens the Tune page."""
    return query.get("view") == VIEW


def setting_from_query(query: Mapping[str, str], start: Setting) -> Setting:
    """Return the setting that a link names; what it does not name stays as at the start.

    Raises:
        SettingError: if a value is unknown or out of range.
    """
    return start.from_query(query, NAMES)
