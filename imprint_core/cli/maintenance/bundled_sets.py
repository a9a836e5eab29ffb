"""Build the bundled sets: coded embeddings, base maps, and a page of their sources.

Embeddings of many dimensions are coded with 8 bits; the change of accuracy is measured and written beside the sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imprint_core.collapse.measures import nc1
from imprint_core.embeddings.coding import encode_uint8, pack
from imprint_core.embeddings.store import EmbeddingSet, SetInfo, find_sets, open_set, write_set
from imprint_core.embeddings.tensors import read_tensors
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.files import write_atomically
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.maps.store import set_maps_path, write_default_maps

# Embeddings of at most this dimension stay float16.
_MOST_FLOAT16_DIM = 256
_PROBES = (
    Recipe("mean", 1),
    Recipe("kmeans", 5),
    Recipe("kmeans", 20),
    Recipe("all", 1),
    Recipe("mean", 1, "none", "none", "none"),
)
_PROBE_SHOTS = (5, 50, None)


@dataclass(frozen=True)
class Coding:
    """A bundled set: bytes of the set and its maps, and the effect of its coding.

    Changes are of the accuracy, in points, over 5 recipes × 3 n-shots, each the mean of 8 seeds. NC1 is of all training
    samples after L2.
    """

    info: SetInfo
    size: int
    mean_change: float
    largest_change: float
    nc1_before: float
    nc1_after: float


def bundle(source: Path, target: Path, progress: Callable[[str], None] = lambda text: None) -> list[Coding]:
    """Code every set under `source` into `target`, with maps, and list all sets of `target` in its `SOURCES.md`."""
    codings = []
    for info in find_sets(source)[0].values():
        progress(f"{info.path.stem}: coding")
        before = open_set(info)
        after = open_set(_recode(info, target))
        progress(f"{info.path.stem}: maps")
        write_default_maps(after, grid=True)
        changes = np.array(_accuracies(after)) - np.array(_accuracies(before))
        codings.append(
            Coding(
                after.info,
                after.info.path.stat().st_size + set_maps_path(after.info).stat().st_size,
                float(changes.mean()),
                float(np.abs(changes).max()),
                nc1(l2(before.X_train), before.y_train),
                nc1(l2(after.X_train), after.y_train),
            )
        )
    page = target / "SOURCES.md"
    rows = _rows(page.read_text(encoding="utf-8") if page.is_file() else "") | {
        c.info.path.stem: _row(c) for c in codings
    }
    write_atomically(page, _sources(find_sets(target)[0].values(), rows).encode())
    return codings


def _recode(info: SetInfo, target: Path) -> SetInfo:
    tensors = read_tensors(info.path)
    meta = dict(info.meta)
    if tensors["X_train"].shape[1] > _MOST_FLOAT16_DIM:
        x = [tensors[f"X_{s}"].astype(np.float32) for s in ("train", "test")]
        shared, codes = encode_uint8(*x)
        tensors |= shared
        for split, coded in zip(("train", "test"), codes, strict=True):
            tensors[f"X_{split}.packed"] = pack(coded)
            del tensors[f"X_{split}"]
        meta["encoding"] = "uint8, linear for each dimension, packed"
    return write_set(target, tensors, {k: v for k, v in meta.items() if k not in ("format", "sha256")})


def _accuracies(embeddings: EmbeddingSet) -> list[float]:
    pool = choose_classes(embeddings)
    evaluators = {space: Evaluator(pool, space) for space in {r.space for r in _PROBES}}
    return [float(evaluators[r.space].evaluate(r, n, SEEDS).accuracy.mean()) for r in _PROBES for n in _PROBE_SHOTS]


def _rows(page: str) -> dict[str, str]:
    """Rows of the table of codings on an earlier page, by the name of the set."""
    return {line.split()[1]: line for line in page.splitlines() if line.startswith("| ") and "__" in line}


def _row(coding: Coding) -> str:
    meta, samples = coding.info.meta, coding.info.meta["samples"]
    return (
        f"| {coding.info.path.stem} | {meta['encoding'].split(',')[0]} | {coding.size / 1e6:.2f} "
        f"| {samples['train']['count']} + {samples['test']['count']} | {coding.mean_change:+.3f} "
        f"| {coding.largest_change:.3f} | {coding.nc1_before:.4f} | {coding.nc1_after:.4f} |"
    )


def _sources(sets: Iterable[SetInfo], rows: Mapping[str, str]) -> str:
    sets = list(sets)
    size = sum(path.stat().st_size for info in sets for path in (info.path, set_maps_path(info)))
    lines = [
        "# Bundled embeddings: contents, sources and licences",
        "",
        "Computed by `python -m imprint_core embed` and coded by `python -m imprint_core bundle`, which wrote",
        "this page. They contain embeddings and sample numbers, but no images and no weights. The sidecar of each set",
        "(`.json`) lists the digest of the weights, the preprocessing and the library versions.",
        "",
        f"{size / 1e6:.1f} MB in total, with maps.",
        "",
        "## Weights",
        "",
    ]
    fms = {info.fm: info.meta["fm"] for info in sets}
    lines += [f"- **{fm['label']}** ({fm['dim']} dimensions): {fm['weights_origin']}." for fm in fms.values()]
    lines += ["", "## Data", ""]
    data = {info.dataset: info.meta["dataset"] for info in sets}
    lines += [f"- **{d['label']}**: {d['origin']}" for d in data.values()]
    lines += [
        "",
        "## Coding",
        "",
        "Change of accuracy compared with float16 embeddings, in points: mean and largest over mean, k-means",
        "(k = 5, 20) and all shots with L2, and mean without normalization, at 5, 50 and all shots, each the mean of",
        "8 seeds. One of 1,000 test samples is 0.1 point; a different k-means start changes several predictions.",
        "",
        "| set | coding | MB | train + test samples | mean change | largest | NC1 before | after |",
        "|---|---|---|---|---|---|---|---|",
        *(rows[info.path.stem] for info in sets),
    ]
    return "\n".join(lines) + "\n"
