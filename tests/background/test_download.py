import pytest

from imprint_core.background.download import Download, run_download
from imprint_core.errors import ImprintError


def test_a_download_is_unfinished_until_it_has_ended_well(tmp_path):
    download = Download(tmp_path, "weights", ("--fm", "x"), lambda: [tmp_path / "part", tmp_path / "gone"])
    assert download.unfinished() is None

    def interrupted():
        with run_download(tmp_path, "weights"):
            (tmp_path / "part").write_bytes(b"12345")
            assert download.finished_bytes() == 5
            assert download.unfinished().running
            with pytest.raises(ImprintError, match="The download 'weights' is already running"):
                run_download(tmp_path, "weights").__enter__()
            raise ImprintError("no route")

    with pytest.raises(ImprintError, match="no route"):
        interrupted()
    job = download.unfinished()
    assert (job.running, job.error) == (False, "no route")
    with run_download(tmp_path, "weights") as partial:
        assert partial.is_dir()
    assert download.unfinished() is None
    assert [path.name for path in tmp_path.iterdir()] == ["part"]
