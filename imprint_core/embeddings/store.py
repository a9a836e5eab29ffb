"""Embedding sets on disk: one `.safetensors` of tensors and a JSON sidecar that says what they are.

Tensors: `X_train (n, d)`, `X_test (m, d)`, `y_train`, `y_test` (int32 class numbers),
`id_train`, `id_test` (int32, the samples' indices in the dataset's own splits). `X` is
float16, or uint8 with `scale (d,)` and `offset (d,)`: x ≈ offset + scale · code.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.errors import ImprintError

FORMAT = 1
_SPLITS = ("train", "test")


def bundled_folder() -> Path:
    """Folder of the sets that ship with the project."""
    return Path(__file__).resolve().parent.parent / "bundled"


def user_folder() -> Path:
    """Folder of the sets made on this machine; `IMPRINT_HOME` overrides it."""
    import platformdirs

    home = os.environ.get("IMPRINT_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir("imprint", appauthor=False))


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
    """

    info: SetInfo
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
        _ = info.fm, info.dataset, info.class_names, info.digest
    except FileNotFoundError:
        raise ImprintError(f"There is no embedding set '{path.stem}'; make it with `embed`.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ImprintError):
            raise
        raise ImprintError(f"The sidecar '{sidecar.name}' is damaged; restore it or embed the set again.") from error
    return info


def open_set(info: SetInfo) -> EmbeddingSet:
    """Open a set, check it against its digest, and decode it to float32.

    Raises
    ------
    ImprintError
        If the tensor file is missing or not the one that its sidecar describes.
    """
    tensors = read_tensors(info.path)
    if _file_digest(info.path) != info.digest:
        raise _damaged(info.path)
    try:
        arrays: dict[str, NDArray[Any]] = {f"X_{s}": _decode(tensors, f"X_{s}") for s in _SPLITS}
        arrays |= {f"{a}_{s}": tensors[f"{a}_{s}"] for a in ("y", "id") for s in _SPLITS}
    except KeyError as error:
        raise _damaged(info.path) from error
    for array in arrays.values():
        array.setflags(write=False)
    return EmbeddingSet(info, **arrays)


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a `.safetensors` file through a memory map."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ImprintError(
            f"The embedding file '{path.name}' is missing beside its sidecar; restore it or embed the set again."
        )
    try:
        with safe_open(path, framework="numpy") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _damaged(path) from error


def write_set(folder: Path, tensors: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> SetInfo:
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
    meta = {"format": FORMAT, **meta, "sha256": _file_digest(path)}
    text = json.dumps(meta, indent=1, ensure_ascii=False) + "\n"
    write_whole(path.with_suffix(".json"), text.encode())
    return SetInfo(path, meta)


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write a `.safetensors` file, whole or not at all."""
    from safetensors.numpy import save

    write_whole(path, save({k: np.ascontiguousarray(v) for k, v in tensors.items()}))


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` aside and rename, so that no reader ever sees half a file.

    Raises
    ------
    ImprintError
        If the disk is full or the folder can't be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise ImprintError(
            f"'{path.name}' could not be written to '{path.parent}' ({error.strerror}); "
            "free some space or choose another folder, then go on: what is done is kept."
        ) from error


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


def _decode(tensors: Mapping[str, NDArray[Any]], key: str) -> NDArray[np.float32]:
    x = tensors[key].astype(np.float32)
    if tensors[key].dtype == np.uint8:
        x *= tensors["scale"]
        x += tensors["offset"]
    return x


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damaged(path: Path) -> ImprintError:
    return ImprintError(
        f"The embedding file '{path.name}' is damaged or not the one its sidecar describes; "
        "restore it or embed the set again."
    )
