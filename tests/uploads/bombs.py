"""Hostile files of embeddings, to be written by another process, in its own memory."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.datasets.test_class_folders import directory_of
from tests.uploads.files import X, Y, npz, parquet, safetensors


def npy_header(shape, descr="'<f4'", order="False"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


def npz_of(name, chunks, compression=zipfile.ZIP_DEFLATED, **arrays):
    out = npz(**arrays)
    with (
        zipfile.ZipFile(out, "a", compression, compresslevel=1) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        for chunk in chunks:
            member.write(chunk)
    return out.getvalue()


def long_list(values):
    """Four rows, the first a list of equal numbers, in a few kilobytes."""
    count = len(values)
    offsets = pa.array([0, count - 3, count - 2, count - 1, count], pa.int32())
    return parquet({"y": Y[:4] % 2, "embedding": pa.ListArray.from_arrays(offsets, pa.array(values))}).getvalue()


def varint(value):
    """A number of 22 to 27 bits as the footer has it."""
    return bytes([2 * value & 127 | 128, 2 * value >> 7 & 127 | 128, 2 * value >> 14 & 127 | 128, 2 * value >> 21])


def lying_footer(of=0x7FFFFFF):
    """A footer that declares another number of values."""
    data = long_list(np.zeros(4_000_000, np.float32))
    footer = len(data) - 8 - struct.unpack("<I", data[-8:-4])[0]
    assert data.count(varint(4_000_000), footer)
    return data[:footer] + data[footer:].replace(varint(4_000_000), varint(of))


def compressed_batch():
    """A batch of 1.6 GB of zeros, compressed to 50 kB."""
    out = io.BytesIO()
    zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(400_000_000, np.float32)), 40_000)
    table = pa.table({"y": np.arange(10_000) % 2, "embedding": zeros})
    with pa.ipc.new_file(out, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return out.getvalue()


def false_buffer():
    """A compressed buffer that declares a terabyte."""
    out = io.BytesIO()
    table = pa.table({"y": Y, "f": np.zeros(20)})
    with pa.ipc.new_file(out, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    data = out.getvalue()
    assert data.count(struct.pack("<q", 160))
    return data.replace(struct.pack("<q", 160), struct.pack("<q", 10**12))


ZEROS = bytes(10**8)
BOMBS = {
    "million members.npz": (
        lambda: directory_of(1_000_000, 1).getvalue(),
        "The file has neither; embeddings need",
    ),
    "forged header.npz": (
        lambda: npz_of("X", [npy_header("(1000000000000, 1000000)"), bytes(1000)], y=Y),
        "'X' is damaged in the file",
    ),
    "zeros.npz": (
        lambda: npz_of("X", [npy_header("(40000, 15000)"), *[ZEROS] * 24], y=np.arange(40_000) % 2),
        "40,000 rows of 15,000 dimensions need 2.4 GB; the limit is 2.0 GB",
    ),
    "long labels.npz": (
        lambda: npz_of("y", [npy_header("(500000,)", "'<U1000'"), *[ZEROS] * 20], X=np.zeros((500_000, 1))),
        "needs more than 1.5 GB of memory",
    ),
    "many texts.npz": (
        lambda: npz_of("class_names", [npy_header("(500000,)", "'<U1000'"), *[ZEROS] * 20], X=X, y=Y),
        "'class_names' has 500,000 classes; the limit is 1,000",
    ),
    "bzip2.npz": (
        lambda: npz_of("X", [npy_header("(20, 5000000)"), *[ZEROS] * 4], zipfile.ZIP_BZIP2, y=Y),
        "The embeddings have 5,000,000 dimensions; the limit is 65,536",
    ),
    "forged header.npy": (
        lambda: npy_header("(1000000000000, 1000000)") + bytes(1000),
        "'embeddings' is damaged in the file",
    ),
    "forged length.safetensors": (
        lambda: struct.pack("<Q", 2**63) + b"{}",
        "not a complete .safetensors file",
    ),
    "long header.safetensors": (
        lambda: struct.pack("<Q", 99_000_000) + b"[" * 99_000_000,
        "not a complete .safetensors file",
    ),
    "forged shape.safetensors": (
        lambda: safetensors(X=X, y=Y).getvalue().replace(b"[20,6]", b"[20,9]"),
        "not a complete .safetensors file",
    ),
    "footer of more values.parquet": (lying_footer, "have 3,999,997 dimensions; the limit is 65,536"),
    "footer of fewer values.parquet": (
        lambda: lying_footer(2**20),
        "have 3,999,997 dimensions; the limit is 65,536",
    ),
    "long list.parquet": (
        lambda: long_list(np.zeros(150_000_000, np.int8)),
        "needs more than 1.5 GB of memory",
    ),
    "long footer.parquet": (
        lambda: b"PAR1" + b"\x1c" * 90_000_000 + struct.pack("<I", 90_000_000) + b"PAR1",
        "not a table in Parquet's format",
    ),
    "compressed batch.arrow": (compressed_batch, "needs more than 1.5 GB of memory"),
    "false buffer.arrow": (false_buffer, "needs more than 1.5 GB of memory"),
    "long line.csv": (lambda: b"label,f\na," + b"1" * 100_000_000, "not a table in CSV's format"),
    "long header.csv": (lambda: b"label" * 20_000_000, "not a table in CSV's format"),
    "long text.csv": (lambda: b'label,f\n"' + b"a\n" * 50_000_000, "not a table in CSV's format"),
    "many columns.csv": (
        lambda: b"," * 1_900_000 + b"\n" + b"1," * 1_900_000 + b"1\n",
        # Which of Arrow's allocations fails first, differs.
        "damaged",
    ),
}
"""How to write each file, and the sentence that refuses it."""


def write(name: str, path: Path) -> None:
    path.write_bytes(BOMBS[name][0]())
