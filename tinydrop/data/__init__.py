"""Labelled pictures from folders, zips and Parquet files, and tables of numbers in Parquet.

The only door to pyarrow.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from tinydrop.data.archives import ArchiveLimits, open_archive
from tinydrop.data.folders import open_folder
from tinydrop.data.hub import is_hub_name, open_hub
from tinydrop.data.labels import LabelMatch, match_labels
from tinydrop.data.parquet import open_parquet, split_of
from tinydrop.data.tables import join_tables, read_metadata, read_table, write_table
from tinydrop.data.values import ClassLabel, Dataset, LabelledPicture, choose_split
from tinydrop.errors import SettingError

__all__ = [
    "ArchiveLimits",
    "ClassLabel",
    "Dataset",
    "LabelMatch",
    "LabelledPicture",
    "choose_split",
    "join_tables",
    "match_labels",
    "open_dataset",
    "open_parquet",
    "read_metadata",
    "read_table",
    "split_of",
    "write_table",
]


def open_dataset(
    source: str | Path,
    *,
    title: str | None = None,
    limits: ArchiveLimits | None = None,
    hub: bool = False,
) -> Dataset:
    """Return labelled pictures from a folder, a zip or Parquet files.

    Args:
        source: a folder of class folders, a zip of one, a Parquet file, or a folder with shards.
        title: what messages call it; the file's or folder's name by default.
        limits: what a zip may hold.
        hub: also take ``owner/name`` of a data set on the Hub, where there is no such path.

    Raises:
        SettingError: if it is none of these, or holds no pictures of at least two classes.
    """
    path = Path(source)
    try:
        if path.is_dir():
            if any(path.rglob("*.parquet")):
                return open_parquet(path, title)
            return open_folder(path, title)
        if path.is_file():
            if path.suffix.lower() == ".parquet":
                return open_parquet(path, title)
            if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
                return open_archive(path, limits or ArchiveLimits(), title)
            raise SettingError(
                f"{path.name} holds no labelled pictures; give a folder with one folder of "
                f"pictures per class, a zip of one, or Parquet files of the Hub's layout."
            )
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        if isinstance(error, SettingError):
            raise
        raise SettingError(f"{source} cannot be read ({error}); check its permissions.") from error
    if hub and is_hub_name(str(source)):
        return open_hub(str(source))
    raise SettingError(
        f"There is no file or folder {source}; give a folder with one folder of pictures per "
        f"class, a zip of one, or Parquet files of the Hub's layout."
    )
