from dataclasses import dataclass

import numpy as np
import pytest

from ui.server.shared_cache import clear_shared_caches, limit_caches, shared_cache


@dataclass(frozen=True)
class Task:
    name: str
    color: str


def test_results_are_shared_by_what_they_depend_on():
    calls = []

    @shared_cache(1, {Task: lambda task: task.name})
    def length(task, unit="px"):
        """Length of a task's name."""
        calls.append(task)
        return f"{len(task.name)} {unit}" if task.name else None

    assert length(Task("digits", "red")) == length(Task("digits", "blue")) == "6 px"
    assert len(calls) == 1
    assert length(Task("digits", "red"), unit="em") == "6 em"
    assert length(Task("", "red")) is length(Task("", "red")) is None
    assert len(calls) == 3
    clear_shared_caches()
    assert length(Task("digits", "red")) == "6 px"
    assert len(calls) == 4
    assert length.__doc__ == "Length of a task's name."


def test_errors_are_not_cached():
    calls = []

    @shared_cache(1)
    def fail(value):
        calls.append(value)
        raise ValueError(value)

    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            fail("x")
    assert calls == ["x", "x"]


def test_all_caches_together_are_bounded():
    clear_shared_caches()

    @shared_cache(100)
    def small(number):
        return np.zeros(2**14) + number

    @shared_cache(100)
    def large(number):
        return np.zeros(2**17) + number

    calls = {}

    def count(function, number):
        before = function(number)
        return calls.setdefault((function.__name__, number), before) is before

    for number in range(3):
        assert count(small, number)
        assert count(large, number)
    limit_caches(2.5 * 2**20)
    # Of the largest cache, the least recently used result.
    assert [count(large, number) for number in range(3)] == [False, True, True]
    assert all(count(small, number) for number in range(3))
    # The last result of each remains.
    limit_caches(0)
    assert count(small, 2)
    clear_shared_caches()


def test_an_array_in_several_caches_counts_once():
    array = np.zeros(2**17)
    parts = [shared_cache(100)(lambda number: (number, array)) for _ in range(4)]

    def results():
        return [part(number) for part in parts for number in range(3)]

    before = results()
    limit_caches(1.5 * 2**20)
    assert all(now is then for now, then in zip(results(), before, strict=True))
    # All but the last result of each, although dropping one frees less than its size.
    limit_caches(0)
    after = results()
    assert [now is then for now, then in zip(after, before, strict=True)] == [False, False, True] * 4
    clear_shared_caches()
