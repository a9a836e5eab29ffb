"""The command `embed` with images at a path: what it prints, and when it refuses."""

import pytest

from imprint_core.cli.main import main
from imprint_core.embeddings import extraction, find_sets
from tests.datasets.test_one_reader import PETS, image, numbered, write_folder, write_zip
from tests.embeddings.test_extraction import Counting, loaded


@pytest.fixture(autouse=True)
def network(monkeypatch):
    network = Counting().eval()
    network.layer = network.layer.__class__(8 * 6 * 3, 4)
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: loaded(network))


def embed(path, out, *more):
    return main(["embed", "--fm", "squeezenet1_1", "--dataset", str(path), "--no-maps", "--out", str(out), *more])


def test_a_zip_of_mac_os_is_read_and_reported(tmp_path, capsys):
    members = numbered(*["pets/" + name for name in PETS]) | {"__MACOSX/pets/cat/._0.png": b"x", "README.md": b"x"}
    assert embed(write_zip(tmp_path / "pets.zip", members), tmp_path / "out") == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[:6] == [
        "4 training and 2 test images of 2 classes:",
        "cat: 2 + 1",
        "dog: 2 + 1",
        "2 files are left out:",
        "README.md: Not an image.",
        "__MACOSX: Hidden, or a file of the operating system.",
    ]
    ((_, info),) = find_sets(tmp_path / "out")[0].items()
    assert info.class_names == ("cat", "dog")
    assert info.meta["dataset"]["label"] == "pets"
    assert [name for name, *_ in info.meta["dataset"]["left_out"]] == ["README.md", "__MACOSX"]


def test_damage_is_named_on_its_own_line_and_skipped_on_request(tmp_path, capsys):
    folder = write_folder(tmp_path / "pets", numbered(*PETS) | {"cat/half.png": image(9)[:50]})
    assert embed(folder, tmp_path / "out") == 2
    printed = capsys.readouterr()
    lines = [
        line
        for line in printed.err.replace("\r", "\n").splitlines()
        if not line.startswith("Checking") and line.strip()
    ]
    assert lines == [
        "1 file is damaged:",
        "cat/half.png: The image is damaged or incomplete. Save or copy it again.",
        "Repair or remove what is damaged, or add --skip-damaged.",
    ]
    assert not find_sets(tmp_path / "out")[0]
    assert embed(folder, tmp_path / "out", "--skip-damaged", "--strict") == 2
    assert embed(folder, tmp_path / "out", "--skip-damaged", "--quiet") == 0
    (info,) = find_sets(tmp_path / "out")[0].values()
    assert info.meta["dataset"]["left_out"] == [
        ["cat/half.png", "The image is damaged or incomplete. Save or copy it again.", "damaged"]
    ]


def test_two_folders_of_one_name_live_side_by_side(tmp_path):
    for i, parent in enumerate("ab"):
        members = {name: image(50 * i + j) for j, name in enumerate(PETS)}
        assert embed(write_folder(tmp_path / parent / "data", members), tmp_path / "out", "--quiet") == 0
    sets = find_sets(tmp_path / "out")[0]
    assert len(sets) == 2
    assert {info.meta["dataset"]["label"] for info in sets.values()} == {"data"}
    # The same images again: nothing to do, and no replacement.
    assert embed(tmp_path / "b" / "data", tmp_path / "out", "--quiet") == 0
    assert {k: i.digest for k, i in find_sets(tmp_path / "out")[0].items()} == {k: i.digest for k, i in sets.items()}


def test_a_set_is_replaced_on_request_only(tmp_path, capsys):
    folder = write_folder(tmp_path / "pets", numbered(*PETS))
    assert embed(folder, tmp_path / "out", "--quiet") == 0
    (before,) = find_sets(tmp_path / "out")[0].values()
    assert embed(folder, tmp_path / "out", "--per-class", "1", "--quiet") == 2
    assert "exists with other samples or weights (4 training samples). Add --replace" in capsys.readouterr().err
    assert before.digest == next(iter(find_sets(tmp_path / "out")[0].values())).digest
    assert embed(folder, tmp_path / "out", "--per-class", "1", "--replace", "--quiet") == 0
    assert next(iter(find_sets(tmp_path / "out")[0].values())).meta["samples"]["train"]["count"] == 2
