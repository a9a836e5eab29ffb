"""Labels of FMs and datasets: from the registries, or from the embedding sets of users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo
from imprint_core.models import FOUNDATION_MODELS

# Labels of FMs and datasets that are in no registry, by name.
_LABELS: dict[str, str] = {}


def register_labels(part: str, sets: Iterable[SetInfo]) -> None:
    """Store the labels of FMs ("fm") or datasets ("dataset") of sets; equal labels get the end of the name."""
    _LABELS.update(distinct_labels({info.meta[part]["name"]: str(info.meta[part]["label"]) for info in sets}))


def distinct_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels by name, where equal ones get the end of their name."""
    counts = Counter(labels.values())
    return {name: label if counts[label] == 1 else f"{label} · {name[-4:]}" for name, label in labels.items()}


def count_text(count: int, info: SetInfo) -> str:
    """Count the samples of a set, such as "36 images"; of uploaded embeddings it is not known what they are of."""
    data = info.meta["dataset"]
    noun = "sample" if "columns" in data.get("base", data) else "image"
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def label_of_fm(name: str) -> str:
    """Return the label of an FM."""
    return FOUNDATION_MODELS[name].label if name in FOUNDATION_MODELS else _LABELS.get(name, name)


def label_of_dataset(name: str) -> str:
    """Return the label of a dataset."""
    return DATASETS[name].label if name in DATASETS else _LABELS.get(name, name)


def is_of_user(name: str) -> bool:
    """Whether a label is of users' sets only, perhaps of another visitor's."""
    return name in _LABELS
