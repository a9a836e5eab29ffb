"""Images → FM → embedding set, one batch at a time, safe to stop and to take up again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from threading import get_native_id
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imprint_core.background.progress import Reporter, hold
from imprint_core.datasets import Dataset
from imprint_core.datasets.images import Images, Splits
from imprint_core.embeddings.store import (
    EXPLORED,
    SetInfo,
    Tensor,
    class_sizes,
    open_set,
    read_info,
    read_tensors,
    set_name,
    whole,
    write_set,
    write_tensors,
    write_whole,
)
from imprint_core.errors import ImprintError
from imprint_core.maps.store import maps_path, write_maps
from imprint_core.models import FoundationModel
from imprint_core.models.loading import LoadedModel, load_model

DRAW_SEED = 0
_LIBRARIES = ("torch", "torchvision", "timm", "pillow", "numpy", "safetensors")
# Batches decoded ahead of the one that the FM works on.
_AHEAD = 2
# Of the scheduler's priorities, from −20 to 19.
_LOW = 15


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
        A local state dict; None for the one in the weights folder, or the library's official weights.
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

    @property
    def name(self) -> str:
        """File stem of the set."""
        return set_name(self.fm.name, self.dataset.name)

    @property
    def partial(self) -> Path:
        """Folder of what is done."""
        return self.folder / f"{self.name}.partial"


class _Batch(NamedTuple):
    """A forward pass: its number, the split, and the rows there."""

    number: int
    split: str
    rows: NDArray[np.int32]


def extract(job: Job, progress: Callable[[int, int], None] = lambda done, total: None, maps: bool = False) -> SetInfo:
    """Run an extraction, or the rest of one that was stopped.

    Every finished batch is a file of its own in `<set>.partial/`; a run that finds batches
    of the same job there goes on behind them, so at most one batch is done twice. A set that
    is complete already is left as it is.

    Parameters
    ----------
    job : Job
        What to do.
    progress : callable
        Called with the number of samples done and the total, at the start and after each batch.
    maps : bool
        Whether to compute the set's base maps, too, so that its first picture needs no waiting.

    Returns
    -------
    SetInfo
        Of the finished set.

    Raises
    ------
    ImprintError
        If weights or data can't be had or read, the disk is full, or another process works on the same set.
    """
    with hold(job.folder, job.name), Reporter(job.partial) as reporter:
        reporter.stage("reading the images")
        splits = job.dataset.read(job.data_root)
        rows = {
            "train": splits.train.draw(job.per_class, DRAW_SEED),
            "test": splits.test.draw(job.test_per_class, DRAW_SEED),
        }
        images = {"train": splits.train, "test": splits.test}
        ids = {split: images[split].ids_of(rows[split]) for split in images}
        reporter.stage("loading the model")
        model = load_model(job.fm, job.weights)
        plan = _plan(job, model, ids)

        def report(done: int, total: int) -> None:
            reporter.count(done, total)
            progress(done, total)

        info = _complete(job, plan)
        if info is None:
            _enter(job, plan)
            batches = list(_batches(rows, job.batch_size))
            _embed(job, model, images, batches, report)
            reporter.stage("writing the set")
            info = _assemble(job, model, splits, rows, ids, batches, plan)
        else:
            total = sum(map(len, rows.values()))
            report(total, total)
        if maps and not maps_path(info).is_file():
            write_maps(open_set(info, EXPLORED), lambda name, share: reporter.stage(f"computing the base map: {name}"))
        shutil.rmtree(job.partial, ignore_errors=True)
    return info


def _embed(
    job: Job,
    model: LoadedModel,
    images: dict[str, Images],
    batches: list[_Batch],
    report: Callable[[int, int], None],
) -> None:
    """Run the batches that aren't on disk yet, and put them there."""
    todo = deque(batch for batch in batches if not _shard(job.partial, batch.number).exists())
    total = sum(len(batch.rows) for batch in batches)
    done = total - sum(len(batch.rows) for batch in todo)
    report(done, total)
    # Decoding and resizing of the next batches overlap with this one's forward pass.
    with ThreadPoolExecutor(_decoders(), initializer=_step_back) as decoders:
        waiting: deque[tuple[_Batch, Future[torch.Tensor]]] = deque()
        try:
            while todo or waiting:
                while todo and len(waiting) < _AHEAD:
                    batch = todo.popleft()
                    waiting.append((batch, decoders.submit(_pixels, images[batch.split], batch.rows, model)))
                batch, pixels = waiting.popleft()
                x = model.forward(pixels.result())
                if not np.isfinite(x).all():
                    raise ImprintError(
                        f"{job.fm.label} gave values that are not finite; its weights are probably damaged."
                    )
                # Before anything else is begun, so that a kill costs no more than the batch at work.
                write_tensors(_shard(job.partial, batch.number), {"x": x.astype(np.float16)})
                done += len(x)
                report(done, total)
        finally:
            for _, pixels in waiting:
                pixels.cancel()


def _decoders() -> int:
    """On a GPU every core may decode; beside an FM on the same cores one thread is enough."""
    return max(1, (os.cpu_count() or 2) - 1) if torch.cuda.is_available() else 1


