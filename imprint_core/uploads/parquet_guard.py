"""Checks of a parquet file before Arrow reads it.

Equal values need no space in parquet: a kilobyte can hold a row of two billion numbers,
and Arrow trusts the file. So its footer and the headers of the pages that will be read are parsed
first. They are Thrift structs in the compact protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any, BinaryIO

from imprint_core.errors import ImprintError

MOST_BYTES = 2_000_000_000

_MAGIC = b"PAR1"
_MOST_FOOTER = 32_000_000
_MOST_PAGE_HEADER = 65_536
_DEPTH = 10
# Types of pages, and the field with the header of each type.
_PAGES = {0: 5, 2: 7, 3: 8}
_DICTIONARY = 2
# Delta encodings: texts by their lengths, or each text by its difference to the previous one, so texts can grow without
# bound; Arrow cannot keep them as a dictionary. The encoding is field 2 or, in version 2 of data pages, field 4.
_DELTA_ENCODINGS = {6, 7}

Struct = dict[int, Any]


def check_pages(file: BinaryIO, texts: Collection[str], lists: Collection[str]) -> int:
    """Check that Arrow will read a bounded amount; return the count of numbers in lists.

    `texts` are columns that may contain text, `lists` those that may contain a list in each row; other nested columns
    are not checked. Raises an `ImprintError` if the file is damaged, or unpacks to more than `MOST_BYTES`.
    """
    try:
        unpacked = flat = listed = 0
        for group in _footer(file).get(4, []):
            for column in group[1]:
                chunk = column[3]
                name = chunk[3][0].decode()
                if len(chunk[3]) > 1 and name not in lists:
                    continue
                if name not in lists and not 0 <= chunk[5] <= group[3]:
                    raise damaged_parquet()
                unpacked += _unpacked_size(file, chunk, name in texts)
                listed, flat = (listed + chunk[5], flat) if name in lists else (listed, flat + chunk[5])
                if max(unpacked, 4 * (flat + listed)) > MOST_BYTES:
                    raise ImprintError(f"The table unpacks to more than {MOST_BYTES // 10**9} GB; save fewer rows.")
    except ImprintError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
        # Unexpected fields in a struct mean damage, too.
        raise damaged_parquet() from error
    return listed


def damaged_parquet() -> ImprintError:
    """Error about a file that cannot be read."""
    return ImprintError("The file is damaged or not a parquet table; write it again.")


def _footer(file: BinaryIO) -> Struct:
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    length, magic = struct.unpack("<I4s", file.read(8))
    if magic != _MAGIC or length > min(size - 12, _MOST_FOOTER):
        raise damaged_parquet()
    file.seek(size - 8 - length)
    return _Reader(file.read(length)).struct()


def _unpacked_size(file: BinaryIO, chunk: Struct, texts: bool) -> int:
    """Count the unpacked bytes in the pages of a column chunk."""
    offset = min(chunk.get(11) or chunk[9], chunk[9])
    end, left, unpacked = offset + chunk[7], chunk[5], 0
    while left > 0 and offset < end:
        page, length = _page(file, offset)
        data: Struct = page[_PAGES[page[1]]]
        size, packed, count = page[2], page[3], data[1]
        if min(size, packed, count) < 0 or count > (size if page[1] == _DICTIONARY else left):
            raise damaged_parquet()
        if page[1] != _DICTIONARY:
            left -= count
            if texts and _DELTA_ENCODINGS & {data[2], data.get(4)}:
                raise ImprintError("The labels are delta-encoded; write them with dictionary encoding.")
        unpacked += size
        offset += length + packed
    return unpacked


def _page(file: BinaryIO, offset: int) -> tuple[Struct, int]:
    """Parse the header of the page at an offset; also return its length."""
    for most in (1_024, _MOST_PAGE_HEADER):
        file.seek(offset)
        reader = _Reader(file.read(most))
        try:
            return reader.struct(), reader.offset
        except IndexError:
            continue
    raise damaged_parquet()


class _Reader:
    """Reads Thrift's compact protocol; reading past the end raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.offset = 0

    def struct(self, depth: int = 0) -> Struct:
        fields: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _DEPTH:
            raise ValueError
        match kind:
            case 1 | 2:
                return kind == 1
            case 3:
                return self._byte()
            case 4 | 5 | 6:
                return self._integer()
            case 7:
                return self._bytes(8)
            case 8:
                return self._bytes(self._varint())
            case 9 | 10:
                head = self._byte()
                count = self._varint() if head >> 4 == 15 else head >> 4
                # Booleans in a list have a byte each, unlike booleans as fields.
                inner = 3 if head & 15 in (1, 2) else head & 15
                if count > len(self._data):
                    raise IndexError
                return [self._value(inner, depth + 1) for _ in range(count)]
            case 12:
                return self.struct(depth + 1)
        # Parquet's structs have no maps.
        raise ValueError

    def _byte(self) -> int:
        self.offset += 1
        return self._data[self.offset - 1]

    def _bytes(self, count: int) -> bytes:
        self.offset += count
        if self.offset > len(self._data):
            raise IndexError
        return self._data[self.offset - count : self.offset]

    def _varint(self) -> int:
        result = shift = 0
        while True:
            byte = self._byte()
            result |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return result
            if shift > 63:
                raise ValueError

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
