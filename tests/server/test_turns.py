from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

from ui.server import turns
from ui.server.turns import long_computation


def test_long_computations_take_turns(monkeypatch):
    monkeypatch.setattr(turns, "_PATIENCE", 60.0)
    running, most, lock = 0, 0, Lock()

    def compute(_):
        nonlocal running, most
        with long_computation():
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
