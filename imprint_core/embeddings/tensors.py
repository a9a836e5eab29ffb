"""`.safetensors` files: written piece by piece, read through a memory map."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

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


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any] | TensorPieces]) -> None:
    """Write a `.safetensors` file atomically, one piece in memory at a time.

    The safetensors library only writes tensors that are in memory together. The format is a length in 8 bytes, a JSON
    header of types, shapes and offsets, and the bytes of the tensors. Raises an `ImprintError` if the disk is full or
    the folder is not writable, a `ValueError` if the pieces of a tensor don't have its shape.
    """
    parts = {k: t if isinstance(t, TensorPieces) else TensorPieces(t.dtype, t.shape, [t]) for k, t in tensors.items()}
    header: dict[str, Any] = {}
    end = 0
    for name, part in parts.items():
        size = int(np.prod(part.shape, dtype=np.int64)) * part.dtype.itemsize
        header[name] = {"dtype": _DTYPES[part.dtype], "shape": part.shape, "data_offsets": (end, end + size)}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        start = file.tell()
        for part in parts.values():
            for piece in part.pieces:
                file.write(np.ascontiguousarray(piece, dtype=part.dtype).data)
        if file.tell() - start != end:
            raise ValueError(f"the pieces for {path.name} have {file.tell() - start} bytes, their shapes say {end}")


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
