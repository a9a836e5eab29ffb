"""A zip from outside, opened and read in bounded memory; `.npz` files are zips, too."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from typing import IO, BinaryIO, Literal

from imprint_core.errors import ImprintError

MOST_FILES = 20_000

# What holds 20,000 names of ordinary length several times over.
_MOST_DIRECTORY = 16_000_000
Kind = Literal["zip", "npz"]

_END = b"PK\x05\x06"
_END_SIZE = 22
_LOCATOR_64 = b"PK\x06\x07"
_LOCATOR_64_SIZE = 20
_ENTRY = b"PK\x01\x02"
# Bits of a member's flags: encrypted, patched data, strongly encrypted, names masked.
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_MAKING: dict[Kind, str] = {"zip": "make one with your system's own tools", "npz": "write one with numpy.savez"}
# Deflate can't do better, so what declares more is lying.
_DEFLATE_MOST = 1032

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, struct.error)


def open_zip(file: BinaryIO, kind: Kind = "zip") -> zipfile.ZipFile:
    """Open a zip that may be anything.

    `zipfile` keeps an object for each entry of the directory, however many there are, so the end
    record and the directory are looked at first.

    Parameters
    ----------
    file : binary file
        Seekable; it must stay open as long as the zip is read.
    kind : {"zip", "npz"}
        What it is called in messages.

    Raises
    ------
    ImprintError
        If it isn't a zip, is damaged or encrypted, has more than `MOST_FILES` entries, or
        is of the large kind (zip64).
    """
    try:
        start = _checked_directory(file, kind)
        archive = zipfile.ZipFile(file)
    except ImprintError:
        raise
    except DAMAGE as error:
        raise _damaged(kind) from error
    # Members that share their compressed bytes unpack to far more than the file could hold.
    if sum(i.compress_size for i in archive.infolist()) > start:
        raise _damaged(kind)
    for info in archive.infolist():
        if info.flag_bits & _ENCRYPTED:
            raise ImprintError(f"The {kind} is encrypted; upload it without a password.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ImprintError(f"The {kind} holds a symbolic link; put the file itself in its place.")
    return archive


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member for reading in pieces; reading it may raise any of `DAMAGE`.

    Raises
    ------
    ImprintError
        If it is damaged, or compressed in a way that can't be unpacked in pieces.
    """
    # bzip2 and LZMA are unpacked without bound by `zipfile`.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ImprintError("The member is compressed in an uncommon way; make the zip anew with deflate.")
    if info.file_size > (info.compress_size + 1) * _DEFLATE_MOST:
        raise damaged_member()
    try:
        return archive.open(info)
    except (*DAMAGE, RuntimeError) as error:
        raise damaged_member() from error


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read a member, never more than it declares and one byte.

    Raises
    ------
    ImprintError
        If it is damaged or not of the declared size.
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
    """What is said of a member that can't be unpacked."""
    return ImprintError("The file is damaged inside the zip; make the zip anew.")


def _checked_directory(file: BinaryIO, kind: Kind) -> int:
    """Where the directory starts, after a look at its size; found as `zipfile` finds it."""
    size = file.seek(0, 2)
    file.seek(0)
    begins = file.read(4)
    file.seek(max(size - 0x10000 - _END_SIZE, 0))
    tail = file.read(0x10000 + _END_SIZE)
    at = tail.rfind(_END)
    if at < 0:
        if begins == b"PK\x03\x04":
            raise ImprintError(f"The {kind} breaks off before its end; upload it again or make it anew.")
        raise ImprintError(f"The file is not a {kind}; {_MAKING[kind]}.")
    if len(tail) - at < _END_SIZE:
        raise _damaged(kind)
    if tail[max(at - _LOCATOR_64_SIZE, 0) : at].startswith(_LOCATOR_64):
        raise ImprintError(
            f"The {kind} is of the large kind (zip64), for more than 65,535 files or 4 GB; upload a smaller one."
        )
    count, length = struct.unpack_from("<HI", tail, at + 10)
    start: int = size - len(tail) + at - length
    if start < 0:
        raise _damaged(kind)
    # The count is only what the file says; signatures in the directory are what `zipfile` will follow.
    if count <= MOST_FILES and length <= _MOST_DIRECTORY:
        file.seek(start)
        count = max(count, file.read(length).count(_ENTRY))
    if count > MOST_FILES:
        raise ImprintError(f"The {kind} holds more than {MOST_FILES:,} files; upload fewer.")
    if length > _MOST_DIRECTORY:
        raise ImprintError(f"The {kind}'s table of contents is over {_MOST_DIRECTORY // 10**6} MB; use shorter names.")
    return start


def _damaged(kind: Kind) -> ImprintError:
    return ImprintError(f"The {kind} is damaged; upload it again or make it anew.")
