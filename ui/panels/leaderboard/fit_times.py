"""How long recipes take to make proxies of the task in force, as points that fill in."""

from __future__ import annotations

import numpy as np

from imprint_core.framework.recipe import Recipe
from imprint_core.sweeps.sweep_table import of_fm
from ui.compute import results
from ui.compute.progressive import Point
from ui.controls.sidebar import Selection


def time_point(selection: Selection, recipe: Recipe) -> Point:
    """Seconds for the first seed's shots."""
    info, classes, n, seed = selection.info, selection.task.classes, selection.n, selection.seeds[0]
    own = of_fm(recipe, info.fm)

    def make() -> float:
        # Here, for it imports scikit-learn.
        from imprint_core.evaluation.timing import generation_seconds

        shared = results.evaluator(info, classes, own)
        rows = np.concatenate(shared.shots(n, seed))
        return generation_seconds(shared.pool.X_train[rows], shared.pool.y_train[rows], own, seed)

    return Point(("fit time", results.key_of(info), classes, n, own, seed), make)
