import os

import pytest

from imprint_core.errors import ImprintError
from imprint_core.files import write_atomically


def test_full_disk_raises_a_clear_error_and_leaves_no_file(tmp_path, monkeypatch):
    def sync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(ImprintError, match=r"could not be written .*No space left.*finished work is kept"):
        write_atomically(tmp_path / "x.bin", b"123")
    assert not list(tmp_path.iterdir())
