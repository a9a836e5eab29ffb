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
from imprint_core.maps.jobs import MapJob, _name, compute_maps, read_map_job, start_map_job, stop_map_job
from imprint_core.maps.layouts import Layout
from imprint_core.maps.store import load_map
from tests.background.test_process import wait_for
from tests.conftest import ROOT
from tests.embeddings.test_store import small_set

PCA = Layout("pca")
# The second takes long enough to be killed while it runs.
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
    """A set whose UMAP takes about a second."""
    tensors = {f"{a}_{s}": getattr(vit_digits, f"{a}_{s}") for a in ("X", "y", "id") for s in ("train", "test")}
    meta = {k: v for k, v in vit_digits.info.meta.items() if k not in ("format", "sha256")}
    return write_set(home, tensors, {**meta, "dataset": {**meta["dataset"], "name": "mine"}})


def ended(info, norm, layouts):
    return not read_job(maps_folder(info), _name(norm, layouts)).running


def leftovers(home):
    """Files in the maps folder that are not maps."""
    return [
        path for path in (home / "maps").rglob("*") if path.is_file() and not path.name.startswith(("l2.", "none."))
    ]


def partials(home):
    return list((home / "maps").rglob("*.partial"))


def test_a_map_is_computed_in_the_background_without_leftovers(info, home):
    assert read_map_job(info, "l2", [PCA]) is None
    start_map_job(info, "l2", [PCA])
    job = read_map_job(info, "l2", [PCA])
    assert job is None or job.running
    wait_for(lambda: read_map_job(info, "l2", [PCA]) is None)
    assert load_map(open_set(info), "l2", PCA) is not None
    wait_for(lambda: ended(info, "l2", [PCA]))
    assert not leftovers(home)
    assert not partials(home)


def test_a_killed_job_resumes_to_the_same_maps(larger, home, monkeypatch):
    start_map_job(larger, "l2", TWO)
    jobs = []

    def second_started():
        job = read_map_job(larger, "l2", TWO)
        jobs.append(job)
        return job.share > 0.5 and job.stage == "laying out"

    wait_for(second_started)
    assert all(job.running and not job.error for job in jobs)
    assert [job.share for job in jobs] == sorted(job.share for job in jobs)
    os.kill(read_job(maps_folder(larger), _name("l2", TWO)).progress.pid, signal.SIGKILL)
    wait_for(lambda: not read_map_job(larger, "l2", TWO).running)
    # The order of layouts does not change the job.
    wait_for(lambda: "The system ended the process, possibly" in read_map_job(larger, "l2", TWO[::-1]).error)
    opened = open_set(larger)
    first = load_map(opened, "l2", TWO[0])
    assert first is not None
    assert load_map(opened, "l2", TWO[1]) is None
    before = {path: path.stat().st_mtime_ns for path in maps_folder(larger).glob("*.safetensors")}

    start_map_job(larger, "l2", TWO)
    wait_for(lambda: read_map_job(larger, "l2", TWO) is None)
    resumed = [load_map(opened, "l2", layout) for layout in TWO]
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    wait_for(lambda: ended(larger, "l2", TWO))
    assert not leftovers(home)

    monkeypatch.setenv("IMPRINT_HOME", str(home / "undisturbed"))
    compute_maps(larger, "l2", TWO)
    for layout, base in zip(TWO, resumed, strict=True):
        undisturbed = load_map(opened, "l2", layout)
        np.testing.assert_array_equal(undisturbed.positions, base.positions)
        assert undisturbed.trust == base.trust


def test_a_stopped_job_leaves_no_files(larger, home):
    start_map_job(larger, "l2", TWO)
    stop_map_job(larger, "l2", TWO)
    assert read_map_job(larger, "l2", TWO) is None
    assert ended(larger, "l2", TWO)
    assert not leftovers(home)
    assert not partials(home)
    # Stopping a missing job is allowed.
    stop_map_job(larger, "l2", TWO)

    start_map_job(larger, "l2", TWO)
    wait_for(lambda: read_map_job(larger, "l2", TWO).stage != "starting")
    stop_map_job(larger, "l2", TWO)
    assert read_map_job(larger, "l2", TWO) is None
    assert not leftovers(home)
    assert not partials(home)


