import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from imprint_core.background.locks import lock_job
from imprint_core.background.process import job_folder, read_job
from imprint_core.cli.main import main
from imprint_core.embeddings import open_set
from imprint_core.embeddings.store import maps_folder, read_info, remove_set, write_set
from imprint_core.errors import ImprintError
from imprint_core.maps.jobs import MapJob, _name, begin_map, make_maps, map_job, stop_map
from imprint_core.maps.layouts import Layout
from imprint_core.maps.store import kept_map
from tests.background.test_process import wait_for
from tests.conftest import ROOT
from tests.embeddings.test_store import small_set

PCA = Layout("pca")
# The second takes long enough to be killed in.
TWO = (Layout(n_neighbors=5), Layout(n_neighbors=15))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("IMPRINT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def info(home):
    return small_set(home)[1]


@pytest.fixture
def larger(home, vit_digits):
    """A set of which a UMAP map takes a second."""
    tensors = {f"{a}_{s}": getattr(vit_digits, f"{a}_{s}") for a in ("X", "y", "id") for s in ("train", "test")}
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("format", "sha256")}
    return write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], "name": "mine"}})


def ended(info, norm, layouts):
    return not read_job(maps_folder(info), _name(norm, layouts)).running


def left_over(home):
    """What is in the folder of maps beside maps."""
    return [
        path for path in (home / "maps").rglob("*") if path.is_file() and not path.name.startswith(("l2.", "none."))
    ]


def partials(home):
    return list((home / "maps").rglob("*.partial"))


def test_a_map_is_computed_aside_and_nothing_else_stays(info, home):
    assert map_job(info, "l2", [PCA]) is None
    begin_map(info, "l2", [PCA])
    job = map_job(info, "l2", [PCA])
    assert job is None or job.running
    wait_for(lambda: map_job(info, "l2", [PCA]) is None)
    assert kept_map(open_set(info), "l2", PCA) is not None
    wait_for(lambda: ended(info, "l2", [PCA]))
    assert not left_over(home)
    assert not partials(home)


def test_killed_and_begun_again_it_ends_as_if_undisturbed(larger, home, monkeypatch):
    begin_map(larger, "l2", TWO)
    seen = []

    def second():
        job = map_job(larger, "l2", TWO)
        seen.append(job)
        return job.share > 0.5 and job.stage == "laying out"

    wait_for(second)
    assert all(job.running and not job.error for job in seen)
    assert [job.share for job in seen] == sorted(job.share for job in seen)
    os.kill(read_job(maps_folder(larger), _name("l2", TWO)).progress.pid, signal.SIGKILL)
    wait_for(lambda: not map_job(larger, "l2", TWO).running)
    # In whatever order they are asked for, it is the same job.
    wait_for(
        lambda: "The system ended the process, possibly for lack of memory" in map_job(larger, "l2", TWO[::-1]).error
    )
    opened = open_set(larger)
    first = kept_map(opened, "l2", TWO[0])
    assert first is not None
    assert kept_map(opened, "l2", TWO[1]) is None
    kept = {path: path.stat().st_mtime_ns for path in maps_folder(larger).glob("*.safetensors")}

    begin_map(larger, "l2", TWO)
    wait_for(lambda: map_job(larger, "l2", TWO) is None)
    again = [kept_map(opened, "l2", layout) for layout in TWO]
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    wait_for(lambda: ended(larger, "l2", TWO))
    assert not left_over(home)

    monkeypatch.setenv("IMPRINT_HOME", str(home / "undisturbed"))
    make_maps(larger, "l2", TWO)
    for layout, one in zip(TWO, again, strict=True):
        undisturbed = kept_map(opened, "l2", layout)
        np.testing.assert_array_equal(undisturbed.positions, one.positions)
        assert undisturbed.trust == one.trust


def test_stopped_it_leaves_nothing(larger, home):
    begin_map(larger, "l2", TWO)
    stop_map(larger, "l2", TWO)
    assert map_job(larger, "l2", TWO) is None
    assert ended(larger, "l2", TWO)
    assert not left_over(home)
    assert not partials(home)
    # Nor does it mind that there is nothing.
    stop_map(larger, "l2", TWO)

    begin_map(larger, "l2", TWO)
    wait_for(lambda: map_job(larger, "l2", TWO).stage != "starting")
    stop_map(larger, "l2", TWO)
    assert map_job(larger, "l2", TWO) is None
    assert not left_over(home)
    assert not partials(home)


