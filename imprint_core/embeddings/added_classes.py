"""Sets with added classes: a copy of a set with further classes, from a few images or from another set of the same FM.

The sidecar's dataset entry has the copied set's entry as `base`, and an entry of `added` for each class. Sample ids of
the n-th added class start at n times `PART_IDS`; images that were embedded for it are in a zip beside the set, whose
members are named by split and id.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imprint_core.datasets.decoding import decode
from imprint_core.datasets.images import Images, Splits, hold_out
from imprint_core.datasets.names import MOST_CLASSES, clean_name
from imprint_core.datasets.zips import DAMAGE
from imprint_core.embeddings.store import (
    EXPLORED,
    IMAGES_SUFFIX,
    SPLITS,
    EmbeddingSet,
    SetInfo,
    class_sizes,
    open_set,
    set_name,
    write_set,
)
from imprint_core.errors import ImprintError
from imprint_core.files import atomic_file

PART_IDS = 10_000_000
# Of stored images: larger than any FM's input.
_EDGE = 512
# Small images, such as digits, are stored without loss.
_SMALL = 64
# A class of fewer images has no test samples: a quarter of them would be one.
_LEAST_TO_HOLD_OUT = 8
_Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class NewClass:
    """A class to add.

    Attributes
    ----------
    name : str
    X : dict of str to ndarray of shape (n, d), float32
        Embeddings of its training and test samples, by split.
    ids : dict of str to ndarray of shape (n,), int32
        Sample ids in the dataset that they come from.
    source : mapping
        The sidecar's dataset entry of the set that they come from, and the class there; empty for images.
    images : dict of str to sequence of PIL.Image.Image
        Images by split, if they come from no other set.
    """

    name: str
    X: Mapping[str, NDArray[np.float32]]
    ids: Mapping[str, NDArray[np.int32]]
    source: Mapping[str, Any]
    images: Mapping[str, Sequence[Image.Image]]


def class_of_images(name: str, X: NDArray[np.float32], images: Sequence[Image.Image]) -> NewClass:
    """Create a class from images and their embeddings (n, d); of eight and more a quarter is held out for testing."""
    test = hold_out(np.zeros(len(X), int)) if len(X) >= _LEAST_TO_HOLD_OUT else np.zeros(len(X), bool)
    rows = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
    return NewClass(
        name,
        {split: X[chosen] for split, chosen in rows.items()},
        {split: np.arange(len(chosen), dtype=np.int32) for split, chosen in rows.items()},
        {},
        {split: [images[int(row)] for row in chosen] for split, chosen in rows.items()},
    )


def class_of_set(embeddings: EmbeddingSet, number: int, name: str = "") -> NewClass:
    """Create a class from a class of another set of the same FM."""
    info = embeddings.info
    arrays = _arrays(embeddings)
    rows = {split: arrays[f"y_{split}"] == number for split in SPLITS}
    return NewClass(
        name or info.class_names[number],
        {split: arrays[f"X_{split}"][chosen] for split, chosen in rows.items()},
        {split: arrays[f"id_{split}"][chosen] for split, chosen in rows.items()},
        {"dataset": dict(info.meta["dataset"]), "class": number},
        {},
    )


def add_class_to_set(info: SetInfo, new: NewClass, folder: Path) -> SetInfo:
    """Write a copy of a set with one more class to `folder`, and return it.

    Of a very large set, the part that pages open is copied.

    Raises
    ------
    ImprintError
        If the name is taken, the class has no training sample, the embeddings are of another model, or the copy can't
        be written.
    """
    name = clean_name(new.name)
    taken = {other.casefold(): other for other in info.class_names}
    if name.casefold() in taken:
        raise ImprintError(f"There is already a class called {taken[name.casefold()]}. Choose another name.")
    if len(info.class_names) >= MOST_CLASSES:
        raise ImprintError(f"The task already has {MOST_CLASSES} classes, as many as it can have. Choose another task.")
    if not len(new.X["train"]):
        raise ImprintError(f"The class {name} has no images. Add one or more.")
    embeddings = open_set(info, EXPLORED)
    arrays = _arrays(embeddings)
    if new.X["train"].shape[1] != arrays["X_train"].shape[1]:
        raise ImprintError(
            f"The embeddings of {name} have {new.X['train'].shape[1]} dimensions, those of the set "
            f"{arrays['X_train'].shape[1]}. Use the same foundation model."
        )
    number = len(info.class_names)
    added = [*info.meta["dataset"].get("added", [])]
    first_id = max([0, *(entry["first_id"] for entry in added)]) + PART_IDS
    for split in SPLITS:
        x, ids = new.X[split], new.ids[split]
        arrays[f"X_{split}"] = np.concatenate([arrays[f"X_{split}"], x])
        arrays[f"y_{split}"] = np.concatenate([arrays[f"y_{split}"], np.full(len(x), number, np.int32)])
        arrays[f"id_{split}"] = np.concatenate([arrays[f"id_{split}"], (ids + first_id).astype(np.int32)])
    added.append({"name": name, "first_id": first_id, **new.source})
    images = _stored_images(info)
    for split, given in new.images.items():
        images |= {f"{split}/{first_id + row}": _encoded(image) for row, image in enumerate(given)}
    return _write(info, arrays, added, images, folder)


def remove_added_class(info: SetInfo, name: str, folder: Path) -> SetInfo | None:
    """Write a copy of a set without one of its added classes to `folder`; None if no added class remains.

    Raises an `ImprintError` if the class is not one of the added ones.
    """
    added = [*info.meta["dataset"].get("added", [])]
    index = next((i for i, entry in enumerate(added) if entry["name"] == name), None)
    if index is None:
        raise ImprintError(f"{name} is not an added class, so it can't be removed. Deselect it in the classes instead.")
    removed = added.pop(index)
    if not added:
        return None
    number = info.class_names.index(name)
    arrays = _arrays(open_set(info))
    for split in SPLITS:
        keep = arrays[f"y_{split}"] != number
        for part in ("X", "y", "id"):
            arrays[f"{part}_{split}"] = arrays[f"{part}_{split}"][keep]
        y = arrays[f"y_{split}"]
        arrays[f"y_{split}"] = np.where(y > number, y - 1, y).astype(np.int32)
    others = _stored_images(info).items()
    images = {member: data for member, data in others if _id_of(member) // PART_IDS != removed["first_id"] // PART_IDS}
    return _write(info, arrays, added, images, folder)


def base_of(info: SetInfo) -> str:
    """Name of the dataset that classes were added to; that of the set itself if there are none."""
    return str(info.meta["dataset"].get("base", info.meta["dataset"])["name"])


def added_names(info: SetInfo) -> list[str]:
    """Names of the added classes of a set."""
    return [str(entry["name"]) for entry in info.meta["dataset"].get("added", [])]


def parts_of(embeddings: EmbeddingSet) -> list[tuple[int, EmbeddingSet]]:
    """Split a set into its parts from other sets: the first sample id of each, and the part as it is in its own set."""
    meta = embeddings.info.meta["dataset"]
    # First sample id, dataset entry, and the class there; the copied set has all of its classes.
    sources = [(0, meta["base"], 0)]
    sources += [(entry["first_id"], entry["dataset"], entry["class"]) for entry in meta["added"] if "dataset" in entry]
    arrays = _arrays(embeddings)
    parts = []
    for first_id, dataset, number in sources:
        of_part: dict[str, Any] = {}
        for split in SPLITS:
            ids, y = arrays[f"id_{split}"], arrays[f"y_{split}"]
            rows = ids // PART_IDS == first_id // PART_IDS
            of_part |= {f"X_{split}": arrays[f"X_{split}"][rows], f"id_{split}": ids[rows] - first_id}
            of_part[f"y_{split}"] = y[rows] if not first_id else np.full(int(rows.sum()), number, np.int32)
        info = replace(embeddings.info, meta={**embeddings.info.meta, "dataset": dataset})
        parts.append((first_id, replace(embeddings, info=info, **of_part)))
    return parts


def added_images(info: SetInfo) -> Splits:
    """Open the images that were embedded for added classes; their labels are not known here."""
    stored = _stored_images(info)

    def images(split: str) -> Images:
        ids = np.array(sorted(_id_of(member) for member in stored if member.startswith(split)), np.int32)
        return Images(np.zeros(len(ids), np.int32), lambda row: decode(stored[f"{split}/{ids[row]}"]), ids)

    return Splits(images("train"), images("test"))


def _write(
    info: SetInfo, arrays: _Arrays, added: list[dict[str, Any]], images: Mapping[str, bytes], folder: Path
) -> SetInfo:
    """Write the tensors and sidecar of a set with added classes, and their images."""
    source = info.meta["dataset"]
    base = source.get("base", source)
    names = [str(entry["name"]) for entry in added]
    content = hashlib.sha256(repr((base["name"], names)).encode())
    for key in sorted(arrays):
        content.update(np.ascontiguousarray(arrays[key]).tobytes())
    name = f"{base['name']}_plus_{content.hexdigest()[:12]}"
    meta = {
        "fm": info.meta["fm"],
        "dataset": {
            "name": name,
            "label": " + ".join([base["label"], *names]),
            "origin": f"{base['origin']} Added: {', '.join(_origin(entry) for entry in added)}.",
            "class_names": [*base["class_names"], *names],
            "sample_ids": "that of the source, from the first id of an added class",
            "draw_seed": base.get("draw_seed"),
            "held_out": base.get("held_out", False),
            "base": base,
            "added": added,
        },
        "samples": {split: class_sizes(arrays[f"y_{split}"]) for split in SPLITS},
        "encoding": "float32",
        "versions": info.meta.get("versions", {}),
    }
    path = folder / f"{set_name(info.fm, name)}{IMAGES_SUFFIX}"
    if images:
        # Before the set: it is listed once it is complete.
        with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
            for member, data in images.items():
                archive.writestr(zipfile.ZipInfo(member), data)
    try:
        return write_set(folder, arrays, meta)
    except ImprintError:
        path.unlink(missing_ok=True)
        raise


def _origin(entry: Mapping[str, Any]) -> str:
    """Where an added class comes from."""
    return f"{entry['name']} from {entry['dataset']['label'] if 'dataset' in entry else 'your own images'}"


def _arrays(embeddings: EmbeddingSet) -> _Arrays:
    """The tensors of a set, by their names in its file."""
    return {f"{part}_{split}": getattr(embeddings, f"{part}_{split}") for part in ("X", "y", "id") for split in SPLITS}


def _encoded(image: Image.Image) -> bytes:
    """Encode an image to be stored: of limited size, and without the metadata of its file."""
    image = image.convert("L" if image.mode == "L" else "RGB")
    image.thumbnail((_EDGE, _EDGE))
    file = io.BytesIO()
    image.save(file, "png" if max(image.size) <= _SMALL else "jpeg", quality=95)
    return file.getvalue()


def _stored_images(info: SetInfo) -> dict[str, bytes]:
    """Image files of added classes by member, "split/id"; empty if there are none."""
    path = info.path.with_suffix(IMAGES_SUFFIX)
    if not path.is_file():
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            return {member: archive.read(member) for member in archive.namelist()}
    except DAMAGE as error:
        raise ImprintError(f"'{path.name}' is damaged. Remove the class and add it again.") from error


def _id_of(member: str) -> int:
    return int(member.partition("/")[2])
