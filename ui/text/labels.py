"""Labels of FMs and datasets: from the registries, or from the embedding sets of users."""

from __future__ import annotations

from collections.abc import Iterable

from imprint_core.datasets import DATASETS
from imprint_core.embeddings import SetInfo
from imprint_core.models import FOUNDATION_MODELS

# Labels of FMs and datasets that are in no registry, by name.
_LABELS: dict[str, str] = {}


def register_labels(part: str, sets: Iterable[SetInfo]) -> None:
    """Store the labels of FMs ("fm") or datasets ("dataset") of sets; equal labels get the end of the name."""
    labels = {info.meta[part]["name"]: str(info.meta[part]["label"]) for info in sets}
    for name, label in labels.items():
        twins = [other for other, same in labels.items() if same == label and other != name]
        _LABELS[name] = f"{label} · {name[-4:]}" if twins else label


def label_of_fm(name: str) -> str:
    """Return the label of an FM."""
    return FOUNDATION_MODELS[name].label if name in FOUNDATION_MODELS else _LABELS.get(name, name)


def label_of_dataset(name: str) -> str:
    """Return the label of a dataset."""
    return DATASETS[name].label if name in DATASETS else _LABELS.get(name, name)
