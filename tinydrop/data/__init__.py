"""Labelled pictures from folders, zips and Parquet files, and tables of numbers in Parquet.

The only door to pyarrow.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

from tinydrop.core.errors import SettingError
from tinydrop.data.archives import ArchiveLimits, open_archive
from tinydrop.data.contents import LeftOut, picture_files, sift
from tinydrop.data.folders import folder_shelf, open_folder
from tinydrop.data.hub import is_hub_name, open_hub
from tinydrop.data.labels import LabelMatch, match_labels
from tinydrop.data.layout import NoPicturesError
from tinydrop.data.parquet import open_parquet, picture_tables
from tinydrop.data.splits import family_of, split_of
from tinydrop.data.tables import join_tables, read_metadata, read_table, write_table
from tinydrop.data.training import TrainingShards, find_shards
from tinydrop.data.values import ClassLabel, Dataset, LabelledPicture
from tinydrop.data.view import INTERPOLATIONS, InputSpec, Picture, View, open_picture

__all__ = [
    "INTERPOLATIONS",
    "ArchiveLimits",
    "ClassLabel",
    "Dataset",
    "InputSpec",
    "LabelMatch",
    "LabelledPicture",
    "LeftOut",
    "Picture",
    "TrainingShards",
    "View",
    "find_shards",
    "join_tables",
    "match_labels",
    "open_archive",
    "open_dataset",
    "open_parquet",
    "open_picture",
    "picture_files",
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
    split: str | None = None,
    config: str | None = None,
) -> Dataset:
    """Return labelled pictures from a folder, a zip or Parquet files.

    Where there is more than one split or configuration and none is chosen, the validation-like
    split and the default configuration are taken; the title and a note name them.

    Args:
        source: a folder of class folders, a zip of one, a Parquet file, or a folder with shards.
        title: what messages call it; the file's or folder's name by default.
        limits: what a zip may hold.
        hub: also take ``owner/name`` of a data set on the Hub, where there is no such path.
        split: the split that is wanted, such as ``validation``.
        config: the configuration that is wanted, where there are several.

    Raises:
        SettingError: if it is none of these, holds no pictures, or has no such split.
    """
    path = Path(source)
    try:
        if path.is_dir():
            found = _open_directory(path, title, split, config)
        elif path.is_file():
            found = _open_file(path, title, limits or ArchiveLimits(), split, config)
        elif hub and is_hub_name(str(source)):
            found = open_hub(str(source), split, config)
        else:
            raise SettingError(
                f"There is no file or folder {source}; give a folder with one folder of pictures "
                f"per class, a zip of one, or Parquet files of the Hub's layout."
            )
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        if isinstance(error, SettingError):
            raise
        raise SettingError(f"{source} cannot be read ({error}); check its permissions.") from error
    if family_of(found.split) != "train":
        return found
    note = f"These are training pictures: a model that learned from {found.title} looks too good."
    return replace(found, notes=(*found.notes, note))


def _open_directory(
    folder: Path, title: str | None, split: str | None, config: str | None
) -> Dataset:
    """Return the pictures of a folder: in Parquet files where some hold any, else in folders."""
    tables = picture_tables(folder)
    if tables.pictures:
        found = open_parquet(folder, title, split, config)
        beside = sift(folder_shelf(folder), tables.beside, LeftOut())
        note = f"{len(beside):,} pictures lie beside the Parquet files and are left out."
        return replace(found, notes=(*found.notes, note)) if beside else found
    try:
        found = open_folder(folder, title, split, config)
    except NoPicturesError:
        if not tables.others:
            raise
        return open_parquet(folder, title, split, config)  # says what the tables lack
    return found


def _open_file(
    path: Path, title: str | None, limits: ArchiveLimits, split: str | None, config: str | None
) -> Dataset:
    if path.suffix.lower() == ".parquet":
        return open_parquet(path, title, split, config)
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return open_archive(path, limits, title, split, config)
    raise SettingError(
        f"{path.name} holds no labelled pictures; give a folder with one folder of "
        f"pictures per class, a zip of one, or Parquet files of the Hub's layout."
    )
