"""Embeddings in files of users, described and added as sets; the files are read in a guarded process."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imprint_core.background.guard import Limits, run_guarded
from imprint_core.background.locks import scratch_folder
from imprint_core.datasets.names import clean_name
from imprint_core.embeddings.store import (
    SetInfo,
    class_sizes,
    find_sets,
    move_set,
    read_info,
    set_name,
    write_sidecar,
)
from imprint_core.errors import ImprintError
from imprint_core.models import FoundationModel
from imprint_core.registry import look_up
from imprint_core.uploads.formats import EMBEDDING_FORMATS
from imprint_core.uploads.rows import LeftOutColumn, Samples, check_samples, write_samples

_MOST_LISTED = 50
_TENSORS = "set.safetensors"


@dataclass(frozen=True)
class SizeLimits:
    """Limits of embeddings that are added: bytes in float32, and those of the process that reads the file."""

    embeddings: int
    process: Limits


ON_PAGES = SizeLimits(2_000_000_000, Limits())
IN_COMMANDS = SizeLimits(100_000_000_000, Limits(seconds=86_400, written=110_000_000_000))


@dataclass(frozen=True)
class FileContents:
    """What a file of embeddings holds.

    Attributes
    ----------
    train, test, dimensions : int
        Number of training samples, test samples and dimensions.
    class_names : list of str
    taken : str
        Columns or arrays that are the embedding.
    left_out : list of LeftOutColumn
        The other ones, with the reason.
    notes : list of str
        Sentences about decisions made while reading.
    """

    train: int
    test: int
    dimensions: int
    class_names: list[str]
    taken: str
    left_out: list[LeftOutColumn]
    notes: list[str]


def describe_embeddings(
    files: Sequence[Path],
    suffix: str,
    fm: FoundationModel | None = None,
) -> FileContents:
    """Describe the embeddings in a file of one of `EMBEDDING_FORMATS`, or in two files, as a page would add them.

    Raises an `ImprintError` as `add_embeddings` does.
    """
    arguments = _arguments(files, suffix, fm, ON_PAGES.embeddings, strict=False)
    return _contents(run_guarded(describe_files, arguments, limits=ON_PAGES.process))


def add_embeddings(
    files: Sequence[Path],
    suffix: str,
    label: str,
    fm: FoundationModel | None,
    folder: Path,
    *,
    limits: SizeLimits = ON_PAGES,
    strict: bool = False,
    same_label: Callable[[list[SetInfo]], None] = lambda sets: None,
    show: Callable[[FileContents], None] = lambda contents: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SetInfo:
    """Check the embeddings in a file, or in two files, and add them as a set that is named by its content.

    Parameters
    ----------
    files, suffix
        The files and the key of their format in `EMBEDDING_FORMATS`.
    label : str
        Name of the dataset for people.
    fm : FoundationModel, optional
        The FM that computed the embeddings; None if it is not in the registry.
    folder : Path
        Folder of the set.
    limits : SizeLimits
    strict : bool
        Whether columns that are doubtful are an error; otherwise they are left out.
    same_label : callable
        Called before the set appears, with sets of the same FM and label but other content; it may raise.
    show : callable
        Called with the contents before anything is written.
    progress : callable
        Called with the number of rows done and their total.

    Raises
    ------
    ImprintError
        If a file is damaged or too large, its embeddings cannot be used or do not have the FM's dimensions, or the
        folder is not writable.
    """

    def report(kind: str, *values: Any) -> None:
        if kind == "contents":
            show(_contents(values[0]))
        else:
            progress(*values)

    with scratch_folder(folder, "sets") as scratch:
        model = {"name": fm.name, "library": fm.library, "label": fm.label} if fm else {}
        arguments = _arguments(files, suffix, fm, limits.embeddings, strict)
        arguments |= {"folder": str(scratch), "label": clean_name(label), "model": model}
        info = read_info(scratch / run_guarded(write_set_of_files, arguments, report, limits.process))
        sets = find_sets(folder)[0].values()
        same_label(
            [
                other
                for other in sets
                if (other.fm, other.meta["dataset"]["label"]) == (info.fm, info.meta["dataset"]["label"])
                and other.dataset != info.dataset
            ]
        )
        return move_set(info, folder)


def _arguments(
    files: Sequence[Path], suffix: str, fm: FoundationModel | None, most_bytes: int, strict: bool
) -> dict[str, Any]:
    form = look_up(EMBEDDING_FORMATS, suffix, "embedding format")
    if len(files) != (2 if form.second else 1):
        required = "two files, of embeddings and of labels," if form.second else "one file"
        raise ImprintError(
            f"Embeddings in .{suffix} need {required} instead of {len(files)}; give {required.rstrip(',')}."
        )
    return {
        # The process does not share this one's table of formats.
        "reader": [form.read.__module__, form.read.__qualname__],
        "files": [str(Path(file).resolve()) for file in files],
        "fm": [fm.label, fm.dim] if fm else None,
        "most_bytes": most_bytes,
        "strict": strict,
    }


def _contents(values: dict[str, Any]) -> FileContents:
    return FileContents(**values | {"left_out": [LeftOutColumn(*entry) for entry in values["left_out"]]})


def describe_files(report: Callable[..., None], **arguments: Any) -> dict[str, Any]:
    """Describe embeddings, in the guarded process."""
    with ExitStack() as stack:
        return asdict(_describe(_open(stack, **arguments)))


def write_set_of_files(
    report: Callable[..., None], folder: str, label: str, model: dict[str, str], **arguments: Any
) -> str:
    """Write a set, in the guarded process; return the name of its tensor file."""
    tempfile.tempdir = folder
    with ExitStack() as stack:
        samples = _open(stack, **arguments)
        contents = _describe(samples)
        report("contents", asdict(contents))
        path = Path(folder) / _TENSORS
        digest, content, labels = write_samples(samples, path, lambda done, total: report("rows", done, total))
    width = contents.dimensions
    fm = model or {"name": f"own_{width}d", "library": "", "label": f"Your model ({width}-d)"}
    meta: dict[str, Any] = {
        "fm": {
            **fm,
            "dim": width,
            "weights_sha256": "",
            "weights_origin": "uploaded embeddings; the weights are unknown",
            "transform": "unknown",
        },
        "dataset": {
            "name": f"own_{content[:12]}",
            "label": label,
            "origin": "Uploaded embeddings, stored on this machine.",
            "path": "",
            "class_names": contents.class_names,
            "sample_ids": "row in the training or test split of the uploaded file",
            "parts": [],
            "held_out": samples.held_out,
            "columns": {"embedding": contents.taken, "left out": {e.name: e.reason for e in contents.left_out}},
        },
        "samples": {split: class_sizes(y) for split, y in labels.items()},
        "encoding": "float32",
    }
    target = path.with_name(f"{set_name(meta['fm']['name'], meta['dataset']['name'])}.safetensors")
    path.rename(target)
    write_sidecar(target, meta, digest)
    return target.name


def _open(
    stack: ExitStack,
    reader: tuple[str, str],
    files: Sequence[str],
    fm: tuple[str, int | None] | None,
    most_bytes: int,
    strict: bool,
) -> Samples:
    """Open files and check all but their numbers."""
    read = getattr(importlib.import_module(reader[0]), reader[1])
    try:
        opened = [stack.enter_context(Path(file).open("rb")) for file in files]  # noqa: SIM115
    except OSError as error:
        raise ImprintError(
            f"'{Path(error.filename).name}' is not readable ({error.strerror}). Give another file."
        ) from error
    rows = read(*opened)
    if fm and fm[1] is not None and rows.width != fm[1]:
        raise ImprintError(
            f"These embeddings have {rows.width:,} dimensions, but {fm[0]} has {fm[1]:,}; "
            "choose the model that computed them."
        )
    doubtful = [entry for entry in rows.left_out if entry.doubtful]
    if strict and doubtful:
        raise ImprintError(
            f"Column '{doubtful[0].name}' may not be part of the embedding ({doubtful[0].reason}). Remove it from the "
            "table."
        )
    return check_samples(rows, most_bytes)


def _describe(samples: Samples) -> FileContents:
    test = int(samples.test.sum())
    left_out = list(samples.rows.left_out)
    if len(left_out) > _MOST_LISTED:
        more = len(left_out) - _MOST_LISTED + 1
        left_out[_MOST_LISTED - 1 :] = [LeftOutColumn(f"{more:,} more", "not listed")]
    notes = [
        f"The file has no split. A quarter of each class, {test:,} of {len(samples.y):,} samples, is the test split."
    ]
    return FileContents(
        len(samples.y) - test,
        test,
        samples.rows.width,
        list(samples.class_names),
        samples.rows.taken,
        left_out,
        notes if samples.held_out else [],
    )
