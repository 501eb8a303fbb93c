"""From DuckDB's result to what Snowflake's clients expect: column descriptions and Arrow with their conventions.

fakesnow describes a result by preparing its statement a second time, and turns NULL timestamps into 1970; here
the types come from the result itself, and timestamps are computed with their validity.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_TYPES = {
    '"NULL"': "text",
    "VARCHAR": "text",
    "UUID": "text",
    "INTERVAL": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "fixed",
    "SMALLINT": "fixed",
    "INTEGER": "fixed",
    "BIGINT": "fixed",
    "HUGEINT": "fixed",
    "UTINYINT": "fixed",
    "USMALLINT": "fixed",
    "UINTEGER": "fixed",
    "UBIGINT": "fixed",
    "UHUGEINT": "fixed",
    "FLOAT": "real",
    "DOUBLE": "real",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
    "BLOB": "binary",
    "JSON": "variant",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_TEXT_LENGTH = 16_777_216
_BINARY_LENGTH = 8_388_608
_MICROSECONDS = 1_000_000
_UTC_OFFSET = 1440
"""Snowflake writes a zone as minutes + 1440; the server's zone is UTC."""

Description = list[tuple[str, str]]
"""(column name, DuckDB type) per column."""


def column_info(name: str, duckdb_type: str) -> dict[str, Any]:
    """The `rowtype` entry of one column."""
    decimal = _DECIMAL.match(duckdb_type)
    kind = "fixed" if decimal else _TYPES.get(duckdb_type, "text" if duckdb_type.startswith("ENUM") else "variant")
    precision, scale, length = None, None, None
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
    elif kind == "fixed":
        precision, scale = 38, 0
    elif kind.startswith("time"):
        precision, scale = 0, 9
    elif kind == "text":
        length = _TEXT_LENGTH
    elif kind == "binary":
        length = _BINARY_LENGTH
    return {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "type": kind,
        "byteLength": length,
        "length": length,
        "scale": scale,
        "precision": precision,
        "collation": None,
    }


def rowtype(description: Description) -> list[dict[str, Any]]:
    """The `rowtype` of a result."""
    return [column_info(name, duckdb_type) for name, duckdb_type in description]


def arrow_base64(table: pa.Table, columns: list[dict[str, Any]]) -> str:
    """`table` as the base64 Arrow stream that the connector decodes; `columns` is its `rowtype`."""
    arrays, fields = [], []
    for column, info in zip(table.columns, columns, strict=True):
        array = _snowflake_array(column, info["type"])
        arrays.append(array)
        fields.append(pa.field(info["name"], array.type, metadata=_metadata(info)))
    converted = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, converted.schema) as writer:
        writer.write_table(converted)
    return b64encode(sink.getvalue()).decode("ascii")


def json_rows(table: pa.Table) -> list[list[str | None]]:
    """`table` as the JSON rowset that clients read the counts of DML from."""
    columns = [column.to_pylist() for column in table.columns]
    return [[None if value is None else str(value) for value in row] for row in zip(*columns, strict=True)]


def _metadata(info: dict[str, Any]) -> dict[str, str]:
    return {
        "logicalType": info["type"].upper(),
        "precision": str(info["precision"] or 38),
        "scale": str(info["scale"] or 0),
        "charLength": str(info["length"] or 0),
    }


def _snowflake_array(column: pa.ChunkedArray, kind: str) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return _timestamps(column)
    if pa.types.is_time(column.type):
        return pc.multiply(column.cast(pa.time64("us")).cast(pa.int64()), 1000)
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_unsigned_integer(column.type):
        # The connector reads signed integers only; a value past 2^63 becomes a decimal instead of an error.
        top = pc.max(column).as_py()
        return column.cast(pa.int64() if top is None or top < 2**63 else pa.decimal128(38, 0))
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_nested(column.type) or pa.types.is_interval(column.type):
        values = [None if v is None else json.dumps(v, default=str) for v in column.to_pylist()]
        return pa.array(values, pa.string())
    if kind == "variant" and not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.string())
    return column


def _timestamps(column: pa.ChunkedArray) -> pa.Array:
    """Snowflake's struct: seconds, nanoseconds and, with a zone, its offset; NULL where the input is NULL."""
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], column.type)
    zone = array.type.tz
    micros = pc.fill_null(array.cast(pa.timestamp("us", tz=zone)).cast(pa.int64()), 0)
    seconds = pc.divide(micros, _MICROSECONDS)
    # Arrow divides towards zero; before 1970 the fraction must still count forward.
    seconds = pc.if_else(pc.less(micros, pc.multiply(seconds, _MICROSECONDS)), pc.subtract(seconds, 1), seconds)
    nanos = pc.multiply(pc.subtract(micros, pc.multiply(seconds, _MICROSECONDS)), 1000).cast(pa.int32())
    parts = [seconds, nanos]
    fields = [pa.field("epoch", pa.int64()), pa.field("fraction", pa.int32())]
    if zone:
        parts.append(pa.array([_UTC_OFFSET] * len(array), pa.int32()))
        fields.append(pa.field("timezone", pa.int32()))
    return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null())
