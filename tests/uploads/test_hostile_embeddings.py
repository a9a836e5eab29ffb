"""Hostile files of embeddings: one sentence, nothing is left, and the memory of this process does not grow."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from imprint_core.datasets.images import hold_out
from imprint_core.embeddings import open_set
from imprint_core.errors import ImprintError
from imprint_core.uploads.embedding_sets import add_embeddings, describe_embeddings
from tests.uploads.bombs import BOMBS, write
from tests.uploads.files import npz

MOST_GROWTH = 200e6


def memory(field):
    return 1e3 * int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


class PeakMemory:
    """How much the memory of this process grew at most, while it ran."""

    def __enter__(self):
        Path("/proc/self/clear_refs").write_text("5")
        self.before = memory("VmRSS")
        return self

    def __exit__(self, *error):
        self.growth = memory("VmHWM") - self.before


# One of each format is refused by the preview, the others when they are added.
DESCRIBED = {Path(name).suffix: name for name in BOMBS}.values()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured on Linux")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_one_sentence_in_little_memory(name, tmp_path, forkserver):
    path = tmp_path / name
    writer = forkserver.Process(target=write, args=(name, path))
    writer.start()
    writer.join()
    assert writer.exitcode == 0
    suffix = path.suffix.removeprefix(".")
    files = [path, path] if suffix == "npy" else [path]
    home = tmp_path / "home"
    describe, add = partial(describe_embeddings, files, suffix), partial(add_embeddings, files, suffix, "x", None, home)
    read = describe if name in DESCRIBED else add
    with PeakMemory() as peak, pytest.raises(ImprintError, match=re.escape(BOMBS[name][1])) as caught:
        read()
    assert str(caught.value).endswith(".")
    assert peak.growth < MOST_GROWTH
    assert not home.exists() or not list(home.iterdir())


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured on Linux")
def test_large_embeddings_are_added_in_little_memory(tmp_path):
    x = np.random.default_rng(0).normal(size=(60_000, 1_024)).astype(np.float32)
    path = tmp_path / "x.npz"
    path.write_bytes(npz(X=x, y=np.arange(60_000) % 10).getbuffer())
    with PeakMemory() as peak:
        info = add_embeddings([path], "npz", "x", None, tmp_path / "home")
    assert peak.growth < 50e6
    with PeakMemory() as peak:
        opened = open_set(info, (1_000, 1_000))
    assert peak.growth < 100e6
    assert opened.of == (45_000, 15_000)
    rows = np.flatnonzero(~hold_out(np.arange(60_000) % 10))[opened.id_train]
    np.testing.assert_array_equal(opened.X_train, x[rows])
