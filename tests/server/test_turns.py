import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock, get_ident
from types import SimpleNamespace

import pytest

from imprint_core.background.threads import run_parallel
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS
from imprint_core.framework.recipe import Recipe
from ui.compute import results
from ui.compute.experiment_results import ExperimentResults
from ui.server import turns
from ui.server.shared_cache import clear_shared_caches
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
        assert turns._turn.taken


def test_a_computation_within_another_does_not_wait(monkeypatch):
    monkeypatch.setattr(turns, "_PATIENCE", 60.0)
    with long_computation():
        with long_computation():
            pass
        with short_computation():
            # Short ones of others don't wait for it.
            assert not turns._short_turn.taken
        # It still has its turn.
        assert turns._turn.taken


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


def test_the_run_that_started_first_is_next():
    """Also if it waits for its turn later than others: it isn't overtaken between its computations."""
    order, started = [], [Event() for _ in range(3)]

    def run(number):
        note_run()
        started[number].set()
        if number == 0:
            wait_for(lambda: len(turns._short_turn._waiting) == 2)
        with short_computation():
            order.append(number)

    with ThreadPoolExecutor(3) as pool, short_computation():
        for number in range(3):
            pool.submit(run, number)
            started[number].wait(timeout=20)
        wait_for(lambda: len(turns._short_turn._waiting) == 3)
    assert order == [0, 1, 2]


def test_a_run_that_ends_while_it_waits_leaves_the_others_their_turns(monkeypatch):
    class Replaced(dict):
        def get(self, _):
            raise InterruptedError

    monkeypatch.setattr(turns, "st", SimpleNamespace(session_state=Replaced()))
    with ThreadPoolExecutor(1) as pool, short_computation():
        with pytest.raises(InterruptedError):
            pool.submit(short_computation().__enter__).result(timeout=20)
        assert turns._short_turn.taken
        assert not turns._short_turn._waiting
    assert not turns._short_turn.taken


def test_long_computations_let_short_ones_pass(monkeypatch):
    """Before they start, and between their items, each time for a while."""
    monkeypatch.setattr(turns, "_PAUSE", 60.0)
    monkeypatch.setattr(turns, "_others_are_active", lambda: True)
    order, in_item = [], Event()

    def long():
        with long_computation():
            run_parallel(item, range(2))

    def item(number):
        order.append(f"item {number}")
        in_item.set()
        if number == 0:
            wait_for(lambda: turns._short_turn.taken)

    with ThreadPoolExecutor(1) as pool:
        with short_computation():
            running = pool.submit(long)
            wait_for(lambda: turns._turn.taken)
            order.append("short 0")
        in_item.wait(timeout=20)
        with short_computation():
            Event().wait(0.1)
            order.append("short 1")
        running.result(timeout=20)
    assert order == ["short 0", "item 0", "short 1", "item 1"]
    # Not for ever.
    monkeypatch.setattr(turns, "_PAUSE", 0.01)
    with ThreadPoolExecutor(1) as pool, short_computation():
        pool.submit(long).result(timeout=20)


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        Event().wait(0.005)


def test_what_whitening_reports_waits_for_a_turn_once(monkeypatch, bundled):
    turns_taken = []

    def turn():
        turns_taken.append(1)
        return long_computation()

    monkeypatch.setattr(results, "long_computation", turn)
    info = bundled["vit_tiny_patch16_224", "digits"]
    clear_shared_caches()
    for k in (2, 3):
        experiment = Experiment(info, "all", 5, Recipe("kmeans", k, pretransform="whiten"), SEEDS[:2])
        fits = ExperimentResults(experiment).fits
        assert [fit.shrinkage for fit in fits] == [
            results.evaluator(experiment).fit_of(experiment.recipe, 5, seed).shrinkage for seed in SEEDS[:2]
        ]
    assert len(turns_taken) == 1
