from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock, get_ident

import pytest

from imprint_core.background.threads import run_parallel
from ui.server import turns
from ui.server.turns import long_computation, note_run, short_computation


@pytest.mark.parametrize("computation", [long_computation, short_computation])
def test_computations_take_turns(monkeypatch, computation):
    monkeypatch.setattr(turns, "_PATIENCE", 60.0)
    monkeypatch.setattr(turns, "_SHORT_PATIENCE", 60.0)
    running, most, lock = 0, 0, Lock()

    def compute(_):
        nonlocal running, most
        with computation():
            with lock:
                running += 1
                most = max(most, running)
            Event().wait(0.01)
            with lock:
                running -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(compute, range(12)))
    assert most == 1


def test_a_computation_that_another_one_waits_for_starts_in_the_end(monkeypatch):
    monkeypatch.setattr(turns, "_PATIENCE", 0.05)
    together = Barrier(2)

    def compute(_):
        with long_computation():
            together.wait(timeout=20)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compute, range(2)))
    monkeypatch.setattr(turns, "_PATIENCE", 0.0)
    with long_computation():
        assert not turns._turn.acquire(blocking=False)


def test_a_computation_within_another_does_not_wait(monkeypatch):
    monkeypatch.setattr(turns, "_PATIENCE", 60.0)
    with long_computation():
        with long_computation():
            pass
        with short_computation():
            # Short ones of others don't wait for it.
            assert turns._short_turn.acquire(blocking=False)
            turns._short_turn.release()
        # It still has its turn.
        assert not turns._turn.acquire(blocking=False)


@pytest.mark.parametrize("others", [False, True])
def test_long_computations_use_one_core_while_other_sessions_are_active(monkeypatch, others):
    session = "a"
    monkeypatch.setattr(turns, "session_id", lambda: session)
    monkeypatch.setattr(turns, "_last_runs", [("", -99.0), ("", -99.0)])
    note_run()
    session = "b" if others else "a"
    note_run()

    def thread(_):
        Event().wait(0.05)
        return get_ident()

    with long_computation():
        threads = set(run_parallel(thread, range(6)))
    assert (threads == {get_ident()}) == others
    assert len(set(run_parallel(thread, range(6)))) > 1
