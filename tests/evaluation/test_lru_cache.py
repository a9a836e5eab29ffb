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
