"""A data set of the Hub by its name; for the command line alone, never for a visitor."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinydrop.core.errors import SettingError
from tinydrop.data.contents import is_hidden
from tinydrop.data.parquet import open_parquet
from tinydrop.data.splits import choose_files
from tinydrop.data.values import Dataset

if TYPE_CHECKING:
    from huggingface_hub import HfApi


_CONVERTED = "refs/convert/parquet"
"""The branch on which the Hub keeps a Parquet copy of most data sets."""
_REACH_TIMEOUT_SECONDS = 5.0


def is_hub_name(source: str) -> bool:
    """Tell whether the text has the form ``owner/name``."""
    return re.fullmatch(r"[\w][\w.-]*/[\w][\w.-]*", source) is not None


def open_hub(name: str, split: str | None = None, config: str | None = None) -> Dataset:
    """Return one split of a Hub data set with Parquet files, validation or test before training.

    Only the files of that split of one configuration are fetched, into the Hub's own cache.

    Args:
        name: ``owner/name``.
        split: the split that is wanted; the validation-like one by default.
        config: the configuration that is wanted; the default or first one by default.

    Raises:
        SettingError: if the Hub cannot be reached, has no such data set, no Parquet files of it, or
            no such split.
    """
    from huggingface_hub import HfApi, constants, get_session, hf_hub_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    if constants.HF_HUB_OFFLINE:
        raise _unreachable(name, "offline mode is on")
    try:
        # One attempt: the library itself retries a dead network for half a minute.
        get_session().head(constants.ENDPOINT, timeout=_REACH_TIMEOUT_SECONDS)
        revision, files = _listed(HfApi(), name)
        choice = choose_files(files, name, split, config)
        local = [
            Path(hf_hub_download(name, f, repo_type="dataset", revision=revision))
            for f in choice.files
        ]
    except SettingError:
        raise
    except RevisionNotFoundError as error:
        raise _no_parquet(name) from error
    except RepositoryNotFoundError as error:
        raise SettingError(
            f"The Hub has no data set {name} that this machine may read; check its name, or give "
            f"a folder, a zip or a Parquet file."
        ) from error
    except Exception as error:  # the HTTP library differs between hub versions
        raise _unreachable(name, type(error).__name__) from error
    found = open_parquet(local, choice.title(name))
    return replace(
        found, notes=(*choice.notes, *found.notes), split=choice.split, config=choice.config
    )


def _listed(api: HfApi, name: str) -> tuple[str | None, list[str]]:
    """Return the branch with Parquet files and their paths; SettingError where there are none."""
    for revision in (None, _CONVERTED):
        files = _parquet(api.list_repo_files(name, repo_type="dataset", revision=revision))
        if files:
            return revision, files
    raise _no_parquet(name)


def _parquet(files: list[str]) -> list[str]:
    return sorted(f for f in files if f.lower().endswith(".parquet") and not is_hidden(f))


def _unreachable(name: str, reason: str) -> SettingError:
    return SettingError(
        f"There is no file or folder {name}, and the Hub could not be reached for a data set of "
        f"that name ({reason}); check the path, or connect to the network."
    )


def _no_parquet(name: str) -> SettingError:
    return SettingError(
        f"The Hub's data set {name} has no Parquet files; fetch it as a folder of class folders."
    )
