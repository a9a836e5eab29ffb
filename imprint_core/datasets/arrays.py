"""Arrays in uploaded `.npz` and `.safetensors` files: headers are checked first, rows are read block by block."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import clean_name
from imprint_core.datasets.zips import DAMAGE, open_member, open_zip
from imprint_core.errors import ImprintError

MOST_BYTES = 1_000_000_000
"""Size of one array; numbers can compress well, so only this separates a zip bomb from zeros."""

MOST_TOGETHER = 2_000_000_000

_BLOCK = 4_000_000
_MOST_HEADER = 1_000_000
# numpy reads at most 10,000 characters of a header; this many are enough to detect a longer one.
_NPY_HEAD = 16_384
_SAFETENSORS_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2",
}  # fmt: skip


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, its values not yet read; its name is safe to display.

    `open` returns a stream that starts at the first value. `fortran`: the first axis varies fastest. `bfloat16`: the
    values are the upper halves of float32; numpy has no such type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    open: Callable[[], IO[bytes]]
    fortran: bool = False
    bfloat16: bool = False

    @property
    def nbytes(self) -> int:
        """Size of the values in the file."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> NDArray[Any]:
        """Read the whole array; for labels and names."""
        values = np.frombuffer(read_exactly(self.open(), self.nbytes, self.name), self.dtype)
        return self._widen(values).reshape(self.shape, order="F" if self.fortran else "C")

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Read blocks of whole rows, about 4 MB each.

        If the first axis varies fastest, a row is spread over the whole file, so there is one block.

        Raises an `ImprintError` if the array is damaged.
        """
        if self.fortran:
            yield self.read()
            return
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        step = max(1, _BLOCK // max(row, 1))
        stream = self.open()
        for start in range(0, self.shape[0], step):
            count = min(step, self.shape[0] - start)
            values = np.frombuffer(read_exactly(stream, count * row, self.name), self.dtype)
            yield self._widen(values).reshape(count, *self.shape[1:])

    def _widen(self, values: NDArray[Any]) -> NDArray[Any]:
        return (values.astype(np.uint32) << 16).view(np.float32) if self.bfloat16 else values


def npz_arrays(file: BinaryIO, names: Collection[str]) -> dict[str, StoredArray]:
    """Find arrays in an `.npz` by their names in lower case; nothing is ever unpickled.

    Raises an `ImprintError` if the file is damaged or too large, or a requested array holds Python objects or
    contradicts its header.
    """
    archive = open_zip(file, "npz")
    arrays: dict[str, StoredArray] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name.lower() in names:
            _add(arrays, _npy(archive, info, clean_name(name)))
    return _check_sizes(arrays)


def safetensors_arrays(file: BinaryIO, names: Collection[str]) -> tuple[dict[str, StoredArray], dict[str, Any]]:
    """Find arrays in a `.safetensors` file by their names in lower case, and read its metadata.

    The header is parsed without the library, which would load the whole file into memory.

    Raises an `ImprintError` if the file is damaged, or an array is too large or of an unsupported type.
    """
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _MOST_HEADER):
        raise _invalid_safetensors()
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError) as error:
        raise _invalid_safetensors() from error
    if not isinstance(header, dict):
        raise _invalid_safetensors()
    arrays: dict[str, StoredArray] = {}
    for name, entry in header.items():
        if name.lower() in names:
            _add(arrays, _tensor(file, clean_name(name), entry, 8 + length, size))
    metadata = header.get("__metadata__")
    return _check_sizes(arrays), metadata if isinstance(metadata, dict) else {}


def _add(arrays: dict[str, StoredArray], array: StoredArray) -> None:
    other = arrays.setdefault(array.name.lower(), array)
    if other is not array:
        raise ImprintError(f"The file has both '{other.name}' and '{array.name}'; keep one.")


def _check_sizes(arrays: dict[str, StoredArray]) -> dict[str, StoredArray]:
    for array in arrays.values():
        if array.nbytes > MOST_BYTES:
            raise ImprintError(
                f"'{array.name}' has {array.nbytes / 10**9:.1f} GB; the limit is {MOST_BYTES // 10**9} GB, "
                "so save fewer rows, or float16."
            )
    if sum(a.nbytes for a in arrays.values()) > MOST_TOGETHER:
        raise ImprintError(f"The arrays have more than {MOST_TOGETHER // 10**9} GB together; save fewer rows.")
    return arrays


def _npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> StoredArray:
    try:
        with open_member(archive, info) as member:
            head = io.BytesIO(member.read(_NPY_HEAD))
        version = np.lib.format.read_magic(head)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = reader(head)
    except (*DAMAGE, SyntaxError, TypeError, LookupError, RecursionError, MemoryError) as error:
        raise _damaged(name) from error
    if dtype.hasobject:
        raise ImprintError(f"'{name}' holds Python objects, which are never loaded; save plain numbers or text.")
    start = head.tell()

    def open_values() -> IO[bytes]:
        stream = open_member(archive, info)
        read_exactly(stream, start, name)
        return stream

    array = StoredArray(name, tuple(map(int, shape)), dtype, open_values, fortran)
    if any(s < 0 for s in shape) or not dtype.itemsize or start + array.nbytes != info.file_size:
        raise _damaged(name)
    return array


def _tensor(file: BinaryIO, name: str, entry: object, data: int, size: int) -> StoredArray:
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise _damaged(name)
    if kind not in _SAFETENSORS_TYPES:
        raise ImprintError(f"'{name}' is of the unsupported type {clean_name(kind)}; save it as F32.")

    def open_values() -> IO[bytes]:
        file.seek(data + begin)
        return file

    dtype = np.dtype(_SAFETENSORS_TYPES[kind])
    if not all(type(s) is int and s >= 0 for s in shape) or not 0 <= begin <= end <= size - data:
        raise _damaged(name)
    array = StoredArray(name, tuple(shape), dtype, open_values, bfloat16=kind == "BF16")
    if array.nbytes != end - begin:
        raise _damaged(name)
    return array


def read_exactly(stream: IO[bytes], count: int, name: str) -> bytes:
    """Read `count` bytes of the array `name`; raise an `ImprintError` if it is damaged."""
    try:
        data = stream.read(count)
    except DAMAGE as error:
        raise _damaged(name) from error
    if len(data) != count:
        raise _damaged(name)
    return data


def _damaged(name: str) -> ImprintError:
    return ImprintError(f"'{name}' is damaged in the file; save it again.")


def _invalid_safetensors() -> ImprintError:
    return ImprintError("The file is not a complete .safetensors file; save it with safetensors' save_file.")
