"""The experiment: its key, its samples, and its evaluation."""

import numpy as np
import pytest

from imprint_core.errors import ImprintError
from imprint_core.evaluation.evaluator import Evaluator
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS, choose_classes
from imprint_core.framework.recipe import Recipe


def test_equal_results_have_equal_keys(vit_digits):
    experiment = Experiment(vit_digits.info, "all", 5, Recipe("mean", 3))
    same = experiment.with_(recipe=Recipe("mean", 20, ties="published"))
    assert experiment == same
    assert (experiment.key, hash(experiment)) == (same.key, hash(same))
    assert same.recipe.k == 20


@pytest.mark.parametrize(
    "changes", [{"classes": "even"}, {"n_shot": 6}, {"n_shot": None}, {"recipe": Recipe(k=3)}, {"seeds": SEEDS[:3]}]
)
def test_every_change_of_results_changes_the_key(vit_digits, changes):
    experiment = Experiment(vit_digits.info, "all", 5)
    assert experiment.with_(**changes) != experiment
    assert (experiment.with_(**changes).samples_key != experiment.samples_key) == ("classes" in changes)


def test_embeddings_and_class_names_are_in_the_key(bundled):
    mnist, cifar10 = (Experiment(bundled["squeezenet1_1", data]) for data in ("mnist", "cifar10"))
    assert mnist != cifar10


def test_evaluation_of_an_experiment_is_that_of_its_evaluator(vit_digits):
    recipe = Recipe("kmeans", 3)
    experiment = Experiment(vit_digits.info, "odd", 20, recipe, SEEDS[:3])
    expected = Evaluator(choose_classes(vit_digits, "odd"), recipe.space).evaluate(recipe, 20, SEEDS[:3])
    evaluation = experiment.evaluate()
    np.testing.assert_array_equal(evaluation.predictions, expected.predictions)
    np.testing.assert_array_equal(evaluation.accuracy, experiment.evaluate(vit_digits).accuracy)


def test_the_first_seed_alone(vit_digits):
    experiment = Experiment(vit_digits.info, n_shot=5)
    assert experiment.first_seed.seeds == SEEDS[:1]
    np.testing.assert_array_equal(experiment.split().id_train, experiment.first_seed.split(SEEDS[0]).id_train)


def test_an_experiment_from_names():
    experiment = Experiment.from_names("squeezenet1_1", "mnist", n_shot=20)
    assert (experiment.info.fm, experiment.info.dataset, experiment.n_shot) == ("squeezenet1_1", "mnist", 20)
    with pytest.raises(ImprintError, match=r"no embedding set of squeezenet1_1 on moon\. Available: .*on mnist"):
        Experiment.from_names("squeezenet1_1", "moon")


def test_no_shots_and_no_seeds_are_refused(vit_digits):
    with pytest.raises(ImprintError, match=r"n-shot is 0; it must be a whole number from 1 to 10,000,000\."):
        Experiment(vit_digits.info, n_shot=0)
    with pytest.raises(ImprintError, match="one seed"):
        Experiment(vit_digits.info, seeds=())
