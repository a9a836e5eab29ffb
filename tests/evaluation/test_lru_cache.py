import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from imprint_core.evaluation.lru_cache import LruCache, size_of


def test_the_least_recently_used_value_is_dropped():
    cache = LruCache[int](2)
    assert cache.put("a", 1) == 1
    assert cache.get("b", lambda: 2) == 2
    assert cache.find("a") == 1
    cache.put("c", 3)
    assert "b" not in cache
    assert (cache.find("a"), cache.find("b"), cache.find("c")) == (1, None, 3)
    assert cache.get("a", lambda: 9) == 1


def test_threads_that_need_one_value_compute_it_once():
    cache, calls, started = LruCache[int](8), [], threading.Event()

    def slow(missing):
        calls.append(list(missing))
        started.wait(timeout=20)
        return [len(str(key)) for key in missing]

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(cache.get_each, ["aa", "bbb"], slow)
        while not calls:
            time.sleep(0.001)
        others = [pool.submit(cache.get_each, keys, slow) for keys in (["bbb"], ["c", "aa"])]
        while len(calls) < 2:
            time.sleep(0.001)
        started.set()
        assert first.result() == [2, 3]
        assert [other.result() for other in others] == [[3], [1, 2]]
    assert calls == [["aa", "bbb"], ["c"]]


def test_a_failed_computation_is_repeated_by_those_who_wait():
    cache, waiting = LruCache[int](8), threading.Event()

    def fail():
        waiting.wait(timeout=20)
        raise ValueError("no value")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", fail)
        while not cache._pending:
            time.sleep(0.001)
        second = pool.submit(cache.get, "a", lambda: 5)
        waiting.set()
        with pytest.raises(ValueError, match="no value"):
            first.result()
        assert second.result() == 5
    assert cache.find("a") == 5


def test_the_size_of_all_values_is_bounded():
    cache = LruCache[np.ndarray](megabytes=1)
    for key in range(5):
        cache.put(key, np.zeros(2**15))
    assert [key in cache for key in range(5)] == [False, False, True, True, True]
    # The last value is kept although it alone is too large.
    cache.put("large", np.zeros(2**18))
    assert "large" in cache
    assert 4 not in cache
    cache.put("large", np.zeros(2))
    cache.put("small", np.zeros(2))
    assert cache.find("large") is not None
    cache.clear()
    assert "small" not in cache
    cache.put(1, np.zeros(2**15))
    assert cache._total == pytest.approx(2**18, rel=0.01)


def test_values_that_grow_are_measured_again():
    class Growing:
        def __init__(self):
            self.parts = [np.zeros(2**15)]

    cache = LruCache[Growing](megabytes=1, grows=True)
    first = cache.put("first", Growing())
    cache.put("second", Growing())
    first.parts += [np.zeros(2**15) for _ in range(4)]
    cache.put("third", Growing())
    cache.limit()
    assert "first" not in cache
    assert "second" in cache


def test_sizes_count_what_an_object_refers_to_once():
    array = np.zeros(1000)
    assert size_of(array) == pytest.approx(8000, abs=100)
    assert size_of((array, [array], {"a": array})) == pytest.approx(8000, abs=500)
    assert size_of({"text": "x" * 5000}) == pytest.approx(5000, abs=300)
    assert size_of(np) == size_of(size_of) == 0


def test_views_count_as_their_array_and_what_is_counted_already_is_left_out():
    array = np.zeros(1000)
    assert size_of([array[:10], array[5:], array]) == pytest.approx(8000, abs=500)
    counted: set[int] = set()
    size_of(array, counted)
    assert size_of([array[::2]], counted) < 500
