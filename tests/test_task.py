import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.task import CLASS_SETS, SEEDS, Task, choose_classes, shot_order


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 20)
)
def test_shots_are_nested_and_of_their_class(labels, seed, a, b):
    y = np.array(labels)
    few, many = sorted((a, b))
    for c, order in zip(np.unique(y), shot_order(y, seed), strict=True):
        assert set(order[:few]) <= set(order[:many])
        assert sorted(order) == list(np.flatnonzero(y == c))


def test_a_class_keeps_its_shots_whoever_else_takes_part(vit_digits):
    whole = Task("vit", "digits", "all", 5).split(vit_digits)
    even = Task("vit", "digits", "even", 5).split(vit_digits)
    for c in (0, 2, 4, 6, 8):
        np.testing.assert_array_equal(whole.id_train[whole.y_train == c], even.id_train[even.y_train == c])


def test_split_is_what_the_task_says(vit_digits):
    split = Task("vit", "digits", "odd", 7).split(vit_digits)
    assert split.X_train.shape == (35, 192)
    assert split.X_train.dtype == np.float32
    assert set(split.y_train) == set(split.y_test) == {1, 3, 5, 7, 9}
    stored = dict(zip(vit_digits.id_train, vit_digits.X_train, strict=True))
    for i, x in zip(split.id_train, split.X_train, strict=True):
        np.testing.assert_array_equal(stored[i], x)


def test_n_above_a_class_gives_all_it_has(vit_digits):
    split = Task("vit", "digits", n_shot=10_000).split(vit_digits)
    assert len(split.X_train) == len(vit_digits.X_train)


def test_other_seed_other_shots(vit_digits):
    first, second = (Task("vit", "digits", n_shot=5, seed=s).split(vit_digits) for s in SEEDS[:2])
    assert set(first.id_train) != set(second.id_train)


@pytest.mark.parametrize("name", CLASS_SETS)
def test_class_sets_choose_classes_that_exist(name):
    for count in (1, 2, 3, 10, 100):
        chosen = list(CLASS_SETS[name].choose(count))
        assert len(set(chosen)) == len(chosen)
        assert all(0 <= c < count for c in chosen)


def test_wrong_tasks_say_what_is_wrong(vit_digits):
    with pytest.raises(ImprintError, match="No class set is called 'prime'; known are all"):
        Task("vit", "digits", "prime")
    with pytest.raises(ImprintError, match="n-shot is 0; it must be 1 or more"):
        Task("vit", "digits", n_shot=0)
    keep = vit_digits.y_test != 4
    from dataclasses import replace

    gone = replace(vit_digits, y_test=vit_digits.y_test[keep], X_test=vit_digits.X_test[keep])
    with pytest.raises(ImprintError, match="no test sample of class 4; choose other classes"):
        choose_classes(gone)