def _step_back() -> None:
    """Let this thread give way to the FM's.

    The threads of a forward pass wait for each other; one that has to share its core holds up all of them.
    """
    # Linux gives every thread a priority of its own.
    if sys.platform == "linux":
        thread = get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_LOW, os.getpriority(os.PRIO_PROCESS, thread)))


def _assemble(
    job: Job,
    model: LoadedModel,
    splits: Splits,
    rows: dict[str, NDArray[np.int32]],
    ids: dict[str, NDArray[np.int32]],
    batches: list[_Batch],
    plan: str,
) -> SetInfo:
    """Write the set out of its batches, of which one at a time is in memory."""
    dim = read_tensors(_shard(job.partial, 0))["x"].shape[1]
    labels = {"train": splits.train.labels[rows["train"]], "test": splits.test.labels[rows["test"]]}
    tensors: dict[str, Tensor] = {}
    # Those of another set under this name would be taken for this one's.
    (job.folder / f"{job.name}.maps.safetensors").unlink(missing_ok=True)
    for split in labels:
        tensors |= {f"y_{split}": whole(labels[split]), f"id_{split}": whole(ids[split])}
    for split in labels:
        own = [batch.number for batch in batches if batch.split == split]
        shards = (read_tensors(_shard(job.partial, number))["x"] for number in own)
        tensors[f"X_{split}"] = Tensor(np.dtype(np.float16), (len(labels[split]), dim), shards)
    return write_set(job.folder, tensors, _sidecar(job, model, splits, labels, dim, plan))


def _batches(rows: dict[str, NDArray[np.int32]], size: int) -> Iterator[_Batch]:
    number = 0
    for split, chosen in rows.items():
        for start in range(0, len(chosen), size):
            yield _Batch(number, split, chosen[start : start + size])
            number += 1


def _pixels(images: Images, rows: NDArray[np.int32], model: LoadedModel) -> torch.Tensor:
    return model.preprocessing.prepare([images.load(int(row)) for row in rows])


def _shard(partial: Path, number: int) -> Path:
    return partial / f"{number:06d}.safetensors"


def _plan(job: Job, model: LoadedModel, ids: dict[str, NDArray[np.int32]]) -> str:
    drawn = hashlib.sha256(b"".join(i.tobytes() for i in ids.values())).hexdigest()
    plan = {
        "weights": model.weights_digest,
        "transform": model.preprocessing.text,
        "ids": drawn,
        "batch_size": job.batch_size,
    }
    return json.dumps(plan, indent=1)


def _complete(job: Job, plan: str) -> SetInfo | None:
    """The set, if it is there and came out of this very plan."""
    try:
        info = read_info(job.folder / f"{job.name}.safetensors")
    except ImprintError:
        return None
    return info if info.meta.get("plan") == json.loads(plan) and info.path.is_file() else None


def _enter(job: Job, plan: str) -> None:
    """Clear away batches of another plan, and what a killed run left of files that it was writing."""
    file = job.partial / "plan.json"
    same = file.is_file() and file.read_text(encoding="utf-8") == plan
    stale = [*job.partial.glob(".*.tmp"), *job.folder.glob(f".{job.name}.*.tmp")]
    for path in [*stale, *(() if same else job.partial.glob("*.safetensors"))]:
        path.unlink(missing_ok=True)
    if not same:
        write_whole(file, plan.encode())


def _default_origin(job: Job, model: LoadedModel) -> str:
    if model.weights_file:
        return f"local file {model.weights_file}"
    return f"official {job.fm.library} weights {job.fm.weights}"


def _sidecar(
    job: Job, model: LoadedModel, splits: Splits, labels: dict[str, NDArray[np.int32]], dim: int, plan: str
) -> dict[str, Any]:
    return {
        "fm": {
            "name": job.fm.name,
            "library": job.fm.library,
            "label": job.fm.label,
            "dim": dim,
            "weights_sha256": model.weights_digest,
            "weights_origin": job.weights_origin or _default_origin(job, model),
            "transform": model.preprocessing.text,
        },
        "dataset": {
            "name": job.dataset.name,
            "label": splits.label or job.dataset.label,
            "origin": job.dataset.origin,
            "path": job.dataset.path,
            "class_names": list(job.dataset.class_names or splits.class_names or _numbers(labels)),
            "sample_ids": "index in the dataset's own training or test split"
            + (", from the first id of its part" if splits.parts else ""),
            "parts": [part._asdict() for part in splits.parts],
            "draw_seed": DRAW_SEED if job.per_class or job.test_per_class else None,
        },
        "samples": {split: class_sizes(y) for split, y in labels.items()},
        "encoding": "float16",
        "versions": {name: version(name) for name in _LIBRARIES},
        "plan": json.loads(plan),
    }


def _numbers(labels: dict[str, NDArray[np.int32]]) -> list[str]:
    """Names for classes that have none: their numbers."""
    return [str(c) for c in range(max(int(y.max()) for y in labels.values()) + 1)]
