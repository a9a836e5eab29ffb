"""Extraction: images → FM → embedding set, batch by batch, safe to stop and to resume."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import get_native_id
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from imprint_core.background.locks import lock_job
from imprint_core.background.process import job_folder
from imprint_core.background.progress import ProgressReporter
from imprint_core.datasets import Dataset
from imprint_core.datasets.images import Images, Splits
from imprint_core.embeddings.reuse import EarlierEmbeddings
from imprint_core.embeddings.store import SetInfo, class_sizes, read_info, set_name, write_set, write_sidecar
from imprint_core.embeddings.tensors import TensorPieces, read_tensors, write_tensors
from imprint_core.errors import ImprintError
from imprint_core.files import write_atomically
from imprint_core.models import FoundationModel
from imprint_core.models.libraries import LIBRARIES
from imprint_core.models.loading import LoadedModel, load_model

DRAW_SEED = 0
# Batches decoded ahead of the one that the FM works on.
_AHEAD = 2
# Scheduling priority of decoding threads; the range is −20 (first) to 19 (last).
_LOW_PRIORITY = 15
# From glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_GIGABYTE = 2**30


@dataclass(frozen=True)
class ExtractionJob:
    """What to embed, and where to write the set.

    Attributes
    ----------
    fm : FoundationModel
    dataset : Dataset
    folder : Path
        Where the set is written.
    data_root : Path
        Where the images are.
    per_class, test_per_class : int or None
        Training and test samples per class; None for all.
    weights : Path or None
        A local state dict; None for the one in the weights folder, or the library's official weights.
    weights_origin : str
        Source and licence of the weights, for the sidecar.
    batch_size : int
        Images per forward pass.
    replace : bool
        Whether a set of the same name with other samples or weights is replaced.
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
    replace: bool = False

    @property
    def name(self) -> str:
        """File stem of the set."""
        return set_name(self.fm.name, self.dataset.name)

    @property
    def partial(self) -> Path:
        """Folder of finished batches."""
        return job_folder(self.folder, self.name)


class _Batch(NamedTuple):
    """A forward pass: its number, the split, and the rows there."""

    number: int
    split: str
    rows: NDArray[np.int32]


def extract(
    job: ExtractionJob,
    progress: Callable[[int, int], None] = lambda done, total: None,
    finish: Callable[[SetInfo, Callable[[str], None]], None] = lambda info, report_stage: None,
) -> SetInfo:
    """Run an extraction, or resume one that was stopped.

    Each finished batch is a separate file in `<set>.partial/`. A later run of the same job skips these, so at most one
    batch is computed twice. A complete set is left unchanged.

    Parameters
    ----------
    job : ExtractionJob
    progress : callable
        Called with the number of finished samples and the total, at the start and after each batch.
    finish : callable
        Called with the complete set and a function that reports the current stage, while the job is still locked.

    Returns
    -------
    SetInfo

    Raises
    ------
    ImprintError
        If weights or data are missing or damaged, the disk is full, another process works on the same set, or a set
        of the same name would be replaced.
    """
    with lock_job(job.folder, job.name, "embed"), ProgressReporter(job.partial) as reporter:
        reporter.report_stage("reading the images")
        splits = job.dataset.read(job.data_root)
        rows = {
            "train": splits.train.draw(job.per_class, DRAW_SEED),
            "test": splits.test.draw(job.test_per_class, DRAW_SEED),
        }
        images = {"train": splits.train, "test": splits.test}
        ids = {split: images[split].ids_of(rows[split]) for split in images}
        reporter.report_stage("loading the model")
        model = load_model(job.fm, job.weights)
        plan = _plan(job, model, ids)

        def report(done: int, total: int) -> None:
            reporter.report_count(done, total)
            progress(done, total)

        info = _complete_set(job, plan)
        if info is None:
            _prepare_folder(job, plan)
            batches = list(_batches(rows, job.batch_size))
            _embed(job, model, images, batches, report)
            reporter.report_stage("writing the set")
            info = _assemble(job, model, splits, rows, ids, batches, plan)
        else:
            info = _updated(info, job, splits)
            total = sum(map(len, rows.values()))
            report(total, total)
        finish(info, reporter.report_stage)
        shutil.rmtree(job.partial, ignore_errors=True)
    return info


