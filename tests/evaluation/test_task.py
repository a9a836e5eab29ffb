from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint_core.errors import ImprintError
from imprint_core.evaluation.experiment import Experiment
from imprint_core.evaluation.task import SEEDS, choose_classes, class_names, shot_order


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
    whole = Experiment(vit_digits.info, "all", 5).split(embeddings=vit_digits)
    even = Experiment(vit_digits.info, "even", 5).split(embeddings=vit_digits)
    for c in (0, 2, 4, 6, 8):
        np.testing.assert_array_equal(whole.id_train[whole.y_train == c], even.id_train[even.y_train == c])


def test_split_is_what_the_task_says(vit_digits):
    split = Experiment(vit_digits.info, "odd", 7).split(embeddings=vit_digits)
    assert split.X_train.shape == (35, 192)
    assert split.X_train.dtype == np.float32
    assert set(split.y_train) == set(split.y_test) == {1, 3, 5, 7, 9}
    stored = dict(zip(vit_digits.id_train, vit_digits.X_train, strict=True))
    for i, x in zip(split.id_train, split.X_train, strict=True):
        np.testing.assert_array_equal(stored[i], x)


def test_n_above_a_class_gives_all_it_has(vit_digits):
    split = Experiment(vit_digits.info, n_shot=10_000).split(embeddings=vit_digits)
    assert len(split.X_train) == len(vit_digits.X_train)


def test_other_seed_other_shots(vit_digits):
    first, second = (Experiment(vit_digits.info, n_shot=5).split(s, vit_digits) for s in SEEDS[:2])
    assert set(first.id_train) != set(second.id_train)


def test_a_subset_keeps_the_datasets_numbers_and_names(vit_digits):
    for spec in ("odd", "9, 7, 5, 3, 1"):
        split = Experiment(vit_digits.info, spec, 7).split(embeddings=vit_digits)
        np.testing.assert_array_equal(split.y_train, split.origin_train)
        np.testing.assert_array_equal(split.y_test, split.origin_test)
        assert split.names == vit_digits.info.class_names


def test_merged_classes_have_new_numbers_and_names(vit_digits):
    pool = choose_classes(vit_digits, "low=1+0, 9, 5-7")
    assert pool.names == ("low", "9", "5", "6", "7")
    assert pool.y_train.dtype == pool.y_test.dtype == np.int32
    new = {0: 0, 1: 0, 9: 1, 5: 2, 6: 3, 7: 4}
    for y, origin, labels in (
        (pool.y_train, pool.origin_train, vit_digits.y_train),
        (pool.y_test, pool.origin_test, vit_digits.y_test),
    ):
        np.testing.assert_array_equal(y, [new[c] for c in origin.tolist()])
        np.testing.assert_array_equal(origin, labels[np.isin(labels, list(new))])
    # n shots of a merged class, as of any other.
    split = Experiment(vit_digits.info, "low=1+0, 9, 5-7", 30).split(embeddings=vit_digits)
    np.testing.assert_array_equal(np.bincount(split.y_train), [30] * 5)
    assert set(split.origin_train[split.y_train == 0]) == {0, 1}


def test_a_set_without_names_is_called_by_numbers(vit_digits):
    meta = {**vit_digits.info.meta, "dataset": {**vit_digits.info.meta["dataset"], "class_names": []}}
    nameless = replace(vit_digits, info=replace(vit_digits.info, meta=meta))
    assert class_names(nameless) == tuple("0123456789")
    assert choose_classes(nameless, "2-3, 4+5").names == ("2", "3", "4 + 5")


def test_wrong_tasks_say_what_is_wrong(vit_digits):
    with pytest.raises(ImprintError, match="There is no class 'prime' here; write a number from 0 to 9, or"):
        Experiment(vit_digits.info, "prime").split(embeddings=vit_digits)
    with pytest.raises(ImprintError, match="n-shot is 0; it must be a whole number from 1"):
        Experiment(vit_digits.info, n_shot=0)
    keep = vit_digits.y_test != 4
    gone = replace(vit_digits, y_test=vit_digits.y_test[keep], X_test=vit_digits.X_test[keep])
    with pytest.raises(ImprintError, match=r"no test samples of class 4\. Choose other classes"):
        choose_classes(gone, "4")
    # It competes with classes that have some.
    assert np.unique(choose_classes(gone, "0+4, 1").y_test).tolist() == [0, 1]
    assert 4 in choose_classes(gone).y_train
    bare = replace(vit_digits, y_train=vit_digits.y_train[vit_digits.y_train != 4])
    with pytest.raises(ImprintError, match=r"no training samples of class 4\. Choose other classes"):
        choose_classes(bare, "0+4, 1")
