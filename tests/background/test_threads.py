import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_info

from imprint_core.background.threads import lazy_property, run_parallel


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
