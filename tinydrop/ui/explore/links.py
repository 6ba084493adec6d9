"""Links that bring a look back: plain query parameters, nothing is kept on the server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from tinydrop.core.budget import CONTROLS, Setting
from tinydrop.core.errors import SettingError
from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.samples import Sample, find_sample

NAMES = {name: name for name in CONTROLS}
LINK_FIELDS = ("sample", "pair", *CONTROLS, "selector", "keep", "drop")


def query_of(look: Look) -> str:
    """Return the look as a query string; an uploaded picture is not in it."""
    fields = {
        "sample": look.sample,
        "pair": look.pair,
        **look.setting.to_query(NAMES),
        "selector": look.selector,
        "keep": _listed(look.forced_in),
        "drop": _listed(look.forced_out),
    }
    return urlencode({name: value for name, value in fields.items() if value})


def look_from_query(
    query: Mapping[str, str],
    start: Look,
    samples: Sequence[Sample],
    default_setting: Callable[[str], Setting],
) -> Look:
    """Return the look that a link names; what it does not name stays as it is at the start.

    Args:
        query: the page's query parameters.
        start: the look without a link.
        samples: the photographs a link may name.
        default_setting: pair's name -> its default setting.

    Raises:
        SettingError: if a value is unknown or out of range.
    """
    look = replace(start, pair=query.get("pair", start.pair))
    if "sample" in query:
        sample = find_sample(samples, query["sample"])
        look = replace(look, source=str(sample.path), name=sample.path.name, sample=sample.name)
    return replace(
        look,
        setting=default_setting(look.pair).from_query(query, NAMES),
        selector=query.get("selector", look.selector),
        forced_in=_patches(query.get("keep", "")),
        forced_out=_patches(query.get("drop", "")),
    )


def _listed(patches: Collection[int]) -> str:
    return ".".join(map(str, sorted(patches)))


def _patches(text: str) -> frozenset[int]:
    parts = [part for part in text.split(".") if part]
    if not all(part.isascii() and part.isdigit() and len(part) <= 6 for part in parts):
        raise SettingError(
            f"The link's patches must be whole numbers with dots between them, got {text[:20]!r}; "
            "open the page without them."
        )
    return frozenset(map(int, parts))
