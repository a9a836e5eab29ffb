import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from imprint_core.background.locks import is_locked, lock_job
from imprint_core.background.progress import read_progress
from imprint_core.cli.embed import add_base_maps
from imprint_core.cli.main import main
from imprint_core.datasets import checked_dataset_at, dataset
from imprint_core.embeddings import extraction, find_sets, open_set
from imprint_core.embeddings.extraction import ExtractionJob, extract
from imprint_core.embeddings.tensors import read_tensors
from imprint_core.errors import ImprintError
from imprint_core.maps.store import set_maps_path
from imprint_core.models import foundation_model
from imprint_core.models.loading import LoadedModel
from imprint_core.models.preprocessing import Preprocessing
from tests.conftest import ROOT


def to_tensor(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)


class Counting(torch.nn.Module):
    """A tiny deterministic network that counts its images and can be slowed down."""

    def __init__(self, seconds=0.0):
        super().__init__()
        self.progress = 0
        self.seconds = seconds
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(192, 6)

    def forward(self, x):
        self.progress += len(x)
        time.sleep(self.seconds)
        return self.layer(x.flatten(1))


def loaded(network):
    return LoadedModel(network, Preprocessing(to_tensor, "unchanged", None), "0" * 64)


@pytest.fixture
def network(monkeypatch):
    network = Counting().eval()
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: loaded(network))
    return network


def job(folder, **changes):
    settings = {"per_class": 7, "test_per_class": 3, "batch_size": 8, **changes}
    return ExtractionJob(foundation_model("squeezenet1_1"), dataset("digits"), folder, folder, **settings)


def test_set_holds_the_requested_samples(tmp_path, network):
    progress = []
    opened = open_set(extract(job(tmp_path), lambda done, total: progress.append((done, total))))
    assert opened.X_train.shape == (70, 6)
    assert not opened.info.held_out
    assert np.bincount(opened.y_test).tolist() == [3] * 10
    images = dataset("digits").read(None)
    np.testing.assert_array_equal(images.train.labels[opened.id_train], opened.y_train)
    with torch.inference_mode():
        pixels = to_tensor(images.test.load(int(opened.id_test[5])).convert("RGB"))
        expected = network.layer(pixels.flatten()).numpy()
    np.testing.assert_allclose(opened.X_test[5], expected, atol=2e-3)
    assert progress[0] == (0, 100)
    assert progress[-1] == (100, 100)
    assert not (tmp_path / "squeezenet1_1__digits.partial").exists()
    assert opened.info.meta["versions"]["torch"]
    assert opened.info.meta["samples"]["train"] == {"count": 70, "per_class_least": 7, "per_class_most": 7}


def stopping_at(images, reached=None):
    def stop(done, total):
        if reached is not None:
            reached.append(done)
        if done >= images:
            raise KeyboardInterrupt

    return stop


def test_interrupted_extraction_resumes_with_the_same_result(tmp_path, network):
    whole = extract(job(tmp_path / "whole")).path.read_bytes()
    for stop in range(1, 13, 3):
        folder = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            extract(job(folder), stopping_at(8 * stop, reached := []))
        assert not list(folder.glob("*.safetensors"))
        network.progress = 0
        assert extract(job(folder)).path.read_bytes() == whole
        assert network.progress == 100 - reached[-1]


def test_batches_of_another_job_are_not_reused(tmp_path, network):
    with pytest.raises(KeyboardInterrupt):
        extract(job(tmp_path), stopping_at(24))
    network.progress = 0
    extract(job(tmp_path, per_class=9))
    assert network.progress == 120


def test_complete_set_is_left_unchanged_and_another_job_replaces_it(tmp_path, network):
    first = extract(job(tmp_path), finish=add_base_maps)
    assert set_maps_path(first).is_file()
    network.progress = 0
    assert extract(job(tmp_path)).digest == first.digest
    assert network.progress == 0
    # Killed between the set and its maps: only these are computed.
    set_maps_path(first).unlink()
    extract(job(tmp_path), finish=add_base_maps)
    assert network.progress == 0
    assert set_maps_path(first).is_file()
    with pytest.raises(ImprintError, match=r"exists with other samples or weights \(70 training samples\)\. Add"):
        extract(job(tmp_path, per_class=9))
    assert first.path.is_file()
    larger = extract(job(tmp_path, per_class=9, replace=True))
    assert (larger.path, larger.digest == first.digest) == (first.path, False)
    assert not set_maps_path(larger).exists()


