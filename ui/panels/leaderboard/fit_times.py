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
    experiment = selection.experiment.first_seed.with_(recipe=of_fm(recipe, selection.info.fm))

    def make() -> float:
        # Here, for it imports scikit-learn.
        from imprint_core.evaluation.timing import generation_seconds

        shared, seed = results.evaluator(experiment), experiment.seeds[0]
        rows = np.concatenate(shared.shots(experiment.n_shot, seed))
        return generation_seconds(shared.pool.X_train[rows], shared.pool.y_train[rows], experiment.recipe, seed)

    return Point(("fit time", experiment.key), make)
