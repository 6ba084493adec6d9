"""Columns of numbers in Parquet files: written whole, joined and read back unchanged."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from tinydrop.core.errors import SettingError
from tinydrop.core.writing import written

Columns = Mapping[str, npt.NDArray[Any]]
"""Name -> (M,) or (M, k) array of numbers, truth values or strings."""

_ROW_GROUP = 4096
"""Rows per row group; joining holds one of them in memory."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_table(path: Path, columns: Columns, metadata: Mapping[str, str]) -> None:
    """Write columns to a file that appears complete or not at all, even after a power cut.

    Args:
        path: the file; replaced if it is there.
        columns: all of the same length M; (M, k) arrays become fixed-size lists.
        metadata: stored with the table.

    Raises:
        SettingError: if the file cannot be written.
    """
    table = _to_arrow(columns).replace_schema_metadata(dict(metadata))
    _write(path, table.schema, [table])


def join_tables(parts: Iterable[Path], path: Path, metadata: Mapping[str, str]) -> None:
    """Write the rows of several files of one layout to one file, holding few of them at a time.

    Raises:
        SettingError: if a part cannot be read or differs in its columns, or the file cannot be
            written.
    """
    files = list(parts)
    schema = _opened(files[0]).schema_arrow.with_metadata(dict(metadata))
    _write(path, schema, _regrouped(files, schema))


def read_table(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    """Return the columns and the metadata that ``write_table`` was given.

    Raises:
        SettingError: if there is no such file or it is no such table.
    """
    file = _opened(path)
    try:
        table = file.read()
        columns = {name: _to_numpy(table.column(name)) for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    finally:
        file.close()
    return columns, _texts(table.schema.metadata)


def read_metadata(path: Path) -> tuple[int, dict[str, str]]:
    """Return the number of rows and the metadata without reading the rows.

    Raises:
        SettingError: if there is no such file or it is no table.
    """
    file = _opened(path)
    try:
        return int(file.metadata.num_rows), _texts(file.schema_arrow.metadata)
    finally:
        file.close()


def _opened(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise SettingError(
            f"There is no file {path}; check the path or make it with python -m tinydrop trace."
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> SettingError:
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return SettingError(f"{path} is no readable Parquet table ({reason}); give another file.")


def _regrouped(files: list[Path], schema: pa.Schema) -> Iterable[pa.Table]:
    """Yield the rows of all files in tables of ``_ROW_GROUP`` rows, the last one shorter."""
    held: list[pa.Table] = []
    rows = 0
    for path in files:
        file = _opened(path)
        try:
            table = file.read()
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error
        finally:
            file.close()
        if not table.schema.equals(schema):  # names and types; metadata is not compared
            raise SettingError(f"{path} has other columns than its neighbours; remove it.")
        held.append(table.replace_schema_metadata(schema.metadata))
        rows += table.num_rows
        while rows >= _ROW_GROUP:
            whole = pa.concat_tables(held).combine_chunks()
            yield whole.slice(0, _ROW_GROUP)
            held = [whole.slice(_ROW_GROUP)]
            rows -= _ROW_GROUP
    if rows:
        yield pa.concat_tables(held).combine_chunks()


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """Write the tables to a file that appears when it is complete."""
    # Every split of a float costs little and its high bytes repeat; small integers prefer a
    # dictionary, which pyarrow gives up by itself where there are too many values.
    floats = [f.name for f in schema if pa.types.is_floating(_element(f.type))]
    try:
        with (
            written(path) as sink,
            pq.ParquetWriter(
                sink,
                schema,
                compression="zstd",
                compression_level=9,
                use_dictionary=[f.name for f in schema if f.name not in floats],
                write_statistics=False,
            ) as writer,
        ):
            for table in tables:
                writer.write_table(table, row_group_size=_ROW_GROUP)
    except OSError as error:
        remedy = (
            "free some space or give another file"
            if error.errno in _FULL
            else "give another file in a folder that can be written"
        )
        raise SettingError(
            f"{path} cannot be written ({error.strerror or error}); {remedy}."
        ) from error


def _to_arrow(columns: Columns) -> pa.Table:
    arrays = []
    for values in columns.values():
        if values.dtype.kind == "U":
            arrays.append(pa.array(values.tolist(), pa.string()))
        elif values.ndim == 1:
            arrays.append(pa.array(np.ascontiguousarray(values)))
        else:
            flat = pa.array(np.ascontiguousarray(values).reshape(-1))
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]))
    return pa.table(dict(zip(columns, arrays, strict=True)))


def _to_numpy(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # older pyarrow keeps the wrapper for no chunks
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    if pa.types.is_fixed_size_list(array.type):
        values: npt.NDArray[Any] = array.flatten().to_numpy(zero_copy_only=False)
        return values.reshape(len(array), array.type.list_size)
    if pa.types.is_string(array.type):
        return np.array(array.to_pylist(), dtype=np.str_)
    plain: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return plain


def _element(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_fixed_size_list(kind) else kind


def _texts(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    return {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for key, value in (metadata or {}).items()
    }
