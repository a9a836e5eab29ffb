"""Arrays in `.npz` and `.safetensors` files from outside: told by their headers, read a block of rows at a time."""

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
"""Of one array; numbers may compress well, so only this tells a bomb from zeros."""

MOST_TOGETHER = 2_000_000_000

_BLOCK = 4_000_000
_MOST_HEADER = 1_000_000
# numpy reads at most 10,000 characters of a header; so much is enough to see that there are more.
_NPY_HEAD = 16_384
_SAFETENSORS_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2",
}  # fmt: skip


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, its values not yet read.

    Attributes
    ----------
    name : str
        As the file calls it, fit to be shown.
    shape : tuple of int
    dtype : dtype
        Of the values in the file.
    open : callable
        Gives a stream that begins at the first value.
    fortran : bool
        Whether the first axis runs fastest.
    bfloat16 : bool
        Whether the values are the upper halves of float32, which numpy has no type for.
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
        """Read all of it; for labels and names."""
        values = np.frombuffer(exactly(self.open(), self.nbytes, self.name), self.dtype)
        return self._widen(values).reshape(self.shape, order="F" if self.fortran else "C")

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Read it as blocks of whole rows, about 4 MB each.

        Where the first axis runs fastest a row is spread over all of the file, so it is read at once.

        Raises
        ------
        ImprintError
            If the file is damaged there.
        """
        if self.fortran:
            yield self.read()
            return
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        step = max(1, _BLOCK // max(row, 1))
        stream = self.open()
        for start in range(0, self.shape[0], step):
            count = min(step, self.shape[0] - start)
            values = np.frombuffer(exactly(stream, count * row, self.name), self.dtype)
            yield self._widen(values).reshape(count, *self.shape[1:])

    def _widen(self, values: NDArray[Any]) -> NDArray[Any]:
        return (values.astype(np.uint32) << 16).view(np.float32) if self.bfloat16 else values


def npz_arrays(file: BinaryIO, wanted: Collection[str]) -> dict[str, StoredArray]:
    """Find arrays in an `.npz` by their names in lower case; nothing is unpickled, ever.

    Raises
    ------
    ImprintError
        If the file is damaged or too large, or a wanted array holds Python objects or is not what its header says.
    """
    archive = open_zip(file, "npz")
    found: dict[str, StoredArray] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name.lower() in wanted:
            _add(found, _npy(archive, info, clean_name(name)))
    return _checked(found)


def safetensors_arrays(file: BinaryIO, wanted: Collection[str]) -> tuple[dict[str, StoredArray], dict[str, Any]]:
    """Find arrays in a `.safetensors` file by their names in lower case, and read its metadata.

    The header is read here rather than by the library, which takes the whole file into memory.

    Raises
    ------
    ImprintError
        If the file is damaged, or an array too large or of a type that is not read here.
    """
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _MOST_HEADER):
        raise _no_safetensors()
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError) as error:
        raise _no_safetensors() from error
    if not isinstance(header, dict):
        raise _no_safetensors()
    found: dict[str, StoredArray] = {}
    for name, entry in header.items():
        if name.lower() in wanted:
            _add(found, _tensor(file, clean_name(name), entry, 8 + length, size))
    metadata = header.get("__metadata__")
    return _checked(found), metadata if isinstance(metadata, dict) else {}


def _add(found: dict[str, StoredArray], array: StoredArray) -> None:
    other = found.setdefault(array.name.lower(), array)
    if other is not array:
        raise ImprintError(f"The file holds both '{other.name}' and '{array.name}'; keep one.")


def _checked(found: dict[str, StoredArray]) -> dict[str, StoredArray]:
    for array in found.values():
        if array.nbytes > MOST_BYTES:
            raise ImprintError(
                f"'{array.name}' takes {array.nbytes / 10**9:.1f} GB; {MOST_BYTES // 10**9} GB is the most, "
                "so save fewer rows, or float16."
            )
    if sum(a.nbytes for a in found.values()) > MOST_TOGETHER:
        raise ImprintError(f"The arrays take more than {MOST_TOGETHER // 10**9} GB together; save fewer rows.")
    return found


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
        raise ImprintError(f"'{name}' holds Python objects, which are never loaded here; save plain numbers or text.")
    start = head.tell()

    def opened() -> IO[bytes]:
        stream = open_member(archive, info)
        exactly(stream, start, name)
        return stream

    array = StoredArray(name, tuple(map(int, shape)), dtype, opened, fortran)
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
        raise ImprintError(f"'{name}' is of type {clean_name(kind)}, which is not read here; save it as F32.")

    def opened() -> IO[bytes]:
        file.seek(data + begin)
        return file

    dtype = np.dtype(_SAFETENSORS_TYPES[kind])
    if not all(type(s) is int and s >= 0 for s in shape) or not 0 <= begin <= end <= size - data:
        raise _damaged(name)
    array = StoredArray(name, tuple(shape), dtype, opened, bfloat16=kind == "BF16")
    if array.nbytes != end - begin:
        raise _damaged(name)
    return array


def exactly(stream: IO[bytes], count: int, name: str) -> bytes:
    """Read `count` bytes of the array `name`, or tell that it is damaged."""
    try:
        data = stream.read(count)
    except DAMAGE as error:
        raise _damaged(name) from error
    if len(data) != count:
        raise _damaged(name)
    return data


def _damaged(name: str) -> ImprintError:
    return ImprintError(f"'{name}' is damaged in the file; save it anew.")


def _no_safetensors() -> ImprintError:
    return ImprintError("The file is not a whole .safetensors file; save it with safetensors' save_file.")