def _embed(
    job: ExtractionJob,
    model: LoadedModel,
    images: dict[str, Images],
    batches: list[_Batch],
    report: Callable[[int, int], None],
) -> None:
    """Compute the batches that are not on disk yet, and write them there; an earlier set may have their embeddings."""
    earlier = EarlierEmbeddings(job.folder, model.weights_digest, model.preprocessing.text)
    for batch in batches:
        contents, file = images[batch.split].contents, _batch_file(job.partial, batch.number)
        known = None if contents is None or file.exists() else earlier.find(contents[batch.rows])
        if known is not None:
            write_tensors(file, {"x": known})
    remaining = deque(batch for batch in batches if not _batch_file(job.partial, batch.number).exists())
    total = sum(len(batch.rows) for batch in batches)
    done = total - sum(len(batch.rows) for batch in remaining)
    report(done, total)
    # Decoding and resizing of the next batches overlap with the forward pass of this one.
    with ThreadPoolExecutor(_decoder_count(), initializer=_lower_thread_priority) as decoders:
        waiting: deque[tuple[_Batch, Future[torch.Tensor]]] = deque()
        try:
            while remaining or waiting:
                while remaining and len(waiting) < _AHEAD:
                    batch = remaining.popleft()
                    waiting.append((batch, decoders.submit(_pixels, images[batch.split], batch.rows, model)))
                batch, pixels = waiting.popleft()
                x = model.forward(pixels.result())
                if not np.isfinite(x).all():
                    raise ImprintError(
                        f"{job.fm.label} gave values that are not finite: its weights are probably damaged. "
                        "Replace them."
                    )
                # Before the next batch starts, so that a kill costs at most the current batch.
                write_tensors(_batch_file(job.partial, batch.number), {"x": x.astype(np.float16)})
                done += len(x)
                report(done, total)
        finally:
            for _, pixels in waiting:
                pixels.cancel()


def _decoder_count() -> int:
    """Decoding threads: all cores but one beside a GPU; one where the FM runs on the same cores."""
    return max(1, (os.cpu_count() or 2) - 1) if torch.cuda.is_available() else 1


def _lower_thread_priority() -> None:
    """Let this thread yield to those of the FM.

    The threads of a forward pass wait for each other; one that has to share its core delays all of them.
    """
    # Priorities are per thread on Linux only.
    if sys.platform == "linux":
        thread = get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, max(_LOW_PRIORITY, os.getpriority(os.PRIO_PROCESS, thread)))


def _assemble(
    job: ExtractionJob,
    model: LoadedModel,
    splits: Splits,
    rows: dict[str, NDArray[np.int32]],
    ids: dict[str, NDArray[np.int32]],
    batches: list[_Batch],
    plan: str,
) -> SetInfo:
    """Write the set from its batches, one of which is in memory at a time."""
    dim = read_tensors(_batch_file(job.partial, 0))["x"].shape[1]
    labels = {"train": splits.train.labels[rows["train"]], "test": splits.test.labels[rows["test"]]}
    tensors: dict[str, NDArray[Any] | TensorPieces] = {}
    for split in labels:
        tensors |= {f"y_{split}": labels[split], f"id_{split}": ids[split]}
        contents = (splits.train if split == "train" else splits.test).contents
        if contents is not None:
            tensors[f"content_{split}"] = contents[rows[split]]
    for split in labels:
        numbers = [batch.number for batch in batches if batch.split == split]
        pieces = (read_tensors(_batch_file(job.partial, number))["x"] for number in numbers)
        tensors[f"X_{split}"] = TensorPieces(np.dtype(np.float16), (len(labels[split]), dim), pieces)
    return write_set(job.folder, tensors, _sidecar(job, model, splits, labels, dim, plan))


def _batches(rows: dict[str, NDArray[np.int32]], size: int) -> Iterator[_Batch]:
    number = 0
    for split, split_rows in rows.items():
        for start in range(0, len(split_rows), size):
            yield _Batch(number, split, split_rows[start : start + size])
            number += 1


def _pixels(images: Images, rows: NDArray[np.int32], model: LoadedModel) -> torch.Tensor:
    return model.preprocessing.prepare([images.load(int(row)) for row in rows])


def _batch_file(partial: Path, number: int) -> Path:
    return partial / f"{number:06d}.safetensors"


