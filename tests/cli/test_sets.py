import json

from imprint_core.cli.main import main
from imprint_core.embeddings import open_set
from imprint_core.embeddings.store import write_set


def user_set(bundled, home):
    opened = open_set(bundled["vit_tiny_patch16_224", "digits"])
    tensors = {f"{a}_{s}": getattr(opened, f"{a}_{s}") for a in ("X", "y", "id") for s in ("train", "test")}
    meta = {k: v for k, v in opened.info.meta.items() if k not in ("format", "sha256")}
    return write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], "name": "mine"}})


def test_sets_are_listed_verified_and_removed(bundled, home, capsys):
    info = user_set(bundled, home)
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
