"""Makes a dataset of the user's own out of uploaded images."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import hold_out
from imprint_core.datasets.names import clean_classes, clean_name
from imprint_core.datasets.own_images import FORMAT, MANIFEST, SPLITS, OwnImages, count_images
from imprint_core.errors import ImprintError
from imprint_core.uploads.image_files import Entry


def keep_images(
    entries: Iterable[Entry], label: str, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> OwnImages:
    """Check images and keep them as a dataset, in a file that appears whole or not at all.

    Each is read twice, to be checked and to be written, so that no more than one is in memory and
    nothing is written until all are known.

    Parameters
    ----------
    entries : iterable of Entry
        Either all with a split or all without, which holds out a quarter of each class.
    label : str
        What the user calls the dataset.
    folder : Path
        Where to; made if absent.
    progress : callable
        Called with how many images are done and how many there are; all are once the file is there.

    Returns
    -------
    OwnImages
        With what was left out because it could not be decoded.

    Raises
    ------
    ImprintError
        If too little is left to tell classes apart, or the file can't be written.
    """
    entries = list(entries)
    kept, left_out = [], []
    for done, entry in enumerate(entries):
        progress(done, len(entries))
        try:
            decode(entry.read())
        except ImprintError as error:
            left_out.append((entry.shown_name, str(error)))
        else:
            kept.append(entry)
    if left_out and not kept:
        raise ImprintError(f"None of the files can be used; of the first, '{left_out[0][0]}': {left_out[0][1]}")
    names = list(clean_classes(e.class_name for e in entries))
    number = {name: c for c, name in enumerate(names)}
    labels = np.array([number[e.class_name] for e in kept], np.int32)
    test = _test_split(kept, labels, names)
    made = _write(kept, labels, test, names, clean_name(label), folder)
    progress(len(entries), len(entries))
    return OwnImages(*made, tuple(names), count_images(labels[~test], labels[test], len(names)), tuple(left_out))


def _test_split(kept: Sequence[Entry], labels: NDArray[np.int32], names: Sequence[str]) -> NDArray[np.bool_]:
    if all(e.split is None for e in kept):
        counts = np.bincount(labels, minlength=len(names))
        if counts.min() < 2:
            fewest = int(counts.argmin())
            raise ImprintError(
                f"Class '{names[fewest]}' has {'one' if counts[fewest] else 'no'} image that can be used; "
                "each needs at least two, one to learn from and one to test on."
            )
        return hold_out(labels)
    test = np.array([e.split == "test" for e in kept])
    for split, chosen in (("train", labels[~test]), ("test", labels[test])):
        absent = set(range(len(names))) - set(chosen.tolist())
        if absent:
            raise ImprintError(
                f"Class '{names[min(absent)]}' has no image that can be used in {split}/; "
                "where there are train and test folders, every class must be in both."
            )
    return test


def _write(
    kept: Sequence[Entry],
    labels: NDArray[np.int32],
    test: NDArray[np.bool_],
    names: Sequence[str],
    label: str,
    folder: Path,
) -> tuple[str, str, Path]:
    """Write the file; its name, label and path."""
    manifest = {
        "format": FORMAT,
        "label": label,
        "class_names": list(names),
        "train": labels[~test].tolist(),
        "test": labels[test].tolist(),
    }
    aside: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".own.", suffix=".tmp", delete=False) as file:
            aside = Path(file.name)
            digest = _write_members(file, kept, test, manifest)
        name = f"own_{digest[:12]}"
        path = folder / f"{name}.zip"
        aside.replace(path)
    except OSError as error:
        raise ImprintError(
            f"The images could not be written to '{folder}' ({error.strerror or error}); "
            "free some space or choose another folder, then upload them again."
        ) from error
    finally:
        if aside is not None:
            with suppress(OSError):
                aside.unlink(missing_ok=True)
    return name, label, path


def _write_members(file: IO[bytes], kept: Sequence[Entry], test: NDArray[np.bool_], manifest: dict[str, Any]) -> str:
    """Write all members; SHA-256 over classes, splits and images."""
    digest = hashlib.sha256(json.dumps([manifest[k] for k in ("class_names", *SPLITS)]).encode())
    written: Counter[str] = Counter()
    # Members bear no date, so that the same images make the same file.
    with zipfile.ZipFile(file, "w") as archive:
        for entry, is_test in zip(kept, test, strict=True):
            split = SPLITS[int(is_test)]
            data = entry.read()
            digest.update(f"{split} {len(data)} ".encode())
            digest.update(data)
            archive.writestr(zipfile.ZipInfo(f"{split}/{written[split]:06d}"), data)
            written[split] += 1
        archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, ensure_ascii=False))
    file.flush()
    os.fsync(file.fileno())
    return digest.hexdigest()
