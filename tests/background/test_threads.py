import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from imprint_core.background.threads import lazy_property, on_one_core, run_parallel
from tests.conftest import ROOT


class Waiting:
    """Its property is available when two objects compute theirs at once."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self.barrier, self.count = barrier, 0

    @lazy_property
    def value(self) -> int:
        """The answer."""
        self.count += 1
        self.barrier.wait(timeout=20)
        return 42


def test_a_lazy_property_is_computed_once_and_locks_no_other_object():
    barrier = threading.Barrier(2)
    objects = [Waiting(barrier), Waiting(barrier)]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda waiting: waiting.value, objects)) == [42, 42]
    assert [waiting.value for waiting in objects] == [42, 42]
    assert [waiting.count for waiting in objects] == [1, 1]
    assert Waiting.value.__doc__ == "The answer."


def test_items_run_in_parallel_with_blas_on_one_thread():
    np.ones((4, 4)) @ np.ones((4, 4))

    def threads(_: int) -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    assert run_parallel(threads, range(3)) == [{1}] * 3
    assert run_parallel(str, range(4)) == ["0", "1", "2", "3"]
    assert run_parallel(str, []) == []


def test_calls_may_be_nested_and_run_at_once():
    def row(i: int) -> list[int]:
        return run_parallel(lambda j: i * j, range(5))

    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(lambda _: run_parallel(row, range(6)), range(8)))
    assert tables == [[[i * j for j in range(5)] for i in range(6)]] * 8


def test_an_error_ends_the_call_after_items_in_progress():
    failed, calls = threading.Event(), []

    def fail(i: int) -> int:
        calls.append(i)
        if i == 0:
            failed.set()
            raise ValueError("item 0")
        # Item 0 is in progress in the other thread, or has failed.
        assert failed.wait(timeout=20)
        time.sleep(0.05)
        return i

    with pytest.raises(ValueError, match="item 0"):
        run_parallel(fail, range(1000))
    assert len(calls) < 1000
    assert run_parallel(str, [1]) == ["1"]


def test_on_one_core_the_calling_thread_works_alone_and_can_wait_before_each_item():
    calls: list[str] = []

    def item(number: int) -> int:
        calls.append(f"item {number}")
        time.sleep(0.02)
        return threading.get_ident()

    with on_one_core(lambda: calls.append("before")):
        assert set(run_parallel(item, range(3))) == {threading.get_ident()}
    assert calls == ["before", "item 0", "before", "item 1", "before", "item 2"]
    assert len(set(run_parallel(item, range(6)))) > 1
    assert calls.count("before") == 3


def test_the_blas_of_scipy_is_limited_before_it_is_used():
    code = (
        "import os; os.environ['OPENBLAS_NUM_THREADS'] = '2'\n"
        "from threadpoolctl import threadpool_info\n"
        "from imprint_core.background.threads import single_blas_thread\n"
        "with single_blas_thread():\n"
        "    from scipy.linalg import eigh\n"
        "    print([library['num_threads'] for library in threadpool_info() if library['user_api'] == 'blas'])\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    counts = json.loads(printed)
    assert len(counts) > 1
    assert set(counts) == {1}
