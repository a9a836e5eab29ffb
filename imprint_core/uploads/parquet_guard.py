"""What a parquet file is made of, looked at before Arrow takes it in.

Equal values take no room in parquet: a kilobyte can hold a row of two thousand million numbers,
and Arrow believes the file. So its footer and the headers of the pages that will be read are parsed
here first; they are Thrift structs in the compact protocol.
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
# Kinds of pages, and the field with what is particular to each.
_PAGES = {0: 5, 2: 7, 3: 8}
_DICTIONARY = 2
# Texts by their lengths, and each by what it adds to the one before, which may make it longer and longer; Arrow can't
# keep such texts as a dictionary. The encoding is field 2 or, in pages of the second kind, 4.
_DIFFERENCES = {6, 7}

Struct = dict[int, Any]


def check_pages(file: BinaryIO, texts: Collection[str], lists: Collection[str]) -> int:
    """Check that what Arrow will read is bounded.

    Parameters
    ----------
    file : binary file
        Seekable.
    texts : collection of str
        Columns that may hold text.
    lists : collection of str
        Columns that may hold a list in each row; other columns within columns are not looked at.

    Returns
    -------
    int
        How many numbers there are in lists.

    Raises
    ------
    ImprintError
        If the file is damaged, or holds more than `MOST_BYTES` when unpacked.
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
                    raise damaged_table()
                unpacked += _walk(file, chunk, name in texts)
                listed, flat = (listed + chunk[5], flat) if name in lists else (listed, flat + chunk[5])
                if max(unpacked, 4 * (flat + listed)) > MOST_BYTES:
                    raise ImprintError(f"The table unpacks to more than {MOST_BYTES // 10**9} GB; save fewer rows.")
    except ImprintError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
        # A struct with other fields than it should have is damage, too.
        raise damaged_table() from error
    return listed


def damaged_table() -> ImprintError:
    """What is said of a file that can't be read."""
    return ImprintError("The file is damaged or not a parquet table; write it anew.")


def _footer(file: BinaryIO) -> Struct:
    size = file.seek(0, 2)
    file.seek(max(size - 8, 0))
    length, magic = struct.unpack("<I4s", file.read(8))
    if magic != _MAGIC or length > min(size - 12, _MOST_FOOTER):
        raise damaged_table()
    file.seek(size - 8 - length)
    return _Reader(file.read(length)).struct()


def _walk(file: BinaryIO, chunk: Struct, texts: bool) -> int:
    """Bytes in the pages of a column chunk when unpacked."""
    at = min(chunk.get(11) or chunk[9], chunk[9])
    end, left, unpacked = at + chunk[7], chunk[5], 0
    while left > 0 and at < end:
        page, length = _page(file, at)
        data: Struct = page[_PAGES[page[1]]]
        size, packed, count = page[2], page[3], data[1]
        if min(size, packed, count) < 0 or count > (size if page[1] == _DICTIONARY else left):
            raise damaged_table()
        if page[1] != _DICTIONARY:
            left -= count
            if texts and _DIFFERENCES & {data[2], data.get(4)}:
                raise ImprintError("The labels are coded as differences; write them with dictionary encoding.")
        unpacked += size
        at += length + packed
    return unpacked


def _page(file: BinaryIO, at: int) -> tuple[Struct, int]:
    """Header of the page at a place, and its length."""
    for most in (1_024, _MOST_PAGE_HEADER):
        file.seek(at)
        reader = _Reader(file.read(most))
        try:
            return reader.struct(), reader.at
        except IndexError:
            continue
    raise damaged_table()


class _Reader:
    """Thrift's compact protocol; running off the end raises IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

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
                # Booleans in a list take a byte each, unlike as fields.
                inner = 3 if head & 15 in (1, 2) else head & 15
                if count > len(self._data):
                    raise IndexError
                return [self._value(inner, depth + 1) for _ in range(count)]
            case 12:
                return self.struct(depth + 1)
        # Maps don't occur in parquet's structs.
        raise ValueError

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _bytes(self, count: int) -> bytes:
        self.at += count
        if self.at > len(self._data):
            raise IndexError
        return self._data[self.at - count : self.at]

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