def own_job(folder, pictures, **changes):
    return ExtractionJob(foundation_model("squeezenet1_1"), checked_dataset_at(pictures), folder, folder, **changes)


def test_batches_of_unchanged_images_are_reused(tmp_path, network, monkeypatch):
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: loaded(network))
    pictures = tmp_path / "pets"
    for i in range(60):
        file = pictures / ("cat" if i % 2 else "dog") / f"{i:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 3 * i).save(file)
    first = extract(own_job(tmp_path, pictures, batch_size=8))
    assert network.progress == 60
    # The folder has no splits.
    assert first.held_out
    Image.new("L", (8, 8), 200).save(pictures / "cat" / "new.png")
    network.progress = 0
    second = extract(own_job(tmp_path, pictures, batch_size=8))
    assert second.dataset != first.dataset
    # Only the batch with the new image is embedded.
    assert network.progress <= 8
    assert {info.digest for info in find_sets(tmp_path)[0].values()} == {first.digest, second.digest}
    alone = extract(own_job(tmp_path / "alone", pictures, batch_size=8))
    embeddings, expected = open_set(second), open_set(alone)
    np.testing.assert_allclose(embeddings.X_train, expected.X_train, atol=1e-3)
    np.testing.assert_array_equal(embeddings.y_train, expected.y_train)
    # Other weights embed all images again.
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: replace(loaded(network), weights_digest="1" * 64))
    network.progress = 0
    extract(own_job(tmp_path, pictures, batch_size=8, replace=True))
    assert network.progress == 61


def test_damaged_weights_raise_a_clear_error(tmp_path, network):
    torch.nn.init.constant_(network.layer.weight, float("nan"))
    with pytest.raises(ImprintError, match="gave values that are not finite"):
        extract(job(tmp_path))
    assert "not finite" in read_progress(job(tmp_path).partial).error


@pytest.mark.usefixtures("network")
def test_only_one_process_works_on_a_set(tmp_path):
    with lock_job(tmp_path, "squeezenet1_1__digits", "embed"):
        assert is_locked(tmp_path, "squeezenet1_1__digits")
        with pytest.raises(
            ImprintError,
            match=r"The embedding 'squeezenet1_1__digits' is already running in another window or command\. Wait",
        ):
            extract(job(tmp_path))
    assert not is_locked(tmp_path, "squeezenet1_1__digits")
    extract(job(tmp_path))


def test_memory_holds_one_batch_of_the_set_at_a_time(tmp_path, monkeypatch, network):
    sizes = []
    write = extraction.write_set

    def measured(folder, tensors, meta):
        def counted(pieces):
            for piece in pieces:
                sizes.append(len(piece))
                yield piece

        streamed = {k: t._replace(pieces=counted(t.pieces)) if k.startswith("X") else t for k, t in tensors.items()}
        return write(folder, streamed, meta)

    monkeypatch.setattr(extraction, "write_set", measured)
    extract(job(tmp_path))
    assert max(sizes) == 8
    assert sum(sizes) == 100


