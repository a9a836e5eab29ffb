import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from imprint_core.datasets import dataset
from imprint_core.embeddings import extraction, open_set
from imprint_core.embeddings.extraction import Job, extract
from imprint_core.errors import ImprintError
from imprint_core.models import foundation_model
from imprint_core.models.loading import LoadedModel
from tests.conftest import ROOT


def to_tensor(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)


class Counting(torch.nn.Module):
    """A tiny deterministic network that counts the images it has seen."""

    def __init__(self):
        super().__init__()
        self.seen = 0
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(192, 6)

    def forward(self, x):
        self.seen += len(x)
        return self.layer(x.flatten(1))


@pytest.fixture
def network(monkeypatch):
    made = Counting().eval()
    monkeypatch.setattr(
        extraction, "load_model", lambda fm, weights: LoadedModel(made, to_tensor, "as it is", "0" * 64)
    )
    return made


def job(folder, **changes):
    settings = {"per_class": 7, "test_per_class": 3, "batch_size": 8, **changes}
    return Job(foundation_model("squeezenet1_1"), dataset("digits"), folder, folder, **settings)


def test_a_set_holds_what_was_asked_for(tmp_path, network):
    seen = []
    opened = open_set(extract(job(tmp_path), lambda done, total: seen.append((done, total))))
    assert opened.X_train.shape == (70, 6)
    assert np.bincount(opened.y_test).tolist() == [3] * 10
    images = dataset("digits").read(None)
    np.testing.assert_array_equal(images.train.labels[opened.id_train], opened.y_train)
    with torch.inference_mode():
        wanted = network.layer(to_tensor(images.test.load(int(opened.id_test[5]))).flatten()).numpy()
    np.testing.assert_allclose(opened.X_test[5], wanted, atol=2e-3)
    assert seen[0] == (0, 100)
    assert seen[-1] == (100, 100)
    assert not (tmp_path / "squeezenet1_1__digits.partial").exists()
    assert opened.info.meta["versions"]["torch"]


def test_interrupted_anywhere_it_goes_on_and_ends_the_same(tmp_path, network):
    whole = extract(job(tmp_path / "whole")).path.read_bytes()
    for stop in range(1, 13, 3):
        folder = tmp_path / str(stop)

        reached = []

        def stopping(done, total, stop=stop, reached=reached):
            reached.append(done)
            if done >= 8 * stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            extract(job(folder), stopping)
        assert not list(folder.glob("*.safetensors"))
        network.seen = 0
        assert extract(job(folder)).path.read_bytes() == whole
        assert network.seen == 100 - reached[-1]


def test_batches_of_another_job_are_not_taken_over(tmp_path, network):
    def stopping(done, total):
        if done >= 24:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(job(tmp_path), stopping)
    network.seen = 0
    extract(job(tmp_path, per_class=9))
    assert network.seen == 120


def test_damaged_weights_are_told(tmp_path, network):
    torch.nn.init.constant_(network.layer.weight, float("nan"))
    with pytest.raises(ImprintError, match="gave values that are not finite"):
        extract(job(tmp_path))


def test_killed_for_real_it_goes_on(tmp_path, shared):
    """The command itself, real weights and images, SIGKILL in the middle."""
    command = [sys.executable, "-m", "imprint_core", "embed", "--fm", "squeezenet1_1", "--dataset", "digits"]
    command += ["--per-class", "6", "--test-per-class", "2", "--batch-size", "4"]
    command += ["--weights", str(shared / "fm" / "squeezenet1_1.safetensors")]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, "--out", whole], cwd=ROOT, check=True, capture_output=True)
    partial = killed / "squeezenet1_1__digits.partial"
    process = subprocess.Popen([*command, "--out", killed], cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(list(partial.glob("0*.safetensors"))) < 5 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not list(killed.glob("*.safetensors"))
    assert 5 <= len(list(partial.glob("0*.safetensors"))) < 20
    again = subprocess.run([*command, "--out", killed], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "100%" in again.stderr
    name = "squeezenet1_1__digits.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()
    maps = "squeezenet1_1__digits.maps.safetensors"
    assert (killed / maps).is_file()
