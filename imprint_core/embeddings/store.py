"""Embedding sets on disk: a `.safetensors` file of tensors, and a JSON sidecar that describes them.

Tensors: `X_train (n, d)`, `X_test (m, d)`, `y_train`, `y_test` (int32 class numbers), `id_train`, `id_test` (int32,
the samples' indices in the dataset's own splits), and for the user's images `content_train`, `content_test` (n, 16),
digests of the image files. `X` is float16, or uint8 codes with `scale (d,)` and `offset (d,)`:
x ≈ offset + scale · code. Packed codes (`coding`) are named `X_train.packed` and `X_test.packed`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings.coding import unpack
from imprint_core.embeddings.tensors import TensorPieces, damaged_file, require_file, write_tensors
from imprint_core.errors import ImprintError
from imprint_core.files import file_digest, write_atomically
from imprint_core.paths import bundled_folder, user_folder, visitors_folder

FORMAT = 1
MAPS_SUFFIX = ".maps.safetensors"
"""Of the file beside a set that holds its base maps."""

IMAGES_SUFFIX = ".images.zip"
"""Of the file beside a set that holds the images of its added classes."""

EXPLORED = (10_000, 5_000)
"""Training and test samples that pages open of a set at most, of up to `EXPLORED_DIMENSIONS`."""

EXPLORED_DIMENSIONS = 800

SPLITS = ("train", "test")


@dataclass(frozen=True)
class SetInfo:
    """Description of an embedding set, read from its sidecar.

    Attributes
    ----------
    path : Path
        The `.safetensors` file.
    meta : dict
        Contents of the sidecar.
    """

    path: Path
    meta: Mapping[str, Any]

    @property
    def fm(self) -> str:
        """Name of the FM."""
        return str(self.meta["fm"]["name"])

    @property
    def dataset(self) -> str:
        """Name of the dataset."""
        return str(self.meta["dataset"]["name"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by class number."""
        return tuple(self.meta["dataset"]["class_names"])

    @property
    def digest(self) -> str:
        """SHA-256 of the tensor file; identifies the embeddings in every cache key."""
        return str(self.meta["sha256"])

    @property
    def held_out(self) -> bool:
        """Whether the test split was held out because the source has no splits; False if it is not known."""
        return bool(self.meta["dataset"].get("held_out"))

    @property
    def key(self) -> str:
        """Identifies the embeddings with their class names and the kind of test split."""
        return "\n".join([self.digest, *self.class_names, *(["held out"] if self.held_out else [])])

    @property
    def bundled(self) -> bool:
        """Whether the set ships with the project."""
        return self.path.parent == bundled_folder()

    @property
    def overrides_bundled(self) -> bool:
        """Whether it replaces a bundled set of the same FM and dataset."""
        return not self.bundled and (bundled_folder() / self.path.with_suffix(".json").name).is_file()

    @property
    def files(self) -> list[Path]:
        """All files of the set."""
        paths = (self.path.with_suffix(suffix) for suffix in (".json", MAPS_SUFFIX, IMAGES_SUFFIX, ".safetensors"))
        return [path for path in paths if path.is_file()]


@dataclass(frozen=True)
class EmbeddingSet:
    """An opened set, its arrays read-only and in float32.

    Attributes
    ----------
    info : SetInfo
    of : tuple of int
        Training and test samples of the whole set, of which these may be a part.
    X_train, X_test : ndarray of shape (n, d) and (m, d), float32
    y_train, y_test : ndarray of shape (n,) and (m,), int32
    id_train, id_test : ndarray of shape (n,) and (m,), int32
        Index of each sample in the dataset's own split.
    """

    info: SetInfo
    of: tuple[int, int]
    X_train: NDArray[np.float32]
    X_test: NDArray[np.float32]
    y_train: NDArray[np.int32]
    y_test: NDArray[np.int32]
    id_train: NDArray[np.int32]
    id_test: NDArray[np.int32]


def set_name(fm: str, dataset: str) -> str:
    """File stem of the set of `fm` on `dataset`."""
    return f"{fm}__{dataset}"


def find_sets(*folders: Path) -> tuple[dict[tuple[str, str], SetInfo], list[str]]:
    """Find the embedding sets in `folders` (default: bundled sets, then the user's).

    A sidecar is read once, and again when its file changes.

    Returns
    -------
    sets : dict
        By (fm, dataset). A set in a later folder replaces one of the same name in an earlier one.
    problems : list of str
        A sentence for each unreadable sidecar.
    """
    sets, problems = {}, []
    for folder in folders or (bundled_folder(), user_folder()):
        for sidecar in sorted(folder.glob("*__*.json")):
            try:
                stat = sidecar.stat()
            except OSError:
                continue  # removed since it was listed
            # The inode distinguishes files of one size that replace each other within a tick of the clock.
            stamp = stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino
            info = _cached_info(sidecar, stamp)
            if isinstance(info, str):
                problems.append(info)
            else:
                sets[info.fm, info.dataset] = info
    return sets, problems


