"""Writes tables with pyarrow in common compressions and types, and reads one.

    python tables.py write DIRECTORY      python tables.py read FILE
"""

import datetime
import decimal
import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet


def table():
    """Three rows: one with a value in every column, and two with only a vector."""
    noon = datetime.datetime(2024, 2, 29, 12)
    structure = pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.string())]))])
    columns = {
        "text": ("zero", pa.string()),
        "blob": (b"\x00", pa.binary()),
        "bool": (True, pa.bool_()),
        "int8": (-1, pa.int8()),
        "uint32": (2**32 - 1, pa.uint32()),
        "int64": (2**53 + 1, pa.int64()),
        "half": (0.5, pa.float16()),
        "double": (0.1, pa.float64()),
        "large": ("large", pa.large_string()),
        "view": ("a text that does not fit into a view of twelve bytes", pa.string_view()),
        "category": ("red", pa.dictionary(pa.int32(), pa.string())),
        "date": (datetime.date(2024, 2, 29), pa.date32()),
        "time": (datetime.time(12, 34, 56, 789000), pa.time64("us")),
        "naive": (noon, pa.timestamp("ms")),
        "zoned": (noon.replace(microsecond=1), pa.timestamp("us", tz="Europe/Berlin")),
        "decimal": (decimal.Decimal("1.25"), pa.decimal128(10, 2)),
        "list": (["a", None], pa.list_(pa.string())),
        "struct": ({"a": 1, "b": {"c": "d"}}, structure),
        "map": ([("k", 1)], pa.map_(pa.string(), pa.int32())),
        "binary": (b"\x01\x02", pa.large_binary()),
    }
    arrays = {name: pa.array([value, None, None], type=kind) for name, (value, kind) in columns.items()}
    vectors = pa.array([[row, 0.5] for row in range(3)], type=pa.list_(pa.float32()))
    return pa.table({"id": pa.array(range(3), type=pa.int64()), **arrays, "embedding": vectors})


def write(directory):
    whole = table()
    fixed = pa.array(whole["embedding"].to_pylist(), type=pa.list_(pa.float64(), 2))
    fixed = whole.set_column(whole.schema.get_field_index("embedding"), "embedding", fixed)
    for compression in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        pa.parquet.write_table(whole, directory / f"{compression}.parquet", compression=compression)
        pa.parquet.write_table(
            fixed,
            directory / f"{compression}-2.parquet",
            compression=compression,
            data_page_version="2.0",
            use_dictionary=False,
            write_page_checksum=True,
            row_group_size=2,
        )
    pa.parquet.write_table(whole, directory / "other.parquet", store_schema=False, use_byte_stream_split=["double"],
                           use_dictionary=["text"])
    for compression in ["uncompressed", "lz4", "zstd"]:
        pa.feather.write_feather(whole, directory / f"{compression}.feather", compression=compression)
        options = pa.ipc.IpcWriteOptions(compression=None if compression == "uncompressed" else compression)
        with pa.OSFile(str(directory / f"{compression}.arrows"), "wb") as file:
            with pa.ipc.new_stream(file, fixed.schema, options=options) as writer:
                writer.write_table(fixed, max_chunksize=2)
    with pa.OSFile(str(directory / "file.arrow"), "wb") as file:
        with pa.ipc.new_file(file, fixed.schema) as writer:
            writer.write_table(fixed, max_chunksize=2)


def read(path):
    rows = pa.parquet.read_table(path).to_pylist()
    json.dump(rows, sys.stdout, default=bytes.hex)


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](pathlib.Path(sys.argv[2]))
