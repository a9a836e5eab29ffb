"""Bundled curves and fold scores of the bundled sets, which take most of a minute to compute.

`python -m imprint_core survey --of collapse` writes them; pages look them up by the keys of `merged_tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from imprint_core.collapse.k_curves import TaskCurve
from imprint_core.collapse.merged_tasks import KSelectionJob, all_tasks, compute_curve, curve_key, most_shots
from imprint_core.embeddings import SetInfo, open_set
from imprint_core.errors import ImprintError
from imprint_core.evaluation.results_version import read_json
from imprint_core.evaluation.task import class_names
from imprint_core.paths import bundled_folder
from imprint_core.recipes.presets import PRESETS

PRECOMPUTED_DRAWS = 3


def precomputed_path() -> Path:
    """Return the path of the bundled file."""
    return bundled_folder() / "collapse.json"


@cache
def precomputed_results() -> Mapping[str, Any]:
    """Return bundled curves and fold scores by key; none if the file is missing or of another version."""
    try:
        values = read_json(precomputed_path())
    except ImprintError:
        # Pages then compute the results, as for other sets.
        return {}
    return {
        key: np.array(value) if isinstance(value, list) else TaskCurve(value["nc1"], np.array(value["accuracy"]))
        for key, value in values.items()
    }


def compute_results(
    sets: Iterable[SetInfo], class_count: Callable[[SetInfo], int], report: Callable[[str], None]
) -> Iterator[tuple[str, Any]]:
    """Compute what the bundled file holds, as JSON values: the paper's recipe on all training samples."""
    recipe = PRESETS["own"].recipe
    for info in sets:
        embeddings = open_set(info)
        for task in all_tasks([info], class_count, PRECOMPUTED_DRAWS):
            report(f"{info.path.stem} {task.spec}")
            curve = compute_curve(task, embeddings, recipe, None)
            accuracy = [round(value, 6) for value in curve.accuracy.tolist()]
            yield curve_key(task, recipe, None), {"nc1": curve.nc1, "accuracy": accuracy}
            if task.draw == 1 and task.d:
                job = KSelectionJob(task.experiment(recipe, None), task.ks)
                sizes = np.bincount(embeddings.y_train).tolist()
                for fold in range(job.fold_count(most_shots(task.spec, class_names(embeddings), sizes, None))):
                    scores = job.scores(fold, embeddings)
                    yield job.key(fold), [round(value, 6) for value in scores.tolist()]
