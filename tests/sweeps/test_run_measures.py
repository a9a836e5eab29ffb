from types import SimpleNamespace

import numpy as np
import pytest

from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.metrics import macro_f1
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.normalization import l2
from imprint_core.framework.recipe import Recipe
from imprint_core.sweeps.run_measures import MEASURES, measure_predictions, measure_shots
from tests.collapse.naive_measures import NaiveMeasures


def test_every_measure_is_of_predictions_or_of_shots():
    assert all((m.of_predictions is None) != (m.of_shots is None) for m in MEASURES.values())


def test_measures_of_predictions_are_the_evaluators(vit_digits):
    recipe = Recipe("mean")
    evaluator = Evaluator(choose_classes(vit_digits), recipe.space)
    evaluation = evaluator.evaluate(recipe, 5, SEEDS[:3])
    values = measure_predictions(evaluator.truth, evaluation.predictions, 10)
    assert set(values) == {"accuracy", "macro_f1"}
    np.testing.assert_array_equal(values["accuracy"], evaluation.accuracy)
    f1 = [macro_f1(evaluator.truth, predicted, 10) for predicted in evaluation.predictions]
    np.testing.assert_allclose(values["macro_f1"], f1, atol=5e-5)


def test_measures_of_shots_are_after_norm_pre(vit_digits):
    pool = choose_classes(vit_digits)
    evaluator = Evaluator(pool, Recipe().space)
    for norm, function in (("l2", l2), ("none", lambda x: x)):
        values = measure_shots(pool, norm, 20, SEEDS[:2])["nc1"]
        for seed, value in zip(SEEDS, values, strict=False):
            rows = np.concatenate(evaluator.shots(20, seed))
            assert value == pytest.approx(
                NaiveMeasures(function(pool.X_train[rows]), pool.y_train[rows]).nc1(), rel=1e-3
            )


@pytest.mark.parametrize(("labels", "n"), [([0, 0, 0], 2), ([0, 0, 1, 1], 1), ([0, 1, 2], 5), ([4], None)])
def test_nc1_is_undefined_for_one_class_or_one_shot_per_class(labels, n):
    pool = SimpleNamespace(X_train=np.eye(len(labels), dtype=np.float32), y_train=np.array(labels))
    assert np.isnan(measure_shots(pool, "l2", n, [0, 1])["nc1"]).all()


def test_nc1_is_defined_if_one_class_has_two_shots():
    pool = SimpleNamespace(X_train=np.eye(3, dtype=np.float32), y_train=np.array([0, 0, 1]))
    assert np.isfinite(measure_shots(pool, "l2", 2, [0])["nc1"]).all()
