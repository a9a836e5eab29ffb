import pytest

from imprint_core.background.locks import ACTIVITIES, is_locked, lock_job, remove_lock_file, scratch_folder
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


def test_a_scratch_folder_is_deleted_at_the_end(tmp_path):
    with scratch_folder(tmp_path / "new", "sets") as scratch:
        (scratch / "file").write_text("x")
    assert not list((tmp_path / "new").iterdir())


def test_only_scratch_folders_of_ended_processes_are_deleted(tmp_path):
    (tmp_path / ".scratch-killed").mkdir()
    (tmp_path / ".scratch-killed" / "file").write_text("x")
    with scratch_folder(tmp_path, "sets") as first, scratch_folder(tmp_path, "sets") as second:
        assert {path for path in tmp_path.iterdir() if path.is_dir()} == {first, second}
    assert not list(tmp_path.iterdir())
