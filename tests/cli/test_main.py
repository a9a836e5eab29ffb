import json
import subprocess
import sys

import pytest

from imprint_core.cli.main import main
from imprint_core.embeddings import open_set
from imprint_core.embeddings.store import write_set
from imprint_core.evaluation.task import SEEDS, Task
from imprint_core.framework.classifier import ImprintingClassifier
from imprint_core.recipes.presets import PRESETS
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["embed", "--fm", "x", "--dataset", "mnist"], "Unknown foundation model 'x'. Known are"),
        (["embed", "--fm", "resnet50", "--dataset", "x"], "No dataset is called 'x'; known are mnist"),
        (
            ["embed", "--fm", "resnet50", "--dataset", "digits", "--weights", "gone.safetensors"],
            "The weights file 'gone.safetensors' does not exist",
        ),
        (
            ["embed", "--fm", "resnet50", "--dataset", "tiny_imagenet_100", "--data-root", "gone"],
            "'tiny_imagenet_100.zip' is not under 'gone'",
        ),
        (
            ["embed", "--fm", "resnet50", "--dataset", "./gone"],
            "'gone' is neither a known dataset nor an existing directory",
        ),
        (["evaluate", "--fm", "x", "--task", "mnist"], "x has no embedding set of 'mnist'; `sets list` shows which"),
        (
            ["evaluate", "--fm", "resnet50", "--task", "tiny_imagenet_100"],
            "resnet50 has no embedding set of 'tiny_imagenet_100'; it has cifar10, digits, fashion_mnist, mnist.",
        ),
        (["evaluate", "--fm", "resnet50", "--task", "mnist:0,11"], "11"),
        (["evaluate", "--fm", "resnet50", "--task", "mnist", "--recipe", "x"], "'x' is not a preset (qi,"),
        (["evaluate", "--fm", "resnet50", "--task", "mnist", "--recipe", "[1]"], "'[1]' is not a JSON object"),
        (
            ["evaluate", "--fm", "resnet50", "--task", "mnist", "--recipe", '{"x": 1}'],
            "A recipe has no parameter x",
        ),
        (["evaluate", "--fm", "resnet50", "--task", "mnist", "--set", "k"], "'k' sets no parameter; write NAME=VALUE"),
        (["evaluate", "--fm", "resnet50", "--task", "mnist", "--set", "k=0"], "k is 0; it must be a whole number"),
        (["evaluate", "--fm", "resnet50", "--task", "mnist", "--seeds", "99"], "There are 8 seeds (the paper's)"),
        (["fetch"], "Nothing to fetch. Give foundation models with --fm or datasets"),
        (["fetch", "--dataset", "mnist", "--weights", "w.pth"], "--weights needs one foundation model"),
        (["sets", "remove", "x"], "Unknown embedding set 'x'. `sets list` lists"),
        (["sets", "remove", "resnet50__mnist"], "'resnet50__mnist' ships with the project"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, capsys, tmp_path):
    out = ["--out", str(tmp_path)] if arguments[0] == "embed" else []
    assert main([*arguments, *out]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_counts_are_counts(count, capsys):
    with pytest.raises(SystemExit):
        main(["embed", "--fm", "resnet50", "--dataset", "mnist", "--per-class", count])
    assert "is not a count. Give a whole number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["embed", "sets", "evaluate", "sweep", "fetch", "bundle", "survey"])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "usage: imprint" in printed
    if command in ("embed", "sets", "evaluate", "fetch"):
        assert "\nexamples:\n" in printed


def test_evaluate_says_what_the_estimator_does(bundled, capsys):
    arguments = ["evaluate", "--fm", "squeezenet1_1", "--task", "mnist:even", "--recipe", "own", "--set", "k=5"]
    assert main([*arguments, "--n-shot", "20", "--seeds", "2", "--predictions"]) == 0
    said = json.loads(capsys.readouterr().out)
    opened = open_set(bundled["squeezenet1_1", "mnist"])
    for run, seed in zip(said["runs"], SEEDS[:2], strict=True):
        split = Task("squeezenet1_1", "mnist", "even", 20, seed).split(opened)
        model = ImprintingClassifier.from_recipe(PRESETS["own"].recipe, random_state=seed).set_params(k=5)
        model.fit(split.X_train, split.y_train)
        assert run["seed"] == seed
        assert run["predicted"] == model.predict(split.X_test).tolist()
        assert run["id"] == split.id_test.tolist()
        assert run["accuracy"] == pytest.approx(100 * model.score(split.X_test, split.y_test))
    assert said["task"]["class_names"] == ["0", "2", "4", "6", "8"]
    assert said["task"]["shots"] == 100
    assert said["accuracy"]["low"] <= said["accuracy"]["median"] <= said["accuracy"]["high"]
    assert said["recipe"]["k"] == 5


def test_named_and_merged_tasks_and_recipes_as_json(capsys, tmp_path):
    recipe = tmp_path / "recipe.json"
    recipe.write_text('{"gen": "mean"}')
    for task, names in (("mnist-short", ["0", "1", "2"]), ("mnist:a=0+1,b=2+3", ["a", "b"])):
        assert main(["evaluate", "--fm", "resnet50", "--task", task, "--recipe", str(recipe), "--seeds", "1"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["task"]["class_names"] == names
        assert said["recipe"]["gen"] == "mean"
        assert said["accuracy"]["median"] > 60


def own_set(bundled, home):
    opened = open_set(bundled["vit_tiny_patch16_224", "digits"])
    tensors = {f"{a}_{s}": getattr(opened, f"{a}_{s}") for a in ("X", "y", "id") for s in ("train", "test")}
    meta = {k: v for k, v in opened.info.meta.items() if k not in ("format", "sha256")}
    return write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], "name": "mine"}})


