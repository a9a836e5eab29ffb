"""Uploads of students in classroom mode: only their visitor sees them, and they are deleted when the visitor leaves.

Each visitor has a folder in a folder of this server process, which holds its lock. Folders of processes that have ended
are deleted at the next start.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock, Thread

import filelock
import streamlit as st
from starlette.exceptions import HTTPException
from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from imprint_core.background.process import read_job, stop_job
from imprint_core.embeddings.store import SetInfo, size_of
from imprint_core.embeddings.store import find_sets as sets_in
from imprint_core.errors import ImprintError
from imprint_core.paths import user_folder, visitors_folder
from ui.server.classroom import is_classroom, is_teacher, require_teacher
from ui.server.session import session_id

# What one visitor, and all visitors together, may store.
MOST_SETS, MOST_BYTES, MOST_BYTES_OF_ALL = 5, 100_000_000, 2_000_000_000
# What the file widgets of one session, and of all sessions together, may hold in memory.
_MOST_IN_MEMORY, _MOST_IN_MEMORY_OF_ALL = 200_000_000, 1_000_000_000
# Seconds between two looks for visitors who have left.
_INTERVAL = 5.0
_LOCK_FILE = ".lock"

# Folders by session, and when the session was last connected.
_folders: dict[str, Path] = {}
_last_seen: dict[str, float] = {}
_change = Lock()


def upload_folder() -> Path:
    """Return the folder that takes the visitor's sets: the user's folder, for a student one that nobody else sees.

    Raises an `ImprintError` if it cannot be created.
    """
    if is_teacher():
        return user_folder()
    session = session_id()
    with _change:
        try:
            if session not in _folders:
                _folders[session] = Path(tempfile.mkdtemp(dir=_server_folder()[0]))
                _last_seen[session] = time.monotonic()
        except OSError as error:
            raise ImprintError(
                f"The upload cannot be stored ({error.strerror}). The teacher can free space."
            ) from error
        return _folders[session]


def own_folders() -> tuple[Path, ...]:
    """Return the folders of sets that only this visitor sees."""
    folder = _folders.get(session_id())
    return (folder,) if folder else ()


def is_own_upload(info: SetInfo) -> bool:
    """Return whether a set is an upload that only this visitor sees."""
    return info.path.parent in own_folders()


def require_removable(info: SetInfo) -> None:
    """Raise an `ImprintError` if the visitor may not remove a set: only the teacher removes sets that all see."""
    if not is_own_upload(info):
        require_teacher("Removing a set")


def upload_limit(megabytes: int) -> int:
    """Return the megabytes that a file box may offer: at most what the server accepts."""
    return min(megabytes, st.get_option("server.maxUploadSize"))


def check_quota(size: int) -> None:
    """Raise an `ImprintError` if a student has no room for another set of so many bytes."""
    if is_teacher():
        return
    with _change:
        stored = {folder: [size_of(info) for info in sets_in(folder)[0].values()] for folder in _folders.values()}
    sizes = next((stored[folder] for folder in own_folders()), [])
    if len(sizes) >= MOST_SETS or sum(sizes) + size > MOST_BYTES:
        raise ImprintError(
            f"In classroom mode your uploads may be {MOST_SETS} sets of {MOST_BYTES // 10**6} MB in total; "
            f"with this one they would be {len(sizes) + 1} of {(sum(sizes) + size) / 1e6:.1f} MB. "
            "Remove a set in the Library, or upload a smaller one."
        )
    if sum(map(sum, stored.values())) + size > MOST_BYTES_OF_ALL:
        raise ImprintError("The uploads of all visitors have reached their limit. Upload again when others have left.")


def limit_memory(files: MemoryUploadedFileManager) -> None:
    """Refuse files of file widgets, in classroom mode, that would fill the server's memory."""
    add_file = files.add_file

    def add_if_small(session_id: str, file: UploadedFileRec) -> None:
        sizes = {
            session: sum(len(stored.data) for stored in list(records.values()))
            for session, records in list(files.file_storage.items())
        }
        if (
            sizes.get(session_id, 0) + len(file.data) > _MOST_IN_MEMORY
            or sum(sizes.values()) + len(file.data) > _MOST_IN_MEMORY_OF_ALL
        ):
            raise HTTPException(413, "The files of this class take too much memory. Remove some, then upload again.")
        add_file(session_id, file)

    if is_classroom():
        files.add_file = add_if_small


@cache
def delete_left_uploads() -> None:
    """Delete the folders of server processes that have ended, once per process."""
    # Nothing to delete, or nothing that this process may delete.
    with suppress(OSError):
        if not visitors_folder().is_dir():
            return
        with filelock.FileLock(visitors_folder() / _LOCK_FILE):
            for folder in visitors_folder().glob("*/"):
                with suppress(filelock.Timeout), filelock.FileLock(folder / _LOCK_FILE, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


def delete_uploads() -> None:
    """Delete the uploads of this process, at its end."""
    if _server_folder.cache_info().currsize:
        folder, lock = _server_folder()
        lock.release()
        for visitor in _folders.values():
            _delete(visitor)
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _server_folder() -> tuple[Path, filelock.BaseFileLock]:
    """Return a folder of this process and its lock; a thread deletes the folders of visitors who have left."""
    visitors_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    # Another process that starts must not delete the folder before it is locked.
    with filelock.FileLock(visitors_folder() / _LOCK_FILE):
        folder = Path(tempfile.mkdtemp(dir=visitors_folder().resolve()))
        lock = filelock.FileLock(folder / _LOCK_FILE, thread_local=False)
        lock.acquire()
    Thread(target=_watch, args=(folder,), name="visitors", daemon=True).start()
    return folder, lock


def _watch(folder: Path) -> None:
    while True:
        time.sleep(_INTERVAL)
        delete_abandoned(folder)


def delete_abandoned(folder: Path) -> None:
    """Delete the folders of visitors who have left; a connection that was lost may come back within Streamlit's time.

    Folders of nobody are deleted as well: a process that computed a map may have written after the deletion.
    """
    now = time.monotonic()
    with _change:
        for session in list(_folders):
            if not runtime.exists() or runtime.get_instance().is_active_session(session):
                _last_seen[session] = now
            elif now - _last_seen[session] > st.get_option("server.disconnectedSessionTTL"):
                del _folders[session], _last_seen[session]
        for visitor in folder.glob("*/"):
            if visitor not in _folders.values():
                _delete(visitor)


def _delete(folder: Path) -> None:
    """Delete a visitor's folder, and stop the processes that compute maps in it."""
    for partial in folder.glob("maps/*/*.partial"):
        stop_job(read_job(partial.parent, partial.name.removesuffix(".partial")))
    shutil.rmtree(folder, ignore_errors=True)
