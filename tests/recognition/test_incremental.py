from dataclasses import asdict

import numpy as np
import pytest

from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.recipes.presets import PRESETS
from imprint_core.recognition.incremental import add_class, effect

SEED = SEEDS[0]


def fitted(data, classes="all", n=20, **recipe):
    split = Experiment(data.info, classes, n).split(SEED, data)
    return ImprintingClassifier(**recipe, random_state=SEED).fit(split.X_train, split.y_train), split


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_an_added_class_is_as_if_it_had_been_there(vit_digits, name):
    recipe = asdict(PRESETS[name].recipe)
    model, _ = fitted(vit_digits, "0-8", **recipe)
    whole, _ = fitted(vit_digits, "all", **recipe)
    every_class = Experiment(vit_digits.info, "all", 20).split(SEED, vit_digits)
    before = model.proxies_.copy()
    added = add_class(model, every_class.X_train[every_class.y_train == 9])
    assert (added.label, added.model.classes_.tolist()) == (9, list(range(10)))
    np.testing.assert_array_equal(model.proxies_, before)
    np.testing.assert_array_equal(added.model.predict(every_class.X_test), whole.predict(every_class.X_test))


def test_the_effect_is_a_median_over_seeds_of_the_other_classes_samples():
    truth = np.array([0, 1, 1, 2, 2])
    before = np.array([[0, 2, 2], [0, 2, 0], [0, 0, 0]])
    # A sample that was wrong before is not lost.
    after = np.array([[0, 1, 1, 1, 1], [0, 1, 1, 2, 1], [1, 0, 1, 0, 0]])
    change = effect(truth, before, after, 1)
    np.testing.assert_allclose([change.before, change.after, change.lost], [200 / 3, 100 / 3, 1])


def test_one_image_makes_a_class(vit_digits):
    model, _ = fitted(vit_digits, "0-8", n=5, k=3)
    nine = vit_digits.X_train[vit_digits.y_train == 9][:1]
    added = add_class(model, nine)
    assert added.proxies == 1
    assert added.model.predict(nine).tolist() == [9]
