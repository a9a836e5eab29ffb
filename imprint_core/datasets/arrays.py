"""Arrays in uploaded `.npz`, `.npy` and `.safetensors` files, read block by block."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.names import clean_name
from imprint_core.datasets.zips import DAMAGE, open_member, open_zip
from imprint_core.errors import ImprintError

_BLOCK = 4_000_000
# numpy reads at most 10,000 characters of a header; this many are enough to detect a longer one.
_NPY_HEAD = 16_384
# numpy has no such type; arrays of it are saved as 2 bytes without a meaning.
_BFLOAT16 = np.dtype("V2")
_TENSOR_TYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?", "BF16": "f4",
}  # fmt: skip


class Array(Protocol):
    """An array in a file, its values not yet read; its name is safe to display."""

    @property
    def name(self) -> str:
        """Name in the file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values that are read."""

    def read(self) -> NDArray[Any]:
        """Read the whole array; for labels and names."""

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Read blocks of whole rows, about 4 MB each.

        Raises an `ImprintError` if the array is damaged.
        """


@dataclass(frozen=True)
class StoredArray:
    """An array in NumPy's format; see `Array`.

    `open` returns a stream that starts at the first value. `fortran`: the first axis varies fastest.
    """

    name: str
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    open: Callable[[], IO[bytes]]
    fortran: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values that are read: float32 for bfloat16."""
        return np.dtype(np.float32) if self.stored == _BFLOAT16 else self.stored

    @property
    def nbytes(self) -> int:
        """Size of the values in the file."""
        return math.prod(self.shape) * self.stored.itemsize

    def read(self) -> NDArray[Any]:
        """Read the whole array."""
        with closing(self.open()) as stream:
            values = self._values(stream, self.nbytes)
        return values.reshape(self.shape, order="F" if self.fortran else "C")

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Read blocks of whole rows; if the first axis varies fastest, a single one."""
        if self.fortran:
            yield self.read()
            return
        row = math.prod(self.shape[1:]) * self.stored.itemsize
        with closing(self.open()) as stream:
            for start, stop in row_ranges(self.shape, self.stored.itemsize):
                yield self._values(stream, (stop - start) * row).reshape(stop - start, *self.shape[1:])

    def _values(self, stream: IO[bytes], count: int) -> NDArray[Any]:
        values = np.frombuffer(read_exactly(stream, count, self.name), self.stored)
        if self.stored == _BFLOAT16:
            return (values.view("<u2").astype(np.uint32) << 16).view(np.float32)
        return values


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in a `.safetensors` file; see `Array`."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    path: str
    key: str
    framework: str

    def read(self) -> NDArray[Any]:
        """Read the whole tensor."""
        return self._rows(0, self.shape[0])

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Read blocks of whole rows."""
        for start, stop in row_ranges(self.shape, self.dtype.itemsize):
            yield self._rows(start, stop)

    def _rows(self, start: int, stop: int) -> NDArray[Any]:
        from safetensors import safe_open

        # Opened for each block: the library maps the file into memory, where all that was read would stay.
        with safe_open(self.path, framework=self.framework) as file:
            values = file.get_slice(self.key)[start:stop]
        return values if isinstance(values, np.ndarray) else values.float().numpy()


def row_ranges(shape: tuple[int, ...], itemsize: int) -> Iterator[tuple[int, int]]:
    """Ranges (start, stop) of rows of about 4 MB each."""
    step = max(1, _BLOCK // max(math.prod(shape[1:]) * itemsize, 1))
    return ((start, min(start + step, shape[0])) for start in range(0, shape[0], step))


def npz_arrays(file: BinaryIO, names: Collection[str]) -> tuple[dict[str, StoredArray], list[str]]:
    """Find arrays in an `.npz` by their names in lower case, and list the names of the others.

    Raises an `ImprintError` if the file is damaged, or a requested array holds Python objects or contradicts its
    header.
    """
    archive = open_zip(file, "npz")
    arrays: dict[str, StoredArray] = {}
    others = []
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name.lower() in names:
            _add(arrays, _npy(partial(open_member, archive, info), info.file_size, clean_name(name)))
        else:
            others.append(name)
    return arrays, others


def npy_array(file: BinaryIO, name: str) -> StoredArray:
    """Open the array in an `.npy` file.

    Raises an `ImprintError` if the file is damaged or holds Python objects.
    """

    def open_file() -> IO[bytes]:
        return open(file.name, "rb")

    return _npy(open_file, file.seek(0, io.SEEK_END), name)


def tensors(file: BinaryIO, names: Collection[str]) -> tuple[dict[str, StoredTensor], list[str], dict[str, str]]:
    """Find tensors in a `.safetensors` file by their names in lower case; list the others, and read the metadata.

    Raises an `ImprintError` if the file is damaged or a requested tensor is of an unsupported type.
    """
    from safetensors import SafetensorError, safe_open

    matching: dict[str, StoredTensor] = {}
    try:
        with safe_open(file.name, framework="numpy") as opened:
            keys = list(opened.keys())
            for key in keys:
                if key.lower() in names:
                    part = opened.get_slice(key)
                    _add(matching, _tensor(file.name, key, part.get_dtype(), tuple(part.get_shape())))
            return matching, [key for key in keys if key.lower() not in names], opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ImprintError(
            "The file is not a complete .safetensors file; save it with safetensors' save_file."
        ) from error


def _tensor(path: str, key: str, kind: str, shape: tuple[int, ...]) -> StoredTensor:
    name = clean_name(key)
    if kind not in _TENSOR_TYPES:
        raise ImprintError(f"'{name}' is of the unsupported type {clean_name(kind)}; save it as F32.")
    # NumPy has no bfloat16.
    framework = "pt" if kind == "BF16" else "numpy"
    return StoredTensor(name, shape, np.dtype(_TENSOR_TYPES[kind]), path, key, framework)


def _add(arrays: dict[str, Any], array: StoredArray | StoredTensor) -> None:
    other = arrays.setdefault(array.name.lower(), array)
    if other is not array:
        raise ImprintError(f"The file has both '{other.name}' and '{array.name}'; keep one.")


def _npy(open_file: Callable[[], IO[bytes]], size: int, name: str) -> StoredArray:
    """Describe an array in NumPy's format, in a file of `size` bytes."""
    try:
        with open_file() as stream:
            head = io.BytesIO(stream.read(_NPY_HEAD))
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
        stream = open_file()
        read_exactly(stream, start, name)
        return stream

    array = StoredArray(name, tuple(map(int, shape)), dtype, open_values, fortran)
    if any(s < 0 for s in shape) or not dtype.itemsize or start + array.nbytes != size:
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