def _plan(job: ExtractionJob, model: LoadedModel, ids: dict[str, NDArray[np.int32]]) -> str:
    """JSON of all that determines the embeddings: batches of another plan can't be reused."""
    plan = {
        "weights": model.weights_digest,
        "transform": model.preprocessing.text,
        "ids": hashlib.sha256(b"".join(i.tobytes() for i in ids.values())).hexdigest(),
        "batch_size": job.batch_size,
    }
    return json.dumps(plan, indent=1)


def _complete_set(job: ExtractionJob, plan: str) -> SetInfo | None:
    """The set of this plan, if it is complete on disk.

    Raises an `ImprintError` if a set of the same name has another plan and is not to be replaced.
    """
    try:
        info = read_info(job.folder / f"{job.name}.safetensors")
    except ImprintError:
        return None
    if info.path.is_file() and _results(info.meta.get("plan", {})) == _results(json.loads(plan)):
        return info
    if not job.replace:
        raise ImprintError(
            f"The set '{job.name}' exists with other samples or weights "
            f"({info.meta['samples']['train']['count']:,} training samples). Add --replace to replace it."
        )
    return None


def _updated(info: SetInfo, job: ExtractionJob, splits: Splits) -> SetInfo:
    """Write where the images are now, and what was left out there, into the sidecar of a set of the same images."""
    dataset = info.meta["dataset"] | {
        "label": splits.label or job.dataset.label,
        "origin": job.dataset.origin,
        "path": job.dataset.path,
        "left_out": [list(file) for file in splits.left_out],
        "held_out": splits.held_out,
    }
    if dataset == info.meta["dataset"]:
        return info
    return write_sidecar(info.path, {**info.meta, "dataset": dataset}, info.digest)


def _results(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What of a plan determines the embeddings."""
    return {key: value for key, value in plan.items() if key != "batch_size"}


def _prepare_folder(job: ExtractionJob, plan: str) -> None:
    """Delete batches of another plan, and temporary files of a killed run."""
    file = job.partial / "plan.json"
    same = file.is_file() and file.read_text(encoding="utf-8") == plan
    stale = [*job.partial.glob(".*.tmp"), *job.folder.glob(f".{job.name}.*.tmp")]
    for path in [*stale, *(() if same else job.partial.glob("*.safetensors"))]:
        path.unlink(missing_ok=True)
    if not same:
        write_atomically(file, plan.encode())


def _sidecar(
    job: ExtractionJob, model: LoadedModel, splits: Splits, labels: dict[str, NDArray[np.int32]], dim: int, plan: str
) -> dict[str, Any]:
    numbers = map(str, range(max(int(y.max()) for y in labels.values()) + 1))
    origin = f"local file {model.weights_file}" if model.weights_file else job.fm.weights_origin
    return {
        "fm": {
            "name": job.fm.name,
            "library": job.fm.library,
            "label": job.fm.label,
            "dim": dim,
            "weights_sha256": model.weights_digest,
            "weights_origin": job.weights_origin or origin,
            "transform": model.preprocessing.text,
        },
        "dataset": {
            "name": job.dataset.name,
            "label": splits.label or job.dataset.label,
            "origin": job.dataset.origin,
            "path": job.dataset.path,
            "class_names": list(job.dataset.class_names or splits.class_names or numbers),
            "sample_ids": "index in the dataset's own training or test split"
            + (", from the first id of its part" if splits.parts else ""),
            "parts": [part._asdict() for part in splits.parts],
            "draw_seed": DRAW_SEED if job.per_class or job.test_per_class else None,
            "left_out": [list(file) for file in splits.left_out],
            "held_out": splits.held_out,
        },
        "samples": {split: class_sizes(y) for split, y in labels.items()},
        "encoding": "float16",
        "versions": _versions(),
        "plan": json.loads(plan),
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("torch", *LIBRARIES, "pillow", "numpy", "safetensors"):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def keep_freed_memory() -> None:
    """Make the C library keep freed large blocks for the rest of this process.

    By default glibc returns them to the system, so each layer of each forward pass has its output's pages mapped
    and cleared again: SqueezeNet embeds 107 images per second by default and 228 with this setting (two cores;
    `python -m benchmarks.extraction` measures it). Call it only in a process that does nothing but embed.
    Without glibc it does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    for option, value in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2 * _GIGABYTE - 1), (_TOP_PAD, _GIGABYTE // 8)):
        mallopt(option, value)
