"""Small data sets that the tests of labelled pictures share."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trace_zoo import picture_bytes

from tinydrop.core.errors import SettingError


def one_sentence(error: pytest.ExceptionInfo[SettingError]) -> bool:
    text = str(error.value)
    return text.endswith(".") and ". " not in text and "\n" not in text


def zip_folder(folder: Path, path: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


def write_shard(
    path: Path, labels: list[object], *, names: list[str] | None = None, row_group: int = 3
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = [picture_bytes(seed) for seed in range(len(labels))]
    table = pa.table(
        {
            "image": [
                {"bytes": content, "path": f"p{number}.png"}
                for number, content in enumerate(contents)
            ],
            "label": labels,
            "bbox": [[1, 2, 30, 31]] * len(labels),
        }
    )
    if names is not None:
        features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": names}}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    pq.write_table(table, path, row_group_size=row_group)
    return path
