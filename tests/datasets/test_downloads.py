"""Downloads of torchvision's datasets, from a server on this machine."""

from __future__ import annotations

import errno
import gzip
import hashlib
import socket
import struct
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from imprint_core.datasets import DATASETS, dataset
from imprint_core.errors import ImprintError
from imprint_core.models.libraries import import_torchvision

MNIST = dataset("mnist")
IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
FILES = {
    f"{split}-{part}-ubyte.gz": gzip.compress(content)
    for split in ("train", "t10k")
    for part, content in (
        ("images-idx3", struct.pack(">4i", 2051, *IMAGES.shape) + IMAGES.tobytes()),
        ("labels-idx1", struct.pack(">2i", 2049, 30) + bytes(i % 10 for i in range(30))),
    )
}


@pytest.fixture
def mirror(monkeypatch):
    """What a server sends instead of MNIST's files, by name; what is requested is recorded."""
    import_torchvision()
    from torchvision import datasets

    served, requested = dict(FILES), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.strip("/")
            requested.append(name)
            self.send_response(200)
            self.send_header("Content-Length", str(len(FILES[name])))
            self.end_headers()
            self.wfile.write(served[name])

        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    checksums = [(name, hashlib.md5(content).hexdigest()) for name, content in FILES.items()]  # noqa: S324
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(datasets.MNIST, "resources", checksums)
    served["requested"] = requested
    yield served
    server.shutdown()
    server.server_close()


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_whole_download_is_unpacked_and_nothing_else_is_left(mirror, tmp_path):
    assert not MNIST.present(tmp_path)
    splits = MNIST.read(tmp_path)
    np.testing.assert_array_equal(np.asarray(splits.test.load(7)), IMAGES[7])
    assert splits.train.labels.tolist() == [i % 10 for i in range(30)]
    assert MNIST.present(tmp_path)
    assert files_under(tmp_path) == sorted(f"torchvision/MNIST/raw/{name.removesuffix('.gz')}" for name in FILES)
    assert MNIST.image_download(tmp_path).unfinished() is None
    count = len(mirror["requested"])
    MNIST.read(tmp_path)
    assert len(mirror["requested"]) == count


def test_a_stopped_download_is_not_a_dataset_and_can_start_again(mirror, tmp_path, monkeypatch):
    from torchvision.datasets import utils

    retrieve = utils._urlretrieve

    def stopped(url, filename, **options):
        retrieve(url, filename, **options)
        if "t10k" in url:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(utils, "_urlretrieve", stopped)
        with pytest.raises(KeyboardInterrupt):
            MNIST.read(tmp_path)
    download = MNIST.image_download(tmp_path)
    assert not MNIST.present(tmp_path)
    assert not (tmp_path / "torchvision" / "MNIST").exists()
    assert 0 < download.finished_bytes() < sum(map(len, FILES.values()))
    job = download.unfinished()
    assert (job.running, job.error) == (False, "")
    assert len(MNIST.read(tmp_path).test.labels) == 30
    assert download.unfinished() is None


@pytest.mark.parametrize("content", [b"<html>Log in to the network</html>", FILES["t10k-images-idx3-ubyte.gz"][:-99]])
def test_a_damaged_file_is_refused(mirror, content, tmp_path):
    name = "t10k-images-idx3-ubyte.gz"
    mirror[name] = content
    with pytest.raises(ImprintError, match=r"A file of MNIST was damaged when it arrived\. Download MNIST again"):
        MNIST.read(tmp_path)
    assert not MNIST.present(tmp_path)
    assert "damaged" in MNIST.image_download(tmp_path).unfinished().error
    mirror[name] = FILES[name]
    assert len(MNIST.read(tmp_path).test.labels) == 30


def test_a_refused_connection_says_where_to_put_the_files(mirror, tmp_path, monkeypatch):
    from torchvision import datasets

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{closed.getsockname()[1]}/"])
    with pytest.raises(ImprintError) as raised:
        MNIST.read(tmp_path)
    folder = tmp_path / "MNIST" / "raw"
    assert str(raised.value) == (
        f"MNIST is not under '{tmp_path}' and could not be downloaded. Connect to a network once, or put "
        f"train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte into "
        f"'{folder}'."
    )
    # From that folder they are read.
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    assert MNIST.present(tmp_path)
    assert len(MNIST.read(tmp_path).test.labels) == 30


def test_archives_on_this_machine_are_not_downloaded(mirror, tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    assert len(MNIST.read(tmp_path).test.labels) == 30
    assert mirror["requested"] == []


def test_a_full_disk_is_named(mirror, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", full)
    with pytest.raises(ImprintError, match=r"The disk with .* is full\. Free some space, then download MNIST again"):
        MNIST.read(tmp_path)
    assert not MNIST.present(tmp_path)


@pytest.mark.parametrize("name", [name for name, data in DATASETS.items() if data.download])
def test_a_dataset_is_present_if_all_its_files_are(name, tmp_path):
    data = dataset(name)
    phrase = data.where_to_put(tmp_path)
    listed, _, folder = phrase.removeprefix("put ").rpartition(" into ")
    names = listed.replace(" and ", ", ").split(", ")
    for file in names:
        assert not data.present(tmp_path)
        path = tmp_path / folder.strip("'") / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert data.present(tmp_path)
    assert data.image_download(tmp_path).total == data.download * 1_000_000


def test_datasets_of_torchvision_are_the_ones_that_can_be_downloaded(tmp_path):
    assert {name for name, data in DATASETS.items() if data.image_download(tmp_path)} == {
        name for name, data in DATASETS.items() if data.download
    }
