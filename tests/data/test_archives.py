"""Labelled pictures in a zip: what a folder gives, and every way to harm with one."""

from __future__ import annotations

import stat
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_zoo import one_sentence, zip_folder
from trace_zoo import picture_bytes, write_folder

from tinydrop.core.errors import SettingError
from tinydrop.data import (
    ArchiveLimits,
    open_dataset,
)


def test_a_zip_gives_what_its_folder_gives(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "s", {"a": 2, "b": 2})
    plain = open_dataset(folder)
    for prefix in ("", "wrapped/"):
        data = open_dataset(zip_folder(folder, tmp_path / "s.zip", prefix))
        assert [p.content for p in data.pictures()] == [p.content for p in plain.pictures()]
        assert [p.label for p in data.pictures()] == [0, 0, 1, 1]
        assert [p.id for p in data.pictures([1, 3])] == [f"{prefix}a/001.png", f"{prefix}b/001.png"]
    (tmp_path / "other").write_bytes((tmp_path / "s.zip").read_bytes())
    assert len(open_dataset(tmp_path / "other", title="upload")) == 4


@pytest.mark.parametrize(
    "name", ["../a.png", "a/../../b.png", "/etc/a.png", "..\\a.png", "C:\\a.png", "\\\\h\\a.png"]
)
def test_a_path_that_leads_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    zip_folder(write_folder(tmp_path / "s", {"a": 1, "b": 1}), tmp_path / "s.zip")
    with zipfile.ZipFile(tmp_path / "s.zip", "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), picture_bytes(0))
    with pytest.raises(SettingError, match="leads out of the zip") as error:
        open_dataset(tmp_path / "s.zip")
    assert one_sentence(error)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    zip_folder(write_folder(tmp_path / "s", {"a": 1, "b": 1}), tmp_path / "s.zip")
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(SettingError, match=r"the link 'a/link\.png'"):
        open_dataset(tmp_path / "s.zip")


def bomb(path: Path, megabytes: int = 30) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/0.png", b"\x89PNG\r\n\x1a\n".ljust(megabytes * 1_000_000, b"\0"))
        archive.writestr("b/0.png", picture_bytes(0))
    return path


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (ArchiveLimits(), "shrank more than 100 times"),
        (ArchiveLimits(ratio=1e9, entry_bytes=1_000_000), r"'a/0\.png' announces 30 MB"),
        (ArchiveLimits(ratio=1e9, total_bytes=2_000_000), "announces more than 2 MB"),
    ],
)
def test_a_bomb_is_refused_from_its_headers(
    tmp_path: Path, limits: ArchiveLimits, says: str
) -> None:
    path = bomb(tmp_path / "bomb.zip")
    tracemalloc.start()
    with pytest.raises(SettingError, match=f"zip bomb.*{says}") as error:
        open_dataset(path, limits=limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one_sentence(error)
    assert peak < 3_000_000


def test_a_bomb_with_false_headers_is_refused_while_it_is_read(tmp_path: Path) -> None:
    path = bomb(tmp_path / "bomb.zip")
    true = (30_000_000).to_bytes(4, "little")
    content = path.read_bytes()
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, (5000).to_bytes(4, "little")))
    data = open_dataset(path)
    tracemalloc.start()
    with pytest.raises(SettingError, match="larger than it announces"):
        list(data.pictures())
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_files_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.zip"
    noise = np.random.default_rng(0).bytes(100_000)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(4):
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", noise)
        first = archive.infolist()[0].header_offset
        for info in archive.infolist():
            info.header_offset = first
    content = path.read_bytes()
    directory = content.index(b"PK\x01\x02")
    end = bytearray(content[directory:])
    at = end.rindex(b"PK\x05\x06")
    end[at + 16 : at + 20] = (100_037).to_bytes(4, "little")
    path.write_bytes(content[:100_037] + bytes(end))
    with pytest.raises(SettingError, match=r"zip bomb.*overlap"):
        open_dataset(path)


def test_too_many_files_are_refused_before_they_are_listed(tmp_path: Path) -> None:
    zip_folder(write_folder(tmp_path / "s", {"a": 5, "b": 5}), tmp_path / "s.zip")
    with pytest.raises(SettingError, match=r"holds 12 files, more than the 11"):
        open_dataset(tmp_path / "s.zip", limits=ArchiveLimits(entries=11))
    assert len(open_dataset(tmp_path / "s.zip", limits=ArchiveLimits(entries=12))) == 10


def test_a_password_is_refused(tmp_path: Path) -> None:
    path = zip_folder(write_folder(tmp_path / "s", {"a": 1, "b": 1}), tmp_path / "s.zip")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(SettingError, match="password"):
        open_dataset(path)


def test_a_damaged_file_in_a_zip_is_handed_on_empty(tmp_path: Path) -> None:
    path = zip_folder(write_folder(tmp_path / "s", {"a": 2, "b": 1}), tmp_path / "s.zip")
    with zipfile.ZipFile(path) as archive:
        offset = next(i for i in archive.infolist() if i.filename == "a/001.png").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 200 : offset + 260] = bytes(60)
    path.write_bytes(bytes(content))
    assert [bool(p.content) for p in open_dataset(path).pictures()] == [True, False, True]
