"""Open and read uploaded zips, and `.npz` files, which are zips, in bounded memory."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from typing import IO, BinaryIO, Literal

from imprint_core.errors import ImprintError

MOST_FILES = 20_000

# Several times the size of a directory of 20,000 names of usual length.
_MOST_DIRECTORY_BYTES = 16_000_000
Kind = Literal["zip", "npz"]

_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR_64 = b"PK\x06\x07"
_LOCATOR_64_SIZE = 20
_ENTRY = b"PK\x01\x02"
# Bits of a member's flags: encrypted, patched data, strongly encrypted, names masked.
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_ADVICE: dict[Kind, str] = {"zip": "Create one with your system's tools", "npz": "Save one with numpy.savez"}
# The limit of DEFLATE: a member that declares a larger ratio is damaged.
_MOST_DEFLATE_RATIO = 1032

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, struct.error)


def open_zip(file: BinaryIO, kind: Kind = "zip") -> zipfile.ZipFile:
    """Open a zip from an untrusted source; the seekable file must stay open while the zip is read.

    `zipfile` creates an object for each entry of the directory, so the end record and the size of the directory are
    checked first. `kind` is the name of the file type in messages. Raises an `ImprintError` if it isn't a zip, is
    damaged or encrypted, has more than `MOST_FILES` entries, or is a zip64.
    """
    try:
        start = _checked_directory(file, kind)
        archive = zipfile.ZipFile(file)
    except ImprintError:
        raise
    except DAMAGE as error:
        raise _damaged(kind) from error
    # Members that share compressed bytes would unpack to far more than the file holds.
    if sum(i.compress_size for i in archive.infolist()) > start:
        raise _damaged(kind)
    for info in archive.infolist():
        if info.flag_bits & _ENCRYPTED:
            raise ImprintError(f"The {kind} is encrypted. Upload it without a password.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ImprintError(f"The {kind} holds a symbolic link. Replace it by the file.")
    return archive


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member to be read in pieces; reading may raise any of `DAMAGE`.

    Raises an `ImprintError` if it is damaged, or compressed by a method that can't be unpacked in pieces.
    """
    # `zipfile` unpacks bzip2 and LZMA without a limit.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ImprintError(
            "A file in the zip uses an unsupported compression method. Create the zip again with deflate."
        )
    if info.file_size > (info.compress_size + 1) * _MOST_DEFLATE_RATIO:
        raise damaged_member()
    try:
        return archive.open(info)
    except (*DAMAGE, RuntimeError) as error:
        raise damaged_member() from error


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read a member, at most one byte more than it declares.

    Raises an `ImprintError` if it is damaged or not of the declared size.
    """
    try:
        with open_member(archive, info) as member:
            data = member.read(info.file_size + 1)
    except ImprintError:
        raise
    except DAMAGE as error:
        raise damaged_member() from error
    if len(data) != info.file_size:
        raise damaged_member()
    return data


def damaged_member() -> ImprintError:
    """Error for a member that can't be unpacked."""
    return ImprintError("The file is damaged inside the zip. Create the zip again.")


def _checked_directory(file: BinaryIO, kind: Kind) -> int:
    """Check the size of the directory and return its position, located as `zipfile` does."""
    size = file.seek(0, 2)
    file.seek(0)
    signature = file.read(4)
    file.seek(max(size - 0x10000 - _END_SIZE, 0))
    tail = file.read(0x10000 + _END_SIZE)
    position = tail.rfind(_END)
    if position < 0:
        if signature == b"PK\x03\x04":
            raise ImprintError(f"The {kind} is incomplete. Upload it again or create it again.")
        raise ImprintError(f"The file is not a {kind}. {_ADVICE[kind]}.")
    if len(tail) - position < _END_SIZE:
        raise _damaged(kind)
    if tail[max(position - _LOCATOR_64_SIZE, 0) : position].startswith(_LOCATOR_64):
        raise ImprintError(f"The {kind} is a zip64, for more than 65,535 files or 4 GB. Upload a smaller one.")
    count, length = struct.unpack_from("<HI", tail, position + 10)
    start: int = size - len(tail) + position - length
    if start < 0:
        raise _damaged(kind)
    # The count may be wrong; `zipfile` follows the signatures in the directory.
    if count <= MOST_FILES and length <= _MOST_DIRECTORY_BYTES:
        file.seek(start)
        count = max(count, file.read(length).count(_ENTRY))
    if count > MOST_FILES:
        raise ImprintError(f"The {kind} holds more than {MOST_FILES:,} files. Upload fewer.")
    if length > _MOST_DIRECTORY_BYTES:
        raise ImprintError(
            f"The {kind}'s directory is larger than {_MOST_DIRECTORY_BYTES // 10**6} MB. Use shorter names."
        )
    return start


def _damaged(kind: Kind) -> ImprintError:
    return ImprintError(f"The {kind} is damaged. Upload it again or create it again.")