def test_sets_are_listed_verified_and_removed(bundled, home, capsys):
    info = own_set(bundled, home)
    assert main(["sets", "list"]) == 0
    printed = capsys.readouterr().out
    assert sum("bundled" in line for line in printed.splitlines()) == len(bundled)
    line = next(line for line in printed.splitlines() if line.startswith("vit_tiny_patch16_224__mine"))
    assert line.split()[1:] == ["10", "1,201", "596", "192", "1.4", "this", "machine:", "Digits", "(scikit-learn)"]
    assert main(["sets", "list", "--json"]) == 0
    assert info.digest in [row["sha256"] for row in json.loads(capsys.readouterr().out)]

    assert main(["sets", "verify", "vit_tiny_patch16_224__mine", "resnet50__mnist"]) == 0
    info.path.write_bytes(info.path.read_bytes()[:-1])
    assert main(["sets", "verify", "vit_tiny_patch16_224__mine", "resnet50__mnist"]) == 2
    printed = capsys.readouterr().out
    assert "vit_tiny_patch16_224__mine: The embedding file" in printed
    assert "resnet50__mnist: verified" in printed

    assert main(["sets", "remove", "vit_tiny_patch16_224__mine", "x"]) == 2
    assert info.path.is_file()
    assert main(["sets", "remove", "vit_tiny_patch16_224__mine"]) == 0
    assert not list(home.iterdir())


def test_fetch_checks_and_keeps_local_weights(shared, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("IMPRINT_WEIGHTS", str(tmp_path / "weights"))
    file = shared / "fm" / "squeezenet1_1.safetensors"
    assert main(["fetch", "--fm", "squeezenet1_1", "--weights", str(file), "--dataset", "digits"]) == 0
    assert (tmp_path / "weights" / "squeezenet1_1.safetensors").read_bytes() == file.read_bytes()
    printed = capsys.readouterr().out
    assert "SqueezeNet 1.1: ready (squeezenet1_1.safetensors" in printed
    assert "Digits (scikit-learn): ready (1,201 training and 596 test images)" in printed
    assert main(["fetch", "--fm", "resnet18", "--weights", str(file)]) == 2
    assert "does not fit ResNet-18" in capsys.readouterr().err
    assert len(list((tmp_path / "weights").iterdir())) == 1


@pytest.mark.parametrize("task", ["cifar10:cat,dog,6-8", "cifar10:cat+dog,ship+truck", "mnist-odd", "mnist"])
def test_tasks_of_the_help_are_tasks(task, capsys):
    assert main(["evaluate", "--fm", "vit_tiny_patch16_224", "--task", task, "--seeds", "1", "--n-shot", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"]["median"] > 20


def test_output_that_is_cut_off_is_no_fault():
    command = f"{sys.executable} -m imprint_core sets list --json | head -1"
    done = subprocess.run(["/bin/bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "["
    assert not done.stderr
