import subprocess
import sys

import pytest

from imprint_core.cli.main import main
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["embed", "--fm", "x", "--dataset", "mnist"], "Unknown foundation model 'x'. Known names:"),
        (["embed", "--fm", "resnet50", "--dataset", "x"], "No dataset is called 'x'. Known names: mnist"),
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
def test_bad_input_gives_one_sentence(arguments, sentence, capsys, tmp_path):
    out = ["--out", str(tmp_path)] if arguments[0] == "embed" else []
    assert main([*arguments, *out]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_bad_counts_are_refused(count, capsys):
    with pytest.raises(SystemExit):
        main(["embed", "--fm", "resnet50", "--dataset", "mnist", "--per-class", count])
    assert "is not a count. Give a whole number of 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["embed", "sets", "evaluate", "sweep", "fetch", "serve", "bundle", "survey"])
def test_help_has_usage_and_examples(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "usage: imprint" in printed
    if command in ("embed", "sets", "evaluate", "fetch", "serve"):
        assert "\nexamples:\n" in printed


def test_closed_output_is_no_error():
    command = f"{sys.executable} -m imprint_core sets list --json | head -1"
    done = subprocess.run(["/bin/bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "["
    assert not done.stderr
