"""Files that appear whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import get_ident
from typing import BinaryIO

from imprint_core.errors import ImprintError


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing, and rename it to `path` at the end; nothing is left of it on failure.

    Raises an `ImprintError` if the disk is full or the folder is not writable.
    """
    # Two threads of one process may write the same file.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ImprintError(
            f"'{path.name}' could not be written to '{path.parent}' ({error.strerror}). "
            "Free some space or choose another folder, then start again: finished work is kept."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def temporary_copies(
    files: Sequence[bytes | BinaryIO], folder: Path | None = None, suffixes: Sequence[str] | None = None
) -> Iterator[list[Path]]:
    """Copy files, under numbers, into a temporary folder in `folder` (default: the system's), deleted at the end.

    Raises an `ImprintError` if the disk is full or the folder is not writable.
    """
    try:
        temporary = TemporaryDirectory(dir=folder)
    except OSError as error:
        raise _not_stored(error) from error
    with temporary as name:
        paths = [Path(name) / f"{i}{suffix}" for i, suffix in enumerate(suffixes or [""] * len(files))]
        try:
            for file, path in zip(files, paths, strict=True):
                with path.open("wb") as copy:
                    if isinstance(file, bytes):
                        copy.write(file)
                    else:
                        file.seek(0)
                        shutil.copyfileobj(file, copy)
        except OSError as error:
            raise _not_stored(error) from error
        yield paths


def _not_stored(error: OSError) -> ImprintError:
    return ImprintError(f"The upload could not be stored ({error.strerror}). Free some space, then upload it again.")


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` such that no reader sees a partial file; raises as `atomic_file` does."""
    with atomic_file(path) as file:
        file.write(data)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