@lru_cache(maxsize=1024)
def _cached_info(sidecar: Path, stamp: tuple[int, ...]) -> SetInfo | str:
    """The set of a sidecar, or why it is unreadable; `stamp` changes with the file."""
    try:
        return read_info(sidecar.with_suffix(".safetensors"))
    except ImprintError as error:
        return str(error)


def read_info(path: Path) -> SetInfo:
    """Read the sidecar of the set at `path`.

    Raises an `ImprintError` if it is missing, damaged or of another format.
    """
    sidecar = path.with_suffix(".json")
    try:
        meta = json.loads(sidecar.read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise ImprintError(
                f"'{sidecar.name}' has format {meta['format']}; this version reads {FORMAT}. Embed the set again."
            )
        info = SetInfo(path, meta)
        _ = info.fm, info.dataset, info.class_names
        # The digest is also the name of a folder, which is removed with the set.
        if not re.fullmatch(r"[0-9a-f]{64}", info.digest):
            raise ValueError(info.digest)
    except FileNotFoundError:
        raise ImprintError(f"The embedding set '{path.stem}' does not exist. Embed the dataset first.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ImprintError):
            raise
        raise ImprintError(f"The sidecar '{sidecar.name}' is damaged. Restore it or embed the set again.") from error
    return info


def most_samples(info: SetInfo, most: tuple[int, int] = EXPLORED) -> tuple[int, int]:
    """Maximum number of training and test samples of a set, where `most` is that of up to `EXPLORED_DIMENSIONS`.

    Wider embeddings are fewer, so that the memory they take is limited.
    """
    width = max(int(info.meta["fm"].get("dim", 0)), EXPLORED_DIMENSIONS)
    train, test = (max(1, count * EXPLORED_DIMENSIONS // width) for count in most)
    return train, test


def open_set(info: SetInfo, most: tuple[int, int] | None = None) -> EmbeddingSet:
    """Open a set, check it against its digest, and decode it to float32.

    Parameters
    ----------
    info : SetInfo
    most : (int, int), optional
        Maximum number of training and test samples, see `most_samples`; None for all. Each class contributes equally
        many, which are a random choice, since a set's samples are in random order within their class.

    Raises
    ------
    ImprintError
        If the tensor file is missing or does not match its sidecar.
    """
    from safetensors import SafetensorError, safe_open

    require_file(info.path)
    if file_digest(info.path) != info.digest:
        raise damaged_file(info.path)
    arrays: dict[str, NDArray[Any]] = {}
    counts = []
    limits = most_samples(info, most) if most else None
    try:
        with safe_open(info.path, framework="numpy") as file:
            names = set(file.keys())
            coding = {key: file.get_tensor(key) for key in ("scale", "offset") if key in names}
            for i, split in enumerate(SPLITS):
                y = file.get_tensor(f"y_{split}")
                rows = _balanced_rows(y, limits[i] if limits else len(y))
                if f"X_{split}.packed" in names:
                    x = unpack(file.get_tensor(f"X_{split}.packed"), len(y), len(coding["scale"]))[rows].astype(
                        np.float32
                    )
                else:
                    x = _read_rows(file.get_slice(f"X_{split}"), rows).astype(np.float32)
                if coding:
                    x *= coding["scale"]
                    x += coding["offset"]
                ids = file.get_tensor(f"id_{split}")[rows]
                arrays |= {f"X_{split}": x, f"y_{split}": y[rows], f"id_{split}": ids}
                counts.append(len(y))
    except (SafetensorError, OSError, LookupError, ValueError) as error:
        raise damaged_file(info.path) from error
    for array in arrays.values():
        array.setflags(write=False)
    return EmbeddingSet(info, (counts[0], counts[1]), **arrays)


def _balanced_rows(y: NDArray[np.int32], most: int) -> NDArray[np.intp]:
    """Rows of the first samples of each class, at most `most` in all but at least one per class."""
    if len(y) <= most:
        return np.arange(len(y))
    sizes = np.bincount(y)
    sizes = sizes[sizes > 0]
    # Small classes leave room for large ones: the largest n with sum of min(size, n) within `most`.
    n = next(n for n in range(int(sizes.max()), 0, -1) if n == 1 or np.minimum(sizes, n).sum() <= most)
    return np.sort(np.concatenate([np.flatnonzero(y == c)[:n] for c in np.unique(y)]))


def _read_rows(stored: Any, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Read rows of a tensor on disk in contiguous runs, so that other rows never enter memory."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    return np.concatenate([stored[int(run[0]) : int(run[-1]) + 1] for run in runs])


def maps_folder(info: SetInfo) -> Path:
    """Folder of base maps computed after the set was embedded, shared by all sets of the same tensors.

    Maps of a visitor's upload are beside it, and are deleted with it.
    """
    of_visitor = visitors_folder().resolve() in info.path.resolve().parents
    return (info.path.parent if of_visitor else user_folder()) / "maps" / info.digest[:16]


def size_of(info: SetInfo) -> int:
    """Size of all files of a set, in bytes."""
    return sum(path.stat().st_size for path in info.files)


def remove_set(info: SetInfo) -> None:
    """Delete one of the user's sets from disk.

    Raises an `ImprintError` if it ships with the project, or its files can't be deleted.
    """
    if info.bundled:
        raise ImprintError(f"'{info.path.stem}' ships with the project. Only sets that you embedded can be removed.")
    try:
        # The sidecar first: without it the other files are no set.
        for path in info.files:
            path.unlink()
        shutil.rmtree(maps_folder(info), ignore_errors=True)
        with suppress(OSError):
            # Succeeds after the last set with maps.
            maps_folder(info).parent.rmdir()
    except OSError as error:
        raise ImprintError(
            f"'{info.path.stem}' could not be removed ({error.strerror}). Delete its files yourself."
        ) from error


def class_sizes(y: NDArray[np.int32]) -> dict[str, int]:
    """Sample counts of a split for the sidecar: in all, and of the smallest and largest class."""
    sizes = np.bincount(y)
    sizes = sizes[sizes > 0]
    return {"count": len(y), "per_class_least": int(sizes.min()), "per_class_most": int(sizes.max())}


def read_contents(info: SetInfo) -> dict[str, dict[int, bytes]]:
    """Digests of the image files of a set's samples, by split and sample id; empty where the set has none.

    Raises an `ImprintError` if the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    require_file(info.path)
    try:
        with safe_open(info.path, framework="numpy") as file:
            splits = [split for split in SPLITS if f"content_{split}" in set(file.keys())]
            tensors = {split: (file.get_tensor(f"id_{split}"), file.get_tensor(f"content_{split}")) for split in splits}
    except (SafetensorError, OSError) as error:
        raise damaged_file(info.path) from error
    return {split: dict(zip(ids.tolist(), map(bytes, rows), strict=True)) for split, (ids, rows) in tensors.items()}


def write_set(folder: Path, tensors: Mapping[str, NDArray[Any] | TensorPieces], meta: Mapping[str, Any]) -> SetInfo:
    """Write a set; both files appear whole or not at all, the sidecar last.

    Base maps of an earlier set of the same name are deleted. `tensors` are the arrays of this module's format, `meta`
    is the sidecar without `format` and `sha256`; it has `fm.name` and `dataset.name`.
    """
    path = folder / f"{set_name(meta['fm']['name'], meta['dataset']['name'])}.safetensors"
    path.with_suffix(MAPS_SUFFIX).unlink(missing_ok=True)
    write_tensors(path, tensors)
    return write_sidecar(path, meta)


def write_sidecar(path: Path, meta: Mapping[str, Any], digest: str = "") -> SetInfo:
    """Write the sidecar of the tensors at `path`, whose digest is computed unless it is given."""
    meta = {"format": FORMAT, **meta, "sha256": digest or file_digest(path)}
    text = json.dumps(meta, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path.with_suffix(".json"), text.encode())
    return SetInfo(path, meta)


def move_set(info: SetInfo, folder: Path) -> SetInfo:
    """Move a set into another folder of the same disk; it is listed there once it is complete.

    Base maps of an earlier set of the same name are deleted, unless its tensors are the same. Raises an `ImprintError`
    if the folder is not writable.
    """
    path = folder / info.path.name
    try:
        with suppress(ImprintError):
            if read_info(path).digest != info.digest:
                # Without its sidecar, an earlier set is not listed beside tensors that are not its own.
                path.with_suffix(".json").unlink(missing_ok=True)
                path.with_suffix(MAPS_SUFFIX).unlink(missing_ok=True)
        info.path.replace(path)
        info.path.with_suffix(".json").replace(path.with_suffix(".json"))
    except OSError as error:
        raise ImprintError(
            f"The set could not be written to '{folder}' ({error.strerror}). Free some space or choose another folder."
        ) from error
    return SetInfo(path, info.meta)
