"""Fetching one file of a Hub repository: from the cache, else from the network, or not at all.

huggingface_hub retries a dead network for about 25 seconds per file; a person waiting at a screen
gets the one sentence after one failed attempt instead.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huggingface_hub import constants, get_session, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from tinydrop.core.errors import WeightsUnavailableError

DownloadProgress = Callable[[int, int], None]
"""Told (bytes that have come, bytes in all) while a file comes."""

_REACH_TIMEOUT_SECONDS = 5.0


def fetch_file(
    repository: str,
    filename: str,
    revision: str | None,
    model: str,
    progress: DownloadProgress | None = None,
) -> Path:
    """Return the local path of a repository's file, downloading it if it is not in the cache.

    Args:
        repository: ``owner/name``.
        filename: the file inside it.
        revision: a branch, tag or commit; the main branch by default.
        model: how the person named the model, for the message.
        progress: told how far the download is; without it the Hub's own bar goes to stderr.

    Raises:
        WeightsUnavailableError: if the Hub cannot be reached or has no such repository or file.
    """
    try:
        cached = try_to_load_from_cache(repository, filename, revision=revision)
        if isinstance(cached, str):
            return Path(cached)
        _require_network(model)
        bar = None if progress is None else _silent_bar(progress)
        return Path(hf_hub_download(repository, filename, revision=revision, tqdm_class=bar))
    except LocalEntryNotFoundError as error:
        raise _unreachable(model, type(error.__cause__ or error).__name__) from error
    except EntryNotFoundError as error:
        raise WeightsUnavailableError(
            f"The Hub repository {repository} of {model} has no {filename}, and only safetensors "
            "weights are loaded; choose a model that offers them."
        ) from error
    except GatedRepoError as error:
        raise WeightsUnavailableError(
            f"The Hub repository {repository} of {model} is gated; accept its terms on the Hub and "
            "log in, or choose another model."
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise WeightsUnavailableError(
            f"The Hub has no repository {repository}{'' if revision is None else f'@{revision}'} "
            f"that this machine may read for {model}; check its name."
        ) from error
    except HFValidationError as error:
        raise WeightsUnavailableError(
            f"{model} does not name a Hub repository; write hf-hub:owner/name."
        ) from error
    except OSError as error:  # every other answer of the Hub, a full disk, a broken connection
        raise _unreachable(model, type(error).__name__) from error


def _silent_bar(progress: DownloadProgress) -> type[Any]:
    """Return a progress bar class that draws nothing and tells ``progress`` instead."""

    class Bar(tqdm):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)  # the Hub's own bar class knows this one
            super().__init__(*args, **(kwargs | {"file": io.StringIO(), "disable": False}))

        def update(self, n: float | None = 1) -> bool | None:
            drawn = super().update(n)
            progress(int(self.n), int(self.total or 0))
            return drawn

    return Bar


def _require_network(model: str) -> None:
    """Fail after one attempt if the Hub does not answer at all."""
    if constants.HF_HUB_OFFLINE:
        raise _unreachable(model, "offline mode is on")
    try:
        get_session().head(constants.ENDPOINT, timeout=_REACH_TIMEOUT_SECONDS)
    except Exception as error:  # the HTTP library differs between hub versions
        raise _unreachable(model, type(error).__name__) from error


def _unreachable(model: str, reason: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"The weights of {model} are not on this machine and Hugging Face Hub could not be reached "
        f"({reason}); connect to the network and try again, or use the bundled pair."
    )
