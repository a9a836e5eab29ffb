"""Open and read zips, and `.npz` files, which are zips."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from typing import IO, BinaryIO, Literal

from imprint_core.datasets.decoding import MOST_FILE_BYTES, too_large_file
from imprint_core.errors import ImprintError

MOST_FILES, MOST_BYTES = 20_000, 2_000_000_000
"""Files in an upload, and their size once unpacked."""

Kind = Literal["zip", "npz"]

# Bits of a member's flags: encrypted, patched data, strongly encrypted, names masked; names in UTF-8.
_ENCRYPTED, _UTF_8 = 0x1 | 0x40 | 0x2000, 0x800
# Extra field of Info-ZIP with the name in UTF-8: version, CRC-32 of the name that it replaces, and the name.
_UNICODE_PATH = 0x7075
# The limit of DEFLATE: a member that declares a larger ratio is damaged.
_MOST_DEFLATE_RATIO = 1032
_ADVICE: dict[Kind, str] = {"zip": "Create one with your system's tools", "npz": "Save one with numpy.savez"}

DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error)


def open_zip(file: BinaryIO, kind: Kind = "zip", upload: bool = False) -> zipfile.ZipFile:
    """Open a zip; the seekable file must stay open while the zip is read.

    `kind` is the name of the file type in messages. Raises an `ImprintError` if it isn't a zip, is damaged or
    encrypted; if it is an `upload`, also if it has more than `MOST_FILES` or `MOST_BYTES`.
    """
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGE as error:
        raise _unreadable(file, kind) from error
    members = archive.infolist()
    if upload and len(members) > MOST_FILES:
        raise ImprintError(f"The {kind} holds more than {MOST_FILES:,} files. Upload fewer.")
    if upload and sum(info.file_size for info in members) > MOST_BYTES:
        raise ImprintError(f"The {kind} unpacks to more than {MOST_BYTES // 10**9} GB; upload fewer or smaller files.")
    # Members that share compressed bytes would unpack to far more than the file holds.
    if sum(info.compress_size for info in members) > file.seek(0, 2):
        raise ImprintError(f"The {kind} is damaged. Copy or create it again.")
    for info in members:
        if info.flag_bits & _ENCRYPTED:
            raise ImprintError(f"The {kind} is encrypted. Create it without a password.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise ImprintError(f"The {kind} holds a symbolic link. Replace it by the file.")
    return archive


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member to be read in pieces; reading may raise any of `DAMAGE`.

    Raises an `ImprintError` if it is damaged, or compressed by a method that isn't supported.
    """
    if info.compress_type == zipfile.ZIP_DEFLATED and info.file_size > (info.compress_size + 1) * _MOST_DEFLATE_RATIO:
        raise damaged_member()
    try:
        return archive.open(info)
    except NotImplementedError as error:
        raise ImprintError(
            "A file in the zip uses an unsupported compression method. Create the zip again with deflate."
        ) from error
    except DAMAGE as error:
        raise damaged_member() from error


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read a member, at most one byte more than it declares.

    Raises an `ImprintError` if it is too large, damaged or not of the declared size.
    """
    if info.file_size > MOST_FILE_BYTES:
        raise too_large_file()
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


def member_name(info: zipfile.ZipInfo) -> str:
    """Decode a member's whole name.

    Without the flag for UTF-8, `zipfile` decodes names as CP437. WinRAR then adds a field with the name in UTF-8, and
    macOS writes UTF-8 without the flag.
    """
    name = info.orig_filename
    if info.flag_bits & _UTF_8:
        return name
    try:
        raw = name.encode("cp437")
        return (_unicode_path(info.extra, raw) or raw).decode()
    except UnicodeError:
        return name


def _unicode_path(extra: bytes, raw: bytes) -> bytes:
    """Name in the extra field for Unicode paths; empty if there is none, or it belongs to another name."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and field[:1] == b"\1" and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:]
    return b""


def damaged_member() -> ImprintError:
    """Error for a member that can't be unpacked."""
    return ImprintError("The file is damaged inside the zip. Create the zip again.")


def _unreadable(file: BinaryIO, kind: Kind) -> ImprintError:
    """Error for a file that `zipfile` can't open."""
    file.seek(0)
    if zipfile.is_zipfile(file):
        return ImprintError(f"The {kind} is damaged. Copy or create it again.")
    file.seek(0)
    if file.read(4) == b"PK\x03\x04":
        return ImprintError(f"The {kind} is incomplete. Copy or create it again.")
    return ImprintError(f"The file is not a {kind}. {_ADVICE[kind]}.")