def test_windows_that_request_the_same_maps_start_one_process(info, monkeypatch):
    from imprint_core.background import process

    started = []
    popen = subprocess.Popen

    def counted(*arguments, **options):
        started.append(arguments)
        return popen(*arguments, **options)

    monkeypatch.setattr(process.subprocess, "Popen", counted)
    windows = [threading.Thread(target=start_map_job, args=(info, "l2", [PCA])) for _ in range(6)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    assert len(started) == 1
    # Another normalisation is a separate job.
    start_map_job(info, "none", [PCA])
    assert len(started) == 2
    for norm in ("l2", "none"):
        wait_for(lambda norm=norm: read_map_job(info, norm, [PCA]) is None)
        assert load_map(open_set(info), norm, PCA) is not None


def test_a_job_of_another_server_is_shown_and_not_duplicated(info):
    folder, name = maps_folder(info), _name("l2", [PCA])
    job_folder(folder, name).mkdir(parents=True)
    (job_folder(folder, name) / "progress.json").write_text(json.dumps({"stage": "x", "done": 1, "total": 4}))
    with lock_job(folder, name, "maps"):
        assert read_map_job(info, "l2", [PCA]) == MapJob(True, "x", 0.25, "")
        start_map_job(info, "l2", [PCA])
        with pytest.raises(ImprintError, match="is already running in another window or command"):
            compute_maps(info, "l2", [PCA])
    job = read_map_job(info, "l2", [PCA])
    assert not job.running
    assert "ended early. Start it again" in job.error


def test_an_error_is_shown_until_the_job_is_stopped_or_succeeds(info, home):
    whole = info.path.read_bytes()
    info.path.write_bytes(whole[:-1])
    start_map_job(info, "l2", [PCA])
    wait_for(lambda: not read_map_job(info, "l2", [PCA]).running)
    wait_for(lambda: "is damaged or doesn't match its sidecar" in read_map_job(info, "l2", [PCA]).error)
    stop_map_job(info, "l2", [PCA])
    assert read_map_job(info, "l2", [PCA]) is None
    assert not partials(home)

    start_map_job(info, "l2", [PCA])
    wait_for(lambda: read_map_job(info, "l2", [PCA]).error)
    info.path.write_bytes(whole)
    start_map_job(info, "l2", [PCA])
    wait_for(lambda: read_map_job(info, "l2", [PCA]) is None)
    assert load_map(open_set(info), "l2", PCA) is not None


def test_a_set_that_was_removed_is_reported(info, home, monkeypatch):
    def removed(*arguments):
        remove_set(info)
        raise ImprintError("set removed")

    monkeypatch.setattr("imprint_core.maps.jobs.compute_map", removed)
    with pytest.raises(ImprintError, match=r"'fm__data' was removed meanwhile\. Choose another"):
        compute_maps(info, "l2", [PCA])
    with pytest.raises(ImprintError, match="was removed meanwhile"):
        start_map_job(info, "l2", [PCA])
    assert read_map_job(info, "l2", [PCA]) is None
    assert not list(home.iterdir())


def test_a_folder_that_is_not_writable_is_reported(tmp_path, monkeypatch):
    _, info = small_set(tmp_path / "sets")
    (tmp_path / "home").write_text("a file at the folder's path")
    with pytest.raises(ImprintError, match="could not be written"):
        start_map_job(info, "l2", [PCA])
    assert read_map_job(info, "l2", [PCA]) is None


def test_the_command_computes_the_requested_maps(info, capsys):
    names = ["--fm", "fm", "--dataset", "data"]
    opened = open_set(info)
    assert main(["maps", *names, "--layout", "pca", "--quiet"]) == 0
    assert all(load_map(opened, norm, PCA) is not None for norm in ("none", "l2"))
    assert not capsys.readouterr().out
    assert main(["maps", *names, "--norm", "l2", "--n-neighbors", "2", "5", "--min-dist", "0", "--seed", "7"]) == 0
    assert "fm__data, NORM L2: saved" in capsys.readouterr().err
    for n in (2, 5):
        assert load_map(opened, "l2", Layout("umap", n, 0.0, 7)) is not None
    assert load_map(opened, "none", Layout("umap", 2, 0.0, 7)) is None
    assert read_info(info.path) == info


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["maps", "--help"])
    assert stopped.value.code == 0
    assert "\nexamples:\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fm", "fm", "--dataset", "x"], "There is no embedding set of fm on x. Available: "),
        (["--set", "gone.safetensors"], "The embedding set 'gone' does not exist"),
        (
            ["--fm", "fm", "--dataset", "data", "--n-neighbors", "1"],
            "n_neighbors is 1; it must be a whole number from 2 to 200.",
        ),
        (["--fm", "fm", "--dataset", "data", "--layout", "x"], "Unknown map method 'x'. Use one of: umap, pca."),
        (["--fm", "fm", "--dataset", "data", "--layout", "umap_5"], "Invalid layout 'umap_5'. Write it as"),
        ([], "There is no embedding set of (--fm missing) on (--dataset missing). Available: "),
    ],
)
def test_invalid_arguments_give_one_line(info, arguments, sentence, capsys):
    assert main(["maps", *arguments]) == 2
    output = capsys.readouterr().err
    assert sentence in output
    assert output.count("\n") == 1


def test_a_job_is_read_without_importing_umap():
    code = (
        "import sys\n"
        "import imprint_core.maps.jobs\n"
        "print(sorted({'umap', 'numba', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
