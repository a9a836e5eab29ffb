import pytest

from imprint_core.background.locks import ACTIVITIES, is_locked, lock_job, remove_lock_file
from imprint_core.errors import ImprintError


@pytest.mark.parametrize("command", ACTIVITIES)
def test_second_lock_raises_an_error_that_names_the_activity(tmp_path, command):
    sentence = rf"^The {ACTIVITIES[command]} 'x' is already running in another window or command\. Wait for it, or stop"
    with lock_job(tmp_path, "x", command):
        assert is_locked(tmp_path, "x")
        with pytest.raises(ImprintError, match=sentence), lock_job(tmp_path, "x", command):
            pass
        assert not is_locked(tmp_path, "y")
    assert not is_locked(tmp_path, "x")


def test_folder_that_is_not_writable_raises_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ImprintError, match=r"is not writable .*\. Choose another folder"),
        lock_job(tmp_path / "file", "x", "embed"),
    ):
        pass


def test_lock_file_is_removed_by_its_process(tmp_path):
    with lock_job(tmp_path, "x", "maps"):
        remove_lock_file(tmp_path, "x")
    assert not list(tmp_path.iterdir())
