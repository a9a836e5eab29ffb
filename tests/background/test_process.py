import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import save_file

from imprint_core.background.locks import ACTIVITIES, lock_job
from imprint_core.background.process import (
    discard_job,
    find_jobs,
    job_folder,
    read_job,
    record_command,
    start_job,
    stop_job,
)
from imprint_core.embeddings import find_sets
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model
from imprint_core.models.libraries import build

NAME = "squeezenet1_1__digits"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights; the tests do not depend on their values."""
    path = tmp_path_factory.mktemp("w") / "w.safetensors"
    torch.manual_seed(0)
    network, _ = build(foundation_model("squeezenet1_1"), official=False)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, path)
    return path


def arguments(folder, weights, per_class=30):
    return [
        *("--fm", "squeezenet1_1", "--dataset", "digits", "--per-class", str(per_class), "--test-per-class", "2"),
        *("--batch-size", "4", "--weights", str(weights), "--out", str(folder), "--no-maps"),
    ]


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def only(folder):
    (job,) = find_jobs(folder)
    return job


def test_job_is_started_stopped_and_resumed(tmp_path, weights):
    start_job(tmp_path, NAME, arguments(tmp_path, weights))
    assert only(tmp_path).running
    with pytest.raises(ImprintError, match=f"The embedding '{NAME}' is already running"):
        start_job(tmp_path, NAME, arguments(tmp_path, weights))
    with pytest.raises(ImprintError, match=f"The embedding '{NAME}' is still running"):
        discard_job(only(tmp_path))
    wait_for(lambda: only(tmp_path).progress.done >= 12)
    assert only(tmp_path).progress.total == 320
    assert only(tmp_path).progress.rate > 0
    stop_job(only(tmp_path))
    wait_for(lambda: not only(tmp_path).running)
    stopped = only(tmp_path)
    assert not stopped.error
    assert not find_sets(tmp_path)[0]
    done = len(list((tmp_path / f"{NAME}.partial").glob("0*.safetensors")))
    assert 3 <= done < 80

    # With the arguments on disk, as another server would.
    start_job(tmp_path, NAME, stopped.arguments)
    wait_for(lambda: not find_jobs(tmp_path))
    sets, problems = find_sets(tmp_path)
    assert list(sets) == [("squeezenet1_1", "digits")]
    assert not problems


def test_failed_job_reports_its_error(tmp_path):
    start_job(tmp_path, NAME, arguments(tmp_path, "/gone.safetensors"))
    wait_for(lambda: not only(tmp_path).running and only(tmp_path).error)
    assert "The weights file '/gone.safetensors' does not exist" in only(tmp_path).error
    discard_job(only(tmp_path))
    assert not find_jobs(tmp_path)


def test_job_of_another_process_is_running(tmp_path):
    (tmp_path / f"{NAME}.partial").mkdir()
    with lock_job(tmp_path, NAME, "embed"):
        assert only(tmp_path).running
    assert not only(tmp_path).running


def test_concurrent_starts_are_one_job(tmp_path, weights):
    def start(_):
        try:
            start_job(tmp_path, NAME, arguments(tmp_path, weights))
        except ImprintError as error:
            return str(error)
        assert only(tmp_path).running
        return "started"

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(start, range(4)))
    assert results.count("started") == 1
    assert all("is already running" in result for result in results if result != "started")
    stop_job(only(tmp_path))
    wait_for(lambda: not only(tmp_path).running)


@pytest.mark.parametrize("command", ACTIVITIES)
def test_errors_name_the_activity_of_a_running_job(tmp_path, command):
    record_command(job_folder(tmp_path, "x"), command, ["--fm", "y"])
    with lock_job(tmp_path, "x", command):
        job = read_job(tmp_path, "x")
        assert (job.command, job.arguments, job.running) == (command, ("--fm", "y"), True)
        with pytest.raises(ImprintError, match=f"^The {ACTIVITIES[command]} 'x' is already running"):
            start_job(tmp_path, "x", ["--fm", "y"], command)
        with pytest.raises(ImprintError, match=rf"^The {ACTIVITIES[command]} 'x' is still running\. Stop it first"):
            discard_job(job)
    discard_job(job)
    assert not job_folder(tmp_path, "x").exists()


def test_arguments_recorded_by_version_1_are_those_of_an_embedding(tmp_path):
    job_folder(tmp_path, NAME).mkdir()
    (job_folder(tmp_path, NAME) / "arguments.json").write_text('["--fm", "squeezenet1_1"]')
    job = only(tmp_path)
    assert (job.command, job.arguments) == ("embed", ("--fm", "squeezenet1_1"))
    (job_folder(tmp_path, NAME) / "arguments.json").write_text("{")
    assert only(tmp_path).arguments == ()
