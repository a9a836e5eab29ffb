from contextlib import suppress

from imprint_core.background.progress import Progress, ProgressReporter, read_progress
from imprint_core.errors import ImprintError


def test_unreadable_progress_is_the_initial_one(tmp_path):
    for text in ("", "{", "[]", '{"stage": "x", "unknown": 1}'):
        (tmp_path / "progress.json").write_text(text)
        assert read_progress(tmp_path) == Progress()
    assert read_progress(tmp_path / "gone") == Progress()
    assert Progress(done=10, total=30, rate=4.0).remaining == 5
    assert Progress().remaining is None


def test_stage_count_and_error_are_reported(tmp_path):
    with suppress(ImprintError), ProgressReporter(tmp_path) as reporter:
        reporter.report_stage("loading")
        assert read_progress(tmp_path).stage == "loading"
        reporter.report_count(4, 4)
        raise ImprintError("It failed.")
    progress = read_progress(tmp_path)
    assert (progress.stage, progress.done, progress.total, progress.error) == ("embedding", 4, 4, "It failed.")
