"""The controls of the Collapse page."""

from __future__ import annotations

from imprint_core.collapse.measures import NC1_VARIANTS
from imprint_core.collapse.merged_tasks import MANY, SOME
from imprint_core.embeddings import SetInfo
from imprint_core.sweeps.paper_results import FMS
from ui.compute import results
from ui.controls.control import Control, Sets, Values, described, label_in
from ui.text.labels import label_of_dataset

NOT_SHOWN = "none"


def mergeable(sets: Sets, fm: str, data: str) -> list[SetInfo]:
    """The sets of an FM whose classes can be merged, those of many classes first, and then the one in force."""
    own = [info for (name, _), info in sets.items() if name == fm]
    counts = {info.dataset: len(results.class_names(info)) for info in own}
    found = sorted((i for i in own if counts[i.dataset] >= MANY), key=lambda i: (-counts[i.dataset], i.dataset))
    return found + [i for i in own if i.dataset == data and SOME <= counts[data] < MANY]


def _merged(sets: Sets, values: Values) -> list[str]:
    return [info.dataset for info in mergeable(sets, values["fm"], values["data"])] or [values["data"]]


COLLAPSE_CONTROLS = (
    Control(
        "merge",
        "Collapse",
        "Merged classes",
        "Classes are merged at random, d into one, so that every merged class has d modes (paper, §5.3). With many "
        "classes there are ten merged ones whatever d is.",
        _merged,
        "tiny_imagenet_100",
        label_of_dataset,
        about=("fm",),
        page="collapse",
    ),
    Control(
        "draws",
        "Collapse",
        "Draws",
        "How often classes are merged anew at random (paper, §5.3: ten times), with a seed of its own for shots and "
        "proxies each. Curves are medians, bands and whiskers the range.",
        lambda sets, values: [1, 3, 5, 10],
        3,
        kind="segments",
        page="collapse",
    ),
    Control(
        "merge_n",
        "Collapse",
        "Shots",
        "All training samples of each class, as in the paper's Figures 11 and 12 (§5.3), or as many as the "
        "sidebar's n-shot.",
        lambda sets, values: ["all", "n"],
        "all",
        lambda value: {"all": "all", "n": "n-shot"}[value],
        "segments",
        page="collapse",
    ),
    Control(
        "nc1",
        "Collapse",
        "NC1",
        described(NC1_VARIANTS, "Which of the two definitions every NC1 on this page has (paper, §5.3)."),
        lambda sets, values: list(NC1_VARIANTS),
        "textbook",
        label_in(NC1_VARIANTS),
        "segments",
        page="collapse",
    ),
    Control(
        "published",
        "Collapse",
        "Lay over, as published",
        "The paper's curves of one of its FMs (§5.3, Figure 11), and all points of its Figure 12: on ImageNet's own "
        "images, with all training samples, k-means and L2, and with NC1 as published.",
        lambda sets, values: [NOT_SHOWN, *FMS],
        NOT_SHOWN,
        lambda value: "nothing" if value == NOT_SHOWN else FMS[value],
        page="collapse",
    ),
)
