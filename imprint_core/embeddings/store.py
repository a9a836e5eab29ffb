"""Embedding sets on disk: one `.safetensors` of tensors and a JSON sidecar that says what they are.

Tensors: `X_train (n, d)`, `X_test (m, d)`, `y_train`, `y_test` (int32 class numbers),
`id_train`, `id_test` (int32, the samples' indices in the dataset's own splits). `X` is
float16, or uint8 with `scale (d,)` and `offset (d,)`: x ≈ offset + scale · code. Such codes may be packed
(`packing`), as `X_train.packed` and `X_test.packed`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imprint_core.embeddings.coding import unpack
from imprint_core.errors import ImprintError
from imprint_core.paths import bundled_folder, user_folder

FORMAT = 1
# What pages open of a set at most, so that a set of any size can be explored: training and test samples.
EXPLORED = (10_000, 5_000)
_SPLITS = ("train", "test")
_DTYPES = {
    np.dtype(np.float16): "F16",
    np.dtype(np.int32): "I32",
    np.dtype(np.uint8): "U8",
    np.dtype(np.float32): "F32",
}


@dataclass(frozen=True)
class SetInfo:
    """What a set's sidecar says, without opening the tensors.

    Attributes
    ----------
    path : Path
        The `.safetensors` file.
    meta : dict
        The sidecar.
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
    def bundled(self) -> bool:
        """Whether the set ships with the project."""
        return self.path.parent == bundled_folder()

    @property
    def files(self) -> list[Path]:
        """Everything on disk that is this set's."""
        suffixes = (".json", ".maps.safetensors", ".safetensors")
        paths = (self.path.with_name(self.path.name.removesuffix(".safetensors") + suffix) for suffix in suffixes)
        return [path for path in paths if path.is_file()]


