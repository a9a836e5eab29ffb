from imprint_core.cli.main import main


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
