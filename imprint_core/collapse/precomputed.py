"""What the Collapse page shows first of the bundled sets, computed by `python -m imprint_core survey --of collapse`.

It takes most of a minute, and a page is to be there at once. Pages look it up under the keys of `collapse_tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from imprint_core.collapse.k_curves import TaskCurve
from imprint_core.collapse.merged_tasks import curve_key, curve_of, every_task, merged_asking, most_shots
from imprint_core.embeddings import SetInfo, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.results_version import read_json
from imprint_core.evaluation.task import class_names
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS

KEPT_DRAWS = 3


def kept_path() -> Path:
    """Where it lies what comes with the bundled sets."""
    return bundled_folder() / "collapse.json"


@cache
def kept() -> Mapping[str, Any]:
    """What comes with the bundled sets: curves and folds' scores by their keys; without the file, nothing."""
    found: dict[str, Any] = {}
    try:
        values = read_json(kept_path())
    except ImprintError:
        # Pages compute the results then, as they do for other sets.
        return found
    for key, value in values.items():
        if isinstance(value, list):
            found[key] = np.array(value)
        else:
            found[key] = TaskCurve(value["nc1"], np.array(value["accuracy"]))
    return found


def compute_kept(
    sets: Mapping[tuple[str, str], SetInfo], count: Callable[[SetInfo], int], tell: Callable[[str], None]
) -> Iterator[tuple[str, Any]]:
    """What `kept` gives, as JSON takes it, computed: the paper's own recipe on all training samples."""
    recipe = PRESETS["own"].recipe
    for info in sets.values():
        embeddings = open_set(info)
        for task in every_task({("", ""): info}, count, KEPT_DRAWS):
            tell(f"{info.path.stem} {task.spec}")
            curve = curve_of(task, embeddings, recipe, None)
            accuracy = [round(value, 6) for value in curve.accuracy.tolist()]
            yield curve_key(task, recipe, None), {"nc1": curve.nc1, "accuracy": accuracy}
            if task.draw == 1 and task.d:
                asking = merged_asking(info, task, recipe, None)
                sizes = np.bincount(embeddings.y_train).tolist()
                for fold in range(asking.folds(most_shots(task.spec, class_names(embeddings), sizes, None))):
                    scores = asking.scores(fold, embeddings)
                    yield asking.key(fold), [round(value, 6) for value in scores.tolist()]
