"""The process that reads untrusted files: its result, its limits, and its end."""

import os
import time

import pytest

from imprint_core.background.guard import Limits, run_guarded
from imprint_core.errors import ImprintError

SMALL = Limits(memory=300_000_000, seconds=20, written=1_000_000)


def add(report, a, b):
    """Functions of this module run in the guarded process."""
    report("adding", a)
    report("adding", b)
    print("text on the standard output does not disturb")
    return {"sum": a + b, "process": os.getpid()}


def fail(report, message):
    raise ImprintError(message)


def crash(report):
    os.abort()


def raise_unexpected(report):
    raise KeyError("none")


def allocate(report, size):
    return len(bytearray(size))


def sleep(report, seconds):
    report("sleeping")
    time.sleep(seconds)


def write(report, path, size):
    with open(path, "wb") as file:
        try:
            file.write(bytes(size))
            file.flush()
        except OSError as error:
            raise ImprintError(f"not written: {error.strerror}") from error


def test_result_and_reports_come_from_another_process():
    reports = []
    result = run_guarded(add, {"a": 2, "b": 3}, lambda *values: reports.append(values))
    assert result["sum"] == 5
    assert result["process"] != os.getpid()
    assert reports == [("adding", 2), ("adding", 3)]


def test_own_errors_pass():
    with pytest.raises(ImprintError, match=r"^The file is empty\.$"):
        run_guarded(fail, {"message": "The file is empty."})


@pytest.mark.parametrize("function", [crash, raise_unexpected])
def test_a_crash_is_one_sentence(function):
    with pytest.raises(ImprintError, match="could not be read: it is damaged"):
        run_guarded(function, {})


def test_memory_is_limited():
    assert run_guarded(allocate, {"size": 50_000_000}, limits=SMALL) == 50_000_000
    with pytest.raises(ImprintError, match=r"more than 0\.3 GB of memory"):
        run_guarded(allocate, {"size": 400_000_000}, limits=SMALL)


def test_time_is_limited():
    start = time.monotonic()
    with pytest.raises(ImprintError, match="longer than 1 seconds"):
        run_guarded(sleep, {"seconds": 60}, limits=Limits(seconds=1))
    assert time.monotonic() - start < 20


def test_output_is_limited(tmp_path):
    run_guarded(write, {"path": str(tmp_path / "small"), "size": 900_000}, limits=SMALL)
    with pytest.raises(ImprintError, match="not written: File too large"):
        run_guarded(write, {"path": str(tmp_path / "large"), "size": 5_000_000}, limits=SMALL)


def test_the_process_ends_when_the_caller_stops():
    class StoppedError(Exception):
        pass

    def stop(*values):
        raise StoppedError

    start = time.monotonic()
    with pytest.raises(StoppedError):
        run_guarded(sleep, {"seconds": 60}, stop)
    assert time.monotonic() - start < 20