def test_windows_that_ask_for_the_same_start_one_process(info, monkeypatch):
    from imprint_core.background import process

    begun = []
    popen = subprocess.Popen

    def counted(*arguments, **options):
        begun.append(arguments)
        return popen(*arguments, **options)

    monkeypatch.setattr(process.subprocess, "Popen", counted)
    windows = [threading.Thread(target=begin_map, args=(info, "l2", [PCA])) for _ in range(6)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    assert len(begun) == 1
    # Another normalisation is another job.
    begin_map(info, "none", [PCA])
    assert len(begun) == 2
    for norm in ("l2", "none"):
        wait_for(lambda norm=norm: map_job(info, norm, [PCA]) is None)
        assert kept_map(open_set(info), norm, PCA) is not None


def test_one_of_another_server_is_seen_and_not_doubled(info):
    folder, name = maps_folder(info), _name("l2", [PCA])
    job_folder(folder, name).mkdir(parents=True)
    (job_folder(folder, name) / "progress.json").write_text(json.dumps({"stage": "x", "done": 1, "total": 4}))
    with lock_job(folder, name, "maps"):
        assert map_job(info, "l2", [PCA]) == MapJob(True, "x", 0.25, "")
        begin_map(info, "l2", [PCA])
        with pytest.raises(ImprintError, match="is already running in another window or command"):
            make_maps(info, "l2", [PCA])
    job = map_job(info, "l2", [PCA])
    assert not job.running
    assert "ended before it was done; start it again" in job.error


def test_what_goes_wrong_is_told_until_it_is_stopped_or_goes_well(info, home):
    whole = info.path.read_bytes()
    info.path.write_bytes(whole[:-1])
    begin_map(info, "l2", [PCA])
    wait_for(lambda: not map_job(info, "l2", [PCA]).running)
    wait_for(lambda: "is damaged or doesn't match its sidecar" in map_job(info, "l2", [PCA]).error)
    stop_map(info, "l2", [PCA])
    assert map_job(info, "l2", [PCA]) is None
    assert not partials(home)

    begin_map(info, "l2", [PCA])
    wait_for(lambda: map_job(info, "l2", [PCA]).error)
    info.path.write_bytes(whole)
    begin_map(info, "l2", [PCA])
    wait_for(lambda: map_job(info, "l2", [PCA]) is None)
    assert kept_map(open_set(info), "l2", PCA) is not None


def test_a_set_that_was_removed_meanwhile(info, home, monkeypatch):
    def removed(*arguments):
        remove_set(info)
        raise ImprintError("what came of it")

    monkeypatch.setattr("imprint_core.maps.jobs.compute_map", removed)
    with pytest.raises(ImprintError, match="'fm__data' was removed meanwhile; choose another"):
        make_maps(info, "l2", [PCA])
    with pytest.raises(ImprintError, match="was removed meanwhile"):
        begin_map(info, "l2", [PCA])
    assert map_job(info, "l2", [PCA]) is None
    assert not list(home.iterdir())


def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch):
    _, info = small_set(tmp_path / "sets")
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(ImprintError, match="could not be written"):
        begin_map(info, "l2", [PCA])
    assert map_job(info, "l2", [PCA]) is None


def test_the_command_computes_what_is_asked_for(info, capsys):
    names = ["--fm", "fm", "--dataset", "data"]
    opened = open_set(info)
    assert main(["maps", *names, "--layout", "pca", "--quiet"]) == 0
    assert all(kept_map(opened, norm, PCA) is not None for norm in ("none", "l2"))
    assert not capsys.readouterr().out
    assert main(["maps", *names, "--norm", "l2", "--n-neighbors", "2", "5", "--min-dist", "0", "--seed", "7"]) == 0
    assert "fm__data, NORM L2: saved" in capsys.readouterr().err
    for n in (2, 5):
        assert kept_map(opened, "l2", Layout("umap", n, 0.0, 7)) is not None
    assert kept_map(opened, "none", Layout("umap", 2, 0.0, 7)) is None
    assert read_info(info.path) == info


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as said:
        main(["maps", "--help"])
    assert said.value.code == 0
    assert "\nexamples:\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fm", "fm", "--dataset", "x"], "There is no embedding set of fm on x. Available: "),
        (["--set", "gone.safetensors"], "There is no embedding set 'gone'"),
        (["--fm", "fm", "--dataset", "data", "--n-neighbors", "1"], "n_neighbors is 1; it must be a whole number"),
        (["--fm", "fm", "--dataset", "data", "--layout", "x"], "There is no map called 'x'; there are umap, pca."),
        (["--fm", "fm", "--dataset", "data", "--layout", "umap_5"], "'umap_5' is no layout; write it as"),
        ([], "There is no embedding set of (--fm missing) on (--dataset missing). Available: "),
    ],
)
def test_bad_input_is_one_sentence(info, arguments, sentence, capsys):
    assert main(["maps", *arguments]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1


def test_a_job_is_seen_without_umap():
    code = (
        "import sys\n"
        "import imprint_core.maps.jobs\n"
        "print(sorted({'umap', 'numba', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
