"""The folder of complete parts that a running trace leaves behind wherever it is killed.

``FILE.parquet.parts/`` holds ``run.json``, which says what is being traced, and one file per
chunk. Each appears under its name only when it is whole and on the disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinydrop.core.errors import SettingError
from tinydrop.core.writing import written
from tinydrop.data import read_metadata, write_table
from tinydrop.studies.trace.outcomes import Columns

PART_KEY = "tinydrop_part"
_WORDS = {
    "pair": "pair",
    "pair_digest": "digest of the pair's weights",
    "data_fingerprint": "fingerprint of the pictures",
    "offered": "number of pictures",
    "map_grid": "size of the map",
    "map_layer": "layer of the map",
    "budget_levels": "number of budget levels",
    "grid": "grid of patches",
    "labels": "digest of the labels",
    "coherence": "coherence measures",
    "boxes": "column of boxes",
}


def parts_folder(out: Path) -> Path:
    """Return where the parts of a trace lie until it is complete."""
    return out.with_name(f"{out.name}.parts")


class Parts:
    """The parts of one trace; made by ``make_trace``.

    Attributes:
        folder: where they lie.
        run: what is being traced; equal runs give equal parts.
    """

    def __init__(self, out: Path, run: Mapping[str, Any]) -> None:
        self.folder = parts_folder(out)
        self.run: Mapping[str, Any] = json.loads(json.dumps(run))
        text = json.dumps(self.run, sort_keys=True)
        self.digest = hashlib.sha256(text.encode()).hexdigest()

    def path(self, index: int) -> Path:
        """Return where a chunk's part belongs."""
        return self.folder / f"part-{index:05d}.parquet"

    def open(self, *, resume: bool) -> None:
        """Make the folder ready for this run.

        Args:
            resume: go on with what is there; otherwise parts that are there are refused.

        Raises:
            SettingError: if there are parts of another run, or any without ``resume``, or the
                folder cannot be written.
        """
        note = self.folder / "run.json"
        try:
            present = sorted(self.folder.glob("part-*.parquet"))
            if present and not resume:
                raise SettingError(
                    f"{self.folder} holds {len(present)} parts of a trace that was not finished; "
                    f"go on with it by --resume (resume=True), or delete that folder."
                )
            if present:
                self._check(note)
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            with written(note) as file:
                file.write(json.dumps(self.run, indent=1, ensure_ascii=False).encode())
        except OSError as error:
            raise SettingError(
                f"The trace cannot be written to {self.folder} ({error.strerror}); give a file in "
                f"a folder that can be written."
            ) from error

    def _check(self, note: Path) -> None:
        try:
            found = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        difference = (
            "it does not say what it traces"
            if not isinstance(found, dict)
            else name_difference(found, self.run)
        )
        if difference:
            raise SettingError(
                f"The parts in {self.folder} belong to another trace: {difference}; delete that "
                f"folder or give another file."
            )

    def rows(self, index: int) -> tuple[int, int] | None:
        """Return (rows, unreadable pictures) of a complete part; None if it is not there.

        Raises:
            SettingError: if the part was made by another run.
        """
        path = self.path(index)
        if not path.is_file():
            return None
        try:
            rows, metadata = read_metadata(path)
            stored = json.loads(metadata[PART_KEY])
        except (SettingError, KeyError, ValueError):
            return None  # damaged by something else than a kill: it is made again
        if stored.get("run") != self.digest or stored.get("index") != index:
            raise SettingError(
                f"The part {path} belongs to another trace: it is part {stored.get('index')} of "
                f"run {str(stored.get('run'))[:12]}, not {index} of {self.digest[:12]}; delete it."
            )
        return rows, int(stored["unreadable"])

    def write(self, index: int, columns: Columns, unreadable: int) -> None:
        """Write one chunk's part, complete or not at all; SettingError if it cannot be written."""
        stored = {"run": self.digest, "index": index, "unreadable": unreadable}
        write_table(self.path(index), columns, {PART_KEY: json.dumps(stored)})

    def remove(self) -> None:
        """Delete the parts and the folder; what someone else put there stays, with the folder."""
        own = ("part-*.parquet", ".part-*.writing", "run.json", ".run.json.*.writing")
        try:
            # run.json goes last: a kill in between leaves parts that still say what they are.
            for pattern in own:
                for path in self.folder.glob(pattern):
                    path.unlink(missing_ok=True)
            if self.folder.is_dir() and not any(self.folder.iterdir()):
                self.folder.rmdir()
        except OSError as error:
            raise SettingError(
                f"The trace is complete, but {self.folder} cannot be removed ({error.strerror}); "
                f"delete it by hand."
            ) from error


def name_difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Return the first thing in which two runs differ, in words; None if they are equal."""
    for key in dict.fromkeys((*wanted, *found)):
        old, new = found.get(key), wanted.get(key)
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            inner = next(k for k in dict.fromkeys((*new, *old)) if old.get(k) != new.get(k))
            return f"its {inner} is {old.get(inner)}, now it is {new.get(inner)}"
        if isinstance(old, str) and isinstance(new, str) and len(old) == len(new) == 64:
            old, new = old[:12], new[:12]
        if isinstance(old, list) and isinstance(new, list):
            return f"its {_WORDS.get(key, key)} differ ({len(old)} and {len(new)} entries)"
        return f"its {_WORDS.get(key, key)} is {old}, now it is {new}"
    return None
