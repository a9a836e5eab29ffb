import json

import pytest

from imprint_core.cli.main import main
from imprint_core.embeddings import open_set
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.recipes.presets import PRESETS


def test_evaluate_agrees_with_the_estimator(bundled, capsys):
    arguments = ["evaluate", "--fm", "squeezenet1_1", "--task", "mnist:even", "--recipe", "own", "--set", "k=5"]
    assert main([*arguments, "--n-shot", "20", "--seeds", "2", "--predictions"]) == 0
    output = json.loads(capsys.readouterr().out)
    opened = open_set(bundled["squeezenet1_1", "mnist"])
    for run, seed in zip(output["runs"], SEEDS[:2], strict=True):
        split = Experiment(opened.info, "even", 20).split(seed, opened)
        model = ImprintingClassifier.from_recipe(PRESETS["own"].recipe, random_state=seed).set_params(k=5)
        model.fit(split.X_train, split.y_train)
        assert run["seed"] == seed
        assert run["predicted"] == model.predict(split.X_test).tolist()
        assert run["id"] == split.id_test.tolist()
        assert run["accuracy"] == pytest.approx(100 * model.score(split.X_test, split.y_test))
    assert output["task"]["class_names"] == ["0", "2", "4", "6", "8"]
    assert output["task"]["shots"] == 100
    assert output["task"]["folds"] == 1
    assert output["accuracy"]["low"] <= output["accuracy"]["median"] <= output["accuracy"]["high"]
    assert output["recipe"]["k"] == 5


def test_named_and_merged_tasks_and_recipes_as_json(capsys, tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"gen": "mean"}')
    for task, names in (("mnist-short", ["0", "1", "2"]), ("mnist:a=0+1,b=2+3", ["a", "b"])):
        assert main(["evaluate", "--fm", "resnet50", "--task", task, "--recipe", str(recipe), "--seeds", "1"]) == 0
        output = json.loads(capsys.readouterr().out)
        assert output["task"]["class_names"] == names
        assert output["recipe"]["gen"] == "mean"
        assert output["accuracy"]["median"] > 60


@pytest.mark.parametrize("task", ["cifar10:cat,dog,6-8", "cifar10:cat+dog,ship+truck", "mnist-odd", "mnist"])
def test_tasks_of_the_help_are_tasks(task, capsys):
    assert main(["evaluate", "--fm", "vit_tiny_patch16_224", "--task", task, "--seeds", "1", "--n-shot", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"]["median"] > 20
