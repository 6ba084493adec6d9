"""Where pictures, labels and boxes stand in a Parquet file of labelled pictures.

Whatever wrote the file: the Hub's library, pandas with its categories, or Arrow with its views.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tinydrop.core.errors import SettingError

_PICTURE_COLUMNS = ("image", "img", "picture", "jpg", "png")
_LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "cls", "target")

Label = int | str | None
"""What stands in a label column: a class's number or name, or nothing."""


@dataclass(frozen=True)
class Shape:
    """Where pictures, labels and boxes stand in a file, and what the Hub says of the labels.

    Attributes:
        picture: the column of pictures.
        label: the column of labels.
        box: the column of boxes; None where there is none.
        names: the classes by number; None where the metadata do not say.
        rows: how many pictures there are.
    """

    picture: str
    label: str
    box: str | None
    names: tuple[str, ...] | None
    rows: int


def holds_pictures(path: Path) -> bool:
    """Tell whether a Parquet file has a column of pictures; one that cannot be read may have."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        return True
    return _column(schema, _kinds(schema), "Image", _PICTURE_COLUMNS) is not None


def is_readable(path: Path) -> bool:
    """Tell whether it is a Parquet file at all."""
    try:
        with pq.ParquetFile(path):
            return True
    except (pa.ArrowException, OSError):
        return False


def read_shape(path: Path) -> Shape:
    """Return where pictures and labels stand in one file.

    Raises:
        SettingError: if it cannot be read or is of another layout, saying what is expected.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    kinds = _kinds(schema)
    picture = _column(schema, kinds, "Image", _PICTURE_COLUMNS)
    label = _column(schema, kinds, "ClassLabel", _LABEL_COLUMNS)
    if picture is None or label is None:
        raise SettingError(
            f"{path.name} has the columns {', '.join(schema.names[:8])}, but a column of pictures "
            f"(image: bytes and path) and one of labels (label) are expected."
        )
    kind = schema.field(picture).type
    stored = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
    if rows and not (_is_binary(kind) or stored):
        raise SettingError(
            f"The column {picture} of {path.name} holds {kind}, but the bytes of picture files "
            f"are expected (image: bytes and path)."
        )
    box = "bbox" if "bbox" in schema.names else None
    return Shape(picture, label, box, _names(_features(schema), label), rows)


def read_labels(path: Path, shape: Shape) -> list[Label]:
    """Return the label column of one file; the pictures beside it are not read.

    Raises:
        SettingError: if it cannot be read, or holds neither class numbers nor class names.
    """
    try:
        column = pq.read_table(path, columns=[shape.label]).column(shape.label)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    kind = column.type
    while pa.types.is_dictionary(kind):  # what pandas calls a category
        kind = kind.value_type
    values: list[Any] = column.to_pylist()
    if pa.types.is_null(kind) or _is_text(kind) or pa.types.is_integer(kind):
        return values
    if pa.types.is_boolean(kind):
        return [None if value is None else int(value) for value in values]
    if pa.types.is_floating(kind):  # pandas turns whole numbers with gaps into floats
        return [_whole(value, path, shape.label) for value in values]
    raise SettingError(
        f"The column {shape.label} of {path.name} holds {column.type}, but class numbers or "
        f"class names are expected."
    )


def _is_binary(kind: pa.DataType) -> bool:
    """Tell whether a column holds bytes, in whichever of Arrow's ways."""
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def unreadable(path: Path, error: Exception) -> SettingError:
    """Return the sentence for a file that is no Parquet file or a damaged one."""
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return SettingError(
        f"{path.name} is no readable Parquet file ({reason}); fetch it again or give another."
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _whole(value: float | None, path: Path, column: str) -> int | None:
    """Return a whole number that is stored as a float; nothing for NaN."""
    if value is None or math.isnan(value):
        return None
    if not float(value).is_integer():
        raise SettingError(
            f"The column {column} of {path.name} holds {value:g}, but class numbers are whole."
        )
    return int(value)


def _names(features: Mapping[str, Any], label: str) -> tuple[str, ...] | None:
    """Return the class names that the Hub's metadata give, in the order of their numbers."""
    described = features.get(label)
    if not isinstance(described, Mapping):
        return None
    given = described.get("names")
    if isinstance(given, Mapping):  # the older form: {"0": "cat", ...}
        given = [given[key] for key in sorted(given, key=int)]
    return tuple(map(str, given)) if isinstance(given, list) and given else None


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    """Return what the Hub's metadata say of the columns; nothing if there are none."""
    try:
        stored = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = stored.get("info", {}).get("features", {})
    except (ValueError, AttributeError):
        return {}
    return features if isinstance(features, Mapping) else {}


def _kinds(schema: pa.Schema) -> dict[str, str]:
    """Return column -> what the Hub's metadata call it, such as Image or ClassLabel."""
    features = _features(schema)
    return {name: str(f.get("_type", "")) for name, f in features.items() if isinstance(f, dict)}


def _column(
    schema: pa.Schema, kinds: Mapping[str, str], kind: str, usual: Sequence[str]
) -> str | None:
    found = [name for name in schema.names if kinds.get(name) == kind]
    return next(
        (n for n in (*usual, *found) if n in schema.names and (n in found or not found)), None
    )
