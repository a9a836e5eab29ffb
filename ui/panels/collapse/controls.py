"""Controls of the Collapse page."""

from __future__ import annotations

from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.collapse.merged_tasks import MANY_CLASSES, MERGEABLE_CLASSES
from imprint_core.embeddings import SetInfo
from imprint_core.sweeps.paper_results import FMS
from ui.compute import results
from ui.controls.control import Control, Sets, Values, controls_of, described, label_in
from ui.text.labels import label_of_dataset

NOT_SHOWN = "none"


def mergeable(sets: Sets, fm: str, data: str) -> list[SetInfo]:
    """Return an FM's sets with many classes in descending order, then the current set if it can be merged."""
    infos = [info for (name, _), info in sets.items() if name == fm]
    counts = {info.dataset: len(results.class_names(info)) for info in infos}
    many = [info for info in infos if counts[info.dataset] >= MANY_CLASSES]
    return sorted(many, key=lambda info: (-counts[info.dataset], info.dataset)) + [
        info for info in infos if info.dataset == data and MERGEABLE_CLASSES <= counts[data] < MANY_CLASSES
    ]


def _mergeable_names(sets: Sets, values: Values) -> list[str]:
    return [info.dataset for info in mergeable(sets, values["fm"], values["data"])] or [values["data"]]


COLLAPSE_CONTROLS = controls_of(
    Control(
        "merge",
        "Merged classes",
        "Dataset whose classes are merged: d random classes into one, so that each merged class has d modes (paper, "
        "§5.3). Datasets with many classes give ten merged classes for every d.",
        _mergeable_names,
        "tiny_imagenet_100",
        label_of_dataset,
        reset_by=("fm",),
    ),
    Control(
        "draws",
        "Draws",
        "Number of random draws of merged classes, each with a separate seed for shots and proxies (default: 3; paper, "
        "§5.3: 10). Curves are medians, bands and whiskers the range.",
        lambda sets, values: [1, 3, 5, 10],
        3,
        kind="segments",
    ),
    Control(
        "merge_n",
        "Shots",
        "All training samples of each class (default; paper, §5.3, Figures 11 and 12), or the sidebar's n-shot.",
        lambda sets, values: ["all", "n"],
        "all",
        lambda value: {"all": "all", "n": "n-shot"}[value],
        "segments",
    ),
    Control(
        "nc1",
        "NC1",
        described(NC1_VARIANTS, "Definition of NC1 on this page (paper, §5.3)."),
        lambda sets, values: list(NC1_VARIANTS),
        "textbook",
        label_in(NC1_VARIANTS),
        "segments",
    ),
    Control(
        "published",
        "Overlay published results",
        "The paper's curves of one FM (§5.3, Figure 11), and all points of Figure 12: ImageNet images, all training "
        "samples, k-means with L2, and NC1 as published (default: none).",
        lambda sets, values: [NOT_SHOWN, *FMS],
        NOT_SHOWN,
        lambda value: value if value == NOT_SHOWN else FMS[value],
    ),
    page="collapse",
)
