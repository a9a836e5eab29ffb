"""Images → FM → embedding set, one batch at a time, safe to stop and to take up again."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imprint_core.datasets import Dataset
from imprint_core.datasets.images import Images
from imprint_core.embeddings.store import (
    SetInfo,
    read_tensors,
    set_name,
    write_set,
    write_tensors,
    write_whole,
)
from imprint_core.errors import ImprintError
from imprint_core.models import FoundationModel
from imprint_core.models.loading import LoadedModel, load_model

DRAW_SEED = 0
_LIBRARIES = ("torch", "torchvision", "timm", "pillow", "numpy", "safetensors")


@dataclass(frozen=True)
class Job:
    """One extraction: what to embed, and where to.

    Attributes
    ----------
    fm : FoundationModel
    dataset : Dataset
    folder : Path
        Where the set is written.
    data_root : Path
        Where the images are.
    per_class, test_per_class : int or None
        Samples of each class in either split; None for all.
    weights : Path or None
        A local state dict; None for the library's official weights.
    weights_origin : str
        Where the weights come from and under which licence, for the sidecar.
    batch_size : int
        Images a forward pass.
    """

    fm: FoundationModel
    dataset: Dataset
    folder: Path
    data_root: Path
    per_class: int | None = None
    test_per_class: int | None = None
    weights: Path | None = None
    weights_origin: str = ""
    batch_size: int = 64


def extract(job: Job, progress: Callable[[int, int], None] = lambda done, total: None) -> SetInfo:
    """Run an extraction, or the rest of one that was stopped.

    Every finished batch is a file of its own in `<set>.partial/`; a run that finds batches
    of the same job there goes on behind them, so at most one batch is done twice.

    Parameters
    ----------
    job : Job
        What to do.
    progress : callable
        Called with the number of samples done and the total, at the start and after each batch.

    Returns
    -------
    SetInfo
        Of the finished set.

    Raises
    ------
    ImprintError
        If weights or data can't be had or read, or the disk is full.
    """
    splits = job.dataset.read(job.data_root)
    ids = {
        "train": splits.train.draw(job.per_class, DRAW_SEED),
        "test": splits.test.draw(job.test_per_class, DRAW_SEED),
    }
    model = load_model(job.fm, job.weights)
    batches = list(_batches(ids, job.batch_size))
    partial = job.folder / f"{set_name(job.fm.name, job.dataset.name)}.partial"
    _enter(partial, _plan(job, model, ids))

    total = sum(len(b) for _, b in batches)
    images = {"train": splits.train, "test": splits.test}
    todo = [i for i in range(len(batches)) if not _shard(partial, i).exists()]
    done = total - sum(len(batches[i][1]) for i in todo)
    progress(done, total)
    with ThreadPoolExecutor(1) as ahead:
        # Decoding and resizing of the next batch overlap with this one's forward pass.
        waiting = [ahead.submit(_pixels, images[batches[i][0]], batches[i][1], model) for i in todo[:1]]
        for place, i in enumerate(todo):
            pixels = waiting.pop().result()
            if place + 1 < len(todo):
                split, chosen = batches[todo[place + 1]]
                waiting.append(ahead.submit(_pixels, images[split], chosen, model))
            with torch.inference_mode():
                x = model.network(pixels).flatten(1).numpy()
            if not np.isfinite(x).all():
                raise ImprintError(f"{job.fm.label} gave values that are not finite; its weights are probably damaged.")
            write_tensors(_shard(partial, i), {"x": x.astype(np.float16)})
            done += len(x)
            progress(done, total)

    parts: dict[str, list[NDArray[Any]]] = {"train": [], "test": []}
    for i, (split, _) in enumerate(batches):
        parts[split].append(read_tensors(_shard(partial, i))["x"])
    tensors: dict[str, NDArray[Any]] = {}
    for split, chosen in ids.items():
        tensors[f"X_{split}"] = np.concatenate(parts[split])
        tensors[f"y_{split}"] = images[split].labels[chosen]
        tensors[f"id_{split}"] = chosen
    names = job.dataset.class_names or splits.class_names or ()
    info = write_set(job.folder, tensors, _sidecar(job, model, tensors, names))
    shutil.rmtree(partial)
    return info


def _batches(ids: dict[str, NDArray[np.int32]], size: int) -> Iterator[tuple[str, NDArray[np.int32]]]:
    for split, chosen in ids.items():
        for start in range(0, len(chosen), size):
            yield split, chosen[start : start + size]


def _pixels(images: Images, chosen: NDArray[np.int32], model: LoadedModel) -> torch.Tensor:
    batch = torch.stack([model.transform(images.load(int(i))) for i in chosen])
    return batch.contiguous(memory_format=torch.channels_last)


def _shard(partial: Path, i: int) -> Path:
    return partial / f"{i:06d}.safetensors"


def _plan(job: Job, model: LoadedModel, ids: dict[str, NDArray[np.int32]]) -> str:
    drawn = hashlib.sha256(b"".join(i.tobytes() for i in ids.values())).hexdigest()
    plan = {
        "weights": model.weights_digest,
        "transform": model.transform_text,
        "ids": drawn,
        "batch_size": job.batch_size,
    }
    return json.dumps(plan, indent=1)


def _enter(partial: Path, plan: str) -> None:
    """Make the folder of this plan's batches; one of another plan is cleared away."""
    file = partial / "plan.json"
    if not file.is_file() or file.read_text(encoding="utf-8") != plan:
        shutil.rmtree(partial, ignore_errors=True)
        write_whole(file, plan.encode())


def _default_origin(job: Job) -> str:
    if job.weights is not None:
        return f"local file {job.weights.name}"
    return f"official {job.fm.library} weights {job.fm.weights}"


def _sidecar(
    job: Job, model: LoadedModel, tensors: dict[str, NDArray[Any]], class_names: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "fm": {
            "name": job.fm.name,
            "library": job.fm.library,
            "label": job.fm.label,
            "dim": int(tensors["X_train"].shape[1]),
            "weights_sha256": model.weights_digest,
            "weights_origin": job.weights_origin or _default_origin(job),
            "transform": model.transform_text,
        },
        "dataset": {
            "name": job.dataset.name,
            "label": job.dataset.label,
            "origin": job.dataset.origin,
            "class_names": list(class_names),
            "sample_ids": "index in the dataset's own training or test split",
            "draw_seed": DRAW_SEED,
        },
        "samples": {
            split: {
                "count": len(tensors[f"y_{split}"]),
                "per_class_least": int(np.bincount(tensors[f"y_{split}"]).min()),
                "per_class_most": int(np.bincount(tensors[f"y_{split}"]).max()),
            }
            for split in ("train", "test")
        },
        "encoding": "float16",
        "versions": {name: version(name) for name in _LIBRARIES},
    }
