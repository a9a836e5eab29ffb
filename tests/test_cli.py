import pytest

from imprint_core.cli import main


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["embed", "--fm", "x", "--dataset", "mnist"], "No foundation model is called 'x'; known are"),
        (["embed", "--fm", "resnet50", "--dataset", "x"], "No dataset is called 'x'; known are mnist"),
        (
            ["embed", "--fm", "resnet50", "--dataset", "digits", "--weights", "gone.safetensors"],
            "There is no weights file 'gone.safetensors'",
        ),
        (
            ["embed", "--fm", "resnet50", "--dataset", "tiny_imagenet_100", "--data-root", "gone"],
            "There is no 'tiny_imagenet_100.zip' under 'gone'",
        ),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, capsys, tmp_path):
    assert main([*arguments, *(["--out", str(tmp_path)])]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_counts_are_counts(count, capsys):
    with pytest.raises(SystemExit):
        main(["embed", "--fm", "resnet50", "--dataset", "mnist", "--per-class", count])
    assert "is not a count; give a whole number from 1 up" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["embed", "bundle"])
def test_help_teaches(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: python -m imprint_core" in capsys.readouterr().out
