"""`.safetensors` files: written piece by piece, read through a memory map."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError
from imprint_core.files import atomic_file

_DTYPES = {
    np.dtype(np.float16): "F16",
    np.dtype(np.int32): "I32",
    np.dtype(np.uint8): "U8",
    np.dtype(np.float32): "F32",
}


class TensorPieces(NamedTuple):
    """A tensor to be written piece by piece: its type, its shape, and its rows in order."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[NDArray[Any]]


class TensorFile:
    """A `.safetensors` file that is being written: tensors piece by piece, or their rows in any order.

    Attributes
    ----------
    size : int
        Bytes of all tensors.
    appended : int
        Bytes that were written piece by piece.
    """

    def __init__(self, file: BinaryIO, tensors: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        self._file, self._tensors = file, tensors
        header: dict[str, Any] = {}
        end = 0
        for name, (dtype, shape) in tensors.items():
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            header[name] = {"dtype": _DTYPES[dtype], "shape": shape, "data_offsets": (end, end + size)}
            end += size
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        file.write(len(text).to_bytes(8, "little") + text)
        self._starts = {name: file.tell() + entry["data_offsets"][0] for name, entry in header.items()}
        self._next = dict(self._starts)
        self.size, self.appended = end, 0

    def write(self, name: str, values: NDArray[Any], rows: NDArray[np.integer] | None = None) -> None:
        """Write values (b, ...) to the rows (b,) of a tensor; without rows, a piece that follows the last one."""
        dtype, shape = self._tensors[name]
        values = np.ascontiguousarray(values, dtype=dtype)
        if rows is None:
            self._file.seek(self._next[name])
            self._file.write(values.data)
            self._next[name] += values.nbytes
            self.appended += values.nbytes
            return
        length = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        for row, value in zip(rows.tolist(), values, strict=True):
            self._file.seek(self._starts[name] + row * length)
            self._file.write(value.data)


@contextmanager
def tensor_file(path: Path, tensors: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]) -> Iterator[TensorFile]:
    """Open a `.safetensors` file of tensors of these types and shapes, which appears whole or not at all.

    The safetensors library only writes tensors that are in memory together. The format is a length in 8 bytes, a JSON
    header of types, shapes and offsets, and the bytes of the tensors. Raises an `ImprintError` if the disk is full or
    the folder is not writable.
    """
    with atomic_file(path) as file:
        yield TensorFile(file, tensors)


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any] | TensorPieces]) -> None:
    """Write a `.safetensors` file atomically, one piece in memory at a time.

    Raises an `ImprintError` if the disk is full or the folder is not writable, a `ValueError` if the pieces of a tensor
    don't have its shape.
    """
    parts = {k: t if isinstance(t, TensorPieces) else TensorPieces(t.dtype, t.shape, [t]) for k, t in tensors.items()}
    with tensor_file(path, {name: (part.dtype, part.shape) for name, part in parts.items()}) as file:
        for name, part in parts.items():
            for piece in part.pieces:
                file.write(name, piece)
        if file.appended != file.size:
            raise ValueError(f"the pieces for {path.name} have {file.appended} bytes, their shapes say {file.size}")


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a `.safetensors` file.

    Raises an `ImprintError` if the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    require_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise damaged_file(path) from error


def require_file(path: Path) -> None:
    """Raise an `ImprintError` where the file of an embedding set is missing."""
    if not path.is_file():
        raise ImprintError(f"The embedding file '{path.name}' is missing. Restore it or embed the set again.")


def damaged_file(path: Path) -> ImprintError:
    """Error for a file of an embedding set that is damaged."""
    return ImprintError(
        f"The embedding file '{path.name}' is damaged or doesn't match its sidecar. Restore it or embed the set again."
    )
