import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np

from imprint_core.cli.main import main
from imprint_core.embeddings import find_sets, open_set
from imprint_core.embeddings.store import write_set
from tests.conftest import ROOT
from tests.uploads.files import RNG, X, Y, arrow, csv, lists, npy, npz, parquet, safetensors


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


def write(path, *files):
    """Write files of embeddings; return their paths as text."""
    paths = [path / f"{i}{suffix}" for i, (suffix, _) in enumerate(files)]
    path.mkdir(exist_ok=True)
    for name, (_, file) in zip(paths, files, strict=True):
        name.write_bytes(file.getbuffer())
    return [str(name) for name in paths]


def test_embeddings_are_added_from_any_format(tmp_path, home, capsys):
    """The same embeddings are the same set, to the byte."""
    numbered = {f"f{i}": X[:, i] for i in range(6)}
    parts = [
        [(".npz", npz(features=X, labels=Y))],
        [(".npy", npy(Y)), (".npy", npy(X))],
        [(".safetensors", safetensors(X=X, y=Y))],
        [(".parquet", parquet({"label": Y, "embedding": lists()}))],
        [(".feather", arrow({**numbered, "class": Y}, compression="lz4"))],
        [(".CSV", csv({"id": np.arange(20), **numbered, "target": Y}))],
    ]
    tensors = set()
    for i, files in enumerate(parts):
        assert main(["sets", "add", *write(tmp_path / str(i), *files), "--name", f"Name {i}"]) == 0
        printed = capsys.readouterr().out
        assert "samples:   16 training and 4 test\nclasses:   4 (0, 1, 2, 3)\n" in printed
        ((key, info),) = find_sets(home)[0].items()
        assert (
            printed.splitlines()[-1]
            == f"{'The same embeddings were already added as' if i else 'Added'} {'__'.join(key)}"
        )
        assert info.meta["dataset"]["label"] == f"Name {i}"
        tensors.add(info.path.read_bytes())
    assert "left out:  id (named like an id, a size, a time or a label)\n" in printed
    assert info.meta["dataset"]["columns"] == {
        "embedding": "f0, f1 … f5 (6 columns)",
        "left out": {"id": "named like an id, a size, a time or a label"},
    }
    assert len(tensors) == 1
    assert key == ("own_6d", f"own_{_content(open_set(info))}")
    assert {path.suffix for path in home.iterdir()} == {".json", ".safetensors"}


def _content(opened):
    """The digest of the content, from the set's arrays."""
    arrays = [getattr(opened, f"{a}_{s}") for s in ("train", "test") for a in ("y", "id", "X")]
    return hashlib.sha256(b"".join(map(np.ndarray.tobytes, arrays)) + b"0\n1\n2\n3").hexdigest()[:12]


def test_another_set_of_the_same_name_is_replaced_on_request_only(tmp_path, home, capsys):
    first, other = (write(tmp_path / n, (".npz", npz(X=x, y=Y)))[0] for n, x in (("a", X), ("b", X + 1)))
    assert main(["sets", "add", first]) == 0
    assert main(["sets", "add", other]) == 2
    assert "'0' is already the name of other embeddings by this model, own_6d__own_" in capsys.readouterr().err
    ((_, before),) = find_sets(home)[0]
    assert main(["sets", "add", other, "--replace"]) == 0
    ((_, after),) = find_sets(home)[0]
    assert before != after
    assert f"Removed own_6d__{before}\nAdded own_6d__{after}\n" in capsys.readouterr().out
    # Another name, another model, and the same content need no permission.
    assert main(["sets", "add", first, "--name", "first"]) == 0
    assert main(["sets", "add", first, "--name", "first"]) == 0
    assert len(find_sets(home)[0]) == 2


def test_embeddings_must_have_the_dimensions_of_the_model(tmp_path, home, capsys):
    (path,) = write(tmp_path, (".npz", npz(X=X, y=Y)))
    assert main(["sets", "add", path, "--fm", "resnet50"]) == 2
    assert "These embeddings have 6 dimensions, but ResNet-50 has 2,048" in capsys.readouterr().err
    (path,) = write(tmp_path, (".npz", npz(X=np.repeat(X, 32, axis=1), y=Y)))
    assert main(["sets", "add", path, "--fm", "vit_tiny_patch16_224"]) == 0
    ((fm, _),) = find_sets(home)[0]
    assert fm == "vit_tiny_patch16_224"


def test_files_that_cannot_be_added_are_one_sentence(tmp_path, home, capsys):
    doubtful = write(tmp_path, (".csv", csv({"a": X[:, 0], "b": X[:, 1], "n": np.arange(20), "label": Y})))
    assert main(["sets", "add", *doubtful, "--strict"]) == 2
    for options, sentence in (
        ([*doubtful, "--strict"], "Column 'n' may not be part of the embedding (whole numbers beside fractions)."),
        ([str(tmp_path / "none.npz")], "'none.npz' is not readable (No such file or directory)."),
        ([str(tmp_path / "none.txt")], "No embedding format is called 'txt'. Known names: npz, npy,"),
        ([str(tmp_path)], "No embedding format is called ''."),
        ([*doubtful, *doubtful], "Embeddings in .csv need one file instead of 2; give one file."),
    ):
        assert main(["sets", "add", *options]) == 2
        assert capsys.readouterr().err.splitlines()[-1].startswith(sentence)
    assert not list(home.iterdir())


def test_a_killed_import_leaves_no_set(tmp_path, home):
    """Twenty times; the next import deletes what is left, and writes the same bytes."""
    x = RNG.normal(size=(20_000, 256)).astype(np.float32)
    (path,) = write(tmp_path, (".npz", npz(X=x, y=np.arange(20_000) % 5)))
    command = [sys.executable, "-m", "imprint_core", "sets", "add", path]
    environment = {**os.environ, "IMPRINT_HOME": str(home)}

    def add():
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)

    start = time.monotonic()
    assert add().wait() == 0
    usual = time.monotonic() - start
    expected = {file.name: file.read_bytes() for file in home.iterdir()}
    shutil.rmtree(home)
    for i in range(20):
        process = add()
        time.sleep(usual * (i + 1) / 21)
        process.kill()
        process.wait()
        sets, problems = find_sets(home)
        assert not problems
        for info in sets.values():
            assert info.path.read_bytes() == expected[info.path.name]
    assert add().wait() == 0
    assert {file.name: file.read_bytes() for file in home.iterdir()} == expected
