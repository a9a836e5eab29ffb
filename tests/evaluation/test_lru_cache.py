import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from imprint_core.evaluation.lru_cache import LruCache


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