@dataclass(frozen=True)
class EmbeddingSet:
    """An opened set, its arrays read-only and in float32.

    Attributes
    ----------
    info : SetInfo
        What it is.
    X_train, X_test : ndarray of shape (n, d) and (m, d), float32
    y_train, y_test : ndarray of shape (n,) and (m,), int32
    id_train, id_test : ndarray of shape (n,) and (m,), int32
        Index of each sample in the dataset's own split.
    of : tuple of int
        How many training and test samples the set has, of which these may be a part.
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
    """Find the sets in `folders` (default: bundled, then this user's).

    Returns
    -------
    sets : dict
        By (fm, dataset). A set in a later folder replaces one of the same name in an earlier one.
    problems : list of str
        A sentence for each sidecar that can't be read.
    """
    found, problems = {}, []
    for folder in folders or (bundled_folder(), user_folder()):
        for sidecar in sorted(folder.glob("*__*.json")):
            try:
                info = read_info(sidecar.with_suffix(".safetensors"))
            except ImprintError as error:
                problems.append(str(error))
            else:
                found[info.fm, info.dataset] = info
    return found, problems


def read_info(path: Path) -> SetInfo:
    """Read the sidecar of the set at `path`.

    Raises
    ------
    ImprintError
        If it is missing, damaged or of another format.
    """
    sidecar = path.with_suffix(".json")
    try:
        meta = json.loads(sidecar.read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            raise ImprintError(
                f"'{sidecar.name}' is of format {meta['format']}, this version reads {FORMAT}; embed it again."
            )
        info = SetInfo(path, meta)
        _ = info.fm, info.dataset, info.class_names
        # It names a folder, too.
        if not re.fullmatch(r"[0-9a-f]{64}", info.digest):
            raise ValueError(info.digest)
    except FileNotFoundError:
        raise ImprintError(f"There is no embedding set '{path.stem}'; make it with `embed`.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ImprintError):
            raise
        raise ImprintError(f"The sidecar '{sidecar.name}' is damaged; restore it or embed the set again.") from error
    return info


def open_set(info: SetInfo, most: tuple[int, int] | None = None) -> EmbeddingSet:
    """Open a set, check it against its digest, and decode it to float32.

    Parameters
    ----------
    info : SetInfo
    most : (int, int), optional
        How many training and test samples to open at most; None for all. Classes give equally many, and those that
        they give are a random choice, since samples are stored in random order within their class.

    Raises
    ------
    ImprintError
        If the tensor file is missing or not the one that its sidecar describes.
    """
    from safetensors import SafetensorError, safe_open

    _check_there(info.path)
    if file_digest(info.path) != info.digest:
        raise _damaged(info.path)
    arrays: dict[str, NDArray[Any]] = {}
    count = []
    try:
        with safe_open(info.path, framework="numpy") as file:
            coded = [file.get_tensor(key) for key in ("scale", "offset")] if "scale" in file.keys() else None  # noqa: SIM118
            for place, split in enumerate(_SPLITS):
                y = file.get_tensor(f"y_{split}")
                rows = _first_of_each(y, most[place] if most else len(y))
                if f"X_{split}.packed" in file.keys():  # noqa: SIM118
                    x = unpack(file.get_tensor(f"X_{split}.packed"), len(y), len(file.get_tensor("scale")))[rows]
                else:
                    x = _rows(file.get_slice(f"X_{split}"), rows)
                arrays |= {
                    f"X_{split}": _decode(x, coded),
                    f"y_{split}": y[rows],
                    f"id_{split}": file.get_tensor(f"id_{split}")[rows],
                }
                count.append(len(y))
    except (SafetensorError, OSError, IndexError, ValueError) as error:
        raise _damaged(info.path) from error
    for array in arrays.values():
        array.setflags(write=False)
    return EmbeddingSet(info, (count[0], count[1]), **arrays)


def _first_of_each(y: NDArray[np.int32], most: int) -> NDArray[np.intp]:
    """Rows of the first samples of each class, as many as keep all within `most`; at least one of each."""
    if len(y) <= most:
        return np.arange(len(y))
    sizes = np.bincount(y)
    sizes = sizes[sizes > 0]
    # Small classes leave room for large ones: the largest n with sum of min(size, n) within `most`.
    share = next(n for n in range(int(sizes.max()), 0, -1) if n == 1 or np.minimum(sizes, n).sum() <= most)
    return np.sort(np.concatenate([np.flatnonzero(y == c)[:share] for c in np.unique(y)]))


def _rows(stored: Any, rows: NDArray[np.intp]) -> NDArray[Any]:
    """Rows of a tensor on disk, read by stretches, so that the rest never enters memory."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    stretches = np.split(rows, breaks)
    return np.concatenate([stored[int(s[0]) : int(s[-1]) + 1] for s in stretches])


def maps_folder(info: SetInfo) -> Path:
    """Where base maps that were asked for later are kept, for all sets of the same tensors."""
    return user_folder() / "maps" / info.digest[:16]


def size_of(info: SetInfo) -> int:
    """Bytes on disk of a set and what belongs to it."""
    return sum(path.stat().st_size for path in info.files)


def remove_set(info: SetInfo) -> None:
    """Delete a set of the user's own from disk.

    Raises
    ------
    ImprintError
        If it ships with the project, or its files can't be deleted.
    """
    if info.bundled:
        raise ImprintError(
            f"'{info.path.stem}' ships with the project and stays; only sets of your own can be removed."
        )
    try:
        # The sidecar first: without it the rest is no set.
        for path in info.files:
            path.unlink()
        shutil.rmtree(maps_folder(info), ignore_errors=True)
        with suppress(OSError):
            # Of the last set that had any.
            maps_folder(info).parent.rmdir()
    except OSError as error:
        raise ImprintError(
            f"'{info.path.stem}' could not be removed ({error.strerror}); delete its files yourself."
        ) from error


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a `.safetensors` file through a memory map."""
    from safetensors import SafetensorError, safe_open

    _check_there(path)
    try:
        with safe_open(path, framework="numpy") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _damaged(path) from error


def class_sizes(y: NDArray[np.int32]) -> dict[str, int]:
    """What a sidecar says of a split's samples: how many, in all and of the smallest and largest class."""
    sizes = np.bincount(y)
    sizes = sizes[sizes > 0]
    return {"count": len(y), "per_class_least": int(sizes.min()), "per_class_most": int(sizes.max())}


class Tensor(NamedTuple):
    """A tensor that is written piece by piece: its type, its shape, and its rows in order."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[NDArray[Any]]


def whole(array: NDArray[Any]) -> Tensor:
    """An array as a tensor of one piece."""
    return Tensor(array.dtype, array.shape, [array])


def write_set(folder: Path, tensors: Mapping[str, NDArray[Any] | Tensor], meta: Mapping[str, Any]) -> SetInfo:
    """Write a set; both files appear whole or not at all, the sidecar last.

    Parameters
    ----------
    folder : Path
        Where to; made if absent.
    tensors : mapping
        The arrays of this module's format.
    meta : mapping
        What the sidecar says beside `format` and `sha256`, with `fm.name` and `dataset.name`.
    """
    path = folder / f"{set_name(meta['fm']['name'], meta['dataset']['name'])}.safetensors"
    write_tensors(path, tensors)
    meta = {"format": FORMAT, **meta, "sha256": file_digest(path)}
    text = json.dumps(meta, indent=1, ensure_ascii=False) + "\n"
    write_whole(path.with_suffix(".json"), text.encode())
    return SetInfo(path, meta)


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any] | Tensor]) -> None:
    """Write a `.safetensors` file, whole or not at all, without ever holding it in memory.

    The library can only write what is in memory at once. The format is a length in 8 bytes, a JSON header of
    types, shapes and offsets, and the bytes; the library reads it back (tests).
    """
    parts = {name: t if isinstance(t, Tensor) else whole(t) for name, t in tensors.items()}
    header: dict[str, Any] = {}
    end = 0
    for name, part in parts.items():
        size = int(np.prod(part.shape, dtype=np.int64)) * part.dtype.itemsize
        header[name] = {"dtype": _DTYPES[part.dtype], "shape": part.shape, "data_offsets": (end, end + size)}
        end += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with _whole_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        start = file.tell()
        for part in parts.values():
            for piece in part.pieces:
                file.write(np.ascontiguousarray(piece, dtype=part.dtype).data)
        if file.tell() - start != end:
            raise ValueError(f"the pieces for {path.name} have {file.tell() - start} bytes, their shapes say {end}")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` so that no reader ever sees half a file.

    Raises
    ------
    ImprintError
        If the disk is full or the folder can't be written.
    """
    with _whole_file(path) as file:
        file.write(data)


@contextmanager
def _whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is written aside and renamed at the end; nothing is left of it if that fails."""
    # Two threads of one process may write the same file.
    aside = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise ImprintError(
            f"'{path.name}' could not be written to '{path.parent}' ({error.strerror}); "
            "free some space or choose another folder, then go on: what is done is kept."
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def encode_uint8(*arrays: NDArray[np.floating]) -> tuple[dict[str, NDArray[Any]], list[NDArray[np.uint8]]]:
    """Code columns shared by `arrays` with 8 bits, linearly between their extremes.

    Returns
    -------
    shared : dict
        `scale` and `offset`, each (d,) float32.
    codes : list of ndarray, uint8
    """
    low = np.min([a.min(axis=0) for a in arrays], axis=0).astype(np.float32)
    high = np.max([a.max(axis=0) for a in arrays], axis=0).astype(np.float32)
    scale = (high - low) / 255
    safe = np.where(scale > 0, scale, 1)
    codes = [np.clip(np.rint((a - low) / safe), 0, 255).astype(np.uint8) for a in arrays]
    return {"scale": scale, "offset": low}, codes


def _decode(x: NDArray[Any], coded: list[NDArray[Any]] | None) -> NDArray[np.float32]:
    decoded = x.astype(np.float32)
    if coded is not None:
        scale, offset = coded
        decoded *= scale
        decoded += offset
    return decoded


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise ImprintError(
            f"The embedding file '{path.name}' is missing beside its sidecar; restore it or embed the set again."
        )


def _damaged(path: Path) -> ImprintError:
    return ImprintError(
        f"The embedding file '{path.name}' is damaged or not the one its sidecar describes; "
        "restore it or embed the set again."
    )
