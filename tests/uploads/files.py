"""Files of embeddings for tests, and what becomes of them."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from safetensors.numpy import save

from imprint_core.embeddings.store import read_info
from imprint_core.embeddings.tensors import read_tensors
from imprint_core.uploads.embedding_sets import _arguments, write_set_of_files

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 6)).astype(np.float32), np.arange(20) % 4
PARTS = {"X_train": X[:12], "y_train": Y[:12], "X_test": X[12:], "y_test": Y[12:]}


def npz(method=np.savez, **arrays):
    out = io.BytesIO()
    method(out, **arrays)
    return out


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out


def safetensors(metadata=None, **arrays):
    return io.BytesIO(save({k: np.ascontiguousarray(v) for k, v in arrays.items()}, metadata))


def table(columns):
    return columns if isinstance(columns, pa.Table) else pa.table(columns)


def parquet(columns, **options):
    out = io.BytesIO()
    pq.write_table(table(columns), out, **options)
    return out


def arrow(columns, open_writer=pa.ipc.new_file, **options):
    out = io.BytesIO()
    whole = table(columns)
    with open_writer(out, whole.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(whole)
    return io.BytesIO(out.getvalue())


def csv(columns, delimiter=","):
    out = io.BytesIO()
    pyarrow.csv.write_csv(table(columns), out, pyarrow.csv.WriteOptions(delimiter=delimiter))
    return out


def lists(x=X, kind=None):
    return pa.array(list(x), kind or pa.list_(pa.float32()))


@dataclass
class Embeddings:
    """The arrays of a set in the order of the uploaded file, and how it was read."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    taken: str
    held_out: bool
    left_out: dict[str, str] = field(default_factory=dict)


def convert(folder, files, suffix, fm=None, strict=False, most_bytes=2_000_000_000) -> tuple[Path, dict[str, Any]]:
    """Write a set as the guarded process does, but in this one; return its tensor file and its contents."""
    paths = [Path(folder) / f"{i}.{suffix}" for i in range(len(files))]
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file if isinstance(file, bytes) else file.getbuffer())
    reports = []
    usual = tempfile.tempdir
    try:
        name = write_set_of_files(
            lambda kind, *values: reports.append(values[0]) if kind == "contents" else None,
            str(folder),
            "x",
            {},
            **_arguments(paths, suffix, fm, most_bytes, strict),
        )
    finally:
        tempfile.tempdir = usual
    return Path(folder) / name, reports[0]


def read_embeddings(file, suffix, fm=None, **options):
    """Read embeddings in a file, or in a tuple of two."""
    with tempfile.TemporaryDirectory() as folder:
        path, contents = convert(folder, file if isinstance(file, tuple) else (file,), suffix, fm, **options)
        tensors, info = read_tensors(path), read_info(path)
    arrays = {}
    for split in ("train", "test"):
        order = np.argsort(tensors[f"id_{split}"])
        arrays |= {f"{a}_{split}": tensors[f"{a}_{split}"][order] for a in "Xy"}
    return Embeddings(
        **arrays,
        class_names=tuple(contents["class_names"]),
        notes=tuple(contents["notes"]),
        taken=contents["taken"],
        held_out=info.held_out,
        left_out={entry[0]: entry[1] for entry in contents["left_out"]},
    )
