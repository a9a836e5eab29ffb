"""What FMs and datasets are called: by the tables, or for a user's own by what their sets say."""

from __future__ import annotations

from imprint_core.datasets import DATASETS
from imprint_core.models import FOUNDATION_MODELS
from ui.controls.control import Sets

# Of the user's own, as far as a run has met them.
_LABELS: dict[str, str] = {}


def meet(part: str, sets: Sets) -> None:
    """Learn the labels of what isn't in the tables; two of one label are told apart by their names' ends."""
    labels = {info.meta[part]["name"]: str(info.meta[part]["label"]) for info in sets.values()}
    for name, label in labels.items():
        twins = [other for other, same in labels.items() if same == label and other != name]
        _LABELS[name] = f"{label} · {name[-4:]}" if twins else label


def label_of_fm(name: str) -> str:
    """An FM's label."""
    return FOUNDATION_MODELS[name].label if name in FOUNDATION_MODELS else _LABELS.get(name, name)


def label_of_dataset(name: str) -> str:
    """A dataset's label."""
    return DATASETS[name].label if name in DATASETS else _LABELS.get(name, name)