@pytest.mark.usefixtures("network")
def test_full_disk_keeps_finished_batches(tmp_path, monkeypatch):
    whole = extract(job(tmp_path / "whole")).path.read_bytes()
    sync, left = os.fsync, [9]

    def filling(descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", filling)
    with pytest.raises(ImprintError, match=r"could not be written .*No space left.*finished work is kept"):
        extract(job(tmp_path / "full"))
    monkeypatch.undo()
    monkeypatch.setattr(extraction, "load_model", lambda fm, weights: loaded(Counting().eval()))
    done = len(list(job(tmp_path / "full").partial.glob("0*.safetensors")))
    assert done >= 3
    assert extract(job(tmp_path / "full")).path.read_bytes() == whole


def _slow_child(folder, done_images):
    """The process to be killed: real images through a slow tiny network."""
    extraction.load_model = lambda fm, weights: loaded(Counting(0.004).eval())

    def record(done, total):
        done_images.value = done

    extract(job(folder, per_class=60, test_per_class=30, batch_size=3), record)


def test_extraction_killed_twenty_times_resumes_with_the_same_result(tmp_path, forkserver):
    rng = random.Random(2025)  # noqa: S311
    done = forkserver.Value("i", 0)
    whole = forkserver.Process(target=_slow_child, args=(tmp_path / "whole", done))
    whole.start()
    whole.join(120)
    expected = read_tensors(tmp_path / "whole" / "squeezenet1_1__digits.safetensors")
    kills, rounds = 0, 0
    while kills < 20 and rounds < 60:
        rounds += 1
        folder = tmp_path / f"killed{rounds}"
        finished = False
        while not finished:
            done.value = 0
            child = forkserver.Process(target=_slow_child, args=(folder, done))
            child.start()
            if kills < 20:
                child.join(rng.uniform(0.0, 0.6))
                if child.is_alive():
                    os.kill(child.pid, signal.SIGKILL)
                    kills += 1
            child.join(120)
            finished = child.exitcode == 0
            sets, problems = find_sets(folder)
            # An existing set is complete, even where the process was killed while it deleted its batches.
            if not finished and not sets:
                # Each batch file is complete, and at most the current batch was lost.
                shards = sorted(job(folder).partial.glob("0*.safetensors"))
                assert sum(len(read_tensors(shard)["x"]) for shard in shards) >= done.value
            assert not problems
        got = read_tensors(folder / "squeezenet1_1__digits.safetensors")
        assert {k: v.tobytes() for k, v in got.items()} == {k: v.tobytes() for k, v in expected.items()}
        assert not job(folder).partial.exists()
        assert not list(folder.glob(".*.tmp"))
    assert kills == 20


def arguments(folder, shared, *more):
    return [
        *("embed", "--fm", "squeezenet1_1", "--dataset", "digits"),
        *("--per-class", "6", "--test-per-class", "2", "--batch-size", "4", "--out", str(folder)),
        *("--weights", str(shared / "fm" / "squeezenet1_1.safetensors"), "--no-maps", *more),
    ]


def command(folder, shared, *more):
    return [sys.executable, "-m", "imprint_core", *arguments(folder, shared, *more)]


def test_killed_command_resumes(tmp_path, shared):
    """The command with real weights and images, killed by SIGKILL."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole, shared), cwd=ROOT, check=True, capture_output=True)
    partial = killed / "squeezenet1_1__digits.partial"
    process = subprocess.Popen(command(killed, shared), cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(partial.glob("0*.safetensors"))) < 5 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not list(killed.glob("*.safetensors"))
    assert 5 <= len(list(partial.glob("0*.safetensors"))) < 20
    resumed = subprocess.run(command(killed, shared), cwd=ROOT, check=True, capture_output=True, text=True)
    assert "100%" in resumed.stderr
    name = "squeezenet1_1__digits.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_limited_file_size_raises_one_sentence(tmp_path, shared):
    """A limit of the file size stands for a full disk."""
    limited = subprocess.run(
        command(tmp_path, shared, "--quiet"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        ),
    )
    assert limited.returncode == 2
    assert limited.stderr.count("\n") == 1
    assert "could not be written" in limited.stderr
    assert "finished work is kept" in limited.stderr
    # The batches of 4 kB could be written; the set of 84 kB could not, and no part of it is left.
    assert len(list((tmp_path / "squeezenet1_1__digits.partial").glob("0*.safetensors"))) == 20
    assert not find_sets(tmp_path)[0]
    assert not list(tmp_path.glob(".*.tmp"))
    assert main(arguments(tmp_path, shared, "--quiet")) == 0
    assert len(find_sets(tmp_path)[0]) == 1
