"""A data set of the Hub by its name; for the command line alone, never for a visitor."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tinydrop.data.parquet import open_parquet, split_of
from tinydrop.data.values import Dataset, choose_split
from tinydrop.errors import SettingError

__all__ = ["is_hub_name", "open_hub"]

_CONVERTED = "refs/convert/parquet"
"""The branch on which the Hub keeps a Parquet copy of most data sets."""
_REACH_TIMEOUT_SECONDS = 5.0


def is_hub_name(source: str) -> bool:
    """Tell whether the text has the form ``owner/name``."""
    return re.fullmatch(r"[\w][\w.-]*/[\w][\w.-]*", source) is not None


def open_hub(name: str) -> Dataset:
    """Return one split of a Hub data set with Parquet files, validation or test before training.

    Only the files of that split are fetched, into the Hub's own cache.

    Raises:
        SettingError: if the Hub cannot be reached, has no such data set, or no Parquet files of it.
    """
    from huggingface_hub import HfApi, constants, get_session, hf_hub_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise _unreachable(name, "offline mode is on")
    revision: str | None = None
    try:
        # One attempt: the library itself retries a dead network for half a minute.
        get_session().head(constants.ENDPOINT, timeout=_REACH_TIMEOUT_SECONDS)
        files = _parquet(HfApi().list_repo_files(name, repo_type="dataset"))
        if not files:
            revision = _CONVERTED
            files = _parquet(HfApi().list_repo_files(name, repo_type="dataset", revision=revision))
        split = choose_split(s for s in map(split_of, files) if s is not None)
        chosen = [f for f in files if split is None or split_of(f) == split]
        # Several configurations lie in folders side by side; the first one is the default.
        first = os.path.dirname(min(chosen)) if chosen else ""  # noqa: PTH120  a path on the Hub
        chosen = [f for f in chosen if f.startswith(first)]
        local = [
            Path(hf_hub_download(name, f, repo_type="dataset", revision=revision)) for f in chosen
        ]
    except RevisionNotFoundError as error:
        raise _no_parquet(name) from error
    except RepositoryNotFoundError as error:
        raise SettingError(
            f"The Hub has no data set {name} that this machine may read; check its name, or give "
            f"a folder, a zip or a Parquet file."
        ) from error
    except Exception as error:  # the HTTP library differs between hub versions
        raise _unreachable(name, type(error).__name__) from error
    if not local:
        raise _no_parquet(name)
    return open_parquet(local, f"{name} ({split})" if split else name)


def _parquet(files: list[str]) -> list[str]:
    return sorted(f for f in files if f.endswith(".parquet"))


def _unreachable(name: str, reason: str) -> SettingError:
    return SettingError(
        f"There is no file or folder {name}, and the Hub could not be reached for a data set of "
        f"that name ({reason}); check the path, or connect to the network."
    )


def _no_parquet(name: str) -> SettingError:
    return SettingError(
        f"The Hub's data set {name} has no Parquet files; fetch it as a folder of class folders."
    )
